"""What one command did in many directories: a summary of each, and one total."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from importer.report.summary import Summary

ORDER = (4, 75, 6, 130, 143, 129, 5, 3, 1, 0)  # of several exit codes the first


@dataclass(frozen=True, slots=True)
class Joint:
    """The summaries in the order of the directories; the totals have the names that a summary has for its own."""

    command: str
    directories: tuple[Summary, ...]

    @property
    def rows(self) -> dict[str, int]:
        return _sum(one.rows for one in self.directories)

    @property
    def contacts(self) -> dict[str, int]:
        return _sum(one.contacts for one in self.directories)

    @property
    def adopted(self) -> int:
        return sum(one.adopted for one in self.directories)

    @property
    def operations(self) -> dict[str, dict[str, int]]:
        return _sums(one.operations for one in self.directories)

    @property
    def calls(self) -> dict[str, dict[str, int]]:
        return _sums(one.calls for one in self.directories)

    @property
    def next_action_at(self) -> str | None:
        """The first time at which one of them has something to do."""
        return min(
            (one.deferred.until for one in self.directories if one.deferred and one.deferred.until), default=None
        )

    @property
    def exit_code(self) -> int:
        """As DESIGN orders them. 2 says that nothing was sent: it counts as 4 where another directory went on."""
        codes = {one.exit_code for one in self.directories}
        if codes == {2}:
            return 2
        codes = {4 if code == 2 else code for code in codes}
        return next((code for code in ORDER if code in codes), max(codes, default=0))

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "command": self.command,
            "directories": [one.as_json() for one in self.directories],
            "total": {
                "directories": len(self.directories),
                "stopped": sum(one.stopped is not None for one in self.directories),
                "rows": self.rows,
                "contacts": self.contacts,
                "adopted": self.adopted,
                "operations": self.operations,
                "calls": self.calls,
                "next_action_at": self.next_action_at,
            },
            "exit_code": self.exit_code,
        }


def _sum(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)


def _sums(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, Counter[str]] = {}
    for part in parts:
        for name, counts in part.items():
            total.setdefault(name, Counter()).update(counts)
    return {name: dict(counts) for name, counts in total.items()}
