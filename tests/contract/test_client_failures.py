"""Each way a call can fail on a socket: what it is called, whether anything was sent, and that it is sent once."""

import asyncio
import contextlib
import gzip
import json
import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver

from importer.directory.client import RESPONSE_MAX, Client
from importer.directory.credentials import StaticCredentials
from importer.model.operation import Outcome

ADD = "AddMessageContact"
SEND = "SendEmailVerificationForMessageContact"
LIST = "ListMessageContacts"
KEYS = StaticCredentials("id", "secret")
GOOD = b'{"RequestId": "A", "Contact": {"ContactId": "c-1"}}'


class Rude:
    """A server whose manners are the test's: ``serve(writer)`` is told after each request that came whole."""

    def __init__(self, serve):
        self.serve = serve
        self.heads = []
        self.connections = 0
        self.written = 0
        self.tasks = set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.server.wait_closed()

    async def accept(self, reader, writer):
        self.connections += 1
        self.tasks.add(asyncio.current_task())
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while True:
                    self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                    if await self.serve(self, writer) is False:
                        break
        finally:
            writer.close()

    async def send(self, writer, data):
        writer.write(data)
        await writer.drain()
        self.written += len(data)


def head(length=None, status="200 OK", *lines):
    sizes = [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join([f"HTTP/1.1 {status}", *sizes, *lines, "", ""]).encode()


def says(data):
    """Writes that, saying that it will close, and closes."""

    async def serve(server, writer):
        await server.send(writer, data.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        return False

    return serve


async def hangs(server, writer):
    await asyncio.sleep(60)


async def drips(server, writer):
    await server.send(writer, head(len(GOOD)))
    for byte in GOOD:
        await server.send(writer, bytes([byte]))
        await asyncio.sleep(0.1)


async def floods(server, writer):
    await server.send(writer, head(None, "200 OK", "Transfer-Encoding: chunked"))
    for _ in range(1024):
        await server.send(writer, b"100000\r\n" + b" " * (1 << 20) + b"\r\n")


async def promises_much(server, writer):
    await server.send(writer, head(1 << 30))
    for _ in range(1024):
        await server.send(writer, b" " * (1 << 20))


async def answers_early_for_ever(server, writer):
    while True:
        await server.send(writer, b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await asyncio.sleep(0.02)


BOMB = gzip.compress(GOOD[:-1] + b', "x": "' + b"0" * (64 << 20) + b'"}', compresslevel=1)
MAYBE = {
    "closes before it answers": (says(b""), "Disconnected"),
    "closes within the status line": (says(b"HTTP/1.1 20"), "Disconnected"),
    "closes after its headers": (says(head(50)), "Disconnected"),
    "closes within the body": (says(head(len(GOOD) + 1) + GOOD), "Disconnected"),
    "closes within a chunk": (says(head(None, "200 OK", "Transfer-Encoding: chunked") + b"ff\r\n{"), "Disconnected"),
    "speaks something else": (says(b"SSH-2.0-Server\r\n\r\n"), "BadResponse"),
    "sends a header without end": (says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"), "BadResponse"),
    "sends headers without end": (says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n"), "BadResponse"),
    "sends a chunk that is none": (
        says(head(None, "200 OK", "Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n"),
        "BadResponse",
    ),
    "hangs": (hangs, "Timeout"),
    "drips": (drips, "Timeout"),
    "never stops saying that it will answer": (answers_early_for_ever, "Timeout"),
    "floods": (floods, "ResponseTooLarge"),
    "promises a gigabyte": (promises_much, "ResponseTooLarge"),
    "sends a gzip bomb": (says(head(len(BOMB), "200 OK", "Content-Encoding: gzip") + BOMB), "BadResponse"),
    "sends an empty 200": (says(head(0)), "BadResponse"),
    "sends a page": (says(head(6) + b"<html>"), "BadResponse"),
    "sends a 502 page": (says(head(6, "502 Bad Gateway") + b"<html>"), "ServerError"),
    "sends an empty 503": (says(head(0, "503 Unavailable")), "ServerError"),
}


@pytest.mark.parametrize("case", MAYBE)
async def test_what_may_have_been_sent_is_in_doubt_for_an_add_and_sent_once(case):
    serve, word = MAYBE[case]
    async with Rude(serve) as server, Client(server.url, KEYS, timeout=0.4) as client:
        answer = await client.call(ADD, {"Name": "tom"})
        assert (answer.code, answer.outcome, answer.sent) == (word, Outcome.DOUBT, True)
        assert len(server.heads) == 1
        assert (await client.call(SEND, {})).outcome is Outcome.RESEND
        assert (await client.call(LIST, {})).outcome is Outcome.RESEND
        assert len(server.heads) == 3


@pytest.mark.parametrize("serve", [floods, promises_much])
async def test_a_gigabyte_is_not_read(serve):
    async with Rude(serve) as server, Client(server.url, KEYS) as client:
        assert (await client.call(ADD, {})).code == "ResponseTooLarge"
        await asyncio.sleep(0.1)
        assert server.written < 32 << 20  # what the sockets of both ends hold, and no more


async def test_an_answer_as_large_as_may_be_is_read():
    padded = json.dumps({**json.loads(GOOD), "x": ""}).encode()
    padded = padded.replace(b'"x": ""', b'"x": "' + b"0" * (RESPONSE_MAX - len(padded)) + b'"')
    assert len(padded) == RESPONSE_MAX
    chunked = head(None, "200 OK", "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(padded), padded)
    for data in (head(len(padded)) + padded, chunked):
        async with Rude(says(data)) as server, Client(server.url, KEYS) as client:
            assert (await client.call(ADD, {})).outcome is Outcome.DONE


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_a_refused_connection_sent_nothing():
    async with Client(f"http://127.0.0.1:{free_port()}", KEYS) as client:
        for action in (ADD, SEND, LIST):
            answer = await client.call(action, {})
            assert (answer.code, answer.outcome, answer.sent) == ("ConnectFailed", Outcome.RESEND, False)


class Resolver(AbstractResolver):
    """Knows the names that it is given, and no others."""

    def __init__(self, **known):
        self.known = known

    async def resolve(self, host, port=0, family=socket.AF_INET):
        if host not in self.known:
            raise OSError(None, "Name or service not known")
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self):
        pass


async def test_a_name_that_nobody_knows_sent_nothing():
    def connector():
        return aiohttp.TCPConnector(resolver=Resolver())

    async with Client("https://directory.test", KEYS, proxies={}, connector=connector) as client:
        answer = await client.call(ADD, {})
    assert (answer.code, answer.outcome, answer.sent) == ("DNSFailed", Outcome.RESEND, False)


async def test_a_host_that_takes_no_connection_in_time_sent_nothing():
    """A listening socket whose queue is full answers no handshake."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        async with Client(f"http://127.0.0.1:{full.getsockname()[1]}", KEYS, timeout=0.4) as client:
            answer = await client.call(ADD, {})
        for one in waiting:
            one.close()
    assert (answer.code, answer.outcome, answer.sent) == ("ConnectTimeout", Outcome.RESEND, False)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_the_other_host_hears_nothing(status):
    async with Rude(says(head(0))) as other:
        location = f"Location: {other.url}/?x=1"
        async with Rude(says(head(0, f"{status} Moved", location))) as server, Client(server.url, KEYS) as client:
            answer = await client.call(ADD, {"Name": "tom"})
        assert (answer.code, answer.outcome) == ("Redirect", Outcome.STOP)
        assert (len(server.heads), other.connections) == (1, 0)


class TestKeepAlive:
    """Between two calls a server may close the connection: aiohttp sends some requests again then, never ours."""

    async def test_a_connection_closed_under_the_second_request_is_in_doubt_and_not_repeated(self):
        async def once(server, writer):
            if len(server.heads) == 1:
                await server.send(writer, head(len(GOOD)) + GOOD)
                return True
            return False  # takes the second request on the old connection, and closes

        async with Rude(once) as server, Client(server.url, KEYS) as client:
            first, second = await client.call(ADD, {}), await client.call(ADD, {})
        assert first.outcome is Outcome.DONE
        assert (second.code, second.outcome, second.sent) == ("Disconnected", Outcome.DOUBT, True)
        assert (len(server.heads), server.connections) == (2, 1)

    async def test_a_connection_that_was_seen_to_close_is_not_used(self):
        async def serve(server, writer):
            await server.send(writer, head(len(GOOD)) + GOOD)
            return False  # and does not say that it will close

        async with Rude(serve) as server, Client(server.url, KEYS) as client:
            for _ in range(3):
                assert (await client.call(ADD, {})).outcome is Outcome.DONE
                await asyncio.sleep(0.02)
        assert (len(server.heads), server.connections) == (3, 3)

    async def test_a_refused_answer_leaves_a_connection_that_works(self):
        async def serve(server, writer):
            await server.send(writer, (head(2, "500 No") + b"{}") if len(server.heads) % 2 else head(len(GOOD)) + GOOD)
            return True

        async with Rude(serve) as server, Client(server.url, KEYS) as client:
            outcomes = [(await client.call(ADD, {})).outcome for _ in range(6)]
        assert outcomes == [Outcome.DOUBT, Outcome.DONE] * 3
        assert server.connections == 1


async def test_a_cancelled_call_is_cancelled_and_harms_no_other():
    arrived = asyncio.Event()

    async def serve(server, writer):
        if len(server.heads) == 1:
            arrived.set()
            await asyncio.sleep(60)
        await server.send(writer, head(len(GOOD)) + GOOD)
        return True

    async with Rude(serve) as server, Client(server.url, KEYS) as client:
        task = asyncio.create_task(client.call(ADD, {}))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.call(ADD, {})).outcome is Outcome.DONE


async def test_a_hundred_calls_at_once_each_get_their_own_answer():
    async def serve(server, writer):
        name = server.heads[-1].split(b"Name=")[1].split(b" ")[0]
        body = b'{"Contact": {"ContactId": "%b"}}' % name
        await asyncio.sleep(0.01)
        await server.send(writer, head(len(body)) + body)
        return True

    async with Rude(serve) as server, Client(server.url, KEYS) as client:
        answers = await asyncio.gather(*(client.call(ADD, {"Name": f"n{number}"}) for number in range(100)))
    assert [answer.body["Contact"]["ContactId"] for answer in answers] == [f"n{number}" for number in range(100)]
