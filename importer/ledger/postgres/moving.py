"""A ledger's whole content, table by table: given to another ledger, or taken over from one."""

from collections.abc import Iterable, Iterator

from importer.ledger.postgres.database import Connection, Cursor
from importer.ledger.values import TABLES, Table
from importer.model.errors import FixLedger

PORTION = 5000
COLUMNS = """
select attname, atttypid = 'text'::regtype from pg_attribute
where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attname collate "C", attnum"""
# The next numbers follow the greatest that is there.
NEXT = """
select setval(pg_get_serial_sequence('{table}', 'id'), coalesce(max(id), 0) + 1, false) from {table}"""


def contents(c: Connection) -> Iterator[Table]:
    """All of one moment, in a transaction that sees no other."""
    for name, key in TABLES.items():
        kinds = _columns(c.cursor(), name)
        order = ", ".join(f'{column} collate "C"' if kinds[column] else column for column in key)
        with c.cursor(name="contents") as rows:
            rows.itersize = PORTION
            yield Table(name, tuple(kinds), rows.execute(f"select {', '.join(kinds)} from {name} order by {order}"))  # noqa: S608  of names


def fill(c: Cursor, tables: Iterable[Table], place: str) -> None:
    if c.execute("select 1 from directories").fetchone():
        raise FixLedger(
            f"{place}: there is something in this ledger", hint="copy into a new one: name another place for it"
        )
    for table in tables:
        if table.columns != tuple(_columns(c, table.name)):
            raise FixLedger(f"{place}: this ledger is of another version", hint="use the same program for both")
        if table.name == "tallies":
            c.execute("delete from tallies")  # as the triggers counted what came
        with c.copy(f"copy {table.name} ({', '.join(table.columns)}) from stdin") as copy:
            for row in table.rows:
                copy.write_row(row)
        if TABLES[table.name] == ("id",) and table.name != "runs":
            c.execute(NEXT.format(table=table.name))


def _columns(c: Cursor, table: str) -> dict[str, bool]:
    """Each with whether it holds text."""
    return dict(c.execute(COLUMNS, (table,)).fetchall())
