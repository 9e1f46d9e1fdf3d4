"""A canary in every value: whatever fails, none is found in a log, a warning, an exception or a repr."""

import asyncio
import contextlib
import gc
import logging
import socket
import traceback
import warnings

import aiohttp
import pytest

from importer.directory.client import Client
from importer.directory.credentials import Credentials, Keys, StaticCredentials
from importer.directory.listing import listing
from importer.directory.route import trust
from importer.model.errors import ImporterError
from importer.model.operation import Outcome

ADD = "AddMessageContact"
CANARIES = ("CANARYKEYID", "CANARYSECRET", "CANARYTOKEN", "canaryname", "canary.one@example.com", "13900004242")
VALUES = {
    "Name": "canaryname",
    "EmailAddress": "canary.one@example.com",
    "PhoneNumber": "86-13900004242",
    "Title": "CEO",
    "MessageTypes": ("FaultMessage",),
}
KEYS = StaticCredentials("CANARYKEYID", "CANARYSECRET", "CANARYTOKEN")


class Record(logging.Handler):
    """Keeps all that a handler could write of a record, its exception too."""

    def __init__(self):
        super().__init__(logging.NOTSET)
        self.lines = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record):
        self.lines.append(f"{self.format(record)} {record.args!r}")


@pytest.fixture
def heard():
    """Every record of every logger at the lowest level, while the loop watches itself."""
    handler, root = Record(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.NOTSET)
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(before)


def assert_silent(*texts):
    said = "\n".join(texts)
    found = [canary for canary in CANARIES if canary.lower() in said.lower()]
    assert not found, said


async def serve(reader, writer, data):
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(data.replace(b"ECHO", head.split(b" ")[1] + head.partition(b"oken: ")[2].split(b"\r")[0]))
        await writer.drain()
    writer.close()


def answer(status, body, headers=b""):
    return b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), headers, body)


FAILURES = {
    "nothing": b"",
    "half a line": b"HTTP/1.1 2",
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
    "no HTTP": b"ECHO\r\n\r\n",
    "an echo in the status line": b"HTTP/1.1 ECHO ECHO\r\n\r\n",
    "an echo in a header": b"HTTP/1.1 200 OK\r\nConnection: close\r\nECHO: ECHO\r\n\r\n",
    "an echo in a bad header": b"HTTP/1.1 200 OK\r\nConnection: close\r\nx" + b"ECHO" * 900 + b": y\r\n\r\n",
    "an echo in a chunk": b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nECHO\r\n",
    "an echo in a body": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nECHO",
    "an echo in a redirect": answer(b"302 Found", b"", b"Location: http://127.0.0.1:9ECHO\r\n"),
    "an echo in a cookie": answer(b"500 No", b"", b"Set-Cookie: a=ECHO; Domain=ECHO\r\n"),
    "a refused signature": answer(
        b"400 No", b'{"Code": "SignatureDoesNotMatch", "Message": "x-acs-token: CANARYTOKEN"}'
    ),
    "a refused permission": answer(b"403 No", b'{"Code": "NoPermission", "Message": "canaryname may not"}'),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_no_failure_of_a_call_says_what_was_sent(case, heard):
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0  # so that every step of every task is logged
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        server = await asyncio.start_server(lambda r, w: serve(r, w, FAILURES[case]), "127.0.0.1", 0)
        client = Client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", KEYS, timeout=0.5)
        async with client:
            found = await client.call(ADD, VALUES)
            with pytest.raises(ImporterError) as caught:
                await listing(client, attempts=1)
        server.close()
        gc.collect()
        await asyncio.sleep(0)
    assert found.outcome is not Outcome.DONE
    error = "".join(traceback.format_exception(caught.value))
    assert_silent(*heard, *(str(one.message) for one in warned), error, caught.value.hint, repr(client), found.code)
    assert heard, "nothing was listened to"


async def test_the_canary_would_be_heard():
    """What aiohttp raises for a bare call of ours does hold it, which is why nothing of it is passed on."""
    server = await asyncio.start_server(lambda r, w: serve(r, w, FAILURES["no HTTP"]), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/?Name=canaryname"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError) as caught:
            await session.post(url)
    server.close()
    with pytest.raises(AssertionError):
        assert_silent(str(caught.value))


async def test_no_failure_to_connect_says_what_would_have_been_sent(heard):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = probe.getsockname()[1]
    proxies = {"https": f"http://CANARYKEYID:CANARYSECRET@127.0.0.1:{nobody}"}
    for url in (f"http://127.0.0.1:{nobody}", f"https://127.0.0.1:{nobody}", "https://directory.test"):
        async with Client(url, KEYS, timeout=0.5, proxies=proxies, tls=trust({})) as client:
            found = await client.call(ADD, VALUES)
            assert found.sent is False
            with pytest.raises(ImporterError) as caught:
                await listing(client, attempts=1)
        assert_silent(repr(found), repr(client), "".join(traceback.format_exception(caught.value)), caught.value.hint)
    assert_silent(*heard)


def test_keys_do_not_show_their_secret():
    environ = {
        f"ALIBABA_CLOUD_{name}": f"CANARY{name}" for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
    }
    for keys in (Keys("id", "CANARYSECRET", "CANARYTOKEN"), StaticCredentials("id", "CANARYSECRET", "CANARYTOKEN")):
        assert_silent(repr(keys), str(keys))
    assert_silent(repr(Credentials(environ)))
