"""What a ledger tells of a run for its page: days, what is foreseen, calls, doubts, findings."""

import json
from datetime import UTC, date, datetime

import pytest
from ledgers import Book, added, doubtful, failed, names, row, sent

from importer.jobs.story import story
from importer.ledger.sqlite import open_sqlite
from importer.ledger.values import Deferral, Run
from importer.model.operation import Kind
from importer.report.summary import Summary, balance
from importer.settings import load

DAY = 86_400.0
TODAY = datetime(2026, 11, 24, 9, tzinfo=UTC)
NOW = TODAY.timestamp()


@pytest.fixture
def book(tmp_path):
    ledger = open_sqlite(tmp_path / "importer.db")
    yield Book(ledger)
    ledger.close()


def told(book, tmp_path, *, run="run-1", **settings):
    rows, contacts, operations = balance(book.ledger.totals(book.directory))
    summary = Summary(
        run, "run", "contacts.csv", "default", rows, contacts, 0, operations, {}, {"submit_seconds": 90.0}
    )
    values = {"ledger": str(tmp_path / "importer.db"), "emulator": True, "now": TODAY, "day_zone": "UTC"}
    return story(summary, load(values | settings))


def mail(book, count, at):
    """That many of the mails that wait go out."""
    book.record(*(sent(operation, at=at) for operation in book.claim(Kind.SEND_EMAIL, count)))


def test_the_days_are_those_of_the_zone_and_the_mails_that_wait_are_foreseen(book, tmp_path):
    book.stage(*(row(line, name) for line, name in enumerate(names(30), 2)))
    book.record(*map(added, book.claim(limit=25)))
    mail(book, 4, NOW - 10 * DAY)
    mail(book, 3, NOW - DAY)
    mail(book, 2, NOW)
    days = told(book, tmp_path, daily_sends=8).days
    assert days.limit == 8
    assert [day for day, _, _ in days.days] == [date(2026, 11, n) for n in range(14, 27)], "none is left out"
    assert {day.day: mails for day, mails, _ in days.days if mails} == {14: 4, 23: 3, 24: 2}
    assert {day.day: mails for day, _, mails in days.days if mails} == {24: 6, 25: 8, 26: 7}
    assert days.finished_on == date(2026, 11, 26)
    assert days.beyond == 0


def test_a_day_begins_at_midnight_of_the_zone_that_is_set(book, tmp_path):
    book.stage(row(2, "anna"), row(3, "bob"))
    book.add_all()
    mail(book, 1, datetime(2026, 11, 23, 15, 59, tzinfo=UTC).timestamp())
    mail(book, 1, datetime(2026, 11, 23, 16, 1, tzinfo=UTC).timestamp())
    days = told(book, tmp_path, day_zone="Asia/Shanghai").days.days
    assert {day.day: mails for day, mails, _ in days if mails} == {23: 1, 24: 1}


def test_what_would_fill_months_is_shown_for_two_weeks_and_the_rest_counted(book, tmp_path):
    book.stage(*(row(line, name) for line, name in enumerate(names(100), 2)))
    days = told(book, tmp_path, daily_sends=2).days
    assert sum(ahead for _, _, ahead in days.days) == 28
    assert days.beyond == 72
    assert days.finished_on == date(2027, 1, 12)


def test_nothing_is_foreseen_of_contacts_for_which_there_is_no_place(book, tmp_path):
    book.stage(*(row(line, name) for line, name in enumerate(names(5), 2)))
    book.record(*map(added, book.claim(limit=2)))
    book.ledger.defer(book.lease, Kind.ADD, "max-contacts")
    assert book.ledger.deferrals(book.directory) == [Deferral(Kind.ADD, "max-contacts", None)]
    days = told(book, tmp_path).days
    assert sum(ahead for _, _, ahead in days.days) == 2
    assert days.finished_on is None


def test_calls_doubts_and_findings_are_the_ledgers(book, tmp_path):
    error = {"rule": "name-long", "severity": "error", "message": "long", "column": "Name", "value": "x", "hint": None}
    rejected = [{"line": 9, "cells": json.dumps({"Name": "x"}), "findings": json.dumps([error])}]
    book.stage(*(row(line, name) for line, name in enumerate(names(3), 2)), rejected=rejected)
    one, two, three = book.claim()
    book.record(added(one, at=NOW), failed(two, at=NOW + 1), doubtful(three, at=NOW + 2))
    book.ledger.finish_run("run-1", ended_at=NOW + 3, exit_code=5, totals="{}")
    found = told(book, tmp_path)
    assert found.width == 2
    assert sum(one.count for one in found.calls) == 3
    assert [one.row for one in found.doubts] == [4]
    assert found.doubts_in_all == 1
    assert [(entry.line, entry.kind) for entry in found.marks.entries] == [(3, "failed"), (9, "error")]
    assert found.ended == NOW + 3


def test_the_times_of_a_run_are_unknown_once_another_one_began(book, tmp_path):
    book.ledger.start_run(book.lease, Run("run-2", book.directory, "run", "contacts.csv", "d1", NOW))
    assert told(book, tmp_path).begun is None
    assert told(book, tmp_path, run="run-2").begun == NOW


def test_a_directory_that_the_ledger_never_met_has_an_empty_story(book, tmp_path):
    found = told(book, tmp_path, emulator=False, endpoint="never.example.com")
    assert (found.calls, found.days.days, found.marks.entries) == ((), (), ())
