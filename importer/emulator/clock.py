"""The directory's clock: goes with another one until it is frozen, set or advanced."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from importer.emulator.errors import EmulatorError

_LAST = 221_845_392_000.0  # the year 9000: dates end with 9999, and links live on


class Clock:
    """Seconds since the epoch; calling it tells the time."""

    def __init__(self, source: Callable[[], float]) -> None:
        self._source = source
        self._offset = 0.0
        self._frozen: float | None = None

    def __call__(self) -> float:
        return self._source() + self._offset if self._frozen is None else self._frozen

    @property
    def frozen(self) -> bool:
        return self._frozen is not None

    def freeze(self) -> None:
        self._frozen = self()

    def run(self) -> None:
        """Go on from where it stands."""
        self.set(self(), frozen=False)

    def set(self, at: float, *, frozen: bool | None = None) -> None:
        """Stand at ``at``; keeps frozen or going, unless told. Raises `EmulatorError` for a time beyond years."""
        if not 0 <= at <= _LAST:
            raise EmulatorError(f"The time {at} is not between the years 1970 and 9000.")
        stays = self.frozen if frozen is None else frozen
        self._offset = at - self._source()
        self._frozen = at if stays else None

    def advance(self, seconds: float) -> None:
        self.set(self() + seconds)

    def reset(self) -> None:
        """Go with the other clock again."""
        self._offset, self._frozen = 0.0, None


def moment(value: object, zone: ZoneInfo) -> float:
    """Seconds since the epoch, from a number or an ISO 8601 text (in ``zone``, unless it names one).

    Raises `EmulatorError`.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise EmulatorError(
            f"The time {value!r} is neither seconds since 1970 nor like 2026-11-23T08:00:00+08:00."
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()
