"""Routes: the directory that each row is for, where a file has a column that says so."""

from collections.abc import Sequence
from difflib import get_close_matches

import polars as pl

from importer.stage.book import Book, Column
from importer.stage.cells import repair

NAMED = 10  # profiles that are named to somebody who wrote an unknown one


def check_routes(column: Column, book: Book, profiles: Sequence[str]) -> pl.Series:
    """The profile of each row, as the settings spell it; null where the cell is blank or names none."""
    cells = repair(pl.DataFrame({"cell": column.cells}).with_row_index("row"))
    told = pl.Series(cells["text"].unique(maintain_order=True).to_list(), dtype=pl.String)
    folded = _folded(profiles)
    meant = pl.Series([text if text in profiles else folded.get(text.casefold()) for text in told], dtype=pl.String)
    found = cells["text"].replace_strict(told, meant, default=None, return_dtype=pl.String)
    wrong = cells.filter(found.is_null() & (cells["text"] != ""))
    near = [_nearest(text, profiles) for text in wrong["text"]]
    names = ", ".join(profiles[:NAMED]) + (", …" if len(profiles) > NAMED else "")
    said = wrong.with_columns(detail=pl.lit(names), suggestion=pl.Series(near, dtype=pl.String))
    book.write("directory-unknown", column, said)
    return found


def _folded(profiles: Sequence[str]) -> dict[str, str]:
    """Names by their letters' small forms, where only one name has them."""
    found: dict[str, list[str]] = {}
    for name in profiles:
        found.setdefault(name.casefold(), []).append(name)
    return {small: names[0] for small, names in found.items() if len(names) == 1}


def _nearest(text: str, profiles: Sequence[str]) -> str | None:
    by_small = {name.casefold(): name for name in profiles}
    close = get_close_matches(text.casefold(), by_small, 1)
    return by_small[close[0]] if close else None
