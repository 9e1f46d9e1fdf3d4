"""How many mails or messages one channel sent: today, in the last 24 hours, and to each target in a minute."""

from collections import deque
from datetime import date

from importer.emulator.limits import Limits

_DAY, _MINUTE = 86400.0, 60.0
_TARGETS_WATCHED = 10_000  # addresses whose last minute is remembered


class Sends:
    """What one channel sent: today's count, the last 24 hours, and each target's last minute."""

    __slots__ = ("count", "day", "minute", "times")

    def __init__(self) -> None:
        self.day: date | None = None
        self.count = 0
        self.times: deque[float] = deque()
        self.minute: dict[str, deque[float]] = {}

    def add(self, at: float, day: date, target: str, limits: Limits) -> None:
        if day != self.day:
            self.day, self.count = day, 0
        self.count += 1
        if limits.daily_window == "rolling":
            self.times.append(at)
        if limits.sends_per_address_per_minute:
            self.minute.setdefault(target, deque(maxlen=limits.sends_per_address_per_minute)).append(at)
            if len(self.minute) > _TARGETS_WATCHED:
                self._forget(at)

    def today(self, now: float, day: date, limits: Limits) -> int:
        if limits.daily_window == "rolling":
            while self.times and self.times[0] <= now - _DAY:
                self.times.popleft()
            return len(self.times)
        return self.count if day == self.day else 0

    def last_minute(self, target: str, now: float) -> int:
        return sum(now - _MINUTE < at for at in self.minute.get(target, ()))

    def _forget(self, now: float) -> None:
        self.minute = {key: times for key, times in self.minute.items() if times[-1] > now - _MINUTE}
