"""What verify prints: exit codes as everywhere, what is to be done next, waits told once."""

import pytest

from importer.model.operation import State
from importer.model.standing import Followed, Place, Standing
from importer.report.summary import Waiting
from importer.report.verification import Verification, together

NOON = 1_700_000_000.0
COUNTS = {"done": 1, "pending": 0, "failed": 0, "in_doubt": 0}
TOMORROW = Waiting(1, "daily-sends", "2023-11-15T00:00:00+08:00")


def standing(state=State.SENT, next_at=None, place=Place.WAITING):
    contact = Followed(1, "anna", "anna@example.com", None, "c-1", state)
    return Standing(contact, place, next_at=next_at)


def came(*standings, sends=None, in_doubt=0, **others):
    return Verification(
        run="r",
        directory="default",
        contacts={"in_doubt": in_doubt, "failed": 0},
        operations={"add": COUNTS | {"pending": 7}, "send_email_verification": COUNTS | (sends or {})},
        calls={},
        verification={"verified": 0, "waiting": 1, "reminded": 0, "for_a_person": 0},
        standings=standings,
        zone="Asia/Shanghai",
        now=NOON,
        **others,
    )


STOP = {"code": "NoPermission", "message": "it may not"}


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (came(standing()), 0),
        (came(standing(State.FAILED, place=Place.PERSON)), 1),
        (came(standing(State.FAILED), sends={"pending": 1}), 3),
        (came(standing(), deferrals=(TOMORROW,)), 3),
        (came(standing(), deferrals=(TOMORROW,), in_doubt=1), 5),
        (came(standing(), sends={"in_doubt": 1}), 5),
        (came(standing(), in_doubt=1, signal=15), 143),
        (came(standing(), signal=15, lease_lost=True), 75),
        (came(standing(), signal=15, stopped=STOP), 4),
    ],
)
def test_of_several_exit_codes_the_first_of_the_common_order(found, code):
    assert found.exit_code == code
    assert found.as_json()["exit_code"] == code


def test_adds_that_wait_are_not_this_commands():
    assert came(standing()).operations["add"]["pending"] == 7
    assert came(standing()).exit_code == 0


def test_what_is_next_is_the_end_of_a_deferral_or_else_of_the_first_silence():
    late, soon = standing(next_at=NOON + 86_400), standing(next_at=NOON + 60)
    assert came(late, standing(), soon).next_action_at == "2023-11-15T06:14:20+08:00"
    assert came(late, deferrals=(TOMORROW,)).next_action_at == TOMORROW.until
    assert came(standing()).next_action_at is None


def test_waits_for_one_reason_until_one_time_are_told_as_one():
    later = Waiting(2, "daily-sends", None)
    assert together([TOMORROW, later, Waiting(3, "daily-sends", TOMORROW.until)]) == (
        Waiting(4, "daily-sends", TOMORROW.until),
        later,
    )
