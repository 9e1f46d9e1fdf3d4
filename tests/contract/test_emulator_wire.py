"""What comes over the wire and is no business of an SDK: raw forms, the gateway's own codes, nonsense."""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import quote

import aiohttp
import pytest
from alibabacloud_tea_openapi.utils import Utils

from importer.emulator import Emulator, Key, Limits
from importer.emulator.errors import CODES
from importer.emulator.server import Clocks

SECRET = "wire"
ADD = "AddMessageContact"
TOM = {
    "Name": "tom",
    "EmailAddress": "some.one+tag@example.com",
    "Title": "CEO",
    "MessageTypes.1": "FaultMessage",
}
KEYS = [Key("wire", SECRET), Key("late", SECRET, security_token="t", expires_at=1.0)]


def sign(method, host, values, body=b"", *, key_id="wire", drop=(), **headers):
    """Headers with a signature by the official signer; ``drop`` leaves some of them out before signing."""
    payload = Utils.hash(body, "ACS3-HMAC-SHA256").hex()
    found = {
        "host": host,
        "x-acs-version": "2022-04-19",
        "x-acs-action": ADD,
        "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-content-sha256": payload,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    found = {name: value for name, value in found.items() if name not in drop}
    asked = SimpleNamespace(method=method, pathname="/", query=values, headers=found)
    found["Authorization"] = Utils.get_authorization(asked, "ACS3-HMAC-SHA256", payload, key_id, SECRET)
    return found


def encode(values):
    return "&".join(f"{quote(name, '-_.~')}={quote(value, '-_.~')}" for name, value in values.items())


@pytest.fixture
async def emulator():
    async with Emulator(keys=KEYS, limits=Limits(calls_per_second=0, max_contacts=100)) as emulator:
        yield emulator


@pytest.fixture
async def ask(emulator):
    """Send a raw target with these headers; gives the code, the status and the body."""
    from yarl import URL

    async with aiohttp.ClientSession() as session:

        async def send(target, headers, method="POST", body=b""):
            url = URL(f"{emulator.url}{target}", encoded=True)
            answer = await session.request(method, url, headers=headers, data=body, allow_redirects=False)
            async with answer:
                assert answer.headers["Content-Type"] == "application/json;charset=utf-8"
                found = await answer.json()
                assert answer.headers["x-acs-request-id"] == found["RequestId"]
                return SimpleNamespace(code=found.get("Code", "ok"), status=answer.status, body=found)

        yield send


@pytest.fixture
def host(emulator):
    return f"127.0.0.1:{emulator.port}"


# -- forms that must be understood


async def test_what_the_sdk_leaves_raw_on_the_wire_is_signed_encoded(emulator, ask, host):
    values = {**TOM, "EmailAddress": "o'neil@example.com"}
    raw = "&".join(f"{name}={value}" for name, value in values.items())
    assert (await ask(f"/?{raw}", sign("POST", host, values))).code == "ok"
    assert emulator.contacts()[0].email == "o'neil@example.com"


async def test_a_space_may_come_as_a_plus(ask, host):
    values = {**TOM, "Name": "to m"}
    raw = encode(values).replace("%20", "+")
    assert (await ask(f"/?{raw}", sign("POST", host, values))).code == "InvalidParameter.Name"


async def test_get_is_as_good_as_post(emulator, ask, host):
    assert (await ask(f"/?{encode(TOM)}", sign("GET", host, TOM), "GET")).code == "ok"
    assert len(emulator.contacts()) == 1


async def test_parameters_may_come_in_a_form(emulator, ask, host):
    body = encode(TOM).encode()
    kind = "application/x-www-form-urlencoded"
    headers = sign("POST", host, {}, body, content_type=kind)
    assert (await ask("/", headers, body=body)).code == "ok"
    assert emulator.contacts()[0].name == "tom"


async def test_a_form_too_large_to_be_parameters_is_refused_at_once(ask, host):
    body = b"%ff&" * 100_000
    kind = "application/x-www-form-urlencoded"
    assert (
        await ask("/?Signature=x", sign("POST", host, {}, content_type=kind), body=body)
    ).code == "RequestBodyTooLarge"


async def test_a_body_that_is_not_the_signed_one_does_not_match(ask, host):
    headers = sign("POST", host, TOM)
    assert (await ask(f"/?{encode(TOM)}", headers, body=b"more")).code == "SignatureDoesNotMatch"


async def test_action_and_version_may_come_in_the_query(ask, host):
    values = {**TOM, "Action": ADD, "Version": "2022-04-19"}
    headers = sign("POST", host, values, drop=("x-acs-action", "x-acs-version"))
    assert (await ask(f"/?{encode(values)}", headers)).code == "ok"


@pytest.mark.parametrize(
    ("types", "kept"),
    [
        ({"MessageTypes.2": "FaultMessage", "MessageTypes.7": "ServiceMessage"}, ("FaultMessage", "ServiceMessage")),
        ({"MessageTypes.10": "FaultMessage", "MessageTypes.9": "ServiceMessage"}, ("ServiceMessage", "FaultMessage")),
        ({"MessageTypes": "FaultMessage"}, ("FaultMessage",)),
    ],
)
async def test_arrays_are_numbered_with_gaps_or_a_lone_value(emulator, ask, host, types, kept):
    values = {**{name: value for name, value in TOM.items() if name != "MessageTypes.1"}, **types}
    assert (await ask(f"/?{encode(values)}", sign("POST", host, values))).code == "ok"
    assert emulator.contacts()[0].message_types == kept


@pytest.mark.parametrize("value", ["False", "false", "FALSE"])
async def test_a_boolean_may_be_written_in_any_case(emulator, ask, host, value):
    await ask(f"/?{encode(TOM)}", sign("POST", host, TOM))
    values = {"ContactId": emulator.contacts()[0].id, "RetainContactInMembers": value}
    answer = await ask(f"/?{encode(values)}", sign("POST", host, values, x_acs_action="DeleteMessageContact"))
    assert answer.body["Status"] == "Deleting"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"PageSize": "101"}, "InvalidParameter.PageSize"),
        ({"PageSize": "0"}, "InvalidParameter.PageSize"),
        ({"PageNumber": "-1"}, "InvalidParameter.PageNumber"),
        ({"PageNumber": "९"}, "InvalidParameter.PageNumber"),
        ({"PageNumber": "7"}, "ok"),
    ],
)
async def test_pages_are_counted_from_1_and_no_longer_than_100(ask, host, values, code):
    headers = sign("POST", host, values, x_acs_action="ListMessageContacts")
    assert (await ask(f"/?{encode(values)}", headers)).code == code


