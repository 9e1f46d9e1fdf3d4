"""Doubts in an encoding that was guessed: a wrong guess makes names that nobody can have."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import polars as pl

from importer.sheet.columns import KNOWN, key
from importer.stage.book import Book, Column
from importer.stage.cells import repair
from importer.stage.names import CHINESE

if TYPE_CHECKING:
    from importer.sheet import Sheet
    from importer.sheet.columns import Columns

SHARE = 10  # of names beyond ASCII, fewer than one in so many may be names for the guess to be in doubt


def doubt_encoding(sheet: "Sheet", columns: "Columns", names: Column, book: Book) -> None:
    """Refuse what is not ASCII, where hardly a name of such letters is one; ASCII reads the same in most encodings.

    A header beyond ASCII that is a known word shows that the guess is right.
    """
    if any(not header.isascii() and key(header) in KNOWN for header in sheet.columns):
        return
    odd = names.cells.filter(_beyond(names.cells))
    strange = repair(odd.to_frame("cell"))["text"].str.contains(rf"[^\x00-\x7f{CHINESE}]").sum()
    if not strange or (len(odd) - strange) * SHARE >= len(odd):
        return
    guess = f"the encoding, which was guessed to be {sheet.encoding}, is likely another"
    told = f"{strange} of the {len(odd)} names with letters beyond ASCII are neither English nor Chinese: {guess}."
    book.write("encoding-doubtful", names, _file(told))
    used = [sheet.frame.to_series(place) for place in (*columns.fields.values(), *columns.ticks.values())]
    refused = book.rejected()
    rows = pl.DataFrame({"beyond": reduce(or_, map(_beyond, used))}).with_row_index("row")
    rows = rows.filter("beyond").filter(~pl.col("row").is_in(refused.implode()))
    book.write("encoding-doubtful", names, rows.select("row", detail=pl.lit(f"The row may be misread: {guess}.")))


def _beyond(cells: pl.Series) -> pl.Series:
    """Whether each cell has a character that is not ASCII."""
    return (cells.str.len_bytes() != cells.str.len_chars()).fill_null(value=False)


def _file(detail: str) -> pl.DataFrame:
    return pl.DataFrame({"row": [None], "detail": [detail]}, {"row": pl.UInt32, "detail": pl.String})
