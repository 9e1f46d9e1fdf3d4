"""How many signed AddMessageContact calls a second the emulator answers on one core.

The same requests, sent by the same client, go to a bare aiohttp server with the same checks: the ratio says what the
emulator itself costs, whatever the machine.
"""

import asyncio
import hashlib
import hmac
import itertools
import multiprocessing
import os
import resource
import string
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import parse_qsl, quote

from aiohttp import web

from benchmarks.table import Figures, Goal, Size, Table, ratios, turns
from importer.emulator import Emulator
from importer.emulator.limits import OFF

KINDS = {"emulator": "emulator", "durable": "emulator, its state in a file", "bare": "bare server"}
NOTES = ("With its state in a file, every write is on the disk before its answer.",)
KEY_ID, SECRET = "bench", "bench-secret"
USED: set[str] = set()  # nonces that the bare server has seen
EMPTY = hashlib.sha256(b"").hexdigest()
SIGNED = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"


def names() -> Iterator[str]:
    """Names of letters that never come twice."""
    for letters in itertools.product(string.ascii_lowercase, repeat=6):
        yield "".join(letters)


def request(action: str, query: str, number: int) -> bytes:
    """A signed request, as it goes over the wire."""
    headers = {
        "host": "127.0.0.1",
        "x-acs-action": action,
        "x-acs-content-sha256": EMPTY,
        "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": f"{os.getpid():x}{number:x}{time.time_ns():x}",
        "x-acs-version": "2022-04-19",
    }
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n/\n{query}\n{lines}\n{SIGNED}\n{EMPTY}"
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(SECRET.encode(), to_sign.encode(), "sha256").hex()
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    proof = f"ACS3-HMAC-SHA256 Credential={KEY_ID},SignedHeaders={SIGNED},Signature={signature}"
    return f"POST /?{query} HTTP/1.1\r\n{head}Authorization: {proof}\r\nContent-Length: 0\r\n\r\n".encode()


def add(name: str) -> str:
    """The query of an Add, sorted and encoded."""
    email = quote(f"{name}+tag@example.com", "-_.~")
    types = "MessageTypes.1=AccountExpenses&MessageTypes.2=FaultMessage"
    return f"EmailAddress={email}&{types}&Name={name}&PhoneNumber=86-13900001234&Title=TechnicalDirector"


async def bare(http: web.BaseRequest) -> web.StreamResponse:
    """The same checks with the standard library, and nothing else: the signature over the query encoded anew,
    the date, the nonce."""
    pairs = parse_qsl(http.raw_path.partition("?")[2], keep_blank_values=True)
    query = "&".join(f"{quote(name, '-_.~')}={quote(value, '-_.~')}" for name, value in sorted(pairs))
    lines = "".join(f"{name}:{http.headers[name]}\n" for name in SIGNED.split(";"))
    canonical = f"{http.method}\n/\n{query}\n{lines}\n{SIGNED}\n{EMPTY}"
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(SECRET.encode(), to_sign.encode(), "sha256").hex()
    late = time.time() - datetime.fromisoformat(http.headers["x-acs-date"]).timestamp()
    nonce = http.headers["x-acs-signature-nonce"]
    ok = http.headers["Authorization"].endswith(signature) and late < 900 and nonce not in USED
    USED.add(nonce)
    body = b'{"RequestId":"2DFCE4C9-04A9-4C83-BB14-FE791275EC53","Contact":{"ContactId":"c-0000000000000000"}}'
    return web.Response(status=200 if ok else 400, body=body, content_type="application/json")


def serve(kind: str, pipe: Connection) -> None:
    """A server in a process of its own; it tells its port, then its memory and CPU time whenever asked."""

    async def main() -> None:
        if kind == "bare":
            runner = web.ServerRunner(web.Server(bare, access_log=None))
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            pipe.send(runner.addresses[0][1])
            await answer()
            await runner.cleanup()
        else:
            with tempfile.TemporaryDirectory() as folder:
                state = Path(folder) / "state.db" if kind == "durable" else None
                async with Emulator(
                    limits=OFF, state=state, access_key_id=KEY_ID, access_key_secret=SECRET
                ) as emulator:
                    pipe.send(emulator.port)
                    await answer()

    async def answer() -> None:
        while await asyncio.to_thread(pipe.recv) != "stop":
            with open("/proc/self/statm", encoding="ascii") as file:  # noqa: ASYNC230, PTH123
                pages = int(file.read().split()[1])
            used = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send((pages * resource.getpagesize(), used.ru_utime + used.ru_stime))

    asyncio.run(main())


class Server:
    """A server process, from ``with`` to its end."""

    def __init__(self, kind: str) -> None:
        self._pipe, other = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=serve, args=(kind, other))

    def __enter__(self):
        self._process.start()
        self.port = self._pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send("stop")
        self._process.join()

    def usage(self) -> tuple[int, float]:
        """Resident bytes, and seconds of CPU so far."""
        self._pipe.send("usage")
        return self._pipe.recv()


async def call(port: int, requests: list[bytes], connections: int) -> int:
    """Send everything over so many connections, one at a time on each; how many were answered with 200."""
    queue = iter(requests)

    async def worker() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        done = 0
        for data in queue:
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            done += head.startswith(b"HTTP/1.1 200")
        writer.close()
        return done

    return sum(await asyncio.gather(*(worker() for _ in range(connections))))


def loaded(kind: str, calls: int, connections: int = 8) -> Figures:
    """Calls for each second of the server's own CPU time: a machine busy with other things counts for less."""
    with Server(kind) as server:
        fresh = names()
        warm = [request("AddMessageContact", add(next(fresh)), number) for number in range(500)]
        asyncio.run(call(server.port, warm, connections))
        requests = [request("AddMessageContact", add(next(fresh)), 500 + number) for number in range(calls)]
        cpu, start = server.usage()[1], time.perf_counter()
        done = asyncio.run(call(server.port, requests, connections))
        wall, (held, cpu) = time.perf_counter() - start, (server.usage()[0], server.usage()[1] - cpu)
        assert done == calls, f"{calls - done} of {calls} calls failed"
        return {"calls/s": calls / wall, "calls/CPU s": calls / cpu, "MB at the end": held / 2**20}


def measure(size: Size) -> Table:
    calls = size.counted(20_000, 2_000)
    kinds = {KINDS[kind]: partial(loaded, kind, calls) for kind in KINDS}
    samples = turns(size.turns(5, 2), kinds)
    goals = [
        Goal(
            f"{KINDS[kind]} / bare server, CPU time",
            ratios(samples, "calls/CPU s", KINDS[kind], KINDS["bare"]),
            watched=kind == "emulator",  # what a disk takes is another thing on every machine
        )
        for kind in ("emulator", "durable")
    ]
    return Table(f"{calls:,} signed adds, answered on one core", samples, goals, NOTES)
