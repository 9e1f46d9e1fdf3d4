"""Days of a zone, in seconds since the epoch."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from importer.model.clock import Clock, Day, iso


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("zone", "now", "hours"),
    [
        ("Asia/Shanghai", "2026-11-23T00:00:00", 24),
        ("Asia/Shanghai", "2026-11-23T23:59:59", 24),
        ("America/New_York", "2026-03-08T12:00:00", 23),
        ("America/New_York", "2026-11-01T12:00:00", 25),
        ("Asia/Kathmandu", "2026-06-01T05:00:00", 24),
    ],
)
def test_a_day_runs_from_midnight_to_midnight_of_its_zone(zone, now, hours):
    day = Day.of(at(now, zone), zone)
    assert day.start == at(f"{now[:10]}T00:00:00", zone)
    assert (day.end - day.start) / 3600 == hours
    assert day.start <= at(now, zone) < day.end


def test_the_next_day_begins_where_this_one_ends():
    day = Day.of(at("2026-11-01T12:00:00", "America/New_York"), "America/New_York")
    assert Day.of(day.end, "America/New_York").start == day.end
    assert Day.of(day.end - 1, "America/New_York") == day


def test_a_clock_can_start_at_another_time_and_runs_on():
    start = datetime(2030, 1, 1, tzinfo=ZoneInfo("UTC"))
    clock = Clock.starting(start)
    first, second = clock.now(), clock.now()
    assert 0 <= first - start.timestamp() < 5
    assert second >= first


def test_times_are_told_with_their_zone():
    assert iso(0.0) == "1970-01-01T00:00:00+00:00"
    assert iso(0.0, "Asia/Shanghai") == "1970-01-01T08:00:00+08:00"
    assert iso(None) is None
