"""A file's rows, written down in place of those of its last version; columns all the way, no row objects."""

import json
from typing import Any

import apsw
import polars as pl

from importer.ledger.sqlite.database import CACHE
from importer.ledger.sqlite.frames import asking, contacts, frame, given, pending
from importer.ledger.sqlite.leases import fence, milliseconds
from importer.ledger.values import KNOWN, Lease, Staging
from importer.model.contact import FIELDS

SHEET = """
insert into sheets (
    directory, file, sheet, digest, options, clashes, headers, rejected, duplicate, accepted, modified, synced, run,
    staged_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (directory, file) do update
set sheet = excluded.sheet, digest = excluded.digest, options = excluded.options, clashes = excluded.clashes,
    headers = excluded.headers,
    rejected = excluded.rejected, duplicate = excluded.duplicate, accepted = excluded.accepted,
    modified = coalesce(excluded.modified, modified), synced = coalesce(excluded.synced, synced),
    run = excluded.run, staged_at = excluded.staged_at
returning id"""

TWICE = "a contact is asked for by more than one accepted row"
LAST = "select coalesce(max(id), 0) from contacts"
COUNT = "select count(*) from contacts"
KEYS = "create unique index contacts_by_key on contacts (directory, key)"
NEW_CONTACT = """
insert into contacts (id, key, name, email_address, phone_number, title, message_types, directory, state, updated_at)
values (?, ?, ?, ?, ?, ?, ?, {directory}, 'waiting', {now})"""
NEW_ADDS = """
insert into operations (directory, contact, kind, status, rank, updated_at)
select {directory}, id, 'add', 'pending', id - ? + ?, {now} from contacts where id > ? order by id"""
NEW_ADD = """
insert into operations (contact, rank, directory, kind, status, updated_at)
values (?, ?, {directory}, 'add', 'pending', {now})"""
TAKE = """
update contacts
set name = ?2, email_address = ?3, phone_number = ?4, title = ?5, message_types = ?6,
    state = 'waiting', adopted = 0, updated_at = {now}
where id = ?1 and (state, name, email_address, phone_number, title, message_types)
    is not ('waiting', ?2, ?3, ?4, ?5, ?6)"""
# With the sign no index is used for the number: the rows are looked through only if there is a stranger at all.
KNOWN_NOW = """
update contacts set stranger = 0
where directory = ?1 and (missing_since is not null or stranger = 1) and stranger = 1
  and +id in (select contact from rows where sheet = ?2 and place = 'accepted')"""
WATCHED = """
select id, missing_since / 1000.0, stranger from contacts
where directory = ? and (missing_since is not null or stranger = 1)"""
RANK = "update operations set rank = ? where id = ?"
COUNTED = "insert into tallies values (?, ?, ?, ?) on conflict do update set n = n + excluded.n"

FORGET = "delete from rows where sheet = ?"
ROW = "insert into rows (line, contact, cells, findings, sheet, place) values (?, ?, ?, ?, {sheet}, '{place}')"
PLAIN_ROWS = """
insert into rows (sheet, line, place, contact)
select ?, value ->> 0, 'accepted', value ->> 1 from json_each(?)"""

RUN_OF_ROWS = """
insert into rows (sheet, line, place, contact)
select ?, id + ?, 'accepted', id from contacts where id >= ? and id < ? order by id"""

ASKED = """
select distinct contact from rows join sheets on sheets.id = rows.sheet
where sheets.directory = ? and place = 'accepted' and contact in (select value from json_each(?))"""
UNLINK = """
update rows set contact = null
where sheet in (select id from sheets where directory = ?) and contact in (select value from json_each(?))
  and not exists (select 1 from contacts where id = rows.contact)"""
DROP_ADDS = "delete from operations where status = 'pending' and contact in (select value from json_each(?))"
RESTORE = """
update contacts
set state = (
    select iif(kind = 'delete' and status = 'done', 'deleted', 'failed')
    from operations where contact = contacts.id order by operations.id desc limit 1)
where id in (select value from json_each(?)) and exists (select 1 from operations where contact = contacts.id)"""
DROP_CONTACTS = "delete from contacts where state = 'waiting' and id in (select value from json_each(?))"

SHEETS = "select id, file from sheets where directory = ? order by staged_at, id"

# KiB, and threads beside this one: keys are sorted in runs that fit the cache of the processor, in half the time; in
# one piece where there is no place for the runs, a temporary file.
SORTS = ((-4 * 1024, 1), (-512 * 1024, 0))
SLICE = 20_000  # rows that travel as one text
RUN = 64  # rows from which on a statement of their own is cheaper than their numbers


