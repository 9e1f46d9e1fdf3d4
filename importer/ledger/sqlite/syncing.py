"""Keeping a directory in step: what a look showed, and the changes that are planned for contacts that are there."""

import json
from collections.abc import Sequence

import apsw

from importer.ledger.sqlite.leases import fence, milliseconds
from importer.ledger.values import Lease, Observed, Step, Stranger, told
from importer.model.contact import LIST_SEPARATOR
from importer.model.operation import Kind

STATE = "update contacts set state = ?, updated_at = ? where id = ? and directory = ?"
HERE_AGAIN = """
update contacts set missing_since = null
where directory = ?1 and (missing_since is not null or stranger = 1) and missing_since is not null
  and key not in (select value from json_each(?2))"""
MISSING = """
update contacts set missing_since = ?3
where directory = ?1 and missing_since is null and key in (select value from json_each(?2))"""
HELD = "select id from contacts where directory = ? and key = ?"
TAKEN_IN = """
update contacts
set name = ?3, email_address = ?4, phone_number = ?5, title = ?6, message_types = ?7, state = ?8, contact_id = ?9,
    adopted = 0, stranger = 1, updated_at = ?10
where directory = ?1 and key = ?2"""
ENTERED = """
insert into contacts (directory, key, name, email_address, phone_number, title, message_types, state, contact_id,
                      stranger, updated_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10)"""
COUNTED = "insert into tallies values (?, ?, ?, ?) on conflict do update set n = n + excluded.n"

LAID = """
insert into steps
select c.id, value ->> 1, value ->> 2, value ->> 3
from json_each(?) j join contacts c on c.directory = ? and c.key = j.value ->> 0 order by j.key"""
LEARNED = """
update contacts
set key = coalesce(s.wanted -> 'key' ->> 1, key), name = coalesce(s.wanted -> 'name' ->> 1, name),
    email_address = coalesce(s.wanted -> 'email_address' ->> 1, email_address),
    phone_number = coalesce(s.wanted -> 'phone_number' ->> 1, phone_number),
    title = coalesce(s.wanted -> 'title' ->> 1, title),
    message_types = coalesce(s.wanted -> 'message_types' ->> 1, message_types), updated_at = ?
from steps s where s.contact = contacts.id and s.kind is null"""
LEFT = """
where directory = ?1 and kind = ?2 and status = 'pending' and code is not 'Deleting'
  and not exists (select 1 from steps s where s.contact = operations.contact and s.kind = operations.kind)"""
DROP = f"delete from operations {LEFT} and not exists (select 1 from attempts where operation = operations.id)"  # noqa: S608  of constants
WITHDRAW = f"""
update operations
set status = 'failed', code = 'Withdrawn', message = 'the file asks for something else now', reason = null,
    updated_at = ?3 {LEFT}"""  # noqa: S608  of constants
RENEW = """
update operations
set wanted = s.wanted, rank = s.rank, updated_at = ?3
from steps s
where operations.contact = s.contact and operations.kind = s.kind
  and operations.directory = ?1 and operations.kind = ?2 and status = 'pending' and code is not 'Deleting'"""
PLAN = """
insert into operations (directory, contact, kind, status, rank, wanted, updated_at)
select ?1, contact, kind, 'pending', rank, wanted, ?3
from steps s
where kind = ?2 and not exists (
    select 1 from operations o
    where o.contact = s.contact and o.kind = s.kind and o.status in ('pending', 'in_flight', 'in_doubt'))"""
CLEAR = "delete from temp.steps"

RUN = "select 1 from runs where id = ? and directory = ?"
ADDED = """
select c.id, exists (
    select 1 from operations u where u.contact = c.id and u.kind = 'update' and u.status = 'done' and u.id > o.id)
from operations o join contacts c on c.id = o.contact
where o.directory = ?1 and o.kind = 'add' and o.status = 'done' and c.adopted = 0
  and c.contact_id is not null and c.state not in ('waiting', 'deleted')
  and exists (select 1 from attempts a where a.operation = o.id and a.run = ?2)
  and o.id = (select max(id) from operations where contact = c.id and kind = 'add')
order by o.rank, c.id"""


def observe(c: apsw.Connection, lease: Lease, observed: Observed, *, now: float) -> None:
    fence(c, lease)
    at, missing = milliseconds(now), json.dumps(list(observed.missing), ensure_ascii=False)
    c.executemany(STATE, [(state, at, number, lease.directory) for number, state in observed.states.items()])
    for stranger in observed.strangers:
        _take_in(c, lease.directory, stranger, at)
    c.execute(HERE_AGAIN, (lease.directory, missing))
    c.execute(MISSING, (lease.directory, missing, at))


def _take_in(c: apsw.Connection, directory: int, stranger: Stranger, at: int) -> None:
    values = stranger.values
    fields = (values.name, values.email_address, values.phone_number, values.title)
    types = LIST_SEPARATOR.join(values.message_types)
    row = (directory, values.key, *fields, types, stranger.state, stranger.contact_id, at)
    if c.execute(HELD, (directory, values.key)).get is not None:
        c.execute(TAKEN_IN, row)
        return
    c.execute(ENTERED, row)
    c.execute(COUNTED, (directory, "contact", stranger.state, 1))


def intend(c: apsw.Connection, lease: Lease, sheet: int | None, steps: Sequence[Step], *, now: float) -> None:
    fence(c, lease)
    at, turns = milliseconds(now), (sheet or 0) << 32
    rows = [(step.key, step.kind, told(step.wanted), turns + step.line) for step in steps]
    c.execute(LAID, (json.dumps(rows, ensure_ascii=False), lease.directory))
    c.execute(LEARNED, (at,))
    for kind in (Kind.UPDATE, Kind.DELETE):
        c.execute(DROP, (lease.directory, kind))
        _count(c, lease.directory, kind, -c.changes())
        c.execute(WITHDRAW, (lease.directory, kind, at))
        c.execute(RENEW, (lease.directory, kind, at))
    for kind in (Kind.UPDATE, Kind.DELETE, Kind.SEND_EMAIL):
        c.execute(PLAN, (lease.directory, kind, at))
        _count(c, lease.directory, kind, c.changes())
    c.execute(CLEAR)


def _count(c: apsw.Connection, directory: int, kind: Kind, n: int) -> None:
    if n:
        c.execute(COUNTED, (directory, kind, "pending", n))


def added(c: apsw.Connection, directory: int, run: str) -> list[tuple[int, bool]] | None:
    if c.execute(RUN, (run, directory)).get is None:
        return None
    return [(number, bool(updated)) for number, updated in c.execute(ADDED, (directory, run))]
