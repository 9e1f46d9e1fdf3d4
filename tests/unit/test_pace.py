"""Rate, pauses, waits and the day's allowance, on a clock that the test moves."""

import random

import pytest

from importer.model.clock import Clock, Day
from importer.model.operation import Answer, Kind, Outcome
from importer.submit.daily import Daily
from importer.submit.pace import MINUTE, Allowance, Backoff, Bucket, Pace, Pause, Targets

NOON = 1_795_000_000.0 - 1_795_000_000.0 % 86_400 + 4 * 3600  # noon in Shanghai


class Hands:
    """A clock moved by sleeping, or by hand."""

    def __init__(self, now=NOON):
        self.time = now
        self.clock = Clock(now=lambda: self.time, ticks=lambda: self.time, sleep=self.sleep)

    async def sleep(self, seconds):
        assert seconds > 0
        self.time += seconds


async def test_turns_are_spaced_by_the_rate_and_a_rest_is_not_saved_up():
    hands = Hands()
    bucket = Bucket(10.0, hands.clock)
    starts = []
    for _ in range(4):
        await bucket.take()
        starts.append(round(hands.time - NOON, 6))
    assert starts == [0.0, 0.1, 0.2, 0.3]
    hands.time += 60
    for _ in range(3):
        await bucket.take()
        starts.append(round(hands.time - NOON - 60.3, 6))
    assert starts[4:] == [0.0, 0.1, 0.2]


async def test_a_pause_holds_every_kind_of_call():
    hands = Hands()
    pace = Pace(1000.0, Allowance(Daily(9, "UTC"), 0, hands.clock), hands.clock)
    pace.pause.extend(30)
    await pace.turn(Kind.SEND_EMAIL)
    assert hands.time - NOON >= 30
    await pace.turn(Kind.ADD)
    assert hands.time - NOON < 31


async def test_an_address_gets_its_mails_of_a_minute_and_the_next_ones_wait_while_others_do_not():
    hands = Hands()
    targets = Targets(2, hands.clock, [(NOON - 30, "TEAM@example.com")])
    await targets.turn("team@example.com")
    await targets.turn("tom@example.com")
    assert hands.time == NOON
    await targets.turn("Team@example.com")
    assert hands.time == NOON - 30 + MINUTE
    await targets.turn("team@example.com")
    assert hands.time == NOON + MINUTE


def test_a_shorter_pause_does_not_cut_a_longer_one():
    hands = Hands()
    pause = Pause(hands.clock)
    pause.extend(30)
    pause.extend(1)
    assert pause.left == 30


def test_the_pace_stays_at_nine_tenths_of_the_documented_rate():
    hands = Hands()
    pace = Pace(20.0, Allowance(Daily(9, "UTC"), 0, hands.clock), hands.clock)
    assert pace._buckets[Kind.ADD].interval == pytest.approx(1 / 18)


def test_the_allowance_counts_what_was_sent_before_and_opens_at_midnight_of_its_zone():
    hands = Hands()
    allowance = Allowance(Daily(3, "Asia/Shanghai"), 2, hands.clock)
    assert allowance.spend()
    assert not allowance.spend()
    assert allowance.until == Day.of(NOON, "Asia/Shanghai").end
    hands.time = allowance.until - 1
    assert allowance.left == 0
    hands.time = allowance.until
    assert allowance.left == 3


def test_the_servers_refusal_wins_over_the_count_until_the_next_day():
    hands = Hands()
    allowance = Allowance(Daily(100, "Asia/Shanghai"), 0, hands.clock)
    allowance.refused()
    assert allowance.left == 0
    allowance.give_back()
    assert allowance.left == 0
    hands.time = allowance.until
    assert allowance.left == 100


def test_a_clock_set_back_does_not_open_a_day_twice():
    hands = Hands()
    allowance = Allowance(Daily(2, "Asia/Shanghai"), 0, hands.clock)
    hands.time += 86_400
    assert allowance.spend()
    assert allowance.spend()
    hands.time -= 86_400
    assert not allowance.spend()


def test_a_send_that_did_not_happen_costs_nothing():
    hands = Hands()
    allowance = Allowance(Daily(1, "Asia/Shanghai"), 0, hands.clock)
    assert allowance.spend()
    allowance.give_back()
    assert allowance.spend()


@pytest.mark.parametrize(
    ("answer", "tries", "low", "high"),
    [
        (Answer(Outcome.CONFLICT, "c"), 1, 0.05, 0.4),
        (Answer(Outcome.CONFLICT, "c"), 50, 0.05, 0.4),
        (Answer(Outcome.THROTTLE, "t"), 1, 1.0, 1.25),
        (Answer(Outcome.THROTTLE, "t"), 3, 4.0, 5.0),
        (Answer(Outcome.RESEND, "r"), 1, 0.375, 0.625),
        (Answer(Outcome.RESEND, "r"), 2000, 22.5, 37.5),
        (Answer(Outcome.THROTTLE, "t", wait=7.0), 9, 7.0, 7.0),
        (Answer(Outcome.CONFLICT, "c", wait=0.01), 1, 0.01, 0.01),
    ],
)
def test_waits_grow_with_tries_have_a_ceiling_and_obey_the_server(answer, tries, low, high):
    waits = [Backoff(random.Random(seed)).wait(answer, tries) for seed in range(50)]
    assert min(waits) >= low
    assert max(waits) <= high
