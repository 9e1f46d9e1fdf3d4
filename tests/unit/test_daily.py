"""What a refusal teaches of the day that mails are counted in."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from importer.model.clock import Clock
from importer.submit.daily import PROBE, Daily, Refusal
from importer.submit.pace import Allowance

ZONE = "Asia/Shanghai"
HOUR = 3600.0


def at(day, time):
    return datetime.fromisoformat(f"2026-11-{day}T{time}").replace(tzinfo=ZoneInfo(ZONE)).timestamp()


def daily(refused, mails, again=None, **more):
    return Daily(100, ZONE, refusal=Refusal(refused, mails, again), **more)


@pytest.mark.parametrize(
    ("refused", "again", "opens"),
    [
        (at(22, "15:00"), at(23, "00:00"), 0.0),
        (at(22, "15:00"), at(23, "11:00"), 0.0),  # midnight lies between: nothing speaks against it
        (at(23, "07:00"), at(23, "08:00"), 8 * HOUR),
        (at(23, "07:00"), None, 0.0),
    ],
)
def test_a_day_begins_when_mails_went_out_again_if_no_midnight_explains_it(refused, again, opens):
    assert daily(refused, 40, again).opens == opens


def test_a_limit_that_was_met_is_foreseen_for_a_week_and_binds_only_what_is_kept_for_people():
    met, soon, late = at(10, "15:00"), at(16, "12:00"), at(18, "12:00")
    shared = daily(met, 40, at(11, "00:00"))
    assert (shared.likely(soon), shared.likely(late)) == (40, 100)
    assert shared.allowed(soon) == 100
    kept = daily(met, 40, at(11, "00:00"), reserve=30)
    assert (kept.likely(soon), kept.allowed(soon), kept.allowed(late)) == (10, 10, 70)


def test_a_higher_count_than_the_setting_teaches_nothing():
    assert daily(at(22, "15:00"), 500, at(23, "00:00")).likely(at(23, "10:00")) == 100


def test_nothing_is_left_of_a_day_that_was_refused_until_a_mail_went_out():
    noon = at(23, "12:00")
    assert daily(at(23, "10:00"), 40).left(noon, 40) == 0
    assert daily(at(22, "10:00"), 40).left(noon, 10) == 30
    assert daily(at(23, "10:00"), 40, at(23, "11:00")).left(noon, 10) == 30


@pytest.mark.parametrize(("mails", "until"), [(40, at(24, "00:00")), (0, at(23, "12:30") + PROBE)])
def test_a_day_refused_after_mails_is_over_and_one_refused_at_once_may_begin_at_another_hour(mails, until):
    time = [at(23, "12:30")]
    allowance = Allowance(Daily(100, ZONE), mails, Clock(now=lambda: time[0]))
    with allowance.under_way() as day:
        assert allowance.spend()
    allowance.give_back()
    allowance.refused(day)
    assert (allowance.left, allowance.until) == (0, until)
    time[0] = until - 1
    assert allowance.left == 0
    time[0] = until
    assert allowance.left > 0
