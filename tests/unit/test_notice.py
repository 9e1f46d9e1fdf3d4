"""What people are told of a run, and when."""

import pytest

from importer.report.notice import notice

ALL = ("done", "deferred", "stopped", "doubt", "held")
TOLD = {
    "command": "run",
    "exit_code": 3,
    "rows": {"read": 5, "rejected": 1, "duplicate": 0, "accepted": 4},
    "contacts": {"waiting": 0, "in_doubt": 1, "sent": 3},
    "deferrals": [{"count": 2, "reason": "daily-sends", "until": None}],
    "next_action_at": "2026-11-25T00:00:00+08:00",
    "stopped": None,
}


def said(code, before, on=ALL, **others):
    return notice(TOLD | {"exit_code": code} | others, before, on=on, directory="acme")


@pytest.mark.parametrize(
    ("code", "state"),
    [(0, "done"), (1, "done"), (2, "stopped"), (3, "deferred"), (4, "stopped"), (5, "doubt"), (6, "held")],
)
def test_each_end_is_told_when_it_is_not_that_of_the_run_before(code, state):
    assert said(code, None).state == state
    assert said(code, 99).title == f"importer: acme: {state}"
    assert said(code, code) is None
    assert said(code, None, on=tuple(set(ALL) - {state})) is None


@pytest.mark.parametrize("code", [75, 130, 143])
def test_of_a_run_that_was_not_to_be_or_was_interrupted_nobody_is_told(code):
    assert said(code, 0) is None


def test_a_message_holds_counts_and_times():
    body = said(3, 0).body
    for words in (
        "directory acme",
        "rejected 1",
        "in doubt 1",
        "sent 3",
        "waiting for daily-sends: 2",
        "next: 2026-11-25",
    ):
        assert words in body
    assert "waiting 0" not in body
    assert "why: NoPermission" in said(4, 0, stopped={"code": "NoPermission", "message": "m"}).body
    assert "deletes held back: 7" in said(6, 0, held={"deletes": 7, "reason": "r", "hint": "h"}).body
