"""The state's file: every acknowledged write is in it, whatever kills the process; one emulator holds it."""

import asyncio
import json
import os
import signal
import stat
import sys

import anyio
import apsw
import pytest

from importer.emulator import Emulator, EmulatorError, Key, Limits, serve
from importer.emulator.limits import OFF

TYPES = ["FaultMessage", "ServiceMessage"]
SERVER = """
import asyncio, json, sys
from importer.emulator import Emulator, serve
from importer.emulator.limits import OFF

def tell(emulator):
    print(json.dumps(emulator.banner()), flush=True)

asyncio.run(serve(Emulator(limits=OFF, state=sys.argv[1]), tell))
"""


def name(number):
    return "na" + "".join(chr(97 + int(digit)) for digit in f"{number:06d}")


async def add(emulator, number, **more):
    values = {"Name": name(number), "EmailAddress": f"n{number}@example.com", "Title": "CEO", "MessageTypes": TYPES}
    return await emulator.service.call("AddMessageContact", {**values, **more})


async def test_everything_is_there_again(tmp_path):
    path = tmp_path / "state.db"
    async with Emulator(state=path, limits=Limits(calls_per_second=0)) as emulator:
        ids = [(await add(emulator, n, PhoneNumber="86-13900001234")).body["Contact"]["ContactId"] for n in range(4)]
        for number in (1, 2):
            mail = {"ContactId": ids[number], "EmailAddress": f"n{number}@example.com"}
            await emulator.service.call("SendEmailVerificationForMessageContact", mail)
        emulator.directories["default"].follow(emulator.outbox()[0].token)
        bound = {"ContactId": ids[1], "Members": ["fd-a", "123456"]}
        assert (await emulator.service.call("AssociateMembers", bound)).code == "ok"
        change = {"ContactId": ids[1], "EmailAddress": "new@example.com"}
        assert (await emulator.service.call("UpdateMessageContact", change)).code == "ok"
        assert (await emulator.service.call("DeleteMessageContact", {"ContactId": ids[3]})).code == "ok"
        before, log, keys = emulator.snapshot(), emulator.log(), emulator.keys
    async with Emulator(state=path) as emulator:
        after = emulator.snapshot()
        assert after["contacts"] == before["contacts"]
        assert after["counters"] == before["counters"]
        assert [m["To"] for m in after["outbox"]] == [m["To"] for m in before["outbox"]]
        assert emulator.log() == log
        assert emulator.keys == keys
        assert (await add(emulator, 0)).code == "InvalidParameter.Name.AlreadyUsed"
        assert emulator.log()[-1]["seq"] == len(log)


async def test_the_file_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "state.db"
    async with Emulator(state=path) as emulator:
        await add(emulator, 1)
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_a_second_emulator_on_the_same_file_is_told_so(tmp_path):
    path = tmp_path / "state.db"
    async with Emulator(state=path):
        with pytest.raises(EmulatorError, match="in use by another emulator"):
            await Emulator(state=path).__aenter__()
    async with Emulator(state=path):
        pass


async def test_a_file_that_is_no_state_is_left_as_it_is(tmp_path):
    text, other = tmp_path / "contacts.csv", tmp_path / "other.db"
    text.write_text("Name,Email\n" * 100)
    db = apsw.Connection(str(other))
    db.execute("CREATE TABLE mine (x)")
    db.close()
    for path, says in ((text, "not an emulator's state"), (other, "not an emulator's state"), (tmp_path, "cannot")):
        with pytest.raises(EmulatorError, match=says):
            await Emulator(state=path).__aenter__()
    assert text.read_text() == "Name,Email\n" * 100


async def test_a_port_that_is_taken_is_told_and_the_file_is_let_go(tmp_path):
    path = tmp_path / "state.db"
    async with Emulator() as other:
        with pytest.raises(EmulatorError, match=f"cannot listen on 127.0.0.1:{other.port}"):
            await Emulator(port=other.port, state=path).__aenter__()
    async with Emulator(state=path):
        pass


async def test_many_writes_share_a_commit(tmp_path):
    """Writes that come while a commit is under way wait for the next one together."""
    async with Emulator(limits=OFF, state=tmp_path / "state.db") as emulator:
        commits = []
        emulator._state._db.set_commit_hook(lambda: bool(commits.append(1)))
        replies = await asyncio.gather(*(add(emulator, number) for number in range(500)))
        assert {reply.code for reply in replies} == {"ok"}
        assert len(commits) < 50


async def test_a_write_that_cannot_be_kept_is_not_acknowledged(tmp_path):
    """Once the disk takes writes again, what the memory held is written too."""
    path = tmp_path / "state.db"
    async with Emulator(limits=OFF, state=path) as emulator:
        emulator._state._db.set_commit_hook(lambda: True)  # refuses every commit
        with pytest.raises(apsw.ConstraintError):
            await add(emulator, 1)
        emulator._state._db.set_commit_hook(None)
        assert (await add(emulator, 2)).code == "ok"
    async with Emulator(state=path) as emulator:
        assert [contact.name for contact in emulator.contacts()] == [name(1), name(2)]


