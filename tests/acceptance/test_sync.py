"""Sync as a user has it: a file that changes from night to night, guards, plans that are saved, runs taken back."""

import json
import os
import stat
import time

import pytest
from conftest import letters, wait_until

HEAD = "Name,EmailAddress,PhoneNumber,Title,MessageTypes\n"
FIRST = "2026-11-23T22:00:00+08:00"
SECOND = "2026-11-24T22:00:00+08:00"
BIG = ("--max-contacts", 200, "--daily-sends", 200, "--calls-per-second", 500)


def row(name, mail=None, title="CEO"):
    return f"{name},{mail or name + '@example.com'},,{title},FaultMessage;SecurityMessage\n"


def people(*numbers):
    return [row(letters(number)) for number in numbers]


class Office:
    """A directory that is served, a file, and the sync of one by the other."""

    def __init__(self, shell, server):
        self.shell, self.server = shell, server
        self.words = ("--endpoint", server.banner["url"], *BIG)
        self.file = shell.folder / "people.csv"

    def write(self, rows, *, age=0.0):
        self.file.write_text(HEAD + "".join(rows), encoding="utf-8")
        at = time.time() - age
        os.utime(self.file, (at, at))

    def sync(self, *words, code=0):
        return self.shell.json("sync", "people.csv", *self.words, *words, code=code)

    def names(self):
        return sorted(contact["Name"] for contact in self.server.get("state")["contacts"])


@pytest.fixture
def office(shell, serve):
    return Office(shell, serve(*BIG))


def test_a_directory_follows_its_file_and_a_second_sync_finds_nothing_to_do(office):
    office.write(people(0, 1, 2))
    first = office.sync()
    assert (first["command"], first["contacts"]["sent"], first["changes"]["add"]) == ("sync", 3, 3)
    assert office.sync()["calls"] == {
        "ListMessageContacts": {"ok": 1},
        "ListMessageContactVerifications": {"ok": 2},  # once to plan, once to see who is verified
    }
    office.write(
        [row(letters(0), "new@example.com"), row("hanna", f"{letters(1)}@example.com", "Other"), *people(2, 3)]
    )
    plan = office.sync("--plan")
    changes = {one["name"]: one["changes"] for one in plan["operations"] if one["operation"] == "update"}
    assert changes == {
        letters(0): {"email_address": [f"{letters(0)}@example.com", "new@example.com"]},
        letters(1): {"name": [letters(1), "hanna"], "title": ["CEO", "Other"]},
    }
    assert len(office.names()) == 3, "a plan changes nothing"
    done = office.sync()
    assert done["operations"]["update"] == {"done": 2, "pending": 0, "failed": 0, "in_doubt": 0}
    assert office.names() == sorted([letters(0), "hanna", letters(2), letters(3)])
    mails = sorted(mail["To"] for mail in office.server.get("outbox"))
    assert mails == sorted([*(f"{letters(number)}@example.com" for number in range(4)), "new@example.com"])
    again = office.sync()
    assert (again["changes"]["unchanged"], set(again["calls"])) == (
        4,
        {"ListMessageContacts", "ListMessageContactVerifications"},
    )
    rows = {line["name"]: line["email_address"] for line in office.shell.export()}
    assert rows == {
        letters(0): "new@example.com",
        "hanna": f"{letters(1)}@example.com",
        **{letters(number): f"{letters(number)}@example.com" for number in (2, 3)},
    }


def test_without_renames_a_new_name_is_another_contact(office):
    office.write(people(0))
    office.sync()
    office.write([row("hanna", f"{letters(0)}@example.com")])
    done = office.sync("--renames", "off", "--delete", "--missing-for", "0d", "--max-deletes", 1)
    assert (done["changes"]["add"], done["changes"]["rename"], done["changes"]["delete"]) == (1, 0, 1)
    assert office.names() == ["hanna"]


def test_who_left_is_deleted_on_the_second_night_and_not_on_the_first(office):
    office.write(people(*range(20)))
    office.sync("--now", FIRST)
    office.write(people(*range(18)))
    first = office.sync("--delete", "--now", FIRST)
    assert (first["changes"]["delete"], len(office.names())) == (0, 20)
    assert {one["reason"] for one in first["changes"]["protected"]} == {"missing for the first time"}
    early = office.sync("--delete", "--now", SECOND.replace("22:00", "21:45"))
    assert early["changes"]["delete"] == 0
    second = office.sync("--delete", "--now", SECOND)
    assert second["operations"]["delete"] == {"done": 2, "pending": 0, "failed": 0, "in_doubt": 0}
    assert office.names() == [letters(number) for number in range(18)]
    assert office.sync("--delete", "--now", SECOND)["changes"]["protected"] == []


