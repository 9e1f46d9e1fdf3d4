"""Between the database and columns: query results as polars frames and back, a slice of rows at a time."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import apsw
import polars as pl

SLICE = 50_000
GIVEN = 2_000  # rows turned into Python's values at once: few enough to stay in the processor's cache
TOGETHER = 20  # rows that one insert takes: its own cost is then theirs to share
MANY = 10_000  # from here on rows travel as one text
SHARE = 8  # more than an eighth of a table is read in the table's own order, less by an index
FIELD, NULL = "\x1f", "\x1e"  # between the values of a row, and in place of one that is null

TEXT = """
select group_concat(concat_ws(char(31), {values}), char(10)), count(*), sum({nulls})
from {table} not indexed where {where} and {counter} > ? and {counter} <= ?"""
PLAIN = "select {values} from {table} where {where} order by {counter}"
CONTACTS = """
select (select coalesce(sum(n), 0) from tallies where directory = ? and what = 'contact'),
       (select coalesce(max(id), 0) from contacts)"""
PENDING = """
select (select coalesce(sum(n), 0) from tallies where directory = ? and what <> 'contact' and word = 'pending'),
       (select coalesce(max(id), 0) from operations)"""
ACCEPTED = """
select (select accepted from sheets where id = ?1), (select coalesce(max(line), 0) from rows where sheet = ?1)"""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Rows of a table: which, in the order of a number that each has, and the type of each expression wanted."""

    table: str
    where: str
    binding: int
    counter: str
    columns: Mapping[str, pl.DataType]


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


def swept(c: apsw.Connection, sweep: Sweep, size: tuple[int, int]) -> pl.DataFrame:
    """The rows of a sweep; ``size``: how many they are, and the greatest number in the table.

    Many travel as text, in slices: it takes a third of the time that values of Python take.
    """
    many, last = size
    if not last:
        return pl.DataFrame(schema=dict(sweep.columns))
    if many >= MANY and many * SHARE > last:
        parts = [_part(c, sweep, start) for start in range(0, last, SLICE)]
        whole = [part for part in parts if part is not None]
        if parts and len(whole) == len(parts):
            return pl.concat(whole)
    query = PLAIN.format(values=", ".join(sweep.columns), table=sweep.table, where=sweep.where, counter=sweep.counter)
    return frame(c, query, (sweep.binding,), sweep.columns)


def _part(c: apsw.Connection, sweep: Sweep, start: int) -> pl.DataFrame | None:
    """A slice of rows by way of text; ``None`` when a value holds what parts them."""
    schema = dict(sweep.columns)
    values = ", ".join(f"coalesce({column}, char(30))" for column in schema)
    nulls = " + ".join(f"({column} is null)" for column in schema)
    query = TEXT.format(values=values, nulls=nulls, table=sweep.table, where=sweep.where, counter=sweep.counter)
    text, count, empty = c.execute(query, (sweep.binding, start, start + SLICE)).get
    if not count:
        return pl.DataFrame(schema=schema)
    parted = (text.count("\n") + 1, text.count(FIELD), text.count(NULL), "\r" in text)
    if parted != (count, count * (len(schema) - 1), empty, False):
        return None
    return pl.read_csv(
        text.encode(),
        has_header=False,
        separator=FIELD,
        quote_char=None,
        null_values=NULL,
        empty_string_is_null=False,
        schema=schema,
    )


def contacts(c: apsw.Connection, directory: int, columns: tuple[str, ...]) -> pl.DataFrame:
    """Of every contact of a directory: contact (its number) and text ``columns``."""
    schema: dict[str, pl.DataType] = {"id": pl.Int64()} | dict.fromkeys(columns, pl.String())
    sweep = Sweep("contacts", "directory = ?", directory, "id", schema)
    return swept(c, sweep, c.execute(CONTACTS, (directory,)).get).rename({"id": "contact"})


def pending(c: apsw.Connection, directory: int) -> pl.DataFrame:
    """What waits in a directory: contact, operation, kind, rank, tried and doubted (how often)."""
    tries = "tries + (select count(*) from attempts where operation = operations.id)"
    numbers = dict.fromkeys(("contact", "id", "rank", tries, "doubts"), pl.Int64())
    sweep = Sweep(
        "operations", "directory = ? and status = 'pending'", directory, "id", numbers | {"kind": pl.String()}
    )
    found = swept(c, sweep, c.execute(PENDING, (directory,)).get)
    return found.rename({"id": "operation", tries: "tried", "doubts": "doubted"})


def asking(c: apsw.Connection, sheet: int) -> pl.DataFrame:
    """The accepted rows of a file: contact, line."""
    sweep = Sweep(
        "rows", "sheet = ? and place = 'accepted'", sheet, "line", {"contact": pl.Int64(), "line": pl.Int64()}
    )
    return swept(c, sweep, c.execute(ACCEPTED, (sheet,)).get)


def given(c: apsw.Connection, statement: str, rows: pl.DataFrame) -> None:
    """The statement with each row's values in place of its question marks; an insert ends with them."""
    head, values, row = statement.rpartition("values ")
    together = head + values + ", ".join([row] * TOGETHER) if head else statement
    step = rows.width * (TOGETHER if head else 1)
    for part in rows.iter_slices(GIVEN):
        cells: list[str | int | None] = [None] * (part.height * part.width)
        for place, column in enumerate(part):
            cells[place :: part.width] = column.to_list()
        whole = len(cells) - len(cells) % step
        c.executemany(together, (cells[start : start + step] for start in range(0, whole, step)))
        rest = range(whole, len(cells), rows.width)
        c.executemany(statement, (cells[start : start + rows.width] for start in rest))


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
