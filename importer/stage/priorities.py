"""Priorities: whole numbers, higher ones first; a column that few files have."""

import polars as pl

from importer.stage.book import Book, Column
from importer.stage.cells import repair

NUMBER = r"^[+-]?[0-9]{1,9}(?:\.0)?$"


def check_priorities(column: Column, book: Book) -> pl.Series:
    """The column as Int64; 0 where the cell is blank or no whole number."""
    if not (column.cells != "").any():
        return pl.Series([0], dtype=pl.Int64).new_from_index(0, len(column.cells))
    rows = repair(pl.DataFrame({"cell": column.cells}).with_row_index("row"))
    text = pl.col("text").str.strip_suffix(".0")
    wrong = (pl.col("text") != "") & ~pl.col("text").str.contains(NUMBER)
    book.write("priority-number", column, rows.filter(wrong))
    return rows.select(pl.when(wrong).then(None).otherwise(text).str.to_integer(strict=False).fill_null(0)).to_series()
