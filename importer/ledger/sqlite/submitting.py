"""Operations on their way: recovered, claimed, changed, put off."""

from collections.abc import Sequence
from typing import Any

import apsw

from importer.ledger.port import Change, Deferral, Lease
from importer.ledger.sqlite.leases import fence, holds, milliseconds, seconds
from importer.model.contact import LIST_SEPARATOR, Contact
from importer.model.operation import Attempt, Kind, Operation, Outcome, Status

INTERRUPTED = "Interrupted"

FOUND_IN_FLIGHT = """
insert into attempts (operation, directory, kind, started_at, ended_at, outcome, code, message)
select id, directory, kind, claimed_at, :now, 'doubt', :code, :message
from operations where directory = :directory and status = 'in_flight'"""
CONTACTS_IN_DOUBT = """
update contacts set state = 'in_doubt', updated_at = :now
where id in (select contact from operations where directory = :directory and status = 'in_flight')"""
NOW_IN_DOUBT = """
update operations
set status = 'in_doubt', tries = tries + 1, doubts = doubts + 1, code = :code, message = :message,
    request_id = null, updated_at = :now
where directory = :directory and status = 'in_flight'"""

OPERATION = """
select o.id, o.kind, o.contact, c.name, c.email_address, c.phone_number, c.title, c.message_types, c.contact_id,
       o.tries, o.doubts, o.status, o.code
from operations o join contacts c on c.id = o.contact"""
DUE = f"""
{OPERATION}
where o.directory = ? and o.kind = ? and o.status = 'pending' and (o.not_before is null or o.not_before <= ?)
order by o.rank, o.id limit ?"""
CLAIM = """
update operations set status = 'in_flight', claimed_at = ?, not_before = null, reason = null, updated_at = ?
where id = ? and status = 'pending'"""
IN_DOUBT = f"{OPERATION} where o.directory = ? and o.status = 'in_doubt' order by o.id"
PENDING_ADDS = f"""
{OPERATION}
where c.directory = ? and c.key in (select value from json_each(?)) and o.kind = 'add' and o.status = 'pending'
order by o.id"""  # noqa: S608  of constants

CHANGE = """
update operations
set status = :status, tries = tries + :tried, doubts = doubts + :doubted, not_before = :not_before, reason = :reason,
    code = iif(:told, :code, code), message = iif(:told, :message, message),
    request_id = iif(:tried, :request_id, request_id),
    claimed_at = iif(:status = 'in_flight', coalesce(:at, claimed_at), claimed_at),
    updated_at = coalesce(:at, updated_at)
where id = :operation and directory = :directory and status = :leaves
returning contact, rank"""
CONTACT = """
update contacts
set state = coalesce(?, state), contact_id = coalesce(?, contact_id), adopted = max(adopted, ?),
    updated_at = coalesce(?, updated_at)
where id = ?"""
OPEN = "select 1 from operations where contact = ? and kind = ? and status in ('pending', 'in_flight', 'in_doubt')"
PLAN = """
insert into operations (directory, contact, kind, status, rank, updated_at)
select directory, contact, ?, 'pending', ?, coalesce(?, updated_at) from operations where id = ?"""
PLANNED = "insert into tallies values (?, ?, 'pending', 1) on conflict do update set n = n + 1"
ATTEMPT = """
insert into attempts (operation, directory, kind, run, started_at, ended_at, outcome, code, message, http_status,
                      request_id, observed)
select id, directory, kind, ?, ?, ?, ?, ?, ?, ?, ?, ? from operations where id = ?"""

DEFER = """
insert into deferrals values (?, ?, ?, ?)
on conflict do update set reason = excluded.reason, until = excluded.until"""
RESUME = "delete from deferrals where directory = ? and kind = ?"
DEFERRALS = "select kind, reason, until from deferrals where directory = ? order by kind"
SENDS = """
select count(*) from attempts
where directory = ? and started_at >= ? and kind = 'send_email_verification' and outcome in ('done', 'doubt')"""


def recover(c: apsw.Connection, lease: Lease, *, now: float) -> int:
    fence(c, lease)
    bindings = {
        "directory": lease.directory,
        "now": milliseconds(now),
        "code": INTERRUPTED,
        "message": "the program ended before the answer was written down",
    }
    for statement in (FOUND_IN_FLIGHT, CONTACTS_IN_DOUBT):
        c.execute(statement, bindings)
    c.execute(NOW_IN_DOUBT, bindings)
    return c.changes()


