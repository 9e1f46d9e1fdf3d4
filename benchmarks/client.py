"""What a call through the client costs beside a bare loop of signed requests on one aiohttp session.

Both sign with the official signer, talk to the same responder process over one kept connection per worker, and take
turns, so that what else the machine does hits both alike. Prints the CPU time and the wall time of a call, and ratios.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import uuid4

import aiohttp
from alibabacloud_tea_openapi.utils import Utils
from yarl import URL

from importer.directory.client import ALGORITHM, EMPTY, VERSION, Client
from importer.directory.credentials import StaticCredentials
from importer.model.operation import Outcome

ACTION = "AddMessageContact"
BODY = json.dumps(
    {
        "RequestId": "2DFCE4C9-04A9-4C83-BB14-FE791275EC53",
        "Contact": {"ContactId": "c-qL4HqKONzOM7abcd", "CreateDate": "2023-03-27 17:19:21"},
    }
).encode()
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=utf-8\r\n"
    b"x-acs-request-id: 2DFCE4C9-04A9-4C83-BB14-FE791275EC53\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
PARAMETERS = {
    "Name": "tom",
    "EmailAddress": "some.one+tag@example.com",
    "PhoneNumber": "86-13900001234",
    "Title": "TechnicalDirector",
    "MessageTypes": ("AccountExpenses", "FaultMessage"),
}


class Responder(asyncio.Protocol):
    """Answers every head that ends with the same bytes."""

    def connection_made(self, transport):
        self.transport = transport
        self.rest = b""

    def data_received(self, data):
        *heads, self.rest = (self.rest + data).split(b"\r\n\r\n")
        self.transport.write(ANSWER * len(heads))


def respond(pipe):
    async def serve():
        server = await asyncio.get_running_loop().create_server(Responder, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


class Request:
    method = "POST"
    pathname = "/"


class Bare:
    """The least that a signed call takes: no limits, no failures, no outcomes."""

    def __init__(self, base):
        self.base = base
        self.host = base.removeprefix("http://")

    async def __aenter__(self):
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(self, *_):
        await self.session.close()

    async def call(self):
        query = {key: value for key, value in PARAMETERS.items() if key != "MessageTypes"}
        query |= {f"MessageTypes.{place}": value for place, value in enumerate(PARAMETERS["MessageTypes"], 1)}
        headers = {
            "host": self.host,
            "x-acs-version": VERSION,
            "x-acs-action": ACTION,
            "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": uuid4().hex,
            "x-acs-content-sha256": EMPTY,
            "accept": "application/json",
        }
        request = Request()
        request.query, request.headers = query, headers
        headers["Authorization"] = Utils.get_authorization(request, ALGORITHM, EMPTY, "id", "secret")
        text = "&".join(f"{key}={quote(value, safe='~')}" for key, value in sorted(query.items()))
        async with self.session.post(URL(f"{self.base}/?{text}", encoded=True), headers=headers) as response:
            assert json.loads(await response.read())["Contact"]["ContactId"]


class Ours:
    def __init__(self, base):
        self.client = Client(base, StaticCredentials("id", "secret"))

    async def __aenter__(self):
        await self.client.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self.client.__aexit__(*error)

    async def call(self):
        answer = await self.client.call(ACTION, PARAMETERS)
        assert answer.outcome is Outcome.DONE


async def measure(caller, calls, workers):
    """Seconds of CPU and of the clock for a call."""
    left = iter(range(calls))

    async def work():
        for _ in left:
            await caller.call()

    cpu, clock = time.process_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(workers)))
    return (time.process_time() - cpu) / calls, (time.perf_counter() - clock) / calls


async def compare(base, calls, workers, rounds):
    found = {"bare loop": [], "client": []}
    async with Bare(base) as bare, Ours(base) as ours:
        for caller in (bare, ours):
            await measure(caller, 500, workers)
        for _ in range(rounds):
            found["bare loop"].append(await measure(bare, calls, workers))
            found["client"].append(await measure(ours, calls, workers))
    return found


def report(found):
    """The medians as a table, and the ratios of each round's pair, whose median is what counts."""
    print(f"{'':12}{'CPU µs/call':>14}{'wall µs/call':>14}{'calls/s':>10}")
    for name, rounds in found.items():
        cpu, clock = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{name:12}{cpu * 1e6:14.1f}{clock * 1e6:14.1f}{1 / clock:10.0f}")
    pairs = list(zip(found["bare loop"], found["client"], strict=True))
    cpu = statistics.median(bare[0] / ours[0] for bare, ours in pairs)
    clock = statistics.median(bare[1] / ours[1] for bare, ours in pairs)
    print(f"client / bare loop: {clock:.3f} of its calls a second, {cpu:.3f} of its calls for the same CPU time")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=8)
    options = parser.parse_args()
    mine, theirs = multiprocessing.Pipe()
    responder = multiprocessing.get_context("spawn").Process(target=respond, args=(theirs,), daemon=True)
    responder.start()
    base = f"http://127.0.0.1:{mine.recv()}"
    try:
        report(asyncio.run(compare(base, options.calls, options.workers, options.rounds)))
    finally:
        responder.terminate()
        responder.join()


if __name__ == "__main__":
    main()
