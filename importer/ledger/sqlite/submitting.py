"""Operations on their way: recovered, claimed, put off."""

import json
from collections.abc import Sequence
from typing import Any

import apsw

from importer.ledger.sqlite.leases import fence, milliseconds, seconds
from importer.ledger.values import UNDER_WAY, Deferral, Lease, changes
from importer.model.contact import LIST_SEPARATOR, Contact
from importer.model.operation import Kind, Operation, Status

INTERRUPTED = "Interrupted"
KINDS = {kind.value: kind for kind in Kind}

FOUND_IN_FLIGHT = """
insert into attempts (operation, directory, kind, run, started_at, ended_at, outcome, code, message)
select id, directory, kind,
       (select id from runs where directory = :directory and token < :token order by token desc limit 1),
       claimed_at, :now, 'doubt', :code, :message
from operations where directory = :directory and status = 'in_flight'"""
CONTACTS_IN_DOUBT = """
update contacts set state = 'in_doubt', updated_at = :now
where id in (
    select contact from operations
    where directory = :directory and status = 'in_flight'
      and kind not in ('send_phone_verification', 'update', 'delete'))"""
NOW_IN_DOUBT = """
update operations
set status = 'in_doubt', tries = tries + 1, doubts = doubts + 1, code = :code, message = :message,
    request_id = null, updated_at = :now
where directory = :directory and status = 'in_flight'"""

OPERATION = """
select o.id, o.kind, o.contact, c.name, c.email_address, c.phone_number, c.title, c.message_types, c.contact_id,
       o.tries, o.doubts, o.wanted, o.reminder, o.status, o.code, o.rank
from operations o join contacts c on c.id = o.contact"""
# As one text: a row at a time, Python's lock would be let go of and waited for at each.
DUE = f"""
select json_group_array(
    json_array(id, kind, contact, name, email_address, phone_number, title, message_types, contact_id, tries, doubts,
               wanted, reminder)
    order by rank, id)
from ({OPERATION}
    where o.directory = ? and o.kind = ? and o.status = 'pending' and (o.not_before is null or o.not_before <= ?)
      and o.code is not 'Deleting' and o.reminder = 0
    order by o.rank, o.id limit ?)"""  # noqa: S608  of constants
DUE_REMINDERS = DUE.replace("reminder = 0", "reminder > 0").replace("rank, o.id", "id").replace("rank, id", "id")
CLAIM = """
update operations set status = 'in_flight', claimed_at = ?, not_before = null, reason = null, updated_at = ?
where id in (select value ->> 0 from json_each(?)) and status = 'pending'"""
IN_DOUBT = f"{OPERATION} where o.directory = ? and o.status = 'in_doubt' order by o.id"
BEING_DELETED = f"""
{OPERATION}
where o.directory = ? and o.kind = 'delete' and o.status = 'pending' and o.code = 'Deleting' order by o.id"""
PENDING_ADDS = f"""
{OPERATION}
where c.directory = ? and c.key in (select value from json_each(?)) and o.kind = 'add' and o.status = 'pending'
order by o.id"""  # noqa: S608  of constants

DEFER = """
insert into deferrals values (?, ?, ?, ?)
on conflict do update set reason = excluded.reason, until = excluded.until"""
RESUME = "delete from deferrals where directory = ? and kind = ?"
DEFERRALS = "select kind, reason, until from deferrals where directory = ? order by kind"
SENDS = """
select count(*) from attempts
where directory = ?1 and started_at >= ?2 - ?4 and ended_at >= ?2 and started_at < ?3
  and kind = '{kind}' and outcome in ('done', 'doubt')"""
# One may have gone out as late as its call ended, or as it was found that its program had.
MAILED = """
select a.ended_at, c.email_address
from attempts a join operations o on o.id = a.operation join contacts c on c.id = o.contact
where a.directory = ? and a.started_at > ? and a.ended_at > ?
  and a.kind = 'send_email_verification' and a.outcome in ('done', 'doubt')
order by a.ended_at"""
EVER = 1 << 62  # later than any time
REFUSED = "select max(started_at) from attempts where directory = ? and outcome = 'daily' and kind = ?"
# With the words of the index of sends, though one of them would do: otherwise every attempt is looked at.
AGAIN = """
select min(started_at) from attempts
where directory = ? and started_at > ? and kind = '{kind}' and outcome in ('done', 'doubt') and outcome = 'done'"""


def recover(c: apsw.Connection, lease: Lease, *, now: float) -> int:
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
    c.execute(NOW_IN_DOUBT, bindings)
    return c.changes()


def claim(c: apsw.Connection, lease: Lease, kind: Kind, limit: int, *, now: float, reminders: bool) -> list[Operation]:
    fence(c, lease)
    at = milliseconds(now)
    due = c.execute(DUE_REMINDERS if reminders else DUE, (lease.directory, kind, at, max(0, limit))).get
    c.execute(CLAIM, (at, at, due))
    return [_operation(row) for row in json.loads(due)]


def _operation(row: Sequence[Any]) -> Operation:
    number, kind, contact, name, email, phone, title, types, contact_id, tries, doubts, wanted, again = row[:13]
    values = Contact(name, email, phone, title, tuple(types.split(LIST_SEPARATOR)) if types else ())
    return Operation(number, KINDS[kind], contact, values, contact_id, tries, doubts, changes(wanted), again)


def unsettled(c: apsw.Connection, directory: int, keys: str) -> list[tuple[Operation, Status, str | None]]:
    """``keys``: a JSON list."""
    doubts, deleted = c.execute(IN_DOUBT, (directory,)).fetchall(), c.execute(BEING_DELETED, (directory,)).fetchall()
    rows = [*doubts, *deleted, *c.execute(PENDING_ADDS, (directory, keys))]
    return [(_operation(row), Status(row[13]), row[14]) for row in rows]


def defer(c: apsw.Connection, lease: Lease, kind: Kind, reason: str | None, until: float | None) -> None:
    fence(c, lease)
    if reason is None:
        c.execute(RESUME, (lease.directory, kind))
    else:
        c.execute(DEFER, (lease.directory, kind, reason, None if until is None else milliseconds(until)))


def concurrency(c: apsw.Connection, directory: int) -> int | None:
    found: int | None = c.execute("select concurrency from directories where id = ?", (directory,)).get
    return found


def remember(c: apsw.Connection, lease: Lease, concurrency: int) -> None:
    fence(c, lease)
    c.execute("update directories set concurrency = ? where id = ?", (concurrency, lease.directory))


def deferrals(c: apsw.Connection, directory: int) -> list[Deferral]:
    return [
        Deferral(Kind(kind), reason, None if until is None else seconds(until))
        for kind, reason, until in c.execute(DEFERRALS, (directory,))
    ]


def sends_since(c: apsw.Connection, directory: int, since: float, until: float | None, kind: Kind) -> int:
    end = milliseconds(until) if until is not None else EVER
    return int(
        c.execute(SENDS.format(kind=kind.value), (directory, milliseconds(since), end, milliseconds(UNDER_WAY))).get
    )


def mailed(c: apsw.Connection, directory: int, since: float) -> list[tuple[float, str]]:
    return [
        (seconds(at), address)
        for at, address in c.execute(MAILED, (directory, milliseconds(since - UNDER_WAY), milliseconds(since)))
    ]


def refusal(c: apsw.Connection, directory: int, kind: Kind) -> tuple[float, float | None] | None:
    refused = c.execute(REFUSED, (directory, kind)).get
    if refused is None:
        return None
    again = c.execute(AGAIN.format(kind=kind.value), (directory, refused)).get
    return seconds(refused), None if again is None else seconds(again)
