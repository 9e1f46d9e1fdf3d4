"""Operations on their way: recovered, claimed, put off."""

from collections.abc import Sequence
from typing import Any

from importer.ledger.postgres.database import Cursor
from importer.ledger.postgres.leases import fence, lost, milliseconds, seconds
from importer.ledger.values import UNDER_WAY, Deferral, Lease, changes
from importer.model.contact import LIST_SEPARATOR, Contact
from importer.model.operation import Kind, Operation, Status

INTERRUPTED = "Interrupted"
KINDS = {kind.value: kind for kind in Kind}

FOUND_IN_FLIGHT = """
insert into attempts (operation, directory, kind, run, started_at, ended_at, outcome, code, message)
select id, directory, kind,
       (select id from runs where directory = %(directory)s and token < %(token)s order by token desc limit 1),
       claimed_at, %(now)s, 'doubt', %(code)s, %(message)s
from operations where directory = %(directory)s and status = 'in_flight' order by operations.id"""
CONTACTS_IN_DOUBT = """
update contacts set state = 'in_doubt', updated_at = %(now)s
where id in (
    select contact from operations
    where directory = %(directory)s and status = 'in_flight'
      and kind not in ('send_phone_verification', 'update', 'delete'))"""
NOW_IN_DOUBT = """
update operations
set status = 'in_doubt', tries = tries + 1, doubts = doubts + 1, code = %(code)s, message = %(message)s,
    request_id = null, updated_at = %(now)s
where directory = %(directory)s and status = 'in_flight'"""

COLUMNS = """
o.id, o.kind, o.contact, c.name, c.email_address, c.phone_number, c.title, c.message_types, c.contact_id,
o.tries, o.doubts, o.wanted, o.reminder, o.status, o.code"""
OPERATION = f"select {COLUMNS} from operations o join contacts c on c.id = o.contact"  # noqa: S608  of constants
CLAIM = f"""
with due as materialized (
    select id from operations
    where directory = %(directory)s and kind = %(kind)s and status = 'pending'
      and (not_before is null or not_before <= %(now)s) and code is distinct from 'Deleting'
      and reminder = 0
    order by rank, id limit %(limit)s),
taken as (
    update operations o
    set status = 'in_flight', claimed_at = %(now)s, not_before = null, reason = null, updated_at = %(now)s
    from due where o.id = due.id and o.status = 'pending'
    returning o.*)
select {COLUMNS} from taken o join contacts c on c.id = o.contact order by o.rank, o.id"""  # noqa: S608  of constants
CLAIM_REMINDERS = CLAIM.replace("reminder = 0", "reminder > 0").replace("rank, o.id", "id").replace("rank, id", "id")
IN_DOUBT = f"{OPERATION} where o.directory = %s and o.status = 'in_doubt' order by o.id"
BEING_DELETED = f"""
{OPERATION}
where o.directory = %s and o.kind = 'delete' and o.status = 'pending' and o.code = 'Deleting' order by o.id"""
PENDING_ADDS = f"""
{OPERATION}
where c.directory = %s and c.key = any(%s) and o.kind = 'add' and o.status = 'pending'
order by o.id"""

DEFER = """
insert into deferrals values (%s, %s, %s, %s)
on conflict (directory, kind) do update set reason = excluded.reason, until = excluded.until"""
RESUME = "delete from deferrals where directory = %s and kind = %s"
DEFERRALS = 'select kind, reason, until from deferrals where directory = %s order by kind collate "C"'
CONCURRENCY = "select concurrency from directories where id = %s"
REMEMBER = "update directories set concurrency = %s where id = %s and lease_owner = %s and lease_token = %s returning 1"
SENDS = """
select count(*) from attempts
where directory = %(directory)s and started_at >= %(since)s::bigint - %(under_way)s::bigint
  and ended_at >= %(since)s::bigint and started_at < %(until)s::bigint
  and kind = '{kind}' and outcome in ('done', 'doubt')"""
