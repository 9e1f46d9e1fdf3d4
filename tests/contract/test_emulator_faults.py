"""Each way to misbehave, as a client meets it on a real socket, and what was done all the same."""

import asyncio
import base64
import hmac
import uuid
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from yarl import URL

from importer.emulator import Emulator, EmulatorError, Limits
from importer.emulator.faults import KINDS, Fault, Faults

TOM = {"Name": "tom", "EmailAddress": "t@example.com", "Title": "CEO", "MessageTypes.1": "FaultMessage"}


def signed(emulator, action, values):
    """A URL with the older signature, made with nothing but the standard library."""
    found = {
        **values,
        "Action": action,
        "Version": "2022-04-19",
        "AccessKeyId": emulator.access_key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid.uuid4().hex,
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    query = urlencode(sorted(found.items()), quote_via=quote, safe="-_.~")
    to_sign = f"POST&%2F&{quote(query, '-_.~')}".encode()
    proof = base64.b64encode(hmac.digest(f"{emulator.access_key_secret}&".encode(), to_sign, "sha1"))
    return URL(f"{emulator.url}/?{query}&Signature={quote(proof, '')}", encoded=True)


@pytest.fixture
async def emulator():
    async with Emulator(limits=Limits(calls_per_second=0, max_contacts=1000)) as emulator:
        yield emulator


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


async def add(emulator, session, name="tom", **options):
    """Status, headers and body of one Add."""
    url = signed(emulator, "AddMessageContact", {**TOM, "Name": name})
    async with session.post(url, allow_redirects=False, **options) as answer:
        return answer.status, answer.headers, await answer.read()


@pytest.mark.parametrize("done", [False, True])
async def test_a_connection_closes_without_an_answer_before_or_after_the_deed(emulator, session, done):
    emulator.faults.replace([Fault("close", done=done)])
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await add(emulator, session)
    assert [contact.name for contact in emulator.contacts()] == (["tom"] if done else [])


@pytest.mark.parametrize(("kind", "status"), [("500", 500), ("503", 503), ("html", 502)])
@pytest.mark.parametrize("done", [False, True])
async def test_a_server_error_comes_before_or_after_the_deed(emulator, session, kind, status, done):
    emulator.faults.replace([Fault(kind, done=done)])
    found, headers, body = await add(emulator, session)
    assert found == status
    assert headers["Content-Type"].startswith("text/html" if kind == "html" else "application/json")
    assert body.startswith(b"<html>" if kind == "html" else b"{")
    assert len(emulator.contacts()) == done


async def test_a_conflict_is_answered_although_the_deed_is_done(emulator, session):
    emulator.faults.replace([Fault("conflict")])
    status, _, body = await add(emulator, session)
    assert (status, b"ConcurrentCallNotSupported" in body) == (429, True)
    assert len(emulator.contacts()) == 1


async def test_any_code_can_be_answered_with_headers(emulator, session):
    more = {"code": "Throttling.Api", "status": 503, "headers": {"x-acs-retry-after": "1500"}, "message": "Slow."}
    emulator.faults.replace([Fault("error", **more)])
    status, headers, body = await add(emulator, session)
    assert (status, headers["x-acs-retry-after"]) == (503, "1500")
    assert b'"Code":"Throttling.Api","Message":"Slow."' in body
    assert not emulator.contacts()


@pytest.mark.parametrize("kind", ["garbage", "empty", "bare", "types"])
async def test_a_200_says_nothing_although_the_deed_is_done(emulator, session, kind):
    emulator.faults.replace([Fault(kind)])
    status, headers, body = await add(emulator, session)
    assert (status, headers["Content-Type"]) == (200, "application/json;charset=utf-8")
    assert b'"ContactId"' not in body
    assert len(emulator.contacts()) == 1


async def test_a_body_is_cut_in_the_middle(emulator, session):
    emulator.faults.replace([Fault("truncated")])
    with pytest.raises(aiohttp.ClientPayloadError):
        await add(emulator, session)
    assert len(emulator.contacts()) == 1


async def test_a_redirect_leads_to_another_host(emulator, session):
    emulator.faults.replace([Fault("redirect", location="http://127.0.0.1:9/elsewhere")])
    status, headers, _ = await add(emulator, session)
    assert (status, headers["Location"]) == (302, "http://127.0.0.1:9/elsewhere")
    assert not emulator.contacts()


async def test_a_call_hangs_until_its_caller_leaves_and_does_not_hold_up_the_end(session):
    async with Emulator(faults=Faults([Fault("hang")])) as emulator:
        with pytest.raises(TimeoutError):
            await add(emulator, session, timeout=aiohttp.ClientTimeout(total=0.1))
        waiting = asyncio.create_task(add(emulator, session))
        await asyncio.sleep(0.1)
    with pytest.raises(aiohttp.ClientError):
        await waiting


async def test_a_body_comes_byte_by_byte(emulator, session):
    emulator.faults.replace([Fault("slow", seconds=0.002)])
    url = signed(emulator, "AddMessageContact", TOM)
    async with session.post(url) as answer:
        pieces = [piece async for piece in answer.content.iter_any()]
    assert len(pieces) > 20
    assert b"ContactId" in b"".join(pieces)


async def test_a_body_of_a_gigabyte_can_be_left_unread(emulator, session):
    emulator.faults.replace([Fault("huge")])
    url = signed(emulator, "AddMessageContact", TOM)
    async with session.post(url) as answer:
        assert int(answer.headers["Content-Length"]) > 1_000_000_000
        await answer.content.readexactly(1_000_000)
    assert len(emulator.contacts()) == 1


async def test_a_delay_comes_on_top_and_the_answer_is_as_usual(emulator, session):
    emulator.faults.replace([Fault("delay", seconds=0.05), Fault("delay", seconds=0.05)])
    start = asyncio.get_running_loop().time()
    status, _, _ = await add(emulator, session)
    assert status == 200
    assert asyncio.get_running_loop().time() - start >= 0.1


async def test_faults_go_by_operation_and_number_of_the_call_and_are_counted(emulator, session):
    emulator.faults.replace([Fault("500", action="Add*", calls=[2, 3]), Fault("503", action="List*")])
    statuses = [(await add(emulator, session, name))[0] for name in ("ann", "bob", "cat", "dan")]
    assert statuses == [200, 500, 500, 200]
    tallies = emulator.faults.tallies
    assert [(tally.seen, tally.fired) for tally in tallies] == [(4, 2), (0, 0)]
    assert [entry["Name"] for entry in emulator.log()] == ["ann", "dan"]


async def test_the_same_seed_spoils_the_same_calls(session):
    runs = []
    for _ in range(2):
        faults = Faults([Fault("500", probability=0.4)], seed=7)
        async with Emulator(limits=Limits(calls_per_second=0), faults=faults) as emulator:
            runs.append([(await add(emulator, session, f"na{chr(97 + n)}"))[0] for n in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


async def test_a_fault_comes_a_number_of_times_and_no_more(emulator, session):
    emulator.faults.replace([Fault("500", times=2)])
    assert [(await add(emulator, session, name))[0] for name in ("ann", "bob", "cat")] == [500, 500, 200]


async def test_faults_come_from_a_file(tmp_path, session):
    file = tmp_path / "faults.toml"
    file.write_text('seed = 3\n[[fault]]\nkind = "close"\naction = "AddMessageContact"\ncalls = [1]\ndone = true\n')
    async with Emulator(faults=file) as emulator:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await add(emulator, session)
        assert (await add(emulator, session))[0] == 400  # the name is taken: it was done


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[fault]]\nkind = "clsoe"', "did you mean 'close'?"),
        ('[[fault]]\nkind = "close"\nprobabilty = 1', "did you mean 'probability'?"),
        ('[[fault]]\nkind = "close"\nprobability = 2', "from 0 to 1"),
        ('[[fault]]\nkind = "close"\ntimes = "2"', "wrong type"),
        ('[[fault]]\nkind = "error"\nheaders = "x"', "wrong type"),
        ('[[fault]]\nkind = "close"\ncalls = [1.5]', "wrong type"),
        ('[[fault]]\nkind = "error"\nstatus = 99', "from 200 to 599"),
        ('[[fault]]\nkind = "delay"\nseconds = nan', "finite"),
        ("[[fault]]\naction = 'Add*'", "names no kind"),
        ("faults = 1", "did you mean 'fault'?"),
        ("[[fault", "is not TOML"),
    ],
)
def test_a_wrong_faults_file_is_told_in_one_line(tmp_path, text, says):
    file = tmp_path / "faults.toml"
    file.write_text(text)
    with pytest.raises(EmulatorError, match=says.replace("?", r"\?")):
        Emulator(faults=file)
    with pytest.raises(EmulatorError, match="cannot be read"):
        Emulator(faults=tmp_path / "missing.toml")


def test_every_kind_is_shown_here_or_with_tls():
    shown = {"close", "500", "503", "html", "conflict", "error", "garbage", "empty", "bare", "types", "truncated"}
    shown |= {"redirect", "hang", "slow", "huge", "delay", "wrong-name"}
    assert shown == set(KINDS)
