"""A ledger's whole content, table by table: given to another ledger, or taken over from one."""

from collections.abc import Iterable, Iterator

import apsw

from importer.ledger.values import TABLES, Table
from importer.model.errors import FixLedger

COLUMNS = "select name from pragma_table_info(?) order by name"


def contents(c: apsw.Connection) -> Iterator[Table]:
    """All of the moment in which the first is asked for."""
    c.execute("begin")
    try:
        for name, key in TABLES.items():
            columns = _columns(c, name)
            rows = c.execute(f"select {', '.join(columns)} from {name} order by {', '.join(key)}")  # noqa: S608  of names
            yield Table(name, columns, rows)
    finally:
        c.execute("rollback")


def fill(c: apsw.Connection, tables: Iterable[Table], place: str) -> None:
    if c.execute("select 1 from directories").get:
        raise FixLedger(
            f"{place}: there is something in this ledger", hint="copy into a new one: name another place for it"
        )
    for table in tables:
        if table.columns != _columns(c, table.name):
            raise FixLedger(f"{place}: this ledger is of another version", hint="use the same program for both")
        values = ", ".join("?" * len(table.columns))
        c.executemany(f"insert into {table.name} ({', '.join(table.columns)}) values ({values})", table.rows)  # noqa: S608  of names


def _columns(c: apsw.Connection, table: str) -> tuple[str, ...]:
    return tuple(str(name) for (name,) in c.execute(COLUMNS, (table,)))