async def test_an_error_has_the_documented_form(ask, host):
    values = {**TOM, "Name": "7"}
    answer = await ask(f"/?{encode(values)}", sign("POST", host, values))
    assert answer.status == 400
    assert set(answer.body) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert answer.body["HostId"] == host
    assert answer.body["RequestId"] in answer.body["Recommend"]


async def test_a_denied_key_is_told_which_permission_it_lacks():
    keys = [Key("wire", SECRET, actions=("List*", "Get*"))]
    async with Emulator(keys=keys) as emulator, aiohttp.ClientSession() as session:
        headers = sign("POST", f"127.0.0.1:{emulator.port}", TOM)
        async with session.post(f"{emulator.url}/?{encode(TOM)}", headers=headers) as answer:
            body = await answer.json()
    assert (answer.status, body["Code"]) == (403, "NoPermission")
    assert body["AccessDeniedDetail"]["AuthAction"] == "resourcemanager:AddMessageContact"


# -- the gateway's own codes


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"x_acs_version": "2020-01-01"}, "InvalidVersion"),
        ({"x_acs_action": "AddContact"}, "InvalidAction.NotFound"),
        ({"x_acs_date": "2020-01-01T00:00:00Z"}, "InvalidTimeStamp.Expired"),
        ({"x_acs_date": "2099-01-01T00:00:00Z"}, "InvalidTimeStamp.Expired"),
        ({"x_acs_date": "2026-13-01T00:00:00Z"}, "InvalidTimeStamp.Format"),
        ({"x_acs_date": "yesterday"}, "InvalidTimeStamp.Format"),
        ({"key_id": "nobody"}, "InvalidAccessKeyId.NotFound"),
        ({"key_id": "late", "x_acs_security_token": "t"}, "InvalidSecurityToken.Expired"),
        ({"key_id": "late", "x_acs_security_token": "u"}, "InvalidSecurityToken.Malformed"),
        ({"key_id": "wire", "x_acs_security_token": "t"}, "InvalidSecurityToken.MismatchWithAccessKey"),
        ({"drop": ("x-acs-date",)}, "InvalidTimeStamp.Format"),
        ({"drop": ("x-acs-signature-nonce",)}, "IncompleteSignature"),
        ({"drop": ("x-acs-action",)}, "InvalidAction.NotFound"),
        ({"drop": ("x-acs-version",)}, "InvalidVersion"),
    ],
)
async def test_each_fault_of_a_signature_has_its_own_code(ask, host, change, code):
    assert (await ask(f"/?{encode(TOM)}", sign("POST", host, TOM, **change))).code == code


