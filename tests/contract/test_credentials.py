"""Credentials through the official package: each way, what is said without any, when they are read again."""

import json
import logging
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
import trustme

from importer.directory.credentials import FRESH, WAYS, Credentials, Keys, Missing, official, reason
from importer.directory.reference import Place, referred
from importer.model.errors import FixAccess

KEY, SECRET, TOKEN, PROFILE = (
    f"ALIBABA_CLOUD_{name}" for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN", "PROFILE")
)


@pytest.fixture
def home(tmp_path):
    """An environment of a home directory and nothing else."""
    return {"HOME": str(tmp_path)}


def profile(name, secret="profile-secret", **more):
    return {"name": name, "mode": "AK", "access_key_id": f"{name}-id", "access_key_secret": secret, **more}


def write(home, config):
    """The command line's file of profiles; text as it is, anything else as JSON."""
    path = Path(home["HOME"]) / ".aliyun" / "config.json"
    path.parent.mkdir()
    path.write_text(config if isinstance(config, str) else json.dumps(config))


class TestWays:
    async def test_the_environment_comes_first(self, home):
        keys = await Credentials({**home, KEY: "id", SECRET: "secret\n", TOKEN: "token"}).get()
        assert keys == Keys("id", "secret", "token")
        assert (await Credentials({**home, KEY: "id", SECRET: "secret"}).get()).security_token is None

    async def test_a_profile_of_the_command_line(self, home):
        write(home, {"current": "one", "profiles": [profile("one"), profile("two")]})
        assert (await Credentials(home).get()).access_key_id == "one-id"
        assert (await Credentials({**home, PROFILE: "two"}).get()).access_key_id == "two-id"

    async def test_a_temporary_key_of_a_profile(self, home):
        write(home, {"current": "one", "profiles": [profile("one", mode="StsToken", sts_token="token")]})
        assert await Credentials(home).get() == Keys("one-id", "profile-secret", "token")

    async def test_a_credentials_file(self, home, tmp_path):
        (tmp_path / ".alibabacloud").mkdir()
        (tmp_path / ".alibabacloud" / "credentials.ini").write_text(
            "[default]\ntype = access_key\naccess_key_id = ini-id\naccess_key_secret = ini-secret\n"
        )
        assert await Credentials(home).get() == Keys("ini-id", "ini-secret", None)

    def test_the_metadata_address_is_asked_only_on_request(self, home):
        def names(**more):
            return [name for name, _ in official({**home, **{f"ALIBABA_CLOUD_{key}": more[key] for key in more}})]

        assert "ECS role" not in names()
        assert "ECS role" in names(ECS_METADATA="role")
        assert "ECS role" in names(ECS_METADATA_DISABLED="false")
        assert "ECS role" not in names(ECS_METADATA="role", ECS_METADATA_DISABLED="true")

    def test_the_order_is_the_official_one(self, home):
        more = ("ROLE_ARN", "OIDC_PROVIDER_ARN", "OIDC_TOKEN_FILE", "ECS_METADATA", "CREDENTIALS_URI")
        environ = {**home, **{f"ALIBABA_CLOUD_{name}": "x" for name in more}}
        assert [name for name, _ in official(environ)] == [
            "environment",
            "OIDC role",
            "profile of the command line",
            "credentials file",
            "ECS role",
            "credentials URI",
        ]


