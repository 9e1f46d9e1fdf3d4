"""TLS and proxies: who is trusted, what a wrong certificate means, and who hears what on the way."""

import asyncio
import base64
import contextlib
import json
import socket
import ssl

import aiohttp
import pytest
import trustme
from aiohttp.abc import AbstractResolver

from importer.directory.client import Client
from importer.directory.credentials import StaticCredentials
from importer.directory.route import trust
from importer.model.errors import FixAccess, FixCommand
from importer.model.operation import Outcome

SEND = "SendEmailVerificationForMessageContact"
ADD = "AddMessageContact"
KEYS = StaticCredentials("id", "secret")
HOST = "directory.test"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def bundle(authority, tmp_path):
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def environment(monkeypatch):
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


class Here(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self):
        pass


@contextlib.asynccontextmanager
async def listening(serve, tls=None):
    """A server's port; what it is sent goes to ``serve(reader, writer)``."""
    tasks = set()

    async def accept(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Api:
    """Answers each request with a success, and keeps what it was sent."""

    def __init__(self):
        self.heads = []

    async def __call__(self, reader, writer):
        while True:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            body = json.dumps({"RequestId": "A"}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()


class Tunnel:
    """An HTTP proxy: CONNECT to whatever name goes to one port of this machine."""

    def __init__(self, port, refusal=None):
        self.port = port
        self.refusal = refusal
        self.heads = []
        self.seen = b""

    async def __call__(self, reader, writer):
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if self.refusal is not None:
            writer.write(self.refusal)
            await writer.drain()
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(self.pump(reader, there_writer), self.pump(there_reader, writer))
        finally:
            there_writer.close()

    async def pump(self, reader, writer):
        while data := await reader.read(65536):
            self.seen += data
            writer.write(data)
            await writer.drain()
        writer.close()


def server_tls(authority, *names):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def trusting(bundle):
    return trust({"SSL_CERT_FILE": str(bundle)})


class TestCertificates:
    async def test_a_private_authority_is_trusted_when_the_environment_names_it(self, authority, bundle, environment):
        environment.setenv("SSL_CERT_FILE", str(bundle))
        api = Api()
        async with (
            listening(api, server_tls(authority, "127.0.0.1")) as port,
            Client(f"https://127.0.0.1:{port}", KEYS) as client,
        ):
            assert (await client.call(SEND, {})).outcome is Outcome.DONE
            assert (await client.call(SEND, {})).outcome is Outcome.DONE
        assert len(api.heads) == 2

    @pytest.mark.parametrize("trusted", [True, False], ids=["wrong name", "unknown authority"])
    async def test_a_wrong_certificate_stops_before_anything_is_sent(self, authority, bundle, trusted):
        api = Api()
        tls = trusting(bundle) if trusted else trust({})
        names = ["other.test"] if trusted else ["127.0.0.1"]
        async with (
            listening(api, server_tls(authority, *names)) as port,
            Client(f"https://127.0.0.1:{port}", KEYS, tls=tls) as client,
        ):
            answer = await client.call(ADD, {})
        assert (answer.code, answer.outcome, answer.sent) == ("CertificateFailed", Outcome.STOP, False)
        assert api.heads == []

    async def test_a_server_that_speaks_no_tls_was_sent_nothing(self, bundle):
        async def plain(reader, writer):
            await reader.read(10)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        async with listening(plain) as port, Client(f"https://127.0.0.1:{port}", KEYS, tls=trusting(bundle)) as client:
            answer = await client.call(ADD, {})
        assert (answer.code, answer.outcome, answer.sent) == ("TLSFailed", Outcome.RESEND, False)

    async def test_a_handshake_that_is_cut_was_sent_nothing(self, bundle):
        async def cut(reader, writer):
            await reader.read(10)

        async with listening(cut) as port, Client(f"https://127.0.0.1:{port}", KEYS, tls=trusting(bundle)) as client:
            answer = await client.call(ADD, {})
        assert (answer.outcome, answer.sent) == (Outcome.RESEND, False)
        assert answer.code in ("ConnectFailed", "TLSFailed")

    async def test_a_handshake_that_hangs_was_sent_nothing(self, bundle):
        async def hang(reader, writer):
            await asyncio.sleep(60)

        async with (
            listening(hang) as port,
            Client(f"https://127.0.0.1:{port}", KEYS, tls=trusting(bundle), timeout=0.6) as client,
        ):
            answer = await client.call(ADD, {})
        assert (answer.code, answer.outcome, answer.sent) == ("ConnectTimeout", Outcome.RESEND, False)

    @pytest.mark.parametrize("content", [None, "", "no certificate"])
    def test_a_bundle_that_cannot_be_used_is_said(self, tmp_path, content):
        path = tmp_path / "authority.pem"
        if content is not None:
            path.write_text(content)
        with pytest.raises(FixAccess, match="SSL_CERT_FILE"):
            trust({"SSL_CERT_FILE": str(path)})

    def test_hosts_and_certificates_are_verified(self):
        context = trust({})
        assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


def here(tls):
    return lambda: aiohttp.TCPConnector(resolver=Here(), ssl=tls)


class TestProxies:
    async def test_the_proxy_of_the_environment_carries_a_tunnel_and_reads_nothing(
        self, authority, bundle, environment
    ):
        api = Api()
        async with listening(api, server_tls(authority, HOST)) as port:
            tunnel = Tunnel(port)
            async with listening(tunnel) as proxy:
                environment.setenv("HTTPS_PROXY", f"http://user:pass%20word@127.0.0.1:{proxy}")
                async with Client(f"https://{HOST}", KEYS, tls=trusting(bundle)) as client:
                    answers = [await client.call(ADD, {"Name": "canaryname"}) for _ in range(2)]
                    answers.append(await client.call(SEND, {}))
        assert answers[-1].outcome is Outcome.DONE
        (head,) = tunnel.heads
        assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n")
        assert base64.b64encode(b"user:pass word").decode() in head
        assert "canaryname" in api.heads[0]
        for secret in ("canaryname", "x-acs", "ACS3"):
            assert secret not in head
            assert secret.encode() not in tunnel.seen
        assert all("Proxy-Authorization" not in head for head in api.heads)

    async def test_no_proxy_is_respected(self, authority, bundle, environment):
        api = Api()
        async with listening(api, server_tls(authority, HOST)) as port:
            tunnel = Tunnel(port)
            async with listening(tunnel) as proxy:
                environment.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy}")
                environment.setenv("NO_PROXY", "elsewhere.test,.test")
                async with Client(f"https://{HOST}:{port}", KEYS, connector=here(trusting(bundle))) as client:
                    assert (await client.call(SEND, {})).outcome is Outcome.DONE
        assert (len(api.heads), tunnel.heads) == (1, [])

    async def test_this_machine_is_reached_without_a_proxy(self, environment):
        environment.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        api = Api()
        async with listening(api) as port, Client(f"http://127.0.0.1:{port}", KEYS) as client:
            assert (await client.call(SEND, {})).outcome is Outcome.DONE

    @pytest.mark.parametrize(
        ("refusal", "code", "outcome"),
        [
            (b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n", "ProxyRefused", Outcome.STOP),
            (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "ProxyRefused", Outcome.STOP),
            (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "ProxyFailed", Outcome.RESEND),
        ],
    )
    async def test_a_proxy_that_does_not_connect_was_sent_nothing(self, bundle, refusal, code, outcome):
        async with listening(Tunnel(0, refusal)) as proxy:
            proxies = {"https": f"http://127.0.0.1:{proxy}"}
            async with Client(f"https://{HOST}", KEYS, tls=trusting(bundle), proxies=proxies) as client:
                answer = await client.call(ADD, {})
        assert (answer.code, answer.outcome, answer.sent) == (code, outcome, False)

    async def test_a_proxy_that_hangs_up_leaves_a_doubt_that_costs_a_look_and_no_more(self, bundle):
        """aiohttp does not tell this from a request that was cut; the careful reading is the one to take."""
        async with listening(Tunnel(0, b"")) as proxy:
            proxies = {"https": f"http://127.0.0.1:{proxy}"}
            async with Client(f"https://{HOST}", KEYS, tls=trusting(bundle), proxies=proxies) as client:
                answer = await client.call(ADD, {})
        assert (answer.code, answer.outcome, answer.sent) == ("Disconnected", Outcome.DOUBT, True)

    async def test_a_proxy_that_is_not_there_was_sent_nothing(self, bundle):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            proxies = {"https": f"http://127.0.0.1:{probe.getsockname()[1]}"}
        async with Client(f"https://{HOST}", KEYS, tls=trusting(bundle), proxies=proxies) as client:
            answer = await client.call(ADD, {})
        assert (answer.code, answer.outcome, answer.sent) == ("ProxyFailed", Outcome.RESEND, False)

    async def test_a_proxy_in_the_middle_cannot_show_a_certificate_of_its_own(self, bundle):
        stranger = trustme.CA()
        api = Api()
        async with listening(api, server_tls(stranger, HOST)) as port, listening(Tunnel(port)) as proxy:
            proxies = {"https": f"http://127.0.0.1:{proxy}"}
            async with Client(f"https://{HOST}", KEYS, tls=trusting(bundle), proxies=proxies) as client:
                answer = await client.call(ADD, {})
        assert (answer.code, answer.outcome, answer.sent) == ("CertificateFailed", Outcome.STOP, False)
        assert api.heads == []

    async def test_a_proxy_that_we_cannot_speak_to_is_said_at_the_start(self, bundle):
        client = Client(f"https://{HOST}", KEYS, tls=trusting(bundle), proxies={"https": "socks5://127.0.0.1:1080"})
        with pytest.raises(FixCommand, match="proxy"):
            await client.__aenter__()