# One may have gone out as late as its call ended, or as it was found that its program had.
MAILED = """
select a.ended_at, c.email_address
from attempts a join operations o on o.id = a.operation join contacts c on c.id = o.contact
where a.directory = %s and a.started_at > %s and a.ended_at > %s
  and a.kind = 'send_email_verification' and a.outcome in ('done', 'doubt')
order by a.ended_at"""
EVER = 1 << 62  # later than any time
REFUSED = "select max(started_at) from attempts where directory = %s and outcome = 'daily' and kind = %s"
AGAIN = """
select min(started_at) from attempts
where directory = %s and started_at > %s and kind = '{kind}' and outcome = 'done'"""


def recover(c: Cursor, lease: Lease, *, now: float) -> int:
    fence(c, lease)
    bindings = {
        "directory": lease.directory,
        "token": lease.token,
        "now": milliseconds(now),
        "code": INTERRUPTED,
        "message": "the program ended before the answer was written down",
    }
    for statement in (FOUND_IN_FLIGHT, CONTACTS_IN_DOUBT):
        c.execute(statement, bindings)
    return c.execute(NOW_IN_DOUBT, bindings).rowcount


def claim(c: Cursor, lease: Lease, kind: Kind, limit: int, *, now: float, reminders: bool) -> list[Operation]:
    fence(c, lease)
    bindings = {
        "directory": lease.directory,
        "kind": kind.value,
        "now": milliseconds(now),
        "limit": max(0, limit),
    }
    return [_operation(row) for row in c.execute(CLAIM_REMINDERS if reminders else CLAIM, bindings)]


def _operation(row: Sequence[Any]) -> Operation:
    number, kind, contact, name, email, phone, title, types, contact_id, tries, doubts, wanted, again = row[:13]
    values = Contact(name, email, phone, title, tuple(types.split(LIST_SEPARATOR)) if types else ())
    return Operation(number, KINDS[kind], contact, values, contact_id, tries, doubts, changes(wanted), again)


def unsettled(c: Cursor, directory: int, keys: Sequence[str]) -> list[tuple[Operation, Status, str | None]]:
    rows = c.execute(IN_DOUBT, (directory,)).fetchall() + c.execute(BEING_DELETED, (directory,)).fetchall()
    if keys:
        rows += c.execute(PENDING_ADDS, (directory, list(keys))).fetchall()
    return [(_operation(row), Status(row[13]), row[14]) for row in rows]


def defer(c: Cursor, lease: Lease, kind: Kind, reason: str | None, until: float | None) -> None:
    fence(c, lease)
    if reason is None:
        c.execute(RESUME, (lease.directory, kind.value))
    else:
        c.execute(DEFER, (lease.directory, kind.value, reason, None if until is None else milliseconds(until)))


def concurrency(c: Cursor, directory: int) -> int | None:
    row = c.execute(CONCURRENCY, (directory,)).fetchone()
    return None if row is None else row[0]


def remember(c: Cursor, lease: Lease, concurrency: int) -> None:
    if c.execute(REMEMBER, (concurrency, lease.directory, lease.owner, lease.token)).fetchone() is None:
        raise lost(c, lease)


def deferrals(c: Cursor, directory: int) -> list[Deferral]:
    return [
        Deferral(Kind(kind), reason, None if until is None else seconds(until))
        for kind, reason, until in c.execute(DEFERRALS, (directory,))
    ]


def sends_since(c: Cursor, directory: int, since: float, until: float | None, kind: Kind) -> int:
    bindings = {
        "directory": directory,
        "since": milliseconds(since),
        "until": milliseconds(until) if until is not None else EVER,
        "under_way": milliseconds(UNDER_WAY),
    }
    (count,) = c.execute(SENDS.format(kind=kind.value), bindings).fetchone() or (0,)
    return int(count)


def mailed(c: Cursor, directory: int, since: float) -> list[tuple[float, str]]:
    return [
        (seconds(at), address)
        for at, address in c.execute(MAILED, (directory, milliseconds(since - UNDER_WAY), milliseconds(since)))
    ]


def refusal(c: Cursor, directory: int, kind: Kind) -> tuple[float, float | None] | None:
    (refused,) = c.execute(REFUSED, (directory, kind.value)).fetchone() or (None,)
    if refused is None:
        return None
    (again,) = c.execute(AGAIN.format(kind=kind.value), (directory, refused)).fetchone() or (None,)
    return seconds(refused), None if again is None else seconds(again)
