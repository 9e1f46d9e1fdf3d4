"""Check: everything that is wrong with a file, at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from importer.jobs.reading import read
from importer.settings import Settings, load
from importer.stage.dedupe import dedupe


@dataclass(frozen=True, slots=True)
class Checkup:
    """The rows by place, and every finding (a frame with the columns of `importer.model.finding.COLUMNS`)."""

    file: str
    sheet: str | None
    rows: dict[str, int]
    findings: pl.DataFrame

    @property
    def exit_code(self) -> int:
        return 1 if self.rows["rejected"] else 0

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "command": "check",
            "file": self.file,
            "sheet": self.sheet,
            "rows": self.rows,
            "findings": self.findings.drop("row").to_dicts(),
            "exit_code": self.exit_code,
        }


def check(file: str | Path, settings: Settings | None = None) -> Checkup:
    """Read and check a file, without network or ledger. Raises `FixFile` when it is no table of contacts."""
    settings = settings or load()
    sheet, checked = read(file, settings)
    deduped = dedupe(checked, on_clash=settings.on_clash, taken=None)
    rows = {
        "read": sheet.frame.height,
        "rejected": len(deduped.rejected),
        "duplicate": deduped.duplicates.height,
        "accepted": deduped.contacts.height,
    }
    return Checkup(sheet.file, sheet.name, rows, deduped.findings)
