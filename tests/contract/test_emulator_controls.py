"""The levers under /_emulator/, the page and the mailed links, as a person or a test uses them."""

import asyncio
import random
import re

import aiohttp
import pytest

from importer.emulator import Emulator, Key, Limits
from importer.emulator.aside import Aside
from importer.emulator.gateway import Request

DAY = 86400


@pytest.fixture
async def emulator():
    async with Emulator(limits=Limits(daily_sends=2, calls_per_second=0)) as emulator:
        yield emulator


@pytest.fixture
async def pull(emulator):
    """Pull a lever; gives the status and the JSON."""
    async with aiohttp.ClientSession() as session:

        async def send(method, name, body=None, **options):
            async with session.request(method, f"{emulator.url}/_emulator/{name}", json=body, **options) as answer:
                return answer.status, await answer.json()

        yield send


@pytest.fixture
async def browse(emulator):
    """Get a page; gives the status and the text."""
    async with aiohttp.ClientSession() as session:

        async def get(url, **options):
            async with session.get(url, **options) as answer:
                return answer.status, await answer.text()

        yield get


async def add(emulator, name="tom", email="tom@example.com"):
    values = {"Name": name, "EmailAddress": email, "Title": "CEO", "MessageTypes": ["FaultMessage"]}
    reply = await emulator.service.call("AddMessageContact", values)
    return reply.body["Contact"]["ContactId"]


async def send(emulator, contact_id, email="tom@example.com"):
    values = {"ContactId": contact_id, "EmailAddress": email}
    return (await emulator.service.call("SendEmailVerificationForMessageContact", values)).code


async def test_the_state_tells_every_field_the_outbox_and_what_is_left(emulator, pull):
    contact_id = await add(emulator)
    await send(emulator, contact_id)
    status, state = await pull("GET", "state")
    assert status == 200
    assert state == emulator.snapshot() | {"limits": state["limits"]}
    assert state["contacts"][0] | {"CreateDate": ""} == {
        "ContactId": contact_id,
        "Name": "tom",
        "EmailAddress": "tom@example.com",
        "PhoneNumber": None,
        "Title": "CEO",
        "MessageTypes": ["FaultMessage"],
        "Members": [],
        "Status": "Verifying",
        "CreateDate": "",
        "Pending": {"email": "tom@example.com"},
    }
    assert (state["counters"]["contacts_left"], state["counters"]["emails_left_today"]) == (19, 1)
    assert (await pull("GET", "outbox"))[1] == state["outbox"]
    assert state["outbox"][0]["To"] == "tom@example.com"


async def test_following_a_link_verifies_and_says_so(emulator, pull, browse):
    contact_id = await add(emulator)
    await send(emulator, contact_id)
    link = (await pull("GET", "outbox"))[1][0]["Link"]
    status, text = await browse(link)
    assert (status, "tom@example.com is verified" in text) == (200, True)
    assert emulator.contacts()[0].status == "Active"
    assert (await browse(link))[0] == 200  # twice does no harm
    assert await send(emulator, contact_id) == "EntityNotExists.Contact.Verification"
    assert (await browse(f"{emulator.url}/link/never-sent"))[0] == 410


async def test_a_week_of_daily_limits_takes_no_time(emulator, pull):
    contact_id = await add(emulator)
    await pull("POST", "clock", {"freeze": True})
    for _ in range(7):
        codes = [await send(emulator, contact_id) for _ in range(3)]
        assert codes == ["ok", "ok", "SendValidateCodeExceedsLimitForAccount"]
        await pull("POST", "clock", {"advance": DAY})
    assert len(emulator.outbox()) == 14


async def test_the_clock_is_set_frozen_and_let_go(emulator, pull):
    _, told = await pull("POST", "clock", {"set": "2027-01-31T23:59:59", "freeze": True})
    assert (told["date"], told["frozen"]) == ("2027-01-31 23:59:59", True)
    assert (await pull("GET", "clock"))[1] == told
    assert (await pull("POST", "clock", {"advance": 1}))[1]["date"] == "2027-02-01 00:00:00"
    assert (await pull("POST", "clock", {"freeze": False}))[1]["date"].startswith("2027-02-01 00:00:0")
    assert (await pull("POST", "clock", {"reset": True}))[1]["date"] < "2027"


async def test_links_expire(emulator, pull, browse):
    contact_id = await add(emulator)
    await send(emulator, contact_id)
    link = (await pull("GET", "outbox"))[1][0]["Link"]
    await pull("POST", "clock", {"advance": DAY + 1})
    assert (await browse(link))[0] == 410
    assert emulator.contacts()[0].status == "Verifying"


