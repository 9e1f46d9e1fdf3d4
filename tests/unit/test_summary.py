"""The totals of a run, its exit code, and the next time at which there is something to do."""

import pytest

from importer.ledger.values import Deferral
from importer.ledger.views import Totals
from importer.model.operation import Kind, State, Status
from importer.report.summary import Summary, Waiting, balance, waits


def summary(**changed):
    rows, contacts, operations = balance(Totals())
    values = {
        "run": "r",
        "command": "run",
        "file": "f",
        "directory": "default",
        "rows": rows,
        "contacts": contacts,
        "adopted": 0,
        "operations": operations,
        "calls": {},
        "timing": {},
    }
    return Summary(**{**values, **changed})


def counted(name, count):
    return {**summary().contacts, name: count}


def pending():
    return {"add": {"done": 0, "pending": 1, "failed": 0, "in_doubt": 0}}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, 0),
        ({"rows": {"read": 1, "rejected": 1, "duplicate": 0, "accepted": 0}}, 1),
        ({"contacts": counted("failed", 1)}, 1),
        ({"operations": pending()}, 3),
        ({"operations": pending(), "contacts": counted("failed", 1)}, 3),
        ({"contacts": counted("in_doubt", 1)}, 5),
        ({"contacts": counted("in_doubt", 1), "operations": pending()}, 5),
        ({"signal": 2, "contacts": counted("in_doubt", 1)}, 130),
        ({"signal": 15}, 143),
        ({"stopped": {"code": "c", "message": "m"}, "signal": 2}, 4),
        ({"stopped": {"code": "c", "message": "m"}, "lease_lost": True}, 75),
    ],
)
def test_of_several_meanings_the_first_in_the_documented_order_is_the_exit_code(changed, code):
    assert summary(**changed).exit_code == code
    assert summary(**changed).as_json()["exit_code"] == code


def test_the_wait_that_ends_first_is_told_and_one_without_an_end_only_if_there_is_no_other():
    places, sends = Waiting(7, "max-contacts", None), Waiting(2, "daily-sends", "2026-11-24T00:00:00+08:00")
    both = summary(deferrals=(places, sends))
    assert both.deferred == sends
    assert both.as_json()["next_action_at"] == sends.until
    assert summary(deferrals=(places,)).deferred == places
    assert summary(deferrals=(places,)).as_json()["next_action_at"] is None
    assert summary().as_json()["deferred"] is None


def test_every_state_and_status_is_told_zeros_too():
    rows, contacts, operations = balance(Totals(read=3, rejected=1, accepted=2, contacts={State.SENT: 2}))
    assert rows == {"read": 3, "rejected": 1, "duplicate": 0, "accepted": 2}
    assert list(contacts) == [state.value for state in State]
    assert contacts["sent"] == 2
    assert set(operations) == {"add", "send_email_verification"}
    assert operations["add"] == {"done": 0, "pending": 0, "failed": 0, "in_doubt": 0}


def test_only_what_this_file_has_pending_is_said_to_wait():
    totals = Totals(operations={Kind.ADD: {Status.PENDING: 4}, Kind.SEND_EMAIL: {Status.PENDING: 0}})
    deferrals = {
        Kind.ADD: Deferral(Kind.ADD, "max-contacts", None),
        Kind.SEND_EMAIL: Deferral(Kind.SEND_EMAIL, "daily-sends", 0.0),
    }
    assert waits(totals, deferrals, "UTC") == (Waiting(4, "max-contacts", None),)
