"""From the database to columns: query results as polars frames, a slice of rows at a time."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

import apsw
import polars as pl

SLICE = 50_000
SHARE = 8  # a directory with more than an eighth of all contacts is read in their order, not by its index

CONTACTS = "select id, {columns} from contacts {how} where directory = ?"
MANY = """
select (select coalesce(sum(n), 0) from tallies where directory = ? and what = 'contact') * ?
    > (select coalesce(max(id), 0) from contacts)"""


def frame(
    c: apsw.Connection, query: str, bindings: tuple[int | str, ...], schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """The rows of a query, in columns of the given types."""
    rows = c.execute(query, bindings)
    parts = [pl.DataFrame(schema=dict(schema))]
    with _no_collection():
        while part := list(islice(rows, SLICE)):
            columns = zip(schema.items(), zip(*part, strict=True), strict=True)
            parts.append(pl.DataFrame([pl.Series(name, values, dtype) for (name, dtype), values in columns]))
    return pl.concat(parts)


def contacts(c: apsw.Connection, directory: int, columns: Sequence[str]) -> pl.DataFrame:
    """Of every contact of a directory: contact (its number) and text ``columns``."""
    many = c.execute(MANY, (directory, SHARE)).get
    query = CONTACTS.format(columns=", ".join(columns), how="not indexed" if many else "")
    return frame(c, query, (directory,), {"contact": pl.Int64()} | dict.fromkeys(columns, pl.String()))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Millions of short-lived tuples are no garbage in cycles: looking for it would double the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
