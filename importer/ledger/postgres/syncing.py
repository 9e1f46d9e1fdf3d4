"""Keeping a directory in step: what a look showed, and the changes that are planned for contacts that are there."""

from collections.abc import Sequence

from importer.ledger.postgres.database import Cursor
from importer.ledger.postgres.leases import fence, milliseconds
from importer.ledger.values import Lease, Observed, Step, told
from importer.model.contact import LIST_SEPARATOR

STATE = "update contacts set state = %s, updated_at = %s where id = %s and directory = %s"
HERE_AGAIN = """
update contacts set missing_since = null
where directory = %s and missing_since is not null and not (key = any(%s))"""
MISSING = "update contacts set missing_since = %s where directory = %s and missing_since is null and key = any(%s)"
TAKE_IN = """
insert into contacts as c (directory, key, name, email_address, phone_number, title, message_types, state, contact_id,
                           stranger, updated_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s)
on conflict (directory, key) do update
set name = excluded.name, email_address = excluded.email_address, phone_number = excluded.phone_number,
    title = excluded.title, message_types = excluded.message_types, state = excluded.state,
    contact_id = excluded.contact_id, adopted = 0, stranger = 1, updated_at = excluded.updated_at"""

LAID = """
create temp table steps on commit drop as
select c.id as contact, s.kind, s.wanted::json as wanted, s.rank
from unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) with ordinality as s(key, kind, wanted, rank, n)
join contacts c on c.directory = %s and c.key = s.key order by s.n"""
LEARNED = """
update contacts c
set key = coalesce(s.wanted -> 'key' ->> 1, c.key), name = coalesce(s.wanted -> 'name' ->> 1, c.name),
    email_address = coalesce(s.wanted -> 'email_address' ->> 1, c.email_address),
    phone_number = coalesce(s.wanted -> 'phone_number' ->> 1, c.phone_number),
    title = coalesce(s.wanted -> 'title' ->> 1, c.title),
    message_types = coalesce(s.wanted -> 'message_types' ->> 1, c.message_types), updated_at = %(now)s
from steps s where s.contact = c.id and s.kind is null"""
LEFT = """
where o.directory = %(directory)s and o.kind in ('update', 'delete') and o.status = 'pending'
  and o.code is distinct from 'Deleting'
  and not exists (select 1 from steps s where s.contact = o.contact and s.kind = o.kind)"""
DROP = f"delete from operations o {LEFT} and not exists (select 1 from attempts where operation = o.id)"  # noqa: S608  of constants
WITHDRAW = f"""
update operations o
set status = 'failed', code = 'Withdrawn', message = 'the file asks for something else now', reason = null,
    updated_at = %(now)s {LEFT}"""  # noqa: S608  of constants
RENEW = """
update operations o
set wanted = s.wanted::text, rank = s.rank, updated_at = %(now)s
from steps s
where o.contact = s.contact and o.kind = s.kind and o.directory = %(directory)s and o.kind in ('update', 'delete')
  and o.status = 'pending' and o.code is distinct from 'Deleting'"""
PLAN = """
insert into operations (directory, contact, kind, status, rank, wanted, updated_at)
select %(directory)s, contact, kind, 'pending', rank, wanted::text, %(now)s
from steps s
where kind is not null and not exists (
    select 1 from operations o
    where o.contact = s.contact and o.kind = s.kind and o.status in ('pending', 'in_flight', 'in_doubt'))"""
CLEAR = "drop table steps"  # a group may plan again

RUN = "select 1 from runs where id = %s and directory = %s"
ADDED = """
select c.id, exists (
    select 1 from operations u where u.contact = c.id and u.kind = 'update' and u.status = 'done' and u.id > o.id)
from operations o join contacts c on c.id = o.contact
where o.directory = %(directory)s and o.kind = 'add' and o.status = 'done' and c.adopted = 0
  and c.contact_id is not null and c.state not in ('waiting', 'deleted')
  and exists (select 1 from attempts a where a.operation = o.id and a.run = %(run)s)
  and o.id = (select max(id) from operations where contact = c.id and kind = 'add')
order by o.rank, c.id"""


def observe(c: Cursor, lease: Lease, observed: Observed, *, now: float) -> None:
    fence(c, lease)
    at, missing = milliseconds(now), list(observed.missing)
    for number, state in observed.states.items():
        c.execute(STATE, (state.value, at, number, lease.directory))
    for stranger in observed.strangers:
        one = stranger.values
        fields = (one.name, one.email_address, one.phone_number, one.title, LIST_SEPARATOR.join(one.message_types))
        c.execute(TAKE_IN, (lease.directory, one.key, *fields, stranger.state.value, stranger.contact_id, at))
    c.execute(HERE_AGAIN, (lease.directory, missing))
    c.execute(MISSING, (at, lease.directory, missing))


def intend(c: Cursor, lease: Lease, sheet: int | None, steps: Sequence[Step], *, now: float) -> None:
    fence(c, lease)
    turns = (sheet or 0) << 32
    columns = (
        [step.key for step in steps],
        [step.kind and step.kind.value for step in steps],
        [told(step.wanted) for step in steps],
        [turns + step.line for step in steps],
    )
    bindings = {"directory": lease.directory, "now": milliseconds(now)}
    c.execute(LAID, (*columns, lease.directory))
    for statement in (LEARNED, DROP, WITHDRAW, RENEW, PLAN, CLEAR):
        c.execute(statement, bindings)


def added(c: Cursor, directory: int, run: str) -> list[tuple[int, bool]] | None:
    if c.execute(RUN, (run, directory)).fetchone() is None:
        return None
    return [(number, updated) for number, updated in c.execute(ADDED, {"directory": directory, "run": run})]
