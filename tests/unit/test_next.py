"""What happens next with a row, whatever became of it."""

import pytest

from importer.ledger.values import Deferral
from importer.ledger.views import Doing, ExportRow, Story
from importer.model.operation import Kind, Status
from importer.report.explain import Account, what_next


def row(state, message=None):
    return ExportRow(
        "f.csv", None, 2, "default", "Tom", "t@example.com", None, "CEO", "FaultMessage", state, None, None, message, 0,
        None, 5.0,
    )  # fmt: skip


def doing(kind=Kind.ADD, status=Status.DONE, **others):
    told = {"not_before": None, "reason": None, "code": None, "message": None, "updated_at": 5.0, "attempts": ()}
    return Doing(kind, status, **told | others)


def story(state, *operations, findings=(), message=None):
    return Story(1, "loopback", row(state, message), None, findings, "d", "{}", 1.0, False, operations)


LATER = doing(Kind.DELETE, Status.PENDING, not_before=50.0)
NAMELESS = doing(status=Status.FAILED, code="NameTaken", message="is taken")
BAD = ({"severity": "error", "hint": "write it so"},)
DAILY = Deferral(Kind.SEND_EMAIL, "daily-sends", 99.0)
FULL = Deferral(Kind.ADD, "max-contacts", None)
SEND = doing(Kind.SEND_EMAIL, Status.PENDING)


@pytest.mark.parametrize(
    ("told", "waits", "what", "says", "until"),
    [
        (story("waiting", doing(status=Status.PENDING)), (), "run", "the next run does it", None),
        (story("waiting", doing(status=Status.PENDING)), (FULL,), "wait", "raise --max-contacts", None),
        (story("added", doing(), SEND), (DAILY,), "wait", "waits for daily-sends", 99.0),
        (story("added", doing(), SEND), (FULL,), "run", "the next run does it", None),
        (story("added", doing(), LATER), (), "wait", "delete waits", 50.0),
        (story("in_doubt", doing(status=Status.IN_DOUBT)), (), "look", "may have been done", None),
        (story("waiting", doing(status=Status.IN_FLIGHT)), (), "look", "when a run ended", None),
        (story("sent", doing(), doing(Kind.SEND_EMAIL)), (DAILY,), "person", "follows the link", None),
        (story("verified", doing()), (), "nothing", "verified", None),
        (story("deleted", doing(Kind.DELETE)), (), "nothing", "deleted", None),
        (story("failed", doing(status=Status.FAILED, code="InvalidParameter.Name")), (), "correct", "Correct", None),
        (story("failed", NAMELESS), (), "correct", "taken", None),
        (story("rejected", findings=BAD), (), "correct", "write it so", None),
        (story("rejected"), (), "correct", "correct the row", None),
        (story("duplicate", message="the same as row 3"), (), "nothing", "the same as row 3", None),
    ],
)  # fmt: skip
def test_every_state_says_what_happens_next(told, waits, what, says, until):
    found = what_next(told, waits, held=False)
    assert (found.what, found.until) == (what, until)
    assert says in found.says


def test_what_is_in_flight_while_a_run_is_at_work_is_under_way():
    assert "is under way" in what_next(story("waiting", doing(status=Status.IN_FLIGHT)), (), held=True).says


def test_the_first_error_counts_though_a_note_stands_before_it():
    findings = ({"severity": "note", "hint": "repaired"}, {"severity": "error", "hint": "write it so"})
    assert what_next(story("rejected", findings=findings), (), held=False).says == "write it so"


def test_repairs_are_told_apart_from_findings():
    findings = ({"severity": "note", "rule": "a"}, {"severity": "warning", "rule": "b"})
    told = story("added", findings=findings)
    shown = Account(told, {}, "ledger", what_next(told, (), held=False)).as_json("UTC")
    assert [found["rule"] for found in shown["repairs"]] == ["a"]
    assert [found["rule"] for found in shown["findings"]] == ["b"]
