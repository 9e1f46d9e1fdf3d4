"""Findings as a list: each with its file, sheet and cell, for people and programs; and what they say of each row."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from importer.model.finding import Severity
from importer.report.cells import EVALUATED
from importer.sheet import Sheet
from importer.sheet.columns import letters

LISTED = (
    "file",
    "sheet",
    "line",
    "cell",
    "column",
    "value",
    "rule",
    "severity",
    "message",
    "hint",
    "suggestion",
)
RANKS = {severity.value: rank for rank, severity in enumerate(Severity)}  # the worst first


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be said of a sheet.

    ``findings``: a frame with the columns of `importer.model.finding.COLUMNS`. ``states``: what became of each row of
    the sheet, in its order: rejected, duplicate, accepted, or the state of its contact after a run.
    """

    sheet: Sheet
    findings: pl.DataFrame
    states: pl.Series

    @property
    def counts(self) -> dict[str, int]:
        """How many rows are in each state, and how many were read."""
        counted = self.states.value_counts(sort=True)
        return {"read": len(self.states), **{str(state): int(count) for state, count in counted.iter_rows()}}

    def located(self) -> pl.DataFrame:
        """The findings with the ``position`` of their column in the file, from 0 (null: of no column)."""
        columns = self.sheet.columns
        places = dict(reversed(list(zip(columns, self.sheet.positions, strict=True))))  # of two, the first
        position = pl.col("column").replace_strict(
            list(places), list(places.values()), default=None, return_dtype=pl.UInt32
        )
        return self.findings.with_columns(position=position)


def listed(report: Report) -> pl.DataFrame:
    """A row for each finding, with the columns `LISTED`; ``cell`` as a spreadsheet program names it: B27.

    What is wrong with a header has the header's cell; what is of no column, as a row with too many fields, has none.
    """
    sheet = report.sheet
    named = [letters(place) for place in sheet.positions]
    letter = pl.col("position").replace_strict(list(sheet.positions), named, default=None, return_dtype=pl.String)
    return (
        report.located()
        .with_columns(
            file=pl.lit(sheet.file),
            sheet=pl.lit(sheet.name, pl.String),
            cell=letter + pl.coalesce("line", pl.lit(sheet.header_line, pl.UInt32)).cast(pl.String),
            hint=pl.when(pl.col("hint") != "").then("hint"),
        )
        .select(LISTED)
    )


def write_csv(report: Report, path: Path) -> None:
    """UTF-8 with a byte order mark, as spreadsheet programs need it; no cell of it is evaluated by one."""
    text = pl.col(pl.String)
    harmful = text.str.contains(f"^{EVALUATED.pattern}")
    safe = listed(report).with_columns(pl.when(harmful).then(pl.lit("'") + text).otherwise(text).name.keep())
    safe.write_csv(path, include_bom=True)


def write_jsonl(report: Report, path: Path) -> None:
    """An object for each finding, its values as they are."""
    listed(report).write_ndjson(path)


def sentences(findings: pl.DataFrame, *, column: bool) -> pl.Series:
    """Each finding in words: what is wrong, what is suggested and what to do; of which ``column``, if asked."""
    given = pl.col("suggestion").is_not_null()
    value = pl.format(" [{}]", "value")
    parts = [
        pl.format("{}: ", "column").fill_null("") if column else pl.lit(""),
        pl.col("message").str.strip_chars_end(".") + ".",
        # A row that is wrong as a whole is shown here, for no cell shows it.
        pl.when(pl.col("column").is_null()).then(value).fill_null("") if column else pl.lit(""),
        pl.when(given).then(pl.format(" Suggested: {}", "suggestion")).otherwise(pl.lit("")),
        pl.when(pl.col("hint").fill_null("") != "").then(pl.lit("\n" if not column else " ") + pl.col("hint")),
    ]
    return findings.select(said=pl.concat_str(parts, ignore_nulls=True))["said"]


def said(report: Report) -> pl.Series:
    """What all findings of each row of the sheet say, the worst first, a line for each; null where there are none."""
    found = report.findings.filter(pl.col("row").is_not_null())
    found = found.with_columns(said=sentences(found, column=True)).sort(
        "row", pl.col("severity").replace_strict(RANKS), maintain_order=True
    )
    grouped = found.group_by("row", maintain_order=True).agg(pl.col("said").str.join("\n"))
    rows = pl.DataFrame({"row": pl.int_range(report.sheet.frame.height, dtype=pl.UInt32, eager=True)})
    return rows.join(grouped, on="row", how="left", maintain_order="left")["said"]


def noted(report: Report) -> pl.DataFrame:
    """The cells that are wrong or want a look: line, position, severity (the worst) and note, in order."""
    found = report.located().filter(
        pl.col("row").is_not_null() & pl.col("position").is_not_null() & (pl.col("severity") != Severity.NOTE.value)
    )
    return (
        found.with_columns(note=sentences(found, column=False), rank=pl.col("severity").replace_strict(RANKS))
        .sort("line", "position", "rank", maintain_order=True)
        .group_by("line", "position", maintain_order=True)
        .agg(pl.col("severity").first(), pl.col("note").str.join("\n\n"))
    )


def about(report: Report) -> str:
    """What is said of the file as a whole."""
    found = report.findings.filter(pl.col("row").is_null())
    return "\n".join(sentences(found, column=True))
