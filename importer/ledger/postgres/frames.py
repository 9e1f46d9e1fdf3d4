"""Between the database and columns: query results as polars frames and back, by COPY, with no object for a row."""

from collections.abc import Mapping
from io import BytesIO

import polars as pl

from importer.ledger.postgres.database import Cursor

SLICE = 20_000  # rows turned into text at once
TAKEN = "copy ({query}) to stdout (format csv, force_quote ({quoted}))"
GIVEN = "copy {table} ({columns}) from stdin (format csv)"


def taken(c: Cursor, query: str, bindings: tuple[int, ...], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The rows of a query, in columns of the given types; texts are quoted, so that an empty one is not null."""
    texts = [name for name, dtype in schema.items() if dtype == pl.String()]
    told = BytesIO()
    with c.copy(TAKEN.format(query=query, quoted=", ".join(texts)), bindings) as copy:
        for part in copy:
            told.write(part)
    if not told.tell():
        return pl.DataFrame(schema=dict(schema))
    told.seek(0)
    return pl.read_csv(told, has_header=False, schema=dict(schema))


def given(c: Cursor, table: str, rows: pl.DataFrame) -> None:
    """Write rows into the columns of ``table`` that they name."""
    if rows.is_empty():
        return
    texts = pl.selectors.string()
    whole = rows.with_columns(texts.str.replace_all("\0", "\ufffd", literal=True))  # PostgreSQL cannot hold that one
    with c.copy(GIVEN.format(table=table, columns=", ".join(rows.columns))) as copy:
        for part in whole.iter_slices(SLICE):
            copy.write(part.write_csv(include_header=False, quote_style="non_numeric"))
