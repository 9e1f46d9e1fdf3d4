"""What was done, in order: the truth log, and the changes that wait to be written to the state's file."""

from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol


class Record(Protocol):
    """Something of a directory that is kept: a contact, a mail."""

    seq: int

    def record(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Change:
    """One record as it is from now on; ``body`` `None`: it is gone."""

    directory: str
    kind: str
    id: str
    seq: int
    body: dict[str, Any] | None


class Journal:
    """Shared by all directories of an emulator, so that its order is the order of everything.

    The log in memory keeps its last ``kept`` entries; ``changes`` are collected only if somebody drains them.
    """

    def __init__(self, kept: int = 100_000, *, durable: bool = False) -> None:
        self.log: deque[dict[str, Any]] = deque(maxlen=kept)
        self.seq = 0  # of records
        self.noted = 0  # entries of the log so far
        self.durable = durable
        self._changes: list[Change] = []

    def next(self) -> int:
        self.seq += 1
        return self.seq

    def note(self, directory: str, effect: str, at: float, **details: Any) -> None:
        """Log one effect: what was really done, whatever the caller was told."""
        self.noted += 1
        entry = {"seq": self.noted, "at": at, "directory": directory, "effect": effect, **details}
        self.log.append(entry)
        if self.durable:
            self._changes.append(Change(directory, "log", str(self.noted), self.noted, entry))

    def put(self, directory: str, kind: str, id_: str, record: Record) -> None:
        if self.durable:
            self._changes.append(Change(directory, kind, id_, record.seq, record.record()))

    def drop(self, directory: str, kind: str, id_: str) -> None:
        if self.durable:
            self._changes.append(Change(directory, kind, id_, 0, None))

    def drain(self) -> list[Change]:
        """The changes since the last drain."""
        found, self._changes = self._changes, []
        return found

    def clear(self) -> None:
        """Forget the log, and the changes that were not drained."""
        self.log.clear()
        self.noted = 0
        self._changes.clear()