async def test_the_log_tells_what_was_done_in_order_whatever_was_answered(emulator, pull):
    await pull("PUT", "faults", {"fault": [{"kind": "500", "done": True, "calls": [2]}]})
    ids = [await add(emulator, "ann")]
    reply = await emulator.service.call(
        "AddMessageContact",
        {"Name": "bob", "EmailAddress": "b@example.com", "Title": "CEO", "MessageTypes": ["FaultMessage"]},
    )
    assert reply.code == "InternalError"
    await emulator.service.call("GetMessageContact", {"ContactId": ids[0]})
    _, log = await pull("GET", "log")
    done = [(entry["effect"], entry["Name"]) for entry in log]
    assert done == [("AddMessageContact", "ann"), ("AddMessageContact", "bob")]
    assert (await pull("GET", "log?after=1"))[1] == log[1:]
    assert (await pull("GET", "log?last=1"))[1] == log[-1:]
    _, metrics = await pull("GET", "metrics")
    assert metrics["calls"]["AddMessageContact"] == {"ok": 1, "InternalError": 1}


async def test_limits_change_while_it_runs(emulator, pull):
    assert (await pull("POST", "limits", {"max_contacts": 0}))[1]["max_contacts"] == 0
    values = {"Name": "tom", "EmailAddress": "t@example.com", "Title": "CEO", "MessageTypes": ["FaultMessage"]}
    assert (await emulator.service.call("AddMessageContact", values)).code == "LimitExceeded.Contacts"


async def test_faults_are_set_shown_counted_and_taken_away(emulator, pull):
    await pull("PUT", "faults", {"seed": 5, "fault": [{"kind": "503"}]})
    await pull("POST", "faults", {"fault": [{"kind": "close", "action": "List*"}]})
    assert (await emulator.service.call("ListMessageContacts", {})).code == "ServiceUnavailable"
    _, report = await pull("GET", "faults")
    assert (report["seed"], [(row["kind"], row["fired"]) for row in report["fault"]]) == (5, [("503", 1), ("close", 0)])
    assert (await pull("DELETE", "faults"))[1]["fault"] == []
    assert (await emulator.service.call("ListMessageContacts", {})).code == "ok"


async def test_a_key_can_be_added_and_takes_effect(emulator, pull):
    assert (await pull("POST", "keys", {"id": "k", "secret": "s", "actions": ["List*"]}))[0] == 200
    assert not emulator.gateway.keys["k"].may("AddMessageContact")
    assert emulator.gateway.keys["k"].may("ListMessageContacts")


async def test_the_last_calls_tell_who_made_them_and_when_they_came_and_were_answered():
    keys = [Key("one", "secret"), Key("two", "secret", directory="other")]
    async with Emulator(keys=keys, limits=Limits(service_time=0.01), calls_kept=3) as emulator:
        values = {"Name": "tom", "EmailAddress": "tom@example.com", "Title": "CEO", "MessageTypes.1": "FaultMessage"}
        await emulator.service.call("ListMessageContacts", {})
        await asyncio.gather(
            emulator.service.call("AddMessageContact", values, key="one"),
            emulator.service.call("ListMessageContacts", {}, "other", key="two"),
        )
        await emulator.service.call("DeleteMessageContact", {"ContactId": "?"}, key="one")
        async with aiohttp.ClientSession() as session, session.get(f"{emulator.url}/_emulator/calls") as answer:
            listed, added, deleted = await answer.json()
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{emulator.url}/_emulator/calls?directory=default&last=1") as answer,
        ):
            assert await answer.json() == [deleted]
    assert [(call["key"], call["action"], call["code"]) for call in (listed, added, deleted)] == [
        ("two", "ListMessageContacts", "ok"),
        ("one", "AddMessageContact", "ok"),
        ("one", "DeleteMessageContact", "InvalidParameter.ContactId"),
    ]
    assert added["began"] <= listed["began"] <= listed["ended"] < added["ended"] <= deleted["began"]


async def test_reset_forgets_all_but_keys_and_limits(emulator, pull):
    contact_id = await add(emulator)
    await send(emulator, contact_id)
    await pull("PUT", "faults", {"fault": [{"kind": "503"}]})
    await pull("POST", "clock", {"advance": DAY})
    assert (await pull("POST", "reset"))[0] == 200
    _, state = await pull("GET", "state")
    assert (state["contacts"], state["outbox"], state["counters"]["emails_sent_today"]) == ([], [], 0)
    assert (await pull("GET", "log"))[1] == []
    assert await add(emulator)