def known(c: apsw.Connection, directory: int) -> pl.DataFrame:
    columns = tuple(name for name, kind in KNOWN.items() if kind == "String" and name != "file")
    watched = {"contact": pl.Int64(), "missing_since": pl.Float64(), "stranger": pl.Int64()}
    held = contacts(c, directory, columns)
    if held.is_empty():
        return pl.DataFrame(schema={name: getattr(pl, kind)() for name, kind in KNOWN.items()})
    held = held.join(frame(c, WATCHED, (directory,), watched), on="contact", how="left", maintain_order="left")
    held = held.with_columns(pl.col("stranger").fill_null(0))
    sheets: list[Any] = c.execute(SHEETS, (directory,)).fetchall()
    rows = [asking(c, sheet).with_columns(pl.lit(file, pl.String).alias("file")) for sheet, file in sheets]
    none = pl.DataFrame(schema={"contact": pl.Int64, "line": pl.Int64, "file": pl.String})
    newest = pl.concat([none, *rows]).unique("contact", keep="last", maintain_order=True)
    return held.join(newest, on="contact", how="left", maintain_order="left").select(*KNOWN)


def stage(c: apsw.Connection, lease: Lease, run: str, staging: Staging, *, now: float) -> int:
    fence(c, lease)
    try:
        return _Stage(c, lease.directory, milliseconds(now)).write(run, staging)
    except apsw.ConstraintError as error:
        if "contacts.key" not in str(error):
            raise
        raise ValueError(TWICE) from error  # told by the index of keys: to look for it before would take as long again


