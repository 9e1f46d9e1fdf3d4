"""Changes of operations, written down a wave at a time: the first of each operation together, then the second, …"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from importer.ledger.postgres.database import Cursor
from importer.ledger.postgres.leases import holds, milliseconds
from importer.ledger.values import Change, Lease
from importer.model.operation import Attempt, Outcome, State

# Of a change, in the order of `_told`: the name and the type of each value.
TOLD = {
    "n": "bigint",
    "operation": "bigint",
    "leaves": "text",
    "status": "text",
    "state": "text",
    "contact_id": "text",
    "plan": "text",
    "adopted": "bigint",
    "told": "boolean",
    "code": "text",
    "message": "text",
    "not_before": "bigint",
    "reason": "text",
    "at": "bigint",
    "tried": "bigint",
    "doubted": "bigint",
    "request_id": "text",
}
TRIED = {
    "n": "bigint",
    "operation": "bigint",
    "observed": "bigint",
    "started_at": "bigint",
    "ended_at": "bigint",
    "outcome": "text",
    "code": "text",
    "message": "text",
    "http_status": "bigint",
    "request_id": "text",
}


def _unnested(columns: dict[str, str], name: str) -> str:
    arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
    return f"unnest({arrays}) as {name}({', '.join(columns)})"


WAVE = f"""
with wave as (select * from {_unnested(TOLD, "wave")}),
applied as (
    update operations o
    set status = w.status, tries = tries + w.tried, doubts = doubts + w.doubted,
        not_before = w.not_before, reason = w.reason,
        code = case when w.told then w.code else o.code end,
        message = case when w.told then w.message else o.message end,
        request_id = case when w.tried > 0 then w.request_id else o.request_id end,
        claimed_at = case when w.status = 'in_flight' then coalesce(w.at, claimed_at) else claimed_at end,
        updated_at = coalesce(w.at, updated_at)
    from wave w where o.id = w.operation and o.directory = %s and o.status = w.leaves
    returning w.*, o.contact, o.directory, o.rank, o.updated_at,
        case when w.status = 'done' and o.kind = 'update' then o.wanted::json end as taken),
told as (
    select contact,
        (array_agg(state order by n desc) filter (where state is not null))[1] as state,
        (array_agg(contact_id order by n desc) filter (where contact_id is not null))[1] as contact_id,
        max(adopted) as adopted,
        (array_agg(taken order by n desc) filter (where taken is not null))[1] as taken,
        (array_agg(at order by n desc) filter (where at is not null))[1] as at
    from applied where state is not null or contact_id is not null or adopted > 0 or taken is not null
    group by contact),
changed as (
    update contacts c
    set state = coalesce(t.state, c.state), contact_id = coalesce(t.contact_id, c.contact_id),
        adopted = greatest(c.adopted, t.adopted), updated_at = coalesce(t.at, c.updated_at),
        key = coalesce(taken -> 'key' ->> 1, c.key), name = coalesce(taken -> 'name' ->> 1, c.name),
        email_address = coalesce(taken -> 'email_address' ->> 1, c.email_address),
        phone_number = coalesce(taken -> 'phone_number' ->> 1, c.phone_number),
        title = coalesce(taken -> 'title' ->> 1, c.title),
        message_types = coalesce(taken -> 'message_types' ->> 1, c.message_types),
        verified_at = case when t.state is null then c.verified_at
                           when t.state = 'verified' then coalesce(c.verified_at, t.at, c.updated_at) end
    from told t where c.id = t.contact),
planned as (
    insert into operations (directory, contact, kind, status, rank, updated_at)
    select distinct on (a.contact, a.plan) a.directory, a.contact, a.plan, 'pending', a.rank, a.updated_at
    from applied a
    where a.plan is not null and not exists (
        select 1 from operations o left join applied b on b.operation = o.id
        where o.contact = a.contact and o.kind = a.plan
          and coalesce(b.status, o.status) in ('pending', 'in_flight', 'in_doubt'))
    order by a.contact, a.plan, a.n)
select n from applied"""  # noqa: S608  of constants
GONE = """
update operations
set status = 'failed', code = 'Deleted', message = 'its contact was deleted', reason = null
where status = 'pending' and contact in (select contact from operations where id = any(%s))"""
ATTEMPTS = f"""
insert into attempts (operation, directory, kind, run, started_at, ended_at, outcome, code, message, http_status,
                      request_id, observed)
select o.id, o.directory, o.kind, %s, a.started_at, a.ended_at, a.outcome, a.code, a.message, a.http_status,
       a.request_id, a.observed
from {_unnested(TRIED, "a")} join operations o on o.id = a.operation order by a.n"""  # noqa: S608  of constants


def record(c: Cursor, lease: Lease, run: str, changes: Sequence[Change]) -> list[bool] | None:
    """Which changes were applied; ``None`` when the lease is lost: then the attempts alone were kept."""
    held = holds(c, lease)
    applied: set[int] = set()
    for wave in _waves(changes) if held else ():
        arrays = _columns([_told(n, changes[n]) for n in wave])
        applied.update(n for (n,) in c.execute(WAVE, (*arrays, lease.directory)))
        if gone := [changes[n].operation for n in wave if n in applied and changes[n].state is State.DELETED]:
            c.execute(GONE, (gone,))
    tried = [
        _tried(n, change.attempt, observed=n not in applied)
        for n, change in enumerate(changes)
        if change.attempt is not None
    ]
    if tried:
        c.execute(ATTEMPTS, (run, *_columns(tried)))
    return [n in applied for n in range(len(changes))] if held else None


def _waves(changes: Sequence[Change]) -> list[list[int]]:
    """Places of changes, no operation twice in a wave and each one's changes in their order."""
    seen: Counter[int] = Counter()
    waves: defaultdict[int, list[int]] = defaultdict(list)
    for n, change in enumerate(changes):
        waves[seen[change.operation]].append(n)
        seen[change.operation] += 1
    return list(waves.values())


def _columns(rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _told(n: int, change: Change) -> tuple[Any, ...]:
    attempt = change.attempt
    at = change.at if change.at is not None or attempt is None else attempt.ended_at
    word = change if change.code is not None or attempt is None else attempt
    return (
        n,
        change.operation,
        change.leaves.value,
        change.status.value,
        change.state and change.state.value,
        change.contact_id and _text(change.contact_id),
        change.then and change.then.value,
        int(change.adopted),
        word.code is not None,
        word.code and _text(word.code),
        _text(word.message) if word.message else None,
        None if change.not_before is None else milliseconds(change.not_before),
        change.reason,
        None if at is None else milliseconds(at),
        int(attempt is not None),
        int(attempt is not None and attempt.outcome is Outcome.DOUBT),
        _text(attempt.request_id) if attempt is not None and attempt.request_id else None,
    )


def _tried(n: int, attempt: Attempt, *, observed: bool) -> tuple[Any, ...]:
    return (
        n,
        attempt.operation,
        int(observed),
        milliseconds(attempt.started_at),
        milliseconds(attempt.ended_at),
        attempt.outcome.value,
        _text(attempt.code),
        _text(attempt.message) if attempt.message else None,
        attempt.http_status,
        attempt.request_id and _text(attempt.request_id),
    )


def _text(words: str) -> str:
    """What a server may have sent that PostgreSQL cannot hold is replaced: half a pair, a null character."""
    return words.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
