"""Rows that are no records: totals, the header once more, and a second table below the first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from importer.model.finding import Finding
from importer.sheet import faults
from importer.sheet.columns import key
from importer.sheet.second import Rows, Span, spans

TOTALS = re.compile(
    r"\s*(?:(?:grand\s+|sub-?\s?)?totals?|sum)\s*[:：=]?\s*[\d.,]*\s*|\s*(?:合计|总计|小计|共计|合計|總計|小計|共計).{0,12}",
    re.IGNORECASE,
)
EDGES_MAX = 10_000  # rows beside blank ones that are looked at


@dataclass(frozen=True, slots=True)
class Odd:
    """Findings of rows that are no records, notes on the file, and the rows to leave out."""

    findings: list[pl.DataFrame]
    notes: list[Finding]
    drop: list[int]

    def told(self) -> pl.Series:
        """The rows of which nothing more is to be said."""
        return pl.concat([part["row"] for part in self.findings])


def rows(frame: pl.DataFrame, blank: pl.Series, headers: Sequence[str], known: frozenset[str]) -> Odd:
    """Look at the rows beside blank ones, at the last ones, and at those that begin as the header does.

    ``frame`` has the column "line" beside the cells, whose order is that of ``headers``.
    """
    starts, ends = _edges(blank)
    cells = frame.drop("line")
    lines = frame["line"]
    like = _like(cells, headers)
    repeated = [row for row in like if _same(cells.row(row), headers)]
    again = set(like) - set(repeated)
    apart = spans(Rows(cells, blank), sorted(set(starts) - set(repeated)), again, known)
    below = _below(lines, blank, apart)
    apart_rows = set(below["row"].to_list())
    totals = [row for row in ends if row not in apart_rows and _is_total(cells.row(row))]
    findings = [_total(lines, cells, totals), below]
    notes = [_again(lines, repeated)] if repeated else []
    return Odd(findings, notes, repeated)


def _edges(blank: pl.Series) -> tuple[list[int], list[int]]:
    """Filled rows after a blank one, and filled rows before a blank one or at the end."""
    height = len(blank)
    filled = ~blank
    last = filled.arg_true().tail(3).to_list()
    if not blank.any():
        return [], last
    starts = (filled & blank.shift(1, fill_value=False)).arg_true().head(EDGES_MAX)
    ends = (filled & blank.shift(-1, fill_value=True)).arg_true().head(EDGES_MAX)
    return starts.to_list() if height else [], sorted({*ends.to_list(), *last})


def _like(cells: pl.DataFrame, headers: Sequence[str]) -> list[int]:
    named = next((index for index, header in enumerate(headers) if header.strip()), None)
    if named is None or not cells.height:
        return []
    return (cells.to_series(named) == headers[named]).fill_null(value=False).arg_true().to_list()


def _same(row: tuple[str | None, ...], headers: Sequence[str]) -> bool:
    return len(headers) > 1 and all(key(cell or "") == key(header) for cell, header in zip(row, headers, strict=True))


def _is_total(row: tuple[str | None, ...]) -> bool:
    filled = [cell for cell in row if cell and cell.strip()]
    return bool(filled) and bool(TOTALS.fullmatch(filled[0])) and not any("@" in cell for cell in filled)


def _total(lines: pl.Series, cells: pl.DataFrame, totals: Sequence[int]) -> pl.DataFrame:
    values = [next((cell for cell in cells.row(row) if cell), None) for row in totals]
    found = pl.DataFrame(
        {"row": totals, "line": [lines[row] for row in totals], "value": values},
        schema={"row": pl.UInt32, "line": pl.UInt32, "value": pl.String},
    )
    return faults.rows(
        faults.TOTALS, found, message="this looks like a row of totals, not a record", hint="Delete the row."
    )


def _below(lines: pl.Series, blank: pl.Series, apart: Sequence[Span]) -> pl.DataFrame:
    """A finding for each row of the tables below that is not blank."""
    if not apart:
        return faults.frame()
    schema = {"first": pl.UInt32, "last": pl.UInt32}
    rows = pl.DataFrame(apart, schema, orient="row").select(
        "first", row=pl.int_ranges("first", "last", dtype=pl.UInt32)
    )
    rows = rows.explode("row", empty_as_null=False)
    rows = rows.filter(~blank.gather(rows["row"]))
    begins, count = lines.gather(rows["first"]), pl.len().over("first")
    what = "line {} begins a second table with columns of its own, which is left out: {} row{}"
    return faults.rows(
        faults.SECOND_TABLE,
        rows.select("row", line=lines.gather(rows["row"]), begins=begins, count=count),
        message=pl.format(
            what, "begins", "count", pl.when(pl.col("count") == 1).then(pl.lit("")).otherwise(pl.lit("s"))
        ),
        hint="Put the second table into a sheet or file of its own.",
    )


def _again(lines: pl.Series, repeated: Sequence[int]) -> Finding:
    shown = ", ".join(str(lines[row]) for row in repeated[:5]) + (", …" if len(repeated) > 5 else "")
    return faults.found(
        faults.REPEATED_HEADER, f"the header stands in the sheet again and was left out there: line {shown}"
    )