async def test_the_page_shows_it_all_and_needs_no_script(emulator, browse):
    values = {"Name": "tom", "EmailAddress": "<b>@example.com", "Title": "CEO", "MessageTypes": ["FaultMessage"]}
    await emulator.service.call("AddMessageContact", values)
    contact_id = await add(emulator)
    await send(emulator, contact_id)
    status, text = await browse(emulator.url)
    assert status == 200
    for shown in (
        contact_id,
        "tom@example.com",
        "AddMessageContact",
        "InvalidParameter.EmailAddress",
        "follow the link",
    ):
        assert shown in text
    assert "<script" not in text
    link = re.search(r'href="([^"]+)"', text)[1]
    assert (await browse(link))[0] == 200


async def test_what_a_caller_wrote_is_text_on_the_page(emulator, browse):
    await add(emulator, "tom", "a'&b@example.com")
    _, text = await browse(emulator.url)
    assert "a&#x27;&amp;b@example.com" in text


@pytest.mark.parametrize(
    ("lever", "body", "says"),
    [
        ("GET stat", None, "There is no control"),
        ("POST clock", {"set": "soon"}, "neither seconds"),
        ("POST clock", {"advance": "x"}, "number of seconds"),
        ("POST clock", {"set": 1e300}, "between the years"),
        ("POST clock", {"stop": True}, "no 'stop'"),
        ("POST limits", {"max_contact": 1}, "no 'max_contact'"),
        ("POST limits", {"max_contacts": "1"}, "wrong type"),
        ("POST limits", {"max_contacts": -1}, "from 0"),
        ("POST limits", {"day_zone": "Mars"}, "Asia/Shanghai"),
        ("PUT faults", {"fault": [{"kind": "clse"}]}, "did you mean 'close'?"),
        ("PUT faults", {"fault": 3}, "list"),
        ("POST keys", {"id": "k"}, "secret"),
        ("POST keys", {"id": "k", "secret": "s", "actions": 5}, "list of them"),
        ("POST keys", {"id": "k", "secret": "s", "directory": "x"}, "no directory"),
        ("GET state?directory=x", None, "no directory"),
        ("GET log?last=x", None, "whole number"),
        ("POST reset", ["x"], ""),
    ],
)
async def test_a_lever_pulled_wrongly_says_so_and_nothing_breaks(emulator, pull, lever, body, says):
    status, told = await pull(*lever.split(), body)
    if says:
        assert status == 400
        assert says in told["Message"]
    assert await add(emulator)


async def test_controls_bear_nonsense(emulator, pull):
    rng = random.Random(1)
    things = [None, True, -1, 1e308, "", "x", [], {}, ["x"], {"x": 1}, "2026", "9" * 400]
    names = ["clock", "limits", "faults", "keys"]
    fields = ["set", "advance", "freeze", "seed", "fault", "id", "secret", "actions", "expires_at", "max_contacts"]
    fields += ["day_zone", "service_time", "known_members", "directory", "calls_per_second", "kind"]
    for _ in range(500):
        body = {rng.choice(fields): rng.choice(things) for _ in range(rng.randrange(4))}
        if rng.random() < 0.3:
            body = {"fault": [body]}
        status, told = await pull(rng.choice(["POST", "PUT", "GET"]), rng.choice(names), body)
        assert status in (200, 400), (body, told)
    await pull("POST", "reset")
    status, _ = await pull("GET", "state")
    assert status == 200


async def test_controls_answer_only_to_a_loopback_name(emulator, pull):
    """A page of another site, whose name was made to lead here, gets nothing."""
    status, told = await pull("GET", "state", headers={"Host": "evil.example.com"})
    assert (status, told["Code"]) == (404, "InvalidApi.NotFound")


@pytest.mark.parametrize(
    ("host", "answers"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.1", False)]
)
async def test_controls_and_page_are_off_unless_bound_to_loopback(emulator, host, answers):
    async def settle():
        """Nothing to keep."""

    aside = Aside(emulator.parts, host, settle)
    for target in ("/", "/_emulator/state", "/_emulator/log"):
        request = Request("GET", target, {"host": "127.0.0.1"})
        assert (await aside.answer(request) is not None) == answers
    followed = await aside.answer(Request("GET", "/link/never-sent", {"host": "example.com"}))
    assert followed.status == 410  # links are for those who get the mails, wherever they are