def claim(c: apsw.Connection, lease: Lease, kind: Kind, limit: int, *, now: float) -> list[Operation]:
    fence(c, lease)
    at = milliseconds(now)
    rows = c.execute(DUE, (lease.directory, kind, at, limit)).fetchall()
    c.executemany(CLAIM, [(at, at, row[0]) for row in rows])
    return [_operation(row) for row in rows]


def _operation(row: tuple[Any, ...]) -> Operation:
    number, kind, contact, name, email, phone, title, types, contact_id, tries, doubts, _, _ = row
    values = Contact(name, email, phone, title, tuple(types.split(LIST_SEPARATOR)) if types else ())
    return Operation(number, Kind(kind), contact, values, contact_id, tries, doubts)


def unsettled(c: apsw.Connection, directory: int, keys: str) -> list[tuple[Operation, Status, str | None]]:
    """``keys``: a JSON list."""
    rows = [*c.execute(IN_DOUBT, (directory,)), *c.execute(PENDING_ADDS, (directory, keys))]
    return [(_operation(row), Status(row[11]), row[12]) for row in rows]


def record(c: apsw.Connection, lease: Lease, run: str, changes: Sequence[Change]) -> list[bool] | None:
    """Which changes were applied; ``None`` when the lease is lost: then the attempts alone were kept."""
    if not holds(c, lease):
        for change in changes:
            if change.attempt is not None:
                _keep(c, run, change.attempt, observed=True)
        return None
    return [_apply(c, lease.directory, run, change) for change in changes]


def _apply(c: apsw.Connection, directory: int, run: str, change: Change) -> bool:
    """Change the operation if it is still where the change leaves it, and the contact with it."""
    at = _time(change)
    found = c.execute(CHANGE, _bindings(directory, change, at)).get
    if found is not None:
        contact, rank = found
        if change.state or change.contact_id or change.adopted:
            c.execute(CONTACT, (change.state, change.contact_id, int(change.adopted), at, contact))
        if change.then and c.execute(OPEN, (contact, change.then)).get is None:
            c.execute(PLAN, (change.then, rank, at, change.operation))
            c.execute(PLANNED, (directory, change.then))
    if change.attempt is not None:
        _keep(c, run, change.attempt, observed=found is None)
    return found is not None


def _time(change: Change) -> int | None:
    if change.at is not None:
        return milliseconds(change.at)
    return None if change.attempt is None else milliseconds(change.attempt.ended_at)


def _bindings(directory: int, change: Change, at: int | None) -> dict[str, Any]:
    attempt = change.attempt
    word = change if change.code is not None or attempt is None else attempt
    return {
        "operation": change.operation,
        "directory": directory,
        "leaves": change.leaves,
        "status": change.status,
        "tried": int(attempt is not None),
        "doubted": int(attempt is not None and attempt.outcome is Outcome.DOUBT),
        "told": int(word.code is not None),
        "code": word.code,
        "message": word.message or None,
        "request_id": attempt.request_id if attempt is not None else None,
        "not_before": None if change.not_before is None else milliseconds(change.not_before),
        "reason": change.reason,
        "at": at,
    }


def _keep(c: apsw.Connection, run: str, attempt: Attempt, *, observed: bool) -> None:
    bindings = (
        run,
        milliseconds(attempt.started_at),
        milliseconds(attempt.ended_at),
        attempt.outcome,
        attempt.code,
        attempt.message or None,
        attempt.http_status,
        attempt.request_id,
        int(observed),
        attempt.operation,
    )
    c.execute(ATTEMPT, bindings)


def defer(c: apsw.Connection, lease: Lease, kind: Kind, reason: str | None, until: float | None) -> None:
    fence(c, lease)
    if reason is None:
        c.execute(RESUME, (lease.directory, kind))
    else:
        c.execute(DEFER, (lease.directory, kind, reason, None if until is None else milliseconds(until)))


def deferrals(c: apsw.Connection, directory: int) -> list[Deferral]:
    return [
        Deferral(Kind(kind), reason, None if until is None else seconds(until))
        for kind, reason, until in c.execute(DEFERRALS, (directory,))
    ]


def sends_since(c: apsw.Connection, directory: int, since: float) -> int:
    return int(c.execute(SENDS, (directory, milliseconds(since))).get)
