"""A file's rows, written down in place of those of its last version: sent in bulk, then put in their places there.

The bulk travels before the directory is locked: a process that is stopped on the way keeps nobody waiting.
"""

import json

import polars as pl

from importer.ledger.postgres.database import Cursor
from importer.ledger.postgres.frames import given, taken
from importer.ledger.postgres.leases import fence, milliseconds
from importer.ledger.values import KNOWN, Lease, Staging
from importer.model.contact import FIELDS

NEWEST = """
select c.id, c.key, c.name, c.email_address, c.phone_number, c.title, c.message_types, c.state, c.contact_id,
       r.file, r.line, c.missing_since / 1000.0 as missing_since, c.stranger
from contacts c left join (
    select distinct on (rows.contact) rows.contact, sheets.file, rows.line
    from sheets join rows on rows.sheet = sheets.id
    where sheets.directory = %s and rows.place = 'accepted'
    order by rows.contact, sheets.staged_at desc, sheets.id desc, rows.line desc) r on r.contact = c.id
where c.directory = %s order by c.id"""

DESK = """
create temp table asked (
    turn bigint, line bigint, key text collate "C", held text collate "C", name text, email_address text,
    phone_number text, title text, message_types text, cells text, findings text) on commit drop;
create temp table others (line bigint, place text, key text collate "C", cells text, findings text) on commit drop"""
READY = "analyze asked; analyze others"
SHEET = """
insert into sheets (
    directory, file, sheet, digest, options, clashes, headers, rejected, duplicate, accepted, modified, synced, run,
    staged_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (directory, file) do update
set sheet = excluded.sheet, digest = excluded.digest, options = excluded.options, clashes = excluded.clashes,
    headers = excluded.headers,
    rejected = excluded.rejected, duplicate = excluded.duplicate, accepted = excluded.accepted,
    modified = coalesce(excluded.modified, sheets.modified), synced = coalesce(excluded.synced, sheets.synced),
    run = excluded.run, staged_at = excluded.staged_at
returning id"""

# Each row with its contact's number, its turn, and what the ledger holds of it: the contact's state, and what is
# pending for it, null if nothing.
MATCH = """
create temp table matched on commit drop as
select coalesce(known, nextval('contacts_id_seq')) as contact, known is null as fresh, found.*
from (
    select c.id as known, a.*, c.state, p.id as operation, p.kind, p.rank, p.doubts
    from asked a
    left join contacts c on c.directory = %(directory)s and c.key = a.held
    left join (
        select distinct on (contact) contact, id, kind, rank, doubts from operations
        where directory = %(directory)s and status = 'pending' order by contact, id) p on p.contact = c.id
    order by a.turn) as found"""
FORMER = """
create temp table former on commit drop as
select contact from rows where sheet = %(sheet)s and place = 'accepted'"""
ADD_CONTACTS = """
insert into contacts (id, directory, key, name, email_address, phone_number, title, message_types, state, updated_at)
select contact, %(directory)s, key, name, email_address, phone_number, title, message_types, 'waiting', %(now)s
from matched where fresh order by turn"""
# Contacts that wait, failed or were deleted take the row's values and wait; the others keep their own.
TAKE = """
update contacts c
set name = m.name, email_address = m.email_address, phone_number = m.phone_number, title = m.title,
    message_types = m.message_types, state = 'waiting', adopted = 0, updated_at = %(now)s
from matched m
where c.id = m.contact
  and (m.state in ('failed', 'deleted') or m.state = 'waiting' and m.kind = 'add' and m.doubts = 0)
  and (c.state, c.name, c.email_address, c.phone_number, c.title, c.message_types)
      is distinct from ('waiting', m.name, m.email_address, m.phone_number, m.title, m.message_types)"""
ADDS = """
insert into operations (directory, contact, kind, status, rank, updated_at)
select %(directory)s, contact, 'add', 'pending', %(turns)s + turn, %(now)s
from matched where fresh or state in ('failed', 'deleted') and kind is distinct from 'add' order by turn"""
RANKS = """
update operations o set rank = %(turns)s + m.turn
from matched m where o.id = m.operation and o.rank <> %(turns)s + m.turn"""

