"""A grid to the parts of a sheet: blank rows and columns out, names made unique, odd rows found."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_

import polars as pl

from importer.model.finding import Finding
from importer.sheet import columns, faults, odd
from importer.sheet.grid import Grid

EMPTY = "there is a header, and no row below it holds anything that is to be read"
OURS = frozenset(map(columns.key, columns.OURS))


@dataclass(frozen=True, slots=True)
class Table:
    """The parts of a sheet that its rows make."""

    columns: tuple[str, ...]
    positions: tuple[int, ...]
    frame: pl.DataFrame
    lines: pl.Series
    findings: pl.DataFrame


def assemble(grid: Grid, notes: Sequence[Finding], known: frozenset[str]) -> Table:
    """Make a grid into a table; findings of rows are counted anew."""
    kept = [
        index
        for index, header in enumerate(grid.header.cells)
        if columns.key(header) not in OURS
        and (header.strip() or grid.frame[str(index)].null_count() < grid.frame.height)
    ]
    cells = grid.frame.select(str(index) for index in kept)
    headers = tuple(grid.header.cells[index] for index in kept)
    blank = _blank(cells)
    strange = odd.rows(cells.with_columns(line=grid.lines), blank, headers, known)
    rows = cells.with_row_index("row").with_columns(line=grid.lines)
    if blank.any() or strange.drop:
        rows = rows.filter(~blank & ~pl.Series(pl.int_range(rows.height, eager=True).is_in(strange.drop)))
    empty = [faults.found(faults.NO_ROWS, EMPTY, hint="Fill in a row for each record.")] if rows.is_empty() else []
    findings = [
        faults.frame([*empty, *notes, *strange.notes]),
        *(_renumbered(_unsaid(part, strange.told()), rows) for part in grid.findings),
        *(_renumbered(part, rows) for part in strange.findings),
    ]
    names = _unique(headers, kept)
    frame = rows.drop("row", "line").rename(dict(zip((str(i) for i in kept), names, strict=True)))
    return Table(headers, tuple(kept), frame, rows["line"], faults.join(findings))


def _blank(frame: pl.DataFrame) -> pl.Series:
    """Rows without a cell that shows anything; only rows whose first cell is blank are looked at whole."""
    if frame.width == 0:
        return pl.Series([True] * frame.height, dtype=pl.Boolean)
    first = frame.to_series(0)
    maybe = first.is_null() | (first.str.strip_chars() == "")
    if not maybe.any():
        return maybe
    places = maybe.arg_true()
    rest = frame[places].select(pl.all().str.strip_chars().fill_null("") == "")
    blank = places.filter(reduce(and_, rest.get_columns()))
    return pl.Series([False]).new_from_index(0, frame.height).scatter(blank, values=True)


def _unsaid(findings: pl.DataFrame, told: pl.Series) -> pl.DataFrame:
    """The findings of rows that are not told whole, as totals or as a second table: one finding is enough for those."""
    return findings if told.is_empty() else findings.filter(~pl.col("row").is_in(told.implode()).fill_null(value=False))


def _renumbered(findings: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Findings that count rows as the grid does, counted as the table does; those of dropped rows name a line only."""
    if findings.is_empty() or findings["row"].null_count() == findings.height:
        return findings
    places = rows.select("row").with_row_index("now")
    return (
        findings.join(places, on="row", how="left", maintain_order="left")
        .with_columns(row=pl.col("now"))
        .drop("now")
        .select(*faults.SCHEMA)
    )


def _unique(headers: Sequence[str], positions: Sequence[int]) -> list[str]:
    taken: set[str] = set()
    names: list[str] = []
    for header, position in zip(headers, positions, strict=True):
        base = header if header.strip() else f"column_{position + 1}"
        name, count = base, 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        names.append(name)
    return names
