"""When the files of profiles are to be synced: what their cron lines say; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from importer.settings import Settings

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Line:
    """A cron line, and the zone (IANA name) whose clocks it goes by."""

    text: str
    zone: str

    def last(self, now: float) -> float:
        """The newest time of the line that is not after ``now``; in seconds since the epoch."""
        at = datetime.fromtimestamp(int(now), ZoneInfo(self.zone)) + SECOND  # the time itself counts
        return float(croniter(self.text, at).get_prev(float))


def lines(family: Mapping[str, Settings]) -> dict[str, Line]:
    """The line of each profile that has both a line and a file to sync."""
    return {name: Line(one.cron, one.day_zone) for name, one in family.items() if one.cron and one.file}


def due(lines: Mapping[str, Line], after: float, until: float) -> dict[str, int]:
    """Profiles whose time came after ``after`` and not after ``until``, each with the newest such time."""
    newest = {name: line.last(until) for name, line in lines.items()}
    return {name: int(at) for name, at in newest.items() if at > after}