@pytest.mark.parametrize(("left", "code"), [(70, 0), (69, 6)])
def test_a_file_that_lost_more_than_30_percent_deletes_nobody(shell, left, code):
    """In a rehearsal, for the arithmetic is the plan's."""
    shell.contacts(100, "people.csv")
    words = ("sync", "people.csv", "--emulator", *BIG)
    shell.json(*words)
    shell.contacts(left, "people.csv")
    at_once = ("--delete", "--missing-for", "0d", "--max-deletes", 100)
    plan = shell.json(*words, *at_once, "--plan", code=code)
    assert len(plan["operations"]) == (100 - left if code == 0 else 0)
    if code:
        assert plan["held"]["guard"] == "shrunk"
        assert (plan["held"]["deletes"], "31 %" in plan["held"]["reason"]) == (31, True)
        allowed = shell.json(*words, *at_once, "--max-shrink", 31, "--plan")
        assert len(allowed["operations"]) == 31


@pytest.mark.parametrize(
    ("rows", "words", "code", "guard"),
    [
        ([], (), 6, "empty"),
        ([*people(*range(18)), "x1,broken,,Chief,Nothing\n"], (), 6, "errors"),
        (people(*range(17)), (), 6, "max-deletes"),
        (people(*range(17)), ("--max-deletes", 3), 0, None),
    ],
    ids=["header-only", "errors", "three-of-20", "three-allowed"],
)
def test_a_guard_holds_all_deletes_back_and_says_why_with_its_arithmetic(shell, rows, words, code, guard):
    file = shell.folder / "people.csv"
    file.write_text(HEAD + "".join(people(*range(20))), encoding="utf-8")
    command = ("sync", "people.csv", "--emulator", "--delete", "--missing-for", "0d")
    shell.json(*command)
    file.write_text(HEAD + "".join(rows), encoding="utf-8")
    done = shell.json(*command, *words, code=code)
    assert (done["held"] or {}).get("guard") == guard
    assert done["operations"].get("delete", {}).get("done", 0) == (0 if guard else 20 - len(rows))
    if guard == "max-deletes":
        assert "3 contacts would be deleted, and 2 may be" in done["held"]["reason"]


def test_a_guard_lets_adds_and_updates_go_on(office):
    office.write(people(*range(20)))
    office.sync()
    office.write([row(letters(0), title="Other"), *people(1, 2, 30)])
    done = office.sync("--delete", "--missing-for", "0d", code=6)
    assert (done["held"]["guard"], done["operations"]["update"]["done"]) == ("shrunk", 1)
    assert len(office.names()) == 21
    shown = office.shell("sync", "people.csv", *office.words, "--delete", "--missing-for", "0d", "--plan")
    assert shown.returncode == 6
    assert "deletes held back (17): the file has 4 rows and had 20 at the last sync" in shown.stdout


def test_an_export_of_yesterday_needs_to_be_meant(office):
    office.write(people(0, 1))
    office.sync()
    office.write(people(0, 2), age=3600)
    refused = office.shell("sync", "people.csv", *office.words)
    assert refused.returncode == 2
    assert "older than the one last synced" in refused.stderr
    assert "--older" in refused.stderr
    assert letters(2) not in office.names()
    office.sync("--older")
    assert letters(2) in office.names()


def test_a_file_that_is_being_written_is_refused(office):
    office.write(people(0))
    office.sync()
    with office.file.open("a", encoding="utf-8") as stream:
        number = 100
        process = office.shell.start("sync", "people.csv", *office.words)

        def written():
            nonlocal number
            number += 1
            stream.write(row(letters(number)))
            stream.flush()
            return process.poll() is not None

        wait_until(written)
        out, err = process.communicate()
    assert process.returncode == 2, out
    assert err.splitlines()[0] == "importer: people.csv: is being written"
    assert office.names() == [letters(0)]