async def test_the_gateway_looks_at_method_path_and_authorization(ask, host):
    headers = sign("POST", host, TOM)
    assert (await ask(f"/?{encode(TOM)}", headers, "PUT")).code == "UnsupportedHTTPMethod"
    assert (await ask(f"/contacts?{encode(TOM)}", headers)).code == "InvalidApi.NotFound"
    unsigned = {name: value for name, value in headers.items() if name != "Authorization"}
    assert (await ask(f"/?{encode(TOM)}", unsigned)).code == "IncompleteSignature"
    partly = {**headers, "x-acs-more": "not signed"}
    assert (await ask(f"/?{encode(TOM)}", partly)).code == "IncompleteSignature"
    other = encode({**TOM, "Name": "tim"})
    assert (await ask(f"/?{other}", headers)).code == "SignatureDoesNotMatch"
    assert (await ask(f"/?{encode(TOM)}", headers)).code == "ok"


async def test_a_copy_of_a_request_is_refused_and_not_executed(emulator, ask, host):
    headers = sign("POST", host, TOM)
    assert (await ask(f"/?{encode(TOM)}", headers)).code == "ok"
    assert (await ask(f"/?{encode(TOM)}", headers)).code == "SignatureNonceUsed"
    assert len(emulator.log()) == 1


async def test_a_nonce_is_not_spent_by_a_wrong_signature(ask, host):
    headers = sign("POST", host, TOM)
    wrong = {**headers, "Authorization": headers["Authorization"][:-4] + "0000"}
    assert (await ask(f"/?{encode(TOM)}", wrong)).code == "SignatureDoesNotMatch"
    assert (await ask(f"/?{encode(TOM)}", headers)).code == "ok"


async def test_throttled_calls_name_the_wait_if_they_are_told_to():
    limits = Limits(calls_per_second=1, throttle_status=429, throttle_retry_after=True)
    async with Emulator(keys=KEYS, limits=limits) as emulator, aiohttp.ClientSession() as session:
        host = f"127.0.0.1:{emulator.port}"
        for status in (200, 429):
            headers = sign("POST", host, {}, x_acs_action="ListMessageContacts")
            async with session.post(emulator.url, headers=headers) as answer:
                assert answer.status == status
        assert 0 < int(answer.headers["x-acs-retry-after"]) <= 1000


# -- writes, one at a time


async def test_one_write_at_a_time_and_the_others_are_told_so():
    limits = Limits(service_time=0.2, calls_per_second=0)
    async with Emulator(keys=KEYS, limits=limits) as emulator, aiohttp.ClientSession() as session:
        host = f"127.0.0.1:{emulator.port}"

        async def add(name):
            values = {**TOM, "Name": name}
            async with session.post(f"{emulator.url}/?{encode(values)}", headers=sign("POST", host, values)) as answer:
                return (await answer.json()).get("Code", "ok")

        codes = await asyncio.gather(*(add(name) for name in ("ann", "bob", "cat", "dan", "eve")))
        assert sorted(codes) == ["ConcurrentCallNotSupported"] * 4 + ["ok"]
        assert len(emulator.contacts()) == 1