async def test_cancelled_it_still_writes_and_lets_go_of_the_file(tmp_path):
    path = tmp_path / "state.db"
    started = anyio.Event()
    running = []

    def tell(emulator):
        running.append(emulator)
        started.set()

    async with anyio.create_task_group() as group:
        group.start_soon(serve, Emulator(state=path), tell)
        await started.wait()
        await add(running[0], 1)
        group.cancel_scope.cancel()
    async with Emulator(state=path) as emulator:
        assert [contact.name for contact in emulator.contacts()] == [name(1)]


async def test_one_emulator_can_be_opened_again(tmp_path):
    emulator = Emulator(state=tmp_path / "state.db")
    for number in (1, 2):
        async with emulator:
            await add(emulator, number)
            assert len(emulator.contacts()) == len(emulator.log()) == number


async def test_reset_empties_the_file_too(tmp_path):
    path = tmp_path / "state.db"
    async with Emulator(state=path) as emulator:
        await add(emulator, 1)
        await emulator.reset()
        assert (await add(emulator, 2)).code == "ok"
    async with Emulator(state=path) as emulator:
        assert [contact.name for contact in emulator.contacts()] == [name(2)]
        assert len(emulator.log()) == 1


async def test_the_day_s_count_survives_and_follows_the_zone(tmp_path):
    now = [1_800_000_000.0]
    path = tmp_path / "state.db"
    limits = Limits(daily_sends=1, calls_per_second=0)
    for codes in (["ok", "SendValidateCodeExceedsLimitForAccount"], ["SendValidateCodeExceedsLimitForAccount"]):
        async with Emulator(state=path, limits=limits, now=lambda: now[0]) as emulator:
            await add(emulator, 1)
            mail = {"ContactId": emulator.contacts()[0].id, "EmailAddress": "n1@example.com"}
            for code in codes:
                reply = await emulator.service.call("SendEmailVerificationForMessageContact", mail)
                assert reply.code == code
    now[0] += 86400
    async with Emulator(state=path, limits=limits, now=lambda: now[0]) as emulator:
        assert (await emulator.service.call("SendEmailVerificationForMessageContact", mail)).code == "ok"


async def test_several_directories_are_kept_apart(tmp_path):
    path = tmp_path / "state.db"
    keys = [Key("a", "s", directory="one"), Key("b", "s", directory="two")]
    async with Emulator(state=path, keys=keys) as emulator:
        values = {"Name": "tom", "EmailAddress": "t@example.com", "Title": "CEO", "MessageTypes": TYPES}
        for directory in ("one", "two"):
            assert (await emulator.service.call("AddMessageContact", values, directory)).code == "ok"
        ids = {d: emulator.contacts(d)[0].id for d in ("one", "two")}
    async with Emulator(state=path, keys=keys) as emulator:
        assert {d: emulator.contacts(d)[0].id for d in ("one", "two")} == ids


@pytest.mark.parametrize("round_", range(3))
async def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path, round_):
    from alibabacloud_resourcedirectorymaster20220419 import models
    from alibabacloud_resourcedirectorymaster20220419.client import Client
    from alibabacloud_tea_openapi.models import Config

    path = tmp_path / "state.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, str(path), stdout=asyncio.subprocess.PIPE, env={**os.environ}
    )
    banner = json.loads(await process.stdout.readline())
    config = Config(endpoint=banner["url"].removeprefix("http://"), protocol="HTTP")
    config.access_key_id, config.access_key_secret = banner["access_key_id"], banner["access_key_secret"]
    client, acknowledged, asked, enough = Client(config), {}, iter(range(10_000)), asyncio.Event()

    async def worker():
        for number in asked:
            request = models.AddMessageContactRequest(
                name=name(number), email_address=f"n{number}@example.com", title="CEO", message_types=TYPES
            )
            response = await client.add_message_contact_async(request)
            acknowledged[name(number)] = response.body.contact.contact_id
            if len(acknowledged) >= 20 + 40 * round_:
                enough.set()

    workers = [asyncio.create_task(worker()) for _ in range(4)]
    await enough.wait()
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await asyncio.gather(*workers, return_exceptions=True)
    async with Emulator(state=path) as emulator:
        kept = {contact.name: contact.id for contact in emulator.contacts()}
        assert acknowledged.items() <= kept.items()
        assert len(kept) <= len(acknowledged) + 4
        assert [entry["Name"] for entry in emulator.log()] == list(kept)
        assert emulator.access_key_secret == banner["access_key_secret"]
