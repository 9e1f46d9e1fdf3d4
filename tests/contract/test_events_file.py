"""Events in a file: whole lines, appended, and a run that goes on whatever becomes of them."""

import json
import os
import stat
from collections import Counter
from pathlib import Path

import lines
import pytest
from jsonschema import ValidationError

from importer import load
from importer.jobs.run import run
from importer.jobs.traces import meaning, traces
from importer.model.errors import ComeBack, FixCommand
from importer.model.operation import Outcome
from importer.report.events import line, recording

NOON = 1_700_000_000.25


def silent(*_, **__):
    raise AssertionError("nothing was lost")


def read(path):
    found = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    for one in found:
        lines.check(one)
    return found


def test_lines_are_appended_in_order_by_every_run_and_for_the_owner_alone(tmp_path):
    path = tmp_path / "events.jsonl"
    for number_of_run in ("a", "b"):
        with recording(path, silent) as tell:
            for number in range(500):
                tell(NOON + number, number_of_run, "stopped", {"code": str(number)})
    found = read(path)
    assert [(one["run"], one["code"]) for one in found] == [(run, str(n)) for run in "ab" for n in range(500)]
    assert found[0]["time"] == "2023-11-14T22:13:20.250+00:00"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_that_was_cut_short_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"schema": 1, "ti')
    with recording(path, silent) as tell:
        tell(NOON, "a", "stopped", {"code": "x"})
    first, second = path.read_text().splitlines()
    lines.check(json.loads(second))
    assert first == '{"schema": 1, "ti'


def test_a_full_disk_is_said_once_and_stops_nothing():
    said = []
    with recording(Path("/dev/full"), said.append) as tell:
        for number in range(100):
            tell(NOON, "a", "stopped", {"code": str(number)})
    assert said == ["No space left on device"]


def test_a_pipe_that_is_closed_is_said_once(tmp_path):
    path, said = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with recording(path, said.append) as tell:
        os.close(reader)
        tell(NOON, "a", "stopped", {"code": "x"})
    assert said == ["Broken pipe"]


def test_a_pipe_that_nobody_reads_and_a_place_that_is_none_are_refused_before_anything_is_done(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, why in {"pipe": "nobody reads", "no/events.jsonl": "No such file", ".": "directory"}.items():
        with pytest.raises(FixCommand, match=why), recording(tmp_path / path, silent):
            pytest.fail("it was opened")


def test_the_schema_refuses_what_is_no_event():
    good = line(NOON, "a", "stopped", {"code": "x"})
    lines.check(good)
    for bad in ({"event": "other"}, {"time": "noon"}, {"name": "Tom"}, {"schema": 2}, {"code": None}, {"run": None}):
        with pytest.raises(ValidationError):
            lines.check(good | bad)


def test_a_time_beyond_all_calendars_is_written_as_their_end():
    assert line(1e15, "a", "stopped", {"code": "x"})["time"] == "9999-12-31T23:59:59.000+00:00"


def test_the_schema_knows_every_outcome():
    for outcome in Outcome:
        facts = dict.fromkeys(("operation", "contact", "http_status", "request_id"))
        lines.check(
            line(NOON, "a", "call", {**facts, "action": "A", "code": "c", "outcome": outcome.value, "seconds": 0})
        )


async def test_a_run_tells_what_it_does_in_order_and_every_call_has_its_contact(tmp_path):
    (tmp_path / "people.csv").write_text(
        "Name,EmailAddress,Title,MessageTypes\nTom,tom@example.com,CEO,FaultMessage\nAnn,ann@example.com,CEO,FaultMessage\n"
    )
    settings = load(
        {
            "emulator": True,
            "ledger": str(tmp_path / "importer.db"),
            "events": str(tmp_path / "events.jsonl"),
            "daily_sends": 1,
        }
    )
    with traces("run", settings, silent) as left:
        summary = await run(tmp_path / "people.csv", settings, watch=left.watch)
    told = read(tmp_path / "events.jsonl")
    names = [one["event"] for one in told]
    assert names[:2] == ["run_started", "lease_taken"]
    assert names[-2:] == ["deferred", "finished"]
    assert {one["run"] for one in told} == {summary.run}
    calls = Counter(one["action"] for one in told if one["event"] == "call")
    assert calls == {action: sum(codes.values()) for action, codes in summary.calls.items()}
    assert all((one["contact"] is None) == (one["action"] == "ListMessageContacts") for one in told if "action" in one)
    deferred = told[-2]
    assert (deferred["count"], deferred["reason"]) == (1, "daily-sends")
    assert told[-1]["contacts"] == summary.contacts


def test_a_command_that_ends_by_an_error_says_which(tmp_path):
    settings = load({"events": str(tmp_path / "events.jsonl")})
    with pytest.raises(ComeBack), traces("run", settings, silent):
        raise ComeBack("another run", code="LeaseHeld")
    (told,) = read(tmp_path / "events.jsonl")
    assert (told["event"], told["run"], told["code"], told["exit_code"]) == ("failed", None, "LeaseHeld", 75)


def test_an_error_in_a_group_is_the_one_that_the_command_ends_by():
    known = ComeBack("another run", code="LeaseHeld")
    group = BaseExceptionGroup("", [ValueError(), ExceptionGroup("", [known])])
    assert meaning(group) == ("LeaseHeld", 75)
    assert meaning(KeyboardInterrupt()) == ("Interrupted", 130)
    assert meaning(ValueError()) == ("Unforeseen", 2)
