"""What a lane may use up: places in the directory, or sends of the day."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from importer.model.clock import Day

NOTHING = nullcontext()


class Quota(Protocol):
    """What a lane may still use up: places in the directory, or sends of the day."""

    reason: str

    @property
    def left(self) -> int: ...

    @property
    def until(self) -> float | None:
        """When there will be more, in seconds since the epoch; ``None``: unknown."""

    def spend(self) -> bool: ...

    def under_way(self) -> AbstractContextManager[Day | None]:
        """Around a call that spends it; with the day that it spends of, if it is of a day."""

    def give_back(self) -> None: ...

    def refused(self, day: Day | None) -> None:
        """``day``: as it was given when the call began."""


@dataclass(slots=True)
class Places:
    """The contacts that the directory still takes."""

    left: int
    reason: str = "max-contacts"
    until: float | None = None

    def spend(self) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        return True

    def under_way(self) -> AbstractContextManager[None]:
        return NOTHING

    def give_back(self) -> None:
        self.left += 1

    def refused(self, day: Day | None) -> None:  # noqa: ARG002  places are of no day
        self.left = 0


@dataclass(slots=True)
class Free:
    """What takes up nothing that could run out."""

    left: int = 1 << 30
    reason: str = ""
    until: float | None = None

    def spend(self) -> bool:
        return True

    def under_way(self) -> AbstractContextManager[None]:
        return NOTHING

    def give_back(self) -> None: ...

    def refused(self, day: Day | None) -> None: ...
