"""A call begins only while the hold on its directory surely outlasts it, whatever the clock is set to."""

import random
from dataclasses import dataclass, replace

import pytest

from importer.ledger.values import Lease
from importer.model.clock import Clock
from importer.submit.course import Course, Tally

NOON = 1_700_000_000.0
LEASE = Lease(1, "me", 1, NOON + 60)


@dataclass
class Hands:
    """A clock on the wall, and the time that passes: either may be moved."""

    wall: float = NOON
    passed: float = 0.0

    def course(self):
        clock = Clock(now=lambda: self.wall, ticks=lambda: self.passed)
        return Course(None, None, LEASE, "run", clock, random.Random(1), Tally(), 30.0, 120.0)

    def turn(self, wall, passed):
        self.wall, self.passed = self.wall + wall, self.passed + passed


@pytest.mark.parametrize(
    ("wall", "passed", "may"),
    [
        (29, 29, True),
        (31, 31, False),
        (-3600, 29, True),  # set back
        (-3600, 31, False),
        (3600, 1, False),  # a machine that slept: its time did not pass, but the clock shows it
    ],
)
def test_a_hold_ends_by_the_clock_or_by_the_time_that_passed_whichever_is_sooner(wall, passed, may):
    hands = Hands()
    course = hands.course()
    hands.turn(wall, passed)
    assert course.may_start() is may


def test_a_renewed_hold_counts_from_its_renewal():
    hands = Hands()
    course = hands.course()
    hands.turn(-3600, 31)
    course.hold(replace(LEASE, expires_at=hands.wall + 60))
    assert course.may_start()
    hands.turn(31, 31)
    assert not course.may_start()
