"""Check: everything that is wrong with a file, at once."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from importer.jobs.reading import read
from importer.model.finding import Severity
from importer.report.findings import Report, listed
from importer.settings import Settings, load
from importer.sheet import Sheet
from importer.stage.dedupe import Deduped, dedupe
from importer.stage.parts import joined, parts

if TYPE_CHECKING:
    from dns.resolver import Resolver


@dataclass(frozen=True, slots=True)
class Checkup:
    """The rows by place, and every finding (a frame with the columns of `importer.model.finding.COLUMNS`).

    ``report``: the same, with the sheet and the place of each row, as `importer.jobs.report` writes it.
    """

    file: str
    sheet: str | None
    rows: dict[str, int]
    findings: pl.DataFrame
    report: Report = field(repr=False)
    routes: pl.Series | None = field(default=None, repr=False)  # as in `Checked`

    @property
    def exit_code(self) -> int:
        """1 when a row is rejected or the file as a whole has an error."""
        return 1 if self.rows["rejected"] or (self.findings["severity"] == Severity.ERROR.value).any() else 0

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "command": "check",
            "file": self.file,
            "sheet": self.sheet,
            "rows": self.rows,
            "findings": listed(self.report).to_dicts(),
            "exit_code": self.exit_code,
        }


def check(file: str | Path, settings: Settings | None = None, *, resolver: "Resolver | None" = None) -> Checkup:
    """Read and check a file, without ledger, and without network unless the settings say ``check_domains``.

    ``resolver``: asked then in place of the system's. Raises `FixFile` when the file is no table of contacts.
    """
    settings = settings or load()
    sheet, checked = read(file, settings, resolver=resolver)
    found = parts(checked, settings.profile)
    deduped = joined([dedupe(part, on_clash=settings.on_clash, taken=None) for part in found.values()])
    rows = {
        "read": sheet.frame.height,
        "rejected": len(deduped.rejected),
        "duplicate": deduped.duplicates.height,
        "accepted": deduped.contacts.height,
    }
    report = Report(sheet, deduped.findings, places(sheet, deduped))
    return Checkup(sheet.file, sheet.name, rows, deduped.findings, report, checked.routes)


def places(sheet: Sheet, deduped: Deduped) -> pl.Series:
    """Where each row of the sheet went: accepted, rejected or duplicate."""
    accepted = pl.Series(["accepted"]).new_from_index(0, sheet.frame.height)
    return accepted.scatter(deduped.rejected, "rejected").scatter(deduped.duplicates["row"], "duplicate")