FORGET = "delete from rows where sheet = %(sheet)s"
ROWS = """
insert into rows (sheet, line, place, contact, cells, findings)
select %(sheet)s, line, 'accepted', contact, cells, findings from matched
union all
select %(sheet)s, o.line, o.place, c.id, o.cells, o.findings
from others o left join contacts c on c.directory = %(directory)s and c.key = o.key"""

KNOWN_NOW = """
update contacts set stranger = 0
where directory = %(directory)s and stranger = 1 and id in (select contact from matched)"""
# Contacts whose add was never tried and whom no row asks for any more were a plan only: it is dropped.
LEFT = """
create temp table left_out on commit drop as
select contact from former except select contact from matched"""
DROPPED = """
create temp table dropped on commit drop as
select l.contact
from left_out l join contacts c on c.id = l.contact and c.state = 'waiting'
join (
    select distinct on (contact) contact, id, kind, tries from operations
    where directory = %(directory)s and status = 'pending' order by contact, id) o on o.contact = l.contact
where o.kind = 'add' and o.tries = 0 and not exists (select 1 from attempts where operation = o.id)
except
select r.contact from rows r join sheets s on s.id = r.sheet
where s.directory = %(directory)s and r.place = 'accepted'"""
WITHDRAW = (
    "delete from operations where status = 'pending' and contact in (select contact from dropped)",
    """
update contacts c
set state = (
    select case when kind = 'delete' and status = 'done' then 'deleted' else 'failed' end
    from operations where contact = c.id order by id desc limit 1)
where id in (select contact from dropped) and exists (select 1 from operations where contact = c.id)""",
    "delete from contacts where state = 'waiting' and id in (select contact from dropped)",
    """
update rows set contact = null
where sheet in (select id from sheets where directory = %(directory)s)
  and contact in (select contact from dropped where not exists (select 1 from contacts where id = dropped.contact))""",
)

CLEAR = "drop table asked, others, matched, former, left_out; drop table if exists dropped"  # a group may stage again


def known(c: Cursor, directory: int) -> pl.DataFrame:
    schema: dict[str, pl.DataType] = {name: getattr(pl, kind)() for name, kind in KNOWN.items()}
    return taken(c, NEWEST, (directory, directory), schema)


def stage(c: Cursor, lease: Lease, run: str, staging: Staging, *, now: float) -> int:
    if staging.contacts["key"].n_unique() < staging.contacts.height:
        raise ValueError("a contact is asked for by more than one accepted row")
    _send(c, staging)
    fence(c, lease)
    sheet = _sheet(c, lease.directory, run, staging, milliseconds(now))
    bindings = {"directory": lease.directory, "sheet": sheet, "turns": sheet << 32, "now": milliseconds(now)}
    for statement in (FORMER, MATCH, ADD_CONTACTS, TAKE, ADDS, RANKS, FORGET, ROWS, KNOWN_NOW):
        c.execute(statement, bindings)
    c.execute(LEFT)
    if c.execute("select 1 from left_out limit 1").fetchone():
        for statement in (DROPPED, *WITHDRAW):
            c.execute(statement, bindings)
    c.execute(CLEAR)
    return sheet


def _send(c: Cursor, staging: Staging) -> None:
    c.execute(DESK)
    asked = staging.contacts.select(
        *(pl.int_range(1, pl.len() + 1).alias("turn"), "line", "key", pl.coalesce("was", "key").alias("held")),
        *(*FIELDS, "cells", "findings"),
    )
    given(c, "asked", asked)
    nobody = pl.lit(None, pl.String).alias("key")
    columns = ("line", "place", "key", "cells", "findings")
    rejected = staging.rejected.with_columns(nobody, place=pl.lit("rejected")).select(columns)
    duplicates = staging.duplicates.with_columns(place=pl.lit("duplicate")).select(columns)
    given(c, "others", pl.concat([rejected, duplicates]))
    c.execute(READY)


def _sheet(c: Cursor, directory: int, run: str, staging: Staging, now: int) -> int:
    counts = (staging.rejected.height, staging.duplicates.height, staging.contacts.height)
    head = (directory, staging.file, staging.sheet, staging.digest, staging.options, staging.clashes)
    headers = json.dumps(dict(staging.headers), ensure_ascii=False)
    modified = None if staging.modified is None else milliseconds(staging.modified)
    row = (*head, headers, *counts, modified, staging.synced, run, now)
    (number,) = c.execute(SHEET, row).fetchone() or (0,)
    return int(number)
