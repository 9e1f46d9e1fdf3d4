"""Many directories in one process: real sockets, a ledger for all; what one of them does is no matter to the others."""

import csv
import os
import signal
import socket
from pathlib import Path

import anyio
import pytest

from importer.emulator import Emulator, Key, Limits
from importer.jobs.run import run, run_all
from importer.jobs.stores import existing
from importer.jobs.sync import sync, sync_all
from importer.model.errors import FixCommand
from importer.settings import load

GOOD, BAD, ROWS = 9, 2, 20


def letters(number):
    return "".join(chr(97 + number // 26**place % 26) for place in range(4))


def write(path, count, *, routes=None, first=0):
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Name", "EmailAddress", "Title", "MessageTypes", *(["Directory"] if routes else [])])
        for number in range(first, first + count):
            name = letters(number)
            more = [routes[number % len(routes)]] if routes else []
            writer.writerow([name, f"{name}@example.com", "CEO", "FaultMessage", *more])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("ALIBABA_CLOUD_", "IMPORTER_"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def settled(folder, monkeypatch):
    """Write the settings: profile → endpoint; each with a key of its own, and any further lines."""

    def wrote(endpoints, *, more=None, top=""):
        lines = [top, "max_contacts = 100", "calls_per_second = 1000"]
        for name, endpoint in endpoints.items():
            prefix = f"{name.upper()}_"
            monkeypatch.setenv(f"{prefix}ACCESS_KEY_ID", f"id-{name}")
            monkeypatch.setenv(f"{prefix}ACCESS_KEY_SECRET", f"secret-{name}")
            lines += [f"[profiles.{name}]", f'endpoint = "{endpoint}"', f'credentials = {{environment = "{prefix}"}}']
            lines += (more or {}).get(name, [f'file = "{name}.csv"'])
        (folder / "importer.toml").write_text("\n".join(lines), encoding="utf-8")

    return wrote


def keys(*names, **more):
    return [Key(f"id-{name}", f"secret-{name}", directory=name, **more) for name in names]


def emulated(*found):
    return Emulator(keys=found, limits=Limits(max_contacts=100, calls_per_second=0))


@pytest.fixture
def silent():
    """The port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def balanced(told):
    rows, contacts = told["rows"], told["contacts"]
    return rows["read"] == rows["rejected"] + rows["duplicate"] + rows["accepted"] and rows["accepted"] == sum(
        contacts.values()
    )


async def test_directories_that_refuse_or_hang_do_not_stop_the_others(folder, settled, silent):
    good = [f"good{letters(number)}" for number in range(GOOD)]
    bad = [f"bad{letters(number)}" for number in range(BAD)]
    for name in [*good, *bad, "hung"]:
        write(folder / f"{name}.csv", ROWS)
    async with emulated(*keys(*good)) as emulator:
        short = {"hung": ['file = "hung.csv"', "call_timeout = 0.5"]}
        settled({**dict.fromkeys([*good, *bad], emulator.url), "hung": f"127.0.0.1:{silent}"}, more=short)
        told = (await run_all(load())).as_json()
        assert {name: len(emulator.contacts(name)) for name in good} == dict.fromkeys(good, ROWS)
        assert {name: len(emulator.outbox(name)) for name in good} == dict.fromkeys(good, ROWS)
    by_name = {one["directory"]: one for one in told["directories"]}
    silence = {"Timeout", "ConnectTimeout"}  # the second on a machine that is too busy to connect
    assert {by_name[name]["exit_code"] for name in good} == {0}
    assert {by_name[name]["stopped"]["code"] for name in bad} == {"InvalidAccessKeyId.NotFound"}
    assert by_name["hung"]["stopped"]["code"] in silence
    assert by_name["hung"]["contacts"]["waiting"] == ROWS
    assert {*by_name["hung"]["calls"]["ListMessageContacts"]} <= silence
    assert by_name["hung"]["calls"]["ListMessageContacts"]
    assert by_name[bad[0]]["calls"] == {"ListMessageContacts": {"InvalidAccessKeyId.NotFound": 1}}
    assert told["exit_code"] == 4
    assert all(balanced(one) for one in [*told["directories"], told["total"]])
    assert told["total"]["rows"]["read"] == (GOOD + BAD + 1) * ROWS
    assert told["total"]["contacts"]["sent"] == GOOD * ROWS
    print(f"\n{GOOD} directories of {ROWS} contacts finished beside {BAD} that refused the key and one that hung")


async def test_the_rows_of_one_file_go_to_the_directories_that_they_name(folder, settled):
    write(folder / "people.csv", 12, routes=["north", "South", "nroth"])
    async with emulated(*keys("north", "south")) as emulator:
        settled(dict.fromkeys(["north", "south"], emulator.url), more={"north": [], "south": []})
        told = (await run("people.csv", load({"profile": "north"}))).as_json()
        assert (len(emulator.contacts("north")), len(emulator.contacts("south"))) == (4, 4)
        again = (await run("people.csv", load({"profile": "north"}))).as_json()
        assert len(emulator.outbox("north")) == 4
    assert told["total"]["rows"] == again["total"]["rows"] == {"read": 12, "rejected": 4, "duplicate": 0, "accepted": 8}
    assert again["total"]["calls"] == {}
    assert told["exit_code"] == 1
    with existing(load()) as ledger:
        rows = [(row.directory, row.row, row.state) for row in ledger.export()]
    assert sorted(line for _, line, _ in rows) == list(range(2, 14))
    assert {(directory, state) for directory, _, state in rows} == {
        ("north", "sent"), ("south", "sent"), ("north", "rejected"),
    }  # fmt: skip


async def test_a_row_that_changes_its_directory_is_withdrawn_from_the_first_while_it_waits_there(folder, settled):
    write(folder / "people.csv", 2, routes=["north"])
    async with emulated(*keys("north", "south")) as emulator:
        settled(dict.fromkeys(["north", "south"], emulator.url), more={"north": ["max_contacts = 1"], "south": []})
        first = (await run("people.csv", load({"profile": "north"}))).as_json()
        assert (first["contacts"]["sent"], first["contacts"]["waiting"]) == (1, 1)
        write(folder / "people.csv", 2, routes=["south"])
        told = (await run("people.csv", load({"profile": "north"}))).as_json()
        assert [len(emulator.contacts(name)) for name in ("north", "south")] == [1, 2]
        again = (await run("people.csv", load({"profile": "north"}))).as_json()
    by_name = {one["directory"]: one for one in told["directories"]}
    assert by_name["north"]["rows"]["read"] == 0
    assert by_name["south"]["contacts"]["sent"] == 2
    assert [one["directory"] for one in again["directories"]] == ["south"]


SYNC = {"delete": True, "missing_for": "0d", "max_deletes": 50}


def placed(routes):
    """Write a row for each of ``routes`` that names a directory; the n-th is always the same person."""
    with Path("people.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Name", "EmailAddress", "Title", "MessageTypes", "Directory"])
        for number, place in enumerate(routes):
            if place is not None:
                writer.writerow([letters(number), f"m{number}@example.com", "CEO", "FaultMessage", place])


async def synced(routes):
    placed(routes)
    told = (await sync("people.csv", load({"profile": "north", **SYNC}))).as_json()
    return {one["directory"]: one for one in told["directories"]}


async def test_the_guards_of_a_sync_count_the_rows_of_each_directory_and_the_errors_of_the_whole_file(folder, settled):
    async with emulated(*keys("north", "south")) as emulator:
        settled(dict.fromkeys(["north", "south"], emulator.url), more={"north": [], "south": []})

        def held():
            return [len(emulator.contacts(name)) for name in ("north", "south")]

        await synced(["north"] * 10 + ["south"] * 5)
        assert held() == [10, 5]
        shrunk = await synced(["north"] * 2 + [None] * 8 + ["south"] * 20)
        assert (shrunk["north"]["exit_code"], shrunk["south"]["exit_code"]) == (6, 0)
        assert held() == [10, 20]
        misspelt = await synced(["north"] * 9 + ["nroth"] + ["south"] * 19)
        assert (misspelt["north"]["exit_code"], misspelt["south"]["exit_code"]) == (6, 6)
        assert held() == [10, 20]
        await synced(["north"] * 9 + [None] + ["south"] * 19)
        assert held() == [9, 19]


async def test_every_profile_with_a_file_is_synced_and_one_that_stops_does_not_stop_the_others(folder, settled):
    for name in ("north", "south", "west"):
        write(folder / f"{name}.csv", 3)
    async with emulated(*keys("north", "south")) as emulator:
        settled(dict.fromkeys(["north", "south", "west"], emulator.url))
        await sync_all(load(SYNC))
        write(folder / "north.csv", 2, first=1)
        told = (await sync_all(load({**SYNC, "max_shrink": 40.0}))).as_json()
        names = [{contact.name for contact in emulator.contacts(name)} for name in ("north", "south")]
    assert names == [{letters(1), letters(2)}, {letters(0), letters(1), letters(2)}]
    assert [one["exit_code"] for one in told["directories"]] == [0, 0, 4]
    assert {one["command"] for one in (told, *told["directories"])} == {"sync"}


async def test_a_directory_that_another_run_holds_is_left_and_said(folder, settled):
    for name in ("north", "south"):
        write(folder / f"{name}.csv", 2)
    async with emulated(*keys("north", "south")) as emulator:
        settled(dict.fromkeys(["north", "south"], emulator.url))
        from importer.jobs import connect

        settings = load({"profile": "north"})
        async with connect.ledger(settings) as desk:
            number = await desk.do(lambda ledger: ledger.directory("north", connect.place(settings)))
            await desk.do(lambda ledger: ledger.acquire(number, "somebody", now=4e9, ttl=60.0))
        told = await run_all(load())
    north, south = told.directories
    assert (north.exit_code, north.stopped["code"], south.exit_code) == (75, "LeaseHeld", 0)
    assert (told.exit_code, north.contacts["waiting"]) == (75, 2)


async def test_a_file_that_is_missing_stops_its_directory_alone(folder, settled):
    write(folder / "north.csv", 2)
    async with emulated(*keys("north", "south")) as emulator:
        settled(dict.fromkeys(["north", "south"], emulator.url))
        told = await run_all(load())
    north, south = told.directories
    assert (north.exit_code, south.exit_code, told.exit_code) == (0, 2, 4)
    assert "south.csv" in south.stopped["message"]


async def test_a_file_of_one_profile_that_names_others_is_refused_there(folder, settled):
    write(folder / "north.csv", 2, routes=["north", "south"])
    async with emulated(*keys("north", "south")) as emulator:
        settled(dict.fromkeys(["north", "south"], emulator.url), more={"south": []})
        told = await run_all(load())
        assert emulator.contacts("north") == []
    assert "names other profiles too: south" in told.directories[0].stopped["message"]


async def test_two_profiles_of_one_directory_are_refused_before_anything_is_done(folder, settled, monkeypatch):
    for name in ("north", "south"):
        write(folder / f"{name}.csv", 2)
    async with emulated(*keys("north")) as emulator:
        line = 'credentials = {environment = "NORTH_"}'
        (folder / "importer.toml").write_text(
            "".join(
                f'[profiles.{name}]\nfile = "{name}.csv"\nendpoint = "{emulator.url}"\n{line}\n' for name in ("a", "b")
            )
        )
        with pytest.raises(FixCommand, match="a and b are one directory"):
            await run_all(load())
        assert not (folder / "importer.db").exists()
        settled(dict.fromkeys(["north", "south"], emulator.url))
        monkeypatch.setenv("SOUTH_ACCESS_KEY_ID", "id-north")
        monkeypatch.setenv("SOUTH_ACCESS_KEY_SECRET", "secret-north")
        told = await run_all(load())
        assert len(emulator.contacts("north")) == 2
    assert sorted(one.exit_code for one in told.directories) == [0, 4]
    assert {one.stopped["code"] for one in told.directories if one.stopped} == {"SameDirectory"}


async def test_missing_credentials_are_told_by_the_names_of_the_variables(folder, settled, monkeypatch):
    for name in ("north", "south"):
        write(folder / f"{name}.csv", 1)
    async with emulated(*keys("north")) as emulator:
        settled(dict.fromkeys(["north", "south"], emulator.url))
        monkeypatch.delenv("SOUTH_ACCESS_KEY_SECRET")
        told = await run_all(load())
    north, south = told.directories
    assert (north.exit_code, south.exit_code) == (0, 4)
    assert "SOUTH_ACCESS_KEY_SECRET is not set" in south.stopped["message"]
    assert "id-south" not in south.stopped["message"] + south.stopped["hint"]


async def test_a_signal_ends_all_of_them_in_good_order_and_begins_no_other(folder, settled):
    names = ["north", "south", "west"]
    for name in names:
        write(folder / f"{name}.csv", 30)
    async with emulated(*keys("north", "south", "west")) as emulator:
        settled(dict.fromkeys(names, emulator.url), top="at_once = 2")
        courses = []

        def watch(course):
            courses.append(course)

        async def interrupt():
            for _ in range(10_000):
                await anyio.sleep(0.005)
                if sum(len(emulator.contacts(name)) for name in names) >= 5:
                    break
            for course in courses:
                course.signal = int(signal.SIGTERM)
                course.halt()

        async with anyio.create_task_group() as group:
            group.start_soon(interrupt)
            told = (await run_all(load({"calls_per_second": 50.0}), watch=watch)).as_json()
        assert emulator.contacts("west") == []
        added = sum(len(emulator.contacts(name)) for name in names)
        assert 5 <= added < 60
        assert {one["exit_code"] for one in told["directories"]} == {143}
        assert told["exit_code"] == 143
        assert told["total"]["contacts"]["in_doubt"] == 0
        assert balanced(told["total"])
        assert told["total"]["rows"]["read"] == 90
        again = (await run_all(load())).as_json()
        assert [len(emulator.contacts(name)) for name in names] == [30, 30, 30]
        assert again["total"]["contacts"]["sent"] == 90
