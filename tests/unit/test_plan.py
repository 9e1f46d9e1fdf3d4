"""Forecast: what is done today, what waits, and on which day the last mail goes out."""

from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from importer.directory import Listed
from importer.ledger.values import KNOWN
from importer.model.clock import Day
from importer.stage.plan import forecast, nothing_known, taken

NOW = datetime(2026, 11, 23, 10, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()


def ahead(adds, sends, *, free=100, used=0, daily=10):
    left, day = max(0, daily - used), Day.of(NOW, "Asia/Shanghai")
    return forecast(adds, sends, free=free, left=left, daily_sends=daily, day=day, day_zone="Asia/Shanghai")


@pytest.mark.parametrize(
    ("sends", "used", "today", "finished"),
    [
        (0, 0, 0, "2026-11-23"),
        (10, 0, 10, "2026-11-23"),
        (11, 0, 10, "2026-11-24"),
        (20, 0, 10, "2026-11-24"),
        (21, 0, 10, "2026-11-25"),
        (10, 4, 6, "2026-11-24"),
        (10, 99, 0, "2026-11-24"),
    ],
)
def test_mails_are_spread_over_days(sends, used, today, finished):
    seen = ahead(sends, sends, used=used)
    assert seen.sends == today
    assert str(seen.finished_on) == finished
    assert sum(mails for _, mails in seen.schedule) == sends
    assert all(0 < mails <= 10 for _, mails in seen.schedule)
    assert not seen.schedule or str(seen.schedule[-1][0]) == finished
    assert [(wait.reason, wait.count) for wait in seen.waits] == (
        [("daily-sends", sends - today)] if sends > today else []
    )


def test_contacts_without_a_place_wait_without_an_end_and_are_not_mailed():
    seen = ahead(12, 12, free=5)
    assert (seen.adds, seen.sends, seen.finished_on) == (5, 5, None)
    assert [(wait.kind, wait.count, wait.until) for wait in seen.waits] == [("add", 7, None)]


def test_a_directory_that_was_not_asked_has_places_for_all():
    assert ahead(50, 50, free=None).adds == 50


def test_a_day_without_sends_has_no_last_day():
    assert ahead(1, 1, daily=0).finished_on is None
    assert ahead(0, 0, daily=0).finished_on is not None


def known(*contacts):
    rows = [
        {
            "contact": number,
            "key": name.lower(),
            "name": name,
            "email_address": f"{name}@example.com",
            "phone_number": None,
            "title": "CEO",
            "message_types": "FaultMessage",
            "state": state,
            "contact_id": None,
            "file": file,
            "line": 2,
        }
        for number, (name, state, file) in enumerate(contacts)
    ]
    return pl.DataFrame(rows, schema={name: getattr(pl, kind) for name, kind in KNOWN.items()})


@pytest.mark.parametrize(
    ("state", "file", "is_taken"),
    [
        ("sent", "a.csv", True),
        ("in_doubt", "a.csv", True),
        ("verified", "b.csv", True),
        ("waiting", "a.csv", False),
        ("waiting", "b.csv", True),
        ("failed", "b.csv", False),
        ("deleted", "b.csv", False),
    ],
)
def test_a_name_is_taken_by_what_is_there_or_what_another_file_waits_for(state, file, is_taken):
    assert (taken(known(("Tom", state, file)), (), "a.csv").height == 1) is is_taken


def test_the_directorys_names_are_taken_and_the_ledgers_word_goes_first():
    tom = Listed("c-1", "Tom", "other@example.com", None, "CEO", ("FaultMessage",), "Active")
    ann = Listed("c-2", "Ann", "ann@example.com", None, "CEO", ("FaultMessage",), "Active")
    frame = taken(known(("Tom", "sent", "a.csv")), (tom, ann), "a.csv")
    assert sorted(frame.select("key", "place").rows()) == [("ann", "directory"), ("tom", "ledger")]
    assert taken(nothing_known(), (), "a.csv").is_empty()
