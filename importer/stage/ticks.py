"""Message types as one column each, with a tick in those that are meant."""

from collections.abc import Mapping

import polars as pl

from importer.model.contact import MESSAGE_TYPES
from importer.sheet.columns import BLANKS, TICKS
from importer.stage.book import Book, Column
from importer.stage.cells import repair
from importer.stage.values import SETS

_MARKS = {**dict.fromkeys(TICKS, True), **dict.fromkeys(BLANKS, False)}


def check_ticks(columns: Mapping[str, Column], book: Book) -> pl.Series:
    """Message types of each row, from a column for each of some types; as `values.check_types` gives them."""
    places = {kind: place for place, kind in enumerate(MESSAGE_TYPES)}
    first = next(iter(columns.values()))
    bits = pl.Series([0], dtype=pl.UInt8).new_from_index(0, len(first.cells))
    doubtful = pl.Series([False]).new_from_index(0, len(first.cells))
    for kind, column in columns.items():
        ticked = _ticked(column)
        unclear = ticked.is_null()
        book.write("tick-unknown", column, column.rest(~unclear))
        bits = bits + ticked.fill_null(value=False).cast(pl.UInt8) * (1 << places[kind])
        doubtful = doubtful | unclear
    book.write("no-tick", first, first.rest((bits != 0) | doubtful))
    return pl.Series(SETS).gather(bits)


def _ticked(column: Column) -> pl.Series:
    """Whether each cell is a tick; null where that cannot be told."""
    cells = repair(pl.DataFrame({"cell": column.cells.unique()}))
    marks = cells["text"].str.to_lowercase().replace_strict(_MARKS, default=None, return_dtype=pl.Boolean)
    return column.cells.replace_strict(cells["cell"], marks, return_dtype=pl.Boolean)
