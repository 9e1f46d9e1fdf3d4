"""Time as an argument: the clock that everything asks, and the days of a zone that limits are counted in."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


async def _sleep(seconds: float) -> None:
    import anyio

    await anyio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Clock:
    """``now``: seconds since the epoch, may jump; ``ticks``: seconds that only grow; ``sleep``: waits seconds."""

    now: Callable[[], float] = time.time
    ticks: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = _sleep

    @classmethod
    def starting(cls, at: datetime | None) -> "Clock":
        """A clock that reads ``at`` now and runs on from there; the machine's own without it."""
        if at is None:
            return cls()
        offset = at.timestamp() - time.time()
        return cls(now=lambda: time.time() + offset)


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a zone, from its midnight, or another hour, to the next; in seconds since the epoch."""

    start: float
    end: float

    @classmethod
    def of(cls, now: float, zone: str, opens: float = 0.0) -> "Day":
        """The day of ``zone`` (IANA name) that ``now`` falls in; 23 or 25 hours long where clocks change.

        ``opens``: seconds after midnight at which a day begins.
        """
        tz = ZoneInfo(zone)
        today = datetime.fromtimestamp(now - opens, tz).date()
        return cls(_midnight(today, tz) + opens, _midnight(today + timedelta(days=1), tz) + opens)


def _midnight(day: date, tz: ZoneInfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(UTC).timestamp()


def iso(seconds: float | None, zone: str | None = None) -> str | None:
    """ISO 8601 with zone, to the second; UTC when no zone is named."""
    if seconds is None:
        return None
    tz = ZoneInfo(zone) if zone else UTC
    return datetime.fromtimestamp(seconds, tz).isoformat(timespec="seconds")
