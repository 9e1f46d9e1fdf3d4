"""A server over HTTPS that answers every call with the same bytes, in a process of its own: no emulator is as fast."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import trustme

from benchmarks.apart import SPAWN

BODY = json.dumps(  # enough for each of the actions: an add, a mail, an empty listing
    {
        "RequestId": "2DFCE4C9-04A9-4C83-BB14-FE791275EC53",
        "Contact": {"ContactId": "c-qL4HqKONzOM7abcd", "CreateDate": "2023-03-27 17:19:21"},
        "TotalCount": 0,
        "Contacts": [],
    }
).encode()
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=utf-8\r\n"
    b"x-acs-request-id: 2DFCE4C9-04A9-4C83-BB14-FE791275EC53\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where it listens, and the file of the CA to trust."""

    port: int
    ca: str

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


class Responder(asyncio.Protocol):
    """Answers every head that ends; requests here have no body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        *heads, self.rest = (self.rest + data).split(b"\r\n\r\n")
        if heads:
            self.transport.write(ANSWER * len(heads))


def respond(pipe: Connection, certificate: str) -> None:
    async def serve() -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server = await asyncio.get_running_loop().create_server(Responder, "127.0.0.1", 0, ssl=tls, backlog=512)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def responding(folder: Path) -> Iterator[Place]:
    """Serve while inside."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    mine, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=respond, args=(theirs, str(folder / "server.pem")), daemon=True)
    process.start()
    try:
        yield Place(mine.recv(), str(folder / "ca.pem"))
    finally:
        process.terminate()
        process.join()
