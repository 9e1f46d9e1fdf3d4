"""Changes of operations, written down by few statements whatever their number.

Each statement lets go of Python's lock, and waits for it while the event loop is busy: one or more for every change
would wait thousands of times a second. So many rows go in at once, and a trigger does the rest row by row.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

import apsw

from importer.ledger.sqlite.leases import holds, milliseconds
from importer.ledger.values import Change, Lease
from importer.model.operation import Outcome

_Row = tuple[Any, ...]
COLUMNS = (
    *("operation", "leaves", "status", "state", "contact_id", "plan", "adopted", "told", "code", "message"),
    *("not_before", "reason", "at", "tried", "doubted"),
    *("started_at", "ended_at", "outcome", "answer", "answer_message", "http_status", "request_id"),
)
# The desk: what is put on it is done, if the operation is still where the change leaves it; ``applied`` remembers it
# until the next change with the number 0.
DESK = f"""
create temp table applied (n integer primary key, contact integer, rank integer, wanted text);
create temp table steps (contact integer, kind text, wanted text, rank integer);
create temp view changes as
select 0 as n, 0 as directory, 0 as held, null as run, {", ".join(f"null as {name}" for name in COLUMNS)};
create temp trigger change instead of insert on changes
begin
    delete from applied where new.n = 0;

    insert into applied
    select new.n, o.contact, o.rank, iif(o.kind = 'update', o.wanted, null) from operations o
    where new.held and o.id = new.operation and o.directory = new.directory and o.status = new.leaves;

    update operations
    set status = new.status, tries = tries + new.tried, doubts = doubts + new.doubted,
        not_before = new.not_before, reason = new.reason,
        code = iif(new.told, new.code, code), message = iif(new.told, new.message, message),
        request_id = iif(new.tried, new.request_id, request_id),
        claimed_at = iif(new.status = 'in_flight', coalesce(new.at, claimed_at), claimed_at),
        updated_at = coalesce(new.at, updated_at)
    where id = new.operation and exists (select 1 from applied where n = new.n);

    update contacts
    set state = coalesce(new.state, state), contact_id = coalesce(new.contact_id, contact_id),
        adopted = max(adopted, new.adopted), updated_at = coalesce(new.at, updated_at),
        verified_at = case when new.state is null then verified_at
                           when new.state = 'verified' then coalesce(verified_at, new.at, updated_at) end
    where (new.state is not null or new.contact_id is not null or new.adopted)
      and id = (select contact from applied where n = new.n);

    update contacts
    set (key, name, email_address, phone_number, title, message_types) = (
        select coalesce(wanted -> 'key' ->> 1, key), coalesce(wanted -> 'name' ->> 1, name),
               coalesce(wanted -> 'email_address' ->> 1, email_address),
               coalesce(wanted -> 'phone_number' ->> 1, phone_number), coalesce(wanted -> 'title' ->> 1, title),
               coalesce(wanted -> 'message_types' ->> 1, message_types)
        from applied where n = new.n)
    where new.status = 'done' and id = (select contact from applied where n = new.n and wanted is not null);

    update operations
    set status = 'failed', code = 'Deleted', message = 'its contact was deleted', reason = null,
        updated_at = coalesce(new.at, updated_at)
    where new.state = 'deleted' and status = 'pending' and contact = (select contact from applied where n = new.n);

    insert into operations (directory, contact, kind, status, rank, updated_at)
    select new.directory, a.contact, new.plan, 'pending', a.rank, coalesce(new.at, p.updated_at)
    from applied a join operations p on p.id = new.operation
    where a.n = new.n and new.plan is not null and not exists (
        select 1 from operations o
        where o.contact = a.contact and o.kind = new.plan and o.status in ('pending', 'in_flight', 'in_doubt'));

    insert into tallies
    select new.directory, new.plan, 'pending', changes() where new.plan is not null and changes() > 0
    on conflict do update set n = n + excluded.n;

    insert into attempts (operation, directory, kind, run, started_at, ended_at, outcome, code, message, http_status,
                          request_id, observed)
    select o.id, o.directory, o.kind, new.run, new.started_at, new.ended_at, new.outcome, new.answer,
           new.answer_message, new.http_status, new.request_id, not exists (select 1 from applied where n = new.n)
    from operations o where o.id = new.operation and new.tried;
end"""  # noqa: S608  of constants
CHUNKS = tuple(1 << power for power in range(8, -1, -1))  # rows a statement: few texts, each prepared once
APPLIED = "select json_group_array(n) from temp.applied"


def record(c: apsw.Connection, lease: Lease, run: str, changes: Sequence[Change]) -> list[bool] | None:
    """Which changes were applied; ``None`` when the lease is lost: then the attempts alone were kept."""
    held = holds(c, lease)
    for number, rows in _chunks([_row(change) for change in changes]):
        _insert(c, (lease.directory, held, run, number), rows)
    applied = set(json.loads(c.execute(APPLIED).get)) if changes else set()
    return [n in applied for n in range(len(changes))] if held else None


def _row(change: Change) -> _Row:
    attempt = change.attempt
    at = change.at if change.at is not None or attempt is None else attempt.ended_at
    word = change if change.code is not None or attempt is None else attempt
    told = (
        change.operation,
        change.leaves,
        change.status,
        change.state,
        change.contact_id,
        change.then,
        int(change.adopted),
        int(word.code is not None),
        word.code,
        word.message or None,
        None if change.not_before is None else milliseconds(change.not_before),
        change.reason,
        None if at is None else milliseconds(at),
    )
    if attempt is None:
        return (*told, 0, 0, None, None, None, None, None, None, None)
    return (
        *told,
        1,
        int(attempt.outcome is Outcome.DOUBT),
        milliseconds(attempt.started_at),
        milliseconds(attempt.ended_at),
        attempt.outcome,
        attempt.code,
        attempt.message or None,
        attempt.http_status,
        attempt.request_id,
    )


def _chunks(rows: list[_Row]) -> Iterator[tuple[int, list[_Row]]]:
    """The rows in order, in as few chunks as there are; with the number of each one's first row."""
    done = 0
    for size in CHUNKS:
        while len(rows) - done >= size:
            yield done, rows[done : done + size]
            done += size


def _insert(c: apsw.Connection, fixed: tuple[Any, ...], rows: list[_Row]) -> None:
    values = (*fixed, *chain.from_iterable(rows))
    try:
        c.execute(_statement(len(rows)), values)
    except UnicodeEncodeError:  # what a server may have sent that is no Unicode (half a pair) is replaced
        c.execute(_statement(len(rows)), tuple(map(_sound, values)))


@cache
def _statement(size: int) -> str:
    columns = ", ".join("?" * len(COLUMNS))
    rows = ", ".join(f"(?4 + {number}, ?1, ?2, ?3, {columns})" for number in range(size))
    return f"insert into changes values {rows}"  # noqa: S608  of numbers


def _sound(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
