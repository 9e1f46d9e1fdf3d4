"""The day that mails are counted in: as it is set, and as the directory's own refusals taught it."""

from dataclasses import dataclass

from importer.ledger.port import Ledger
from importer.model.clock import Day
from importer.model.operation import Kind

PROBE = 3600.0  # seconds after which a directory that refused the day's first mail is asked again
LASTS = 7 * 86_400.0  # seconds for which a limit that was met is believed


@dataclass(frozen=True, slots=True)
class Refusal:
    """The last time that the directory said that the day's mails are used up; times in seconds since the epoch."""

    at: float
    mails: int  # of ours on that day, before it
    again: float | None  # when the first mail after it went out

    def opens(self, zone: str) -> float:
        """Seconds after the zone's midnight at which a day was seen to begin; 0 where nothing speaks against midnight.

        It begins at the first mail that went out again: no mail of the new day is then counted for the old one.
        """
        if self.again is None:
            return 0.0
        midnight = Day.of(self.again, zone).start
        return self.again - midnight if self.at >= midnight else 0.0


@dataclass(frozen=True, slots=True)
class Daily:
    """The mails of a day: as many as ``limit``, ``reserve`` of them for people; ``refusal`` is what else was seen."""

    limit: int
    zone: str
    reserve: int = 0
    refusal: Refusal | None = None

    @property
    def opens(self) -> float:
        """Seconds after midnight at which a day begins."""
        return self.refusal.opens(self.zone) if self.refusal else 0.0

    def day(self, now: float) -> Day:
        return Day.of(now, self.zone, self.opens)

    def likely(self, now: float) -> int:
        """What a day is likely to allow us: the limit as it was met of late, if that was lower than the one set."""
        met = self.refusal
        lower = met is not None and 0 < met.mails < self.limit and now - met.at < LASTS
        return max(0, (met.mails if met and lower else self.limit) - self.reserve)

    def allowed(self, now: float) -> int:
        """What may be tried: a limit that was met may have been shared that day, and binds only where some is kept."""
        return self.likely(now) if self.reserve else self.limit

    def refused(self, now: float) -> float | None:
        """When the day of ``now`` was refused, if it was and no mail went out since."""
        met = self.refusal
        return met.at if met and met.again is None and self.day(now).start <= met.at <= now else None

    def left(self, now: float, sent: int) -> int:
        """What the day is likely to allow us still, after ``sent`` mails."""
        return 0 if self.refused(now) is not None else max(0, self.likely(now) - sent)


def seen(ledger: Ledger, directory: int, zone: str, kind: Kind = Kind.SEND_EMAIL) -> Refusal | None:
    """What the last refusal taught of the directory's day; ``None`` before the first one."""
    found = ledger.refusal(directory, kind)
    if found is None:
        return None
    at, again = found
    begins = Day.of(at, zone, Refusal(at, 0, again).opens(zone)).start
    return Refusal(at, ledger.sends_since(directory, begins, at, kind), again)