def test_a_workbook_that_is_cut_off_is_refused(shell):
    from pathlib import Path

    whole = (Path(__file__).parents[2] / "samples" / "contacts.xlsx").read_bytes()
    (shell.folder / "people.xlsx").write_bytes(whole[: len(whole) // 2])
    done = shell("sync", "people.xlsx", "--emulator")
    assert done.returncode == 2
    assert "cut off" in done.stderr


def test_another_account_is_noticed_and_nothing_is_done(office, serve):
    office.write(people(*range(4)))
    office.sync()
    other = serve(*BIG)
    office.words = ("--endpoint", other.banner["url"], *BIG)
    office.write(people(*range(5)))
    for words in ((), ("--plan",)):
        refused = office.shell("sync", "people.csv", *office.words, *words)
        assert refused.returncode == 4
        assert "held 4 contacts of the ledger, this is empty" in refused.stderr
        assert "--emptied" in refused.stderr
    assert other.get("state")["contacts"] == []
    assert office.sync("--emptied")["contacts"]["sent"] == 5
    assert len(other.get("state")["contacts"]) == 5


def test_a_plan_is_saved_for_its_owner_and_carried_out_exactly(office):
    office.write(people(*range(10)))
    office.sync()
    office.write([row(letters(0), title="Other"), *people(*range(1, 9), 20)])
    saved = office.sync("--delete", "--missing-for", "0d", "--out", "plan.json")
    path = office.shell.folder / "plan.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    plan = json.loads(path.read_text())
    assert (plan["schema"], plan["kind"], plan["operations"]) == (1, "importer-plan", saved["operations"])
    assert [one["operation"] for one in plan["operations"]] == ["delete", "update", "add"]
    assert len(office.names()) == 10, "a plan changes nothing"
    done = office.shell.json("apply", "plan.json", *office.words)
    assert (done["command"], done["changes"]["delete"], done["changes"]["update"]) == ("apply", 1, 1)
    assert office.names() == [letters(number) for number in (*range(9), 20)]
    refused = office.shell("apply", "plan.json", *office.words)
    assert refused.returncode == 2
    assert "the directory has changed since the plan was made" in refused.stderr


def test_a_plan_is_refused_when_its_file_has_moved_on_or_it_is_none(office):
    office.write(people(0, 1))
    office.sync("--out", "plan.json")
    office.write(people(0, 1, 2))
    refused = office.shell("apply", "plan.json", *office.words)
    assert refused.returncode == 2
    assert "people.csv: has changed since the plan was made" in refused.stderr
    for text in ("", "[]", "{}", '{"schema": 2, "kind": "importer-plan"}'):
        (office.shell.folder / "plan.json").write_text(text)
        refused = office.shell("apply", "plan.json", *office.words)
        assert (refused.returncode, "is no plan" in refused.stderr) == (2, True)
    assert office.names() == []


def test_what_a_run_added_is_taken_back_except_what_was_changed_since(office):
    office.write(people(0, 1))
    office.sync()
    office.write(people(0, 1, 2, 3))
    run = office.sync()["run"]
    office.write([*people(0, 1), row(letters(2), title="Other"), *people(3)])
    office.sync()
    shown = office.shell.json("undo", run, *office.words)
    assert [one["name"] for one in shown["operations"]] == [letters(3)]
    assert [one["name"] for one in shown["changes"]["protected"]] == [letters(2)]
    assert len(office.names()) == 4, "shown, and not done"
    office.shell.json("undo", run, *office.words, "--out", "plan.json")
    done = office.shell.json("apply", "plan.json", *office.words)
    assert done["operations"]["delete"]["done"] == 1
    assert office.names() == [letters(number) for number in range(3)]
    assert office.shell.json("undo", run, *office.words, "--yes")["changes"]["delete"] == 0
    refused = office.shell("undo", "nonesuch", *office.words)
    assert (refused.returncode, "had no run nonesuch" in refused.stderr) == (2, True)


def test_a_deletion_that_takes_its_time_is_followed_to_its_end(office):
    office.write(people(0, 1))
    office.sync()
    office.write(people(0))
    words = ("--delete", "--missing-for", "0d", "--max-deletes", 1, "--max-shrink", 50)
    done = office.sync(*words, "--from-members")
    assert done["operations"]["delete"]["done"] == 1
    assert done["calls"]["GetMessageContactDeletionStatus"]
    assert office.names() == [letters(0)]
