"""A second table below the first: found by the names of its columns, else by its shape."""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import polars as pl

from importer.sheet.columns import hits

NUMBER = r"^\s*[+(]?\d[\d\s().,:/%+-]*$"  # phone numbers, amounts, dates
KINDS = ("@", NUMBER)  # what tells a column; addresses tell more than numbers
SAMPLE = 1000  # rows of the first table by which its columns are told
LOOK = 20  # rows below a header that it is compared with
LONG = 40  # characters in a cell beyond which it is no header's
SHARE = 0.8  # of a column's cells that are of its kind
Span = tuple[int, int]  # its first row, and the row after its last


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows below the header: their cells, and which rows are blank."""

    cells: pl.DataFrame
    blank: pl.Series

    def texts(self, row: int) -> list[str]:
        return [(cell or "").strip() for cell in self.cells.row(row)] if row < self.cells.height else []

    def head(self, start: int) -> int:
        """Where a table that starts there has its header: below its title, if a single cell stands above it."""
        return start + (sum(map(bool, self.texts(start))) == 1 and any(self.texts(start + 1)))


def spans(rows: Rows, starts: Sequence[int], again: Collection[int], known: frozenset[str]) -> list[Span]:
    """Where tables with columns of their own stand. ``starts``: rows after a blank one; ``again``: further candidates.

    One that names two known columns reaches to the end. One that is told by its shape alone reaches as far as no
    record of the first table stands below.
    """
    height = rows.cells.height
    begun = (row for row in sorted({*starts, *again}) if hits(rows.texts(rows.head(row)), known) >= 2)
    named = next(begun, height)
    shaped = [(first, min(last, named)) for first, last in _shaped(rows, [row for row in starts if row < named])]
    return [*shaped, *([(named, height)] if named < height else [])]


def _shaped(rows: Rows, starts: Sequence[int]) -> list[Span]:
    if not starts:
        return []
    above = rows.cells.head(starts[0]).filter(~rows.blank.head(starts[0])).head(SAMPLE)
    values = {(place, cell) for place, column in enumerate(above) for cell in column.drop_nulls().to_list()}
    likely = [start for start in starts if _is_header(rows, rows.head(start), values)]
    ours = _ours(rows.cells, above) if likely else None
    return list(_apart(rows.blank, likely, ours)) if ours is not None else []


def _apart(blank: pl.Series, likely: Sequence[int], ours: pl.Series) -> Iterator[Span]:
    """The spans of those tables whose first rows, up to a blank one, hold no record of the first table."""
    blanks, records = blank.arg_true().to_list(), ours.arg_true().to_list()
    done = 0
    for start in likely:
        place = bisect_left(records, start)
        record = records[place] if place < len(records) else len(blank)
        before = bisect_left(blanks, record)
        end = len(blank) if record == len(blank) else blanks[before - 1] + 1 if before else 0
        if start >= done and end > start:
            yield start, end
            done = end


def _ours(cells: pl.DataFrame, above: pl.DataFrame) -> pl.Series | None:
    """Which rows have a value of the kind that tells the first table's records; ``None`` where nothing tells them."""
    for kind in KINDS:
        columns = [column.name for column in above if _is_of(column, kind)]
        if columns:
            found = reduce(or_, (pl.col(name).str.contains(kind).fill_null(value=False) for name in columns))
            return cells.select(found).to_series()
    return None


def _is_of(column: pl.Series, kind: str) -> bool:
    filled = column.drop_nulls()
    return bool(len(filled)) and filled.str.contains(kind).sum() >= SHARE * len(filled)


def _is_header(rows: Rows, row: int, values: Collection[tuple[int, str]]) -> bool:
    """Whether a row has two or more texts, side by side, that are as wide as the rows below and no values of theirs.

    ``values``: those of the first table, each with its column.
    """
    texts = rows.texts(row)
    places = [place for place, text in enumerate(texts) if text]
    side_by_side = len(places) > 1 and places[-1] - places[0] + 1 == len(places)
    if not side_by_side or not all(map(_is_label, texts[places[0] : places[-1] + 1])):
        return False
    below: list[list[str]] = []
    while len(below) < LOOK and any(cells := rows.texts(row + 1 + len(below))):
        below.append(cells)
    reach = {place for cells in below for place, cell in enumerate(cells) if cell}
    if len({texts[place].casefold() for place in places}) < len(places) or max(reach, default=-1) != places[-1]:
        return False
    own = {(place, texts[place]) for place in places}
    repeated = any(own & {(place, cells[place]) for place in places} for cells in below)
    return reach <= set(places) and not repeated and not any(one in values for one in own)


def _is_label(text: str) -> bool:
    short = len(text) <= LONG and "@" not in text and not re.match(NUMBER, text)
    return short and any(char.isalpha() for char in text)
