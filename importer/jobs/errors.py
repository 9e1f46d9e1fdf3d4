"""Errors: the one table of the directory's codes, as people read it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from importer.directory.codes import TABLE, Entry
from importer.model.errors import FixCommand


@dataclass(frozen=True, slots=True)
class Codes:
    """Entries of the table of codes."""

    entries: tuple[Entry, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "command": "errors",
            "codes": [
                {
                    "code": entry.code + ("*" if entry.prefix else ""),
                    "actions": list(entry.actions),
                    "statuses": list(entry.statuses),
                    "outcome": entry.outcome.value,
                    "meaning": entry.meaning,
                    "advice": entry.advice,
                }
                for entry in self.entries
            ],
            "exit_code": 0,
        }


def errors(code: str | None = None) -> Codes:
    """The entries for ``code``: those of that code, else those that hold it, else those whose prefix it bears.

    Raises `FixCommand` when nothing is known of it.
    """
    if code is None:
        return Codes(tuple(TABLE))
    wanted = code.casefold()
    ways: tuple[Callable[[str, bool], bool], ...] = (
        lambda known, _: known == wanted,
        lambda known, _: wanted in known,
        lambda known, prefix: prefix and wanted.startswith(known),
    )
    for fits in ways:
        if found := tuple(entry for entry in TABLE if fits(entry.code.casefold(), entry.prefix)):
            return Codes(found)
    raise FixCommand(f"no code is known as {code}", hint="importer errors lists all of them")
