"""Report: what was found in a file as a file of its own, or as the user's file marked up."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from importer.jobs.check import check
from importer.jobs.connect import place
from importer.jobs.files import whole
from importer.jobs.stores import existing
from importer.jobs.story import tell
from importer.ledger.views import ExportRow
from importer.model.errors import FixCommand
from importer.model.finding import COLUMNS, Severity
from importer.report.findings import Report, write_csv, write_jsonl
from importer.report.joint import Joint
from importer.report.page import write_html
from importer.report.summary import Summary
from importer.report.workbook import Original, write_xlsx
from importer.settings import Settings, others
from importer.sheet import Sheet, archive, source

PAGE = ".html"  # of a run it tells more than the findings, and from the ledger alone
KINDS = (".csv", ".jsonl", ".html", ".xlsx")
PLAIN: dict[str, Callable[[Report, Path], None]] = {".csv": write_csv, ".jsonl": write_jsonl, ".html": write_html}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a report goes; its extension says what it is."""

    path: Path

    @classmethod
    def of(cls, to: Path, file: str, *, again: bool = False) -> "Target":
        """Judge the place before anything else is done; ``again``: the file is read twice. Raises `FixCommand`."""
        if again and file == "-" and to.suffix.lower() != PAGE:
            raise FixCommand(
                "such a report of the standard input cannot be made", hint="save it as a file, or ask for .html"
            )
        if to.suffix.lower() not in KINDS:
            kinds = ", ".join(KINDS)
            raise FixCommand(f"{to}: no report is called so", hint=f"its extension says what it is, one of {kinds}")
        with suppress(OSError):
            if to.samefile(file):
                raise FixCommand(f"{to}: is the file itself", hint="name another file for the report")
        if to.is_dir() or not to.absolute().parent.is_dir():
            what = "is a folder" if to.is_dir() else f"there is no folder {to.parent}"
            raise FixCommand(f"{to}: cannot be written: {what}", hint="name another file for the report")
        return cls(to)

    def write(self, report: Report) -> tuple[str, ...]:
        """Write it, whole or not at all; what its reader should know. Raises `FixCommand`."""
        kind = self.path.suffix.lower()
        return whole(self.path, lambda part: self._write(kind, report, part))

    def write_standing(self, summary: Summary | Joint, file: str, settings: Settings) -> tuple[str, ...]:
        """After a run: its page, or the report with where each row stands in the ledger. Raises as `write`."""
        if self.path.suffix.lower() != PAGE:
            return self.write(standing(file, settings))
        whole(self.path, partial(tell, summary, settings))
        return ()

    def _write(self, kind: str, report: Report, part: Path) -> tuple[str, ...]:
        if kind in PLAIN:
            PLAIN[kind](report, part)
            return ()
        return write_xlsx(report, part, _original(report.sheet))


def _original(sheet: Sheet) -> Original | None:
    """The workbook that the sheet was read from, if it is of the kind that can be marked up and still the same."""
    if sheet.format != "xlsx" or sheet.file == "-":
        return None
    found = source.load(sheet.file)
    return Original(found.data, archive.look(found).expanded) if found.digest == sheet.digest else None


def standing(file: str, settings: Settings) -> Report:
    """After a run: the file's findings, and where each of its rows stands in the ledger."""
    checkup = check(file, settings)
    sheet, states = checkup.report.sheet, checkup.report.states
    report = checkup.report
    rows = _rows(sheet, settings) if checkup.routes is None else _routed(sheet, settings, checkup.routes)
    known = [rows[line].state if line in rows else state for line, state in zip(sheet.lines, states, strict=True)]
    return Report(sheet, _with(report.findings, _more(sheet, states, rows)), pl.Series(known, dtype=pl.String))


def _rows(sheet: Sheet, settings: Settings) -> dict[int, ExportRow]:
    """What the ledger holds of the file for one directory, by line."""
    with existing(settings) as ledger:
        number = ledger.find(settings.profile, place(settings))
        return {} if number is None else {row.row: row for row in ledger.export(number) if row.file == sheet.file}


def _routed(sheet: Sheet, settings: Settings, routes: pl.Series) -> dict[int, ExportRow]:
    """The same where each row says which directory it is for."""
    places = routes.fill_null(settings.profile)
    family = others(settings, places.unique(maintain_order=True))
    held = {name: _rows(sheet, one) for name, one in family.items()}
    asked = zip(sheet.lines, places, strict=True)
    return {line: held[name][line] for line, name in asked if line in held[name]}


def _more(sheet: Sheet, states: pl.Series, rows: dict[int, ExportRow]) -> pl.DataFrame:
    """What only the ledger knows of rows that the check let pass: refused as their name was taken, or failed."""
    found = [
        (row, line, told.code or told.state, Severity.ERROR.value, None, None, told.message or told.state, None, None)
        for row, (line, state) in enumerate(zip(sheet.lines, states, strict=True))
        if state == "accepted" and (told := rows.get(line)) is not None and told.state in ("rejected", "failed")
    ]
    kinds = {name: pl.UInt32() if name in ("row", "line") else pl.String() for name in COLUMNS}
    return pl.DataFrame(found, schema=kinds, orient="row")


def _with(findings: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([findings, more]).sort("row", nulls_last=False, maintain_order=True)
