"""Export: the ledger's rows as a file."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from importer.jobs.files import whole
from importer.jobs.stores import existing
from importer.ledger.views import ExportRow
from importer.model.errors import FixCommand
from importer.report.export import FILES, WRITERS
from importer.settings import Settings, load

FORMATS = (*WRITERS, *FILES)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    rows: int
    to: str | None

    def as_json(self) -> dict[str, Any]:
        return {"schema": 1, "command": "export", "rows": self.rows, "out": self.to, "exit_code": 0}


def export(settings: Settings | None = None, *, format: str | None = None, to: Path | None = None) -> Exported:  # noqa: A002
    """Write every row of every file of the ledger to ``to``, or to stdout. Raises `FixLedger`, `FixCommand`.

    ``format``: csv, jsonl, xlsx or parquet; without it as the extension of ``to`` says, else csv.
    """
    settings = settings or load()
    form = format or _meant(to)
    if form not in FORMATS:
        raise FixCommand(f"no export format is called {form}", hint=f"formats: {', '.join(FORMATS)}")
    if to is None and form in FILES:
        raise FixCommand(f"{form} is no text that could be printed", hint=f"name a file with --out contacts.{form}")
    with existing(settings) as ledger:
        rows = ledger.export()
        if to is None:
            return Exported(WRITERS[form](rows, sys.stdout), None)
        return Exported(whole(to, lambda part: _write(form, rows, part)), str(to))


def _meant(to: Path | None) -> str:
    suffix = "" if to is None else to.suffix.lower().removeprefix(".")
    return suffix if suffix in FORMATS else "csv"


def _write(form: str, rows: Iterable[ExportRow], part: Path) -> int:
    if form in FILES:
        return FILES[form](rows, part)
    encoding = "utf-8-sig" if form == "csv" else "utf-8"  # spreadsheet programs take text without a mark for another
    with part.open("w", encoding=encoding, newline="") as file:
        return WRITERS[form](rows, file)