class TestWithout:
    async def test_no_credentials_are_said_with_every_way_there_is(self, home):
        with pytest.raises(FixAccess) as caught:
            await Credentials(home).get()
        error = caught.value
        assert (error.exit_code, error.code, error.hint) == (4, "NoCredentials", WAYS)
        assert f"{KEY} is not set" in error.message
        assert "config.json does not exist" in error.message
        assert "\n" not in error.message

    async def test_half_a_key_is_named(self, home):
        with pytest.raises(FixAccess, match=f"{SECRET} is not set"):
            await Credentials({**home, KEY: "id", SECRET: " "}).get()

    async def test_a_profile_that_does_not_exist_is_named(self, home):
        write(home, {"profiles": [profile("one")]})
        with pytest.raises(FixAccess, match="'two'"):
            await Credentials({**home, PROFILE: "two"}).get()

    @pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"profiles": 7}', '{"current": "a", "profiles": [7]}'])
    async def test_a_broken_profile_file_is_one_line_and_no_traceback(self, home, text):
        write(home, text)
        with pytest.raises(FixAccess) as caught:
            await Credentials(home).get()
        assert "profile of the command line: " in caught.value.message
        assert "\n" not in caught.value.message

    def test_a_providers_message_is_not_repeated_for_it_may_quote_a_key(self):
        text = 'error http_code=403, result: {"Code": "NoPermission", "AccessKeySecret": "CANARY"}'
        assert reason(RuntimeError(text)) == "RuntimeError 403 NoPermission"
        assert reason(RuntimeError("CANARY")) == "RuntimeError"
        assert reason(Missing("no such file")) == "no such file"

    def test_it_is_quick_and_silent_in_a_fresh_process(self, home):
        """No probe of the network, no log handler of the official package on standard error."""
        code = (
            "import anyio, logging\n"
            "from importer.directory.credentials import Credentials\n"
            "from importer.model.errors import FixAccess\n"
            "logging.basicConfig(level=logging.NOTSET)\n"
            "try:\n    anyio.run(Credentials().get)\n"
            "except FixAccess as error:\n    print(error.code)\n"
        )
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", code],
            env={**home, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        said = [
            line for line in done.stderr.splitlines() if not line.startswith("import time:") and "asyncio" not in line
        ]
        assert (done.stdout, said) == ("NoCredentials\n", [])
        assert "alibabacloud" not in done.stderr, "the package is imported although no way needs it"


class Chain:
    """Ways that are the test's: each is a name and what its provider gives or raises, call by call."""

    def __init__(self, **ways):
        self.ways = ways
        self.made = []
        self.asked = []

    def __call__(self, _environ):
        for name, results in self.ways.items():
            yield name, lambda name=name, results=results: self.make(name, results)

    def make(self, name, results):
        self.made.append(name)

        def ask():
            self.asked.append(name)
            found = results.pop(0) if len(results) > 1 else results[0]
            if isinstance(found, Exception):
                raise found
            return found

        return ask


def key(name):
    return Keys(name, "secret")


class TestRereading:
    async def test_the_first_way_that_gives_keys_is_kept(self):
        chain = Chain(a=[Missing("none")], b=[key("b")], c=[key("c")])
        source = Credentials({}, chain=chain, ticks=lambda: 0.0)
        assert [await source.get() for _ in range(3)] == [key("b")] * 3
        assert (chain.made, chain.asked) == (["a", "b"], ["a", "b"])

    async def test_its_provider_is_asked_again_when_keys_are_not_fresh_any_more(self):
        now = [0.0]
        chain = Chain(a=[key("one"), key("two")])
        source = Credentials({}, chain=chain, ticks=lambda: now[0])
        assert await source.get() == key("one")
        now[0] = FRESH - 1
        assert await source.get() == key("one")
        now[0] = FRESH
        assert await source.get() == key("two")
        assert chain.made == ["a"]

    async def test_a_provider_that_fails_sends_us_through_the_chain_again(self):
        now = [0.0]
        chain = Chain(a=[Missing("gone"), key("a")], b=[key("b"), RuntimeError("expired")])
        source = Credentials({}, chain=chain, ticks=lambda: now[0])
        assert await source.get() == key("b")
        now[0] = FRESH
        assert await source.get() == key("a")

    async def test_refused_keys_are_renewed_once_for_all_who_hold_them(self):
        chain = Chain(a=[key("one"), key("two"), key("three")])
        source = Credentials({}, chain=chain, ticks=lambda: 0.0)
        old = await source.get()
        found = []

        async def renew():
            found.append(await source.renew(old))

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(renew)
        assert found == [key("two")] * 10
        assert await source.get() == key("two")
        assert chain.made == ["a", "a"]

    async def test_callers_at_once_ask_the_chain_once_and_the_loop_goes_on(self):
        def slow(_environ):
            def make():
                time.sleep(0.1)
                return lambda: key("slow")

            yield "slow", make

        source = Credentials({}, chain=slow)
        ticks, found = [], []

        async def get():
            found.append(await source.get())

        async def tick():
            while len(found) < 5:
                ticks.append(1)
                await anyio.sleep(0.005)

        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            for _ in range(5):
                group.start_soon(get)
        assert found == [key("slow")] * 5
        assert len(ticks) > 3

    async def test_the_official_packages_own_handlers_are_gone(self, home):
        write(home, {"current": "one", "profiles": [profile("one")]})
        await Credentials(home).get()
        logger = logging.getLogger("credentials")
        assert not logger.isEnabledFor(logging.CRITICAL)
        assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]