async def test_a_write_goes_on_when_its_caller_has_gone():
    done = asyncio.Event()

    async def work(seconds):
        await asyncio.sleep(seconds)
        asyncio.get_running_loop().call_later(0.05, done.set)

    limits = Limits(service_time=0.2)
    async with (
        Emulator(keys=KEYS, limits=limits, clocks=Clocks(sleep=work)) as emulator,
        aiohttp.ClientSession() as session,
    ):
        headers = sign("POST", f"127.0.0.1:{emulator.port}", TOM)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await session.post(f"{emulator.url}/?{encode(TOM)}", headers=headers)
        assert not emulator.contacts()
        await done.wait()
        assert emulator.contacts()[0].name == "tom"


# -- nonsense


PATHS = ["/", "/?", "//", "/../etc", "/%00", "/?a=%zz&=&&", "/?" + "a" * 9000, "*", "/é", "/link/x", "http://x/?a"]
PATHS += ["/_emulator/state", "/_emulator/clock?advance=x", "/_emulator/", "/" + "a" * 70_000]
JUNK = ["", "x", "\xff" * 20, "9" * 400, "ACS3-HMAC-SHA256 Credential=,", "a;b,c=d"]
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW", "CONNECT", "POST", "POST"]
FORM = "application/x-www-form-urlencoded"


def nonsense(rng, host):
    """The bytes of a request as no client sends it."""
    method, path = rng.choice(METHODS), rng.choice(PATHS)
    values = {rng.choice([*TOM, "ContactId", "PageSize", "Signature"]): rng.randbytes(6).hex() for _ in range(3)}
    if rng.random() < 0.5:
        path = "/?" + encode(values)
    headers = sign(method, host, values, x_acs_action=rng.choice([ADD, "ListMessageContacts", "GetMessageContact"]))
    for name in rng.sample(sorted(headers), rng.randrange(4)):
        headers[name] = rng.choice(JUNK)
        if rng.random() < 0.3:
            del headers[name]
    size = rng.choice([1, 500, 10_000_000]) if rng.random() < 0.02 else rng.choice([0, 0, 7])
    headers |= {"content-length": str(size), "content-type": rng.choice([FORM, "x/y"])}
    if rng.random() < 0.05:
        return rng.randbytes(200).replace(b"\n", b"") + b"\r\n\r\n"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace") + rng.randbytes(size)


async def answer_to(port, data):
    """Head and body of the answer on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = b"" if data.startswith(b"HEAD") else await reader.readexactly(length)
        return head, body
    finally:
        writer.transport.abort()


async def test_nonsense_always_gets_a_documented_error(emulator, host, caplog):
    """EMULATOR_NONSENSE is the number of requests, EMULATOR_SEED where they begin."""
    count, seed = int(os.environ.get("EMULATOR_NONSENSE", "1000")), int(os.environ.get("EMULATOR_SEED", "1"))
    rng = random.Random(seed)
    for number in range(count):
        data = nonsense(rng, host)
        async with asyncio.timeout(20):
            head, body = await answer_to(emulator.port, data)
        assert head.startswith("http/1."), (number, head)
        if body and "text/html" not in head:  # the page, and that of a link
            found = json.loads(body)
            assert found.get("Code", "ok") in {*CODES, "ok"}, (number, found)
            assert found.get("Code") != "InternalError", (number, data[:300])
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_body_that_never_ends_is_refused(emulator):
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    writer.write(head + 17 * chunk)
    assert b" 400 " in await reader.readline()
    assert b"RequestBodyTooLarge" in await reader.read(4096)
    writer.transport.abort()


async def test_signatures_go_by_the_real_clock_and_days_by_the_given_one(host):
    async with Emulator(keys=KEYS, now=lambda: 0.0) as emulator, aiohttp.ClientSession() as session:
        headers = sign("POST", f"127.0.0.1:{emulator.port}", TOM)
        async with session.post(f"{emulator.url}/?{encode(TOM)}", headers=headers) as answer:
            body = await answer.json()
    assert body["Contact"]["CreateDate"] == "1970-01-01 08:00:00"
    assert abs(time.time() - datetime.now(UTC).timestamp()) < 5


def test_importing_the_package_is_cheap():
    script = "import sys, importer.emulator; print('aiohttp' in sys.modules, 'apsw' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
