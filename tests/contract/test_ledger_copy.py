"""A ledger moves between the stores whole, or not at all; the two hold the same tables."""

import psycopg
import pytest
from ledgers import NOON, Book, added, doubtful, failed, names, row, sent

from importer.jobs.copy import copy
from importer.ledger.port import LeaseHeld, NoLedger
from importer.ledger.postgres import open_postgres
from importer.ledger.sqlite import open_sqlite
from importer.ledger.values import TABLES
from importer.model.errors import FixCommand, FixLedger
from importer.model.operation import Kind

ALL = "select relname from pg_class where relnamespace = 'importer'::regnamespace and relkind = 'r'"


def filled(book):
    """Something in every table and in every state."""
    book.stage(
        *(row(line, name) for line, name in enumerate(names(30), 2)),
        rejected=[{"line": 90, "cells": '{"Name": "x\\u0000"}', "findings": "[]"}],
        duplicates=[{"line": 91, "key": names(1)[0], "cells": None, "findings": None}],
    )
    claimed = book.claim(limit=20)
    book.record(*(added(operation, adopted=operation.id % 3 == 0) for operation in claimed[:10]))
    book.record(failed(claimed[10]), doubtful(claimed[11]))
    book.record(*map(sent, book.claim(Kind.SEND_EMAIL, limit=4)))
    book.ledger.recover(book.lease, now=NOON + 30)
    book.ledger.defer(book.lease, Kind.SEND_EMAIL, "daily-sends", NOON + 9)
    book.ledger.remember(book.lease, 7)
    book.ledger.finish_run(book.run, ended_at=NOON + 40, exit_code=3, totals='{"名": 1}')
    return book


def content(ledger):
    return {table.name: (table.columns, list(table.rows)) for table in ledger.contents()}


@pytest.fixture
def old(tmp_path):
    """The path of a ledger with something in it, which nobody holds."""
    ledger = open_sqlite(tmp_path / "old.db")
    book = filled(Book(ledger))
    filled(Book(ledger, profile="other", run="run-2", owner="b"))
    for directory in ledger.status():
        ledger.release(directory.lease)
    assert book.directory == 1
    ledger.close()
    return str(tmp_path / "old.db")


def test_both_stores_hold_the_same_tables_with_the_same_columns(tmp_path, database):
    one, other = open_sqlite(tmp_path / "a.db"), open_postgres(database)
    assert {name: columns for name, (columns, _) in content(one).items()} == {
        name: columns for name, (columns, _) in content(other).items()
    }
    made = {name for (name,) in one._db.connection.execute("select name from sqlite_schema where type = 'table'")}
    assert made == set(TABLES)
    with psycopg.connect(database) as connection:
        assert {name for (name,) in connection.execute(ALL)} - {"about", "units"} == set(TABLES)
    one.close()
    other.close()


def test_a_round_trip_brings_back_every_row_and_the_work_goes_on(tmp_path, old, database):
    back = str(tmp_path / "back.db")
    there = copy(old, database)
    again = copy(database, back)
    assert [one.rows for one in there.tables] == [one.rows for one in again.tables]
    assert {one.table: one.rows for one in there.tables}["contacts"] == 60
    first, middle, last = open_sqlite(old), open_postgres(database), open_sqlite(back)
    assert list(first.export()) == list(middle.export()) == list(last.export())
    assert all(directory.lease is None for ledger in (first, middle, last) for directory in ledger.status())
    tokens = {"lease_token": 0}
    assert _without(content(first), tokens) == _without(content(middle), tokens) == _without(content(last), tokens)
    for ledger in (middle, last):
        book = Book(ledger, run="run-9", owner="c")
        book.stage(row(2, "zoe"), file="new.csv")
        assert [operation.values.name for operation in book.claim(limit=11)][-1] == "zoe"
        ledger.close()
    first.close()


def _without(tables, changed):
    """The content, but for columns that a copy changes: every hold of a directory takes a new token."""
    columns, rows = tables["directories"]
    kept = [n for n, column in enumerate(columns) if column not in changed]
    return tables | {"directories": [tuple(row[n] for n in kept) for row in rows]}


def test_a_target_that_holds_something_is_refused_and_left_as_it_was(tmp_path, old, database):
    taken = open_postgres(database)
    Book(taken).stage(row(2, "anna"))
    with pytest.raises(FixLedger, match="something in this ledger"):
        copy(old, database)
    assert [exported.name for exported in taken.export()] == ["anna"]
    with pytest.raises(FixLedger, match="something in this ledger"):
        copy(old, old)
    ledger = open_sqlite(old)
    assert all(directory.lease is None for directory in ledger.status())
    taken.close()
    ledger.close()


def test_a_ledger_that_somebody_acts_on_is_not_copied_until_the_hold_has_expired(tmp_path, database):
    ledger = open_postgres(database)
    book = Book(ledger)
    with pytest.raises(LeaseHeld, match=r"held by host pid 1"):
        copy(database, str(tmp_path / "new.db"))
    assert list(tmp_path.iterdir()) == []
    ledger.renew(book.lease, now=NOON, ttl=-1)
    assert copy(database, str(tmp_path / "new.db")).tables[0].rows == 1
    ledger.close()


def test_a_null_character_becomes_the_sign_for_what_is_none(tmp_path, database):
    ledger = open_sqlite(tmp_path / "old.db")
    book = Book(ledger)
    book.stage(row(2, "anna", "a\0b@example.com"))
    ledger.release(book.lease)
    ledger.close()
    copy(str(tmp_path / "old.db"), database)
    moved = open_postgres(database)
    assert [exported.email_address for exported in moved.export()] == ["a\ufffdb@example.com"]
    moved.close()


MISTAKES = {
    "no source": (("{folder}/nothing.db", "{folder}/new.db"), NoLedger, "there is no ledger at"),
    "no such store": (("mysql://u:s3cret@h/x", "{folder}/new.db"), FixCommand, "no ledger is kept there"),
    "no folder": (("{old}", "{folder}/nowhere/new.db"), FixLedger, "cannot be made"),
    "no ledger": (("{folder}/text.db", "{folder}/new.db"), FixLedger, "no SQLite database"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_told_in_one_line_and_leaves_nothing_behind(tmp_path, old, what):
    places, kind, told = MISTAKES[what]
    (tmp_path / "text.db").write_text("Name,EmailAddress\n" * 200)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(kind, match=told) as refusal:
        copy(*(place.format(folder=tmp_path, old=old) for place in places))
    assert "s3cret" not in refusal.value.message
    assert refusal.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == before
