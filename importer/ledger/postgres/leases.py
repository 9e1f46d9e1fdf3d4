"""Directories, who may act on them by the database's clock, and the runs that did."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from importer.ledger.port import LeaseHeld, LeaseLost
from importer.ledger.postgres.database import Cursor
from importer.ledger.values import Lease, Run
from importer.model.errors import FixLedger

FIND = "select id from directories where profile = %s and endpoint = %s"
OTHER = "select endpoint from directories where profile = %s and endpoint <> %s and endpoint <> 'loopback'"
ENTER = "insert into directories (profile, endpoint) values (%s, %s) on conflict do nothing returning id"
ACQUIRE = """
update directories
set lease_owner = %(owner)s, lease_token = lease_token + 1, lease_since = now_ms(), lease_until = now_ms() + %(ttl)s
where id = %(directory)s and (lease_owner is null or lease_until <= now_ms() or lease_owner = %(dead)s)
returning lease_token"""
HOLDER = "select profile, lease_owner, lease_token, lease_since, lease_until from directories where id = %s"
RENEW = """
update directories set lease_until = now_ms() + %s where id = %s and lease_owner = %s and lease_token = %s
returning 1"""
RELEASE = """
update directories set lease_owner = null, lease_since = null, lease_until = null
where id = %s and lease_owner = %s and lease_token = %s"""
# Locked until the end of the unit: nobody can take the directory over between this and what is written for it.
HELD = "select 1 from directories where id = %s and lease_owner = %s and lease_token = %s for no key update"
START = """
insert into runs (id, directory, command, file, digest, token, started_at) values (%s, %s, %s, %s, %s, %s, %s)"""
FINISH = "update runs set ended_at = %s, exit_code = %s, totals = %s where id = %s and ended_at is null"


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def seconds(milliseconds: int) -> float:
    return milliseconds / 1000


def local(milliseconds: int) -> str:
    """A time as people read it: ISO 8601 in the zone of this machine."""
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().isoformat(timespec="seconds")


def find(c: Cursor, profile: str, endpoint: str) -> int | None:
    row = c.execute(FIND, (profile, endpoint)).fetchone()
    return None if row is None else row[0]


def directory(c: Cursor, profile: str, endpoint: str) -> int:
    if (found := find(c, profile, endpoint)) is not None:
        return found
    made = c.execute(ENTER, (profile, endpoint)).fetchone()
    if made is not None:
        return int(made[0])
    if (found := find(c, profile, endpoint)) is not None:
        return found  # another run was faster
    (other,) = _one(c, OTHER, (profile, endpoint))
    raise FixLedger(
        f"profile {profile} is the directory at {other} in this ledger, not one at {endpoint}",
        hint="give the other directory a profile of its own, or name another ledger with --ledger",
    )


def acquire(c: Cursor, number: int, owner: str, *, now: float, ttl: float, dead: str | None) -> Lease:
    bindings = {"directory": number, "owner": owner, "ttl": milliseconds(ttl), "dead": dead}
    row = c.execute(ACQUIRE, bindings).fetchone()
    if row is None:
        raise _held(c, number)
    return Lease(number, owner, row[0], now + ttl)


def _held(c: Cursor, number: int) -> LeaseHeld:
    profile, owner, _, since, until = _one(c, HOLDER, (number,))
    return LeaseHeld(
        f"directory {profile} is held by {owner}, since {local(since)} and until {local(until)} unless renewed",
        hint="run the same command again when that run has ended; one that died loses its hold at the time given",
    )


def holder(c: Cursor, number: int) -> Lease | None:
    _, owner, token, _, until = _one(c, HOLDER, (number,))
    return None if owner is None else Lease(number, owner, token, seconds(until))


def renew(c: Cursor, lease: Lease, *, now: float, ttl: float) -> Lease:
    bindings = (milliseconds(ttl), lease.directory, lease.owner, lease.token)
    if c.execute(RENEW, bindings).fetchone() is None:
        raise lost(c, lease)
    return Lease(lease.directory, lease.owner, lease.token, now + ttl)


def release(c: Cursor, lease: Lease) -> None:
    c.execute(RELEASE, (lease.directory, lease.owner, lease.token))


def holds(c: Cursor, lease: Lease) -> bool:
    return c.execute(HELD, (lease.directory, lease.owner, lease.token)).fetchone() is not None


def fence(c: Cursor, lease: Lease) -> None:
    """Nothing is written for a lease that another owner took over, or that was given back."""
    if not holds(c, lease):
        raise lost(c, lease)


def lost(c: Cursor, lease: Lease) -> LeaseLost:
    profile, owner, _, since, _ = _one(c, HOLDER, (lease.directory,))
    who = f"was taken over by {owner} at {local(since)}" if owner else "was given back"
    return LeaseLost(
        f"the hold on directory {profile} {who}; this run may not act on it any more",
        hint="run the same command again: it does what is left",
    )


def start_run(c: Cursor, lease: Lease, run: Run) -> None:
    fence(c, lease)
    started = milliseconds(run.started_at)
    c.execute(START, (run.id, run.directory, run.command, run.file, run.digest, lease.token, started))


def finish_run(c: Cursor, run: str, *, ended_at: float, exit_code: int, totals: str) -> None:
    c.execute(FINISH, (milliseconds(ended_at), exit_code, totals, run))


def run_of(row: Sequence[Any]) -> dict[str, Any]:
    """A run as it is told; ``row``: its id, command, file, times, exit code and totals, as they are kept."""
    run = dict(zip(("id", "command", "file", "started_at", "ended_at", "exit_code", "totals"), row, strict=True))
    run["started_at"] = seconds(run["started_at"])
    run["ended_at"] = None if run["ended_at"] is None else seconds(run["ended_at"])
    run["totals"] = None if run["totals"] is None else json.loads(run["totals"])
    return run


def _one(c: Cursor, query: str, bindings: tuple[Any, ...]) -> tuple[Any, ...]:
    row = c.execute(query, bindings).fetchone()
    assert row is not None, "a directory is never forgotten"
    return row