class TestPlaces:
    async def test_a_prefix_stands_for_the_official_one(self):
        variables = {"ACME_ACCESS_KEY_ID": "id", "ACME_ACCESS_KEY_SECRET": "secret", "ACME_SECURITY_TOKEN": "token"}
        assert await referred(Place(prefix="ACME_"), {**variables, KEY: "x", SECRET: "x"}).get() == Keys(
            "id", "secret", "token"
        )

    async def test_a_named_place_without_keys_is_not_made_up_for_by_another(self, home):
        write(home, {"current": "one", "profiles": [profile("one")]})
        official_too = {**home, KEY: "id", SECRET: "secret"}
        with pytest.raises(FixAccess, match="ACME_ACCESS_KEY_ID is not set") as caught:
            await referred(Place(prefix="ACME_"), official_too).get()
        assert "Set ACME_ACCESS_KEY_ID and ACME_ACCESS_KEY_SECRET" in caught.value.hint
        with pytest.raises(FixAccess, match="'two'") as caught:
            await referred(Place(profile="two"), official_too).get()
        assert "--profile two" in caught.value.hint

    async def test_a_profile_of_the_command_line_by_its_name(self, home):
        write(home, {"current": "one", "profiles": [profile("one"), profile("two")]})
        assert (await referred(Place(profile="two"), {**home, KEY: "id", SECRET: "s"}).get()).access_key_id == "two-id"

    async def test_no_place_is_the_official_chain(self):
        assert await referred(Place(), {KEY: "id", SECRET: "secret"}).get() == Keys("id", "secret", None)

    async def test_a_role_is_assumed_with_the_keys_of_the_place(self, sts, home):
        place = Place(prefix="ACME_", role=ROLE, session="nightly", sts=sts.host)
        found = await referred(place, sts.base(home)).get()
        assert found == Keys("STS.assumed", "assumed-secret", "assumed-token")
        (asked,) = sts.asked
        assert (asked["Action"], asked["AccessKeyId"], asked["RoleArn"], asked["RoleSessionName"]) == (
            ["AssumeRole"], ["base"], [ROLE], ["nightly"],
        )  # fmt: skip

    async def test_a_role_that_is_refused_is_told_by_its_code_and_without_the_keys(self, sts, home):
        sts.answer = (403, {"Code": "NoPermission", "Message": "CANARY"})
        with pytest.raises(FixAccess, match=r"the role by environment: CredentialException.* NoPermission") as caught:
            await referred(
                Place(prefix="ACME_", role=ROLE, sts=sts.host),
                sts.base(home),
            ).get()
        assert "sts:AssumeRole" in caught.value.hint
        assert "CANARY" not in caught.value.message


ROLE = "acs:ram::1234567890123456:role/importer"


class Sts:
    """The service that gives a role's keys, as far as the official package asks it."""

    def __init__(self):
        self.asked = []
        keys = {"AccessKeyId": "STS.assumed", "AccessKeySecret": "assumed-secret", "SecurityToken": "assumed-token"}
        self.answer = (200, {"Credentials": {**keys, "Expiration": "2099-01-01T00:00:00Z"}})

    def base(self, home):
        """The variables of the keys that assume the role."""
        keys = {"ACME_ACCESS_KEY_ID": "base", "ACME_ACCESS_KEY_SECRET": "CANARY"}
        return {**home, **keys, "SSL_CERT_FILE": self.authorities}

    def serve(self, context):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(parse_qs(urlsplit(self.path).query))
                status, body = outer.answer
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.host = f"localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}).start()


@pytest.fixture
def sts(tmp_path, monkeypatch):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    found = Sts()
    found.authorities = str(tmp_path / "ca.pem")
    found.serve(context)
    yield found
    found.server.shutdown()
    found.server.server_close()
