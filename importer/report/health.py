"""Health: what was looked at, how it stands and what to do about it, as values, as JSON and as a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


class Level(StrEnum):
    """``error``: a run would stop here; ``warning``: it would do less than is asked."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "red"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: ``says`` how it stands, ``to_do`` what to do if it is not well."""

    what: str
    level: Level
    says: str
    to_do: str = ""
    directory: str | None = None  # the profile; None: it concerns all

    def as_json(self) -> dict[str, Any]:
        return {
            "directory": self.directory,
            "check": self.what,
            "level": self.level.value,
            "says": self.says,
            "to_do": self.to_do or None,
        }


@dataclass(frozen=True, slots=True)
class Health:
    """All checks, those that concern all directories first."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        return 4 if any(check.level is Level.ERROR for check in self.checks) else 0

    def as_json(self) -> dict[str, Any]:
        checks = [check.as_json() for check in self.checks]
        return {"schema": 1, "command": "doctor", "checks": checks, "exit_code": self.exit_code}


def health(found: Health) -> Iterator[RenderableType]:
    """A table of all checks, and how many of them want something done."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("directory", "check", ""):
        table.add_column(title, no_wrap=title != "directory")
    table.add_column("how it stands, and what to do", overflow="fold")
    for check in found.checks:
        told = Text(check.says)
        if check.to_do:
            told.append(f"\n{check.to_do}", "dim")
        table.add_row(Text(check.directory or ""), check.what, Text(check.level.value, STYLES[check.level]), told)
    yield table
    yield Text(_sum(found.checks))


def _sum(checks: Sequence[Check]) -> str:
    errors, warnings = (sum(check.level is level for check in checks) for level in (Level.ERROR, Level.WARNING))
    if not errors and not warnings:
        return "all is well"
    parts = [f"{count} {word}{'s' if count > 1 else ''}" for count, word in ((errors, "error"), (warnings, "warning"))]
    return ", ".join(part for part in parts if not part.startswith("0"))