class _Stage:
    """One staging: a directory at a moment."""

    def __init__(self, c: apsw.Connection, directory: int, now: int) -> None:
        self._c = c
        self._directory = directory
        self._now = now

    def write(self, run: str, staging: Staging) -> int:
        sheet = self._sheet(run, staging)
        former = asking(self._c, sheet).select("contact")
        held = self._held()
        asked = self._asked(staging.contacts, held, sheet)
        fresh = asked["fresh"]
        self._add(asked if fresh.all() else asked.filter(fresh))
        self._take(asked.clear() if fresh.all() else asked.filter(~fresh))
        self._rows(sheet, asked, staging)
        self._c.execute(KNOWN_NOW, (self._directory, sheet))
        if not former.is_empty():
            self._withdraw(former.join(asked, on="contact", how="anti"), held)
        return sheet

    def _sheet(self, run: str, staging: Staging) -> int:
        counts = (staging.rejected.height, staging.duplicates.height, staging.contacts.height)
        head = (self._directory, staging.file, staging.sheet, staging.digest, staging.options, staging.clashes)
        headers = json.dumps(dict(staging.headers), ensure_ascii=False)
        modified = None if staging.modified is None else milliseconds(staging.modified)
        return int(self._c.execute(SHEET, (*head, headers, *counts, modified, staging.synced, run, self._now)).get)

    def _held(self) -> pl.DataFrame:
        """The directory's contacts: contact, key, state, and what is `pending` for it, null if nothing."""
        waits = pending(self._c, self._directory).unique("contact", keep="first")
        return contacts(self._c, self._directory, ("key", "state")).join(waits, on="contact", how="left")

    def _asked(self, rows: pl.DataFrame, held: pl.DataFrame, sheet: int) -> pl.DataFrame:
        """Each accepted row with its contact's number, its turn, and what the ledger holds of it."""
        last = int(self._c.execute(LAST).get)
        numbered = rows.select(
            *("line", "key", *FIELDS, "cells", "findings"),
            held=pl.coalesce("was", "key"),
            turn=(sheet << 32) + pl.int_range(1, pl.len() + 1),
        )
        if held.is_empty():
            nothing = (pl.lit(None, dtype).alias(name) for name, dtype in held.schema.items() if name != "key")
            found = numbered.with_columns(nothing)
        else:
            found = numbered.join(held, left_on="held", right_on="key", how="left", maintain_order="left")
        fresh = pl.col("contact").is_null()
        return found.with_columns(
            pl.when(fresh).then(last + fresh.cum_sum()).otherwise("contact").alias("contact"), fresh=fresh
        )

    def _add(self, fresh: pl.DataFrame) -> None:
        """New contacts, each with a pending add. Many at once go in before their index, which is then built sorted."""
        if fresh.is_empty():
            return
        last = int(fresh["contact"][0]) - 1
        many = fresh.height > int(self._c.execute(COUNT).get)
        if many:
            self._c.execute("drop index contacts_by_key")
        self._each(NEW_CONTACT, fresh.select("contact", "key", *FIELDS))
        if many:
            self._index()
        turns = fresh["turn"]
        if turns[-1] - turns[0] == fresh.height - 1:  # in one piece, as in a file that is new
            statement = NEW_ADDS.format(directory=self._directory, now=self._now)
            self._c.execute(statement, (last + 1, int(turns[0]), last))
        else:
            self._each(NEW_ADD, fresh.select("contact", "turn"))
        self._count("contact", "waiting", fresh.height)
        self._count("add", "pending", fresh.height)

    def _index(self) -> None:
        for size, threads in SORTS:
            try:
                self._c.pragma("cache_size", size)
                self._c.pragma("threads", threads)
                self._c.execute(KEYS)
            except (apsw.CantOpenError, apsw.FullError):
                if (size, threads) == SORTS[-1] or not self._c.in_transaction:
                    raise
            else:
                return
            finally:
                self._c.pragma("cache_size", CACHE)
                self._c.pragma("threads", 0)

    def _take(self, known: pl.DataFrame) -> None:
        """Contacts that wait, failed or were deleted take the row's values and wait; the others keep their own."""
        if known.is_empty():
            return
        if known["contact"].n_unique() < known.height:
            raise ValueError(TWICE)
        ended = pl.col("state").is_in(["failed", "deleted"])
        waits = (pl.col("state") == "waiting") & (pl.col("kind") == "add") & (pl.col("doubted") == 0)
        self._each(TAKE, known.filter(ended | waits).select("contact", *FIELDS))
        again = known.filter(ended & (pl.col("kind") != "add").fill_null(value=True))
        self._each(NEW_ADD, again.select("contact", "turn"))
        self._count("add", "pending", again.height)
        self._each(RANK, known.filter(pl.col("rank") != pl.col("turn")).select("turn", "operation"))

    def _rows(self, sheet: int, asked: pl.DataFrame, staging: Staging) -> None:
        self._c.execute(FORGET, (sheet,))
        nobody = pl.lit(None, pl.Int64).alias("contact")
        twins = staging.duplicates.with_columns(nobody)
        if not twins.is_empty():
            held = contacts(self._c, self._directory, ("key",))
            twins = twins.drop("contact").join(held, on="key", how="left", maintain_order="left")
        plain = pl.col("cells").is_null() & pl.col("findings").is_null()
        self._plain(sheet, asked.filter(plain))
        told = asked.filter(~plain)
        rejected = staging.rejected.with_columns(nobody)
        places = {"accepted": told, "rejected": rejected, "duplicate": twins}
        for place, rows in ((place, rows) for place, rows in places.items() if not rows.is_empty()):
            self._each(ROW.format(sheet=sheet, place=place), rows.select("line", "contact", "cells", "findings"))

    def _plain(self, sheet: int, rows: pl.DataFrame) -> None:
        """Accepted rows of which there is nothing more to say: line and contact, by runs in which both grow by one.

        The contacts are there already, so a run needs no values; what is in none goes in as text, thousands at a time.
        """
        step = (pl.col("line").diff() != 1) | (pl.col("contact").diff() != 1)
        rows = rows.select(pl.col("line", "contact").cast(pl.Int64))
        rows = rows.with_columns(run=step.fill_null(value=False).cum_sum())
        runs = rows.group_by("run", maintain_order=True).agg(pl.col("line", "contact").first(), n=pl.len())
        runs = runs.filter(pl.col("n") >= RUN)
        bounds = runs.select(pl.col("line") - pl.col("contact"), "contact", end=pl.col("contact") + pl.col("n"))
        for shift, first, end in bounds.iter_rows():
            self._c.execute(RUN_OF_ROWS, (sheet, shift, first, end))
        rest = rows.join(runs, on="run", how="anti", maintain_order="left")
        for part in rest.iter_slices(SLICE):
            self._c.execute(
                PLAIN_ROWS, (sheet, _list(part.select(pl.format("[{},{}]", "line", "contact")).to_series()))
            )

    def _withdraw(self, left: pl.DataFrame, held: pl.DataFrame) -> None:
        """Contacts whose add was never tried and whom no row asks for any more were a plan only: it is dropped.

        One that failed or was deleted before it waited again is so again.
        """
        untried = (pl.col("state") == "waiting") & (pl.col("kind") == "add") & (pl.col("tried") == 0)
        left = left.join(held.filter(untried), on="contact", how="semi")
        if left.is_empty():
            return
        asked = frame(self._c, ASKED, (self._directory, _list(left["contact"])), {"contact": pl.Int64()})
        left = left.join(asked, on="contact", how="anti")
        numbers = _list(left["contact"])
        self._c.execute(DROP_ADDS, (numbers,))
        self._count("add", "pending", -self._c.changes())
        self._c.execute(RESTORE, (numbers,))
        self._c.execute(DROP_CONTACTS, (numbers,))
        self._count("contact", "waiting", -self._c.changes())
        self._c.execute(UNLINK, (self._directory, numbers))

    def _each(self, statement: str, rows: pl.DataFrame) -> None:
        """The statement for every row; directory and moment are written into it, for they cost time a row."""
        if not rows.is_empty():
            given(self._c, statement.format(directory=self._directory, now=self._now), rows)

    def _count(self, what: str, word: str, n: int) -> None:
        if n:
            self._c.execute(COUNTED, (self._directory, what, word, n))


def _list(values: pl.Series) -> str:
    """As a JSON list."""
    return f"[{values.cast(pl.String).str.join(',').item()}]"
