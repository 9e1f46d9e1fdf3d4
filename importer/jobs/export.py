"""Export: the ledger's rows as a file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from importer.jobs.stores import existing
from importer.model.errors import FixCommand
from importer.report.export import WRITERS
from importer.settings import Settings, load


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    rows: int
    to: str | None

    def as_json(self) -> dict[str, Any]:
        return {"schema": 1, "command": "export", "rows": self.rows, "out": self.to, "exit_code": 0}


def export(settings: Settings | None = None, *, format: str = "csv", to: Path | None = None) -> Exported:  # noqa: A002
    """Write every row of every file of the ledger to ``to``, or to stdout. Raises `FixLedger`, `FixCommand`."""
    settings = settings or load()
    if format not in WRITERS:
        raise FixCommand(f"no export format is called {format}", hint=f"formats: {', '.join(WRITERS)}")
    with existing(settings) as ledger, _opened(to) as file:
        return Exported(WRITERS[format](ledger.export(), file), str(to) if to else None)


@contextmanager
def _opened(to: Path | None) -> Iterator[IO[str]]:
    """A file that is there whole or not at all, and readable for its owner alone: it holds addresses."""
    if to is None:
        yield sys.stdout
        return
    part = to.with_name(f"{to.name}.part")
    try:
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise FixCommand(f"{to}: cannot be written: {error.strerror}", hint="name another file with --out") from None
    with os.fdopen(number, "w", encoding="utf-8-sig" if to.suffix == ".csv" else "utf-8", newline="") as file:
        yield file
    part.replace(to)
