"""Directories, who may act on them, and the runs that did."""

import json
from datetime import datetime
from typing import Any

import apsw

from importer.ledger.port import LeaseHeld, LeaseLost
from importer.ledger.values import Lease, Run
from importer.model.errors import FixLedger

LOOPBACK = "loopback"

FIND = "select id from directories where profile = ? and endpoint = ?"
OTHER = "select endpoint from directories where profile = ? and endpoint <> ? and endpoint <> 'loopback'"
ENTER = "insert into directories (profile, endpoint) values (?, ?) returning id"
ACQUIRE = """
update directories
set lease_owner = :owner, lease_token = lease_token + 1, lease_since = :now, lease_until = :until
where id = :directory and (lease_owner is null or lease_until <= :now or lease_owner is :dead)
returning lease_token"""
HOLDER = "select profile, lease_owner, lease_token, lease_since, lease_until from directories where id = ?"
RENEW = """
update directories set lease_until = ? where id = ? and lease_owner = ? and lease_token = ?
returning lease_until"""
RELEASE = """
update directories set lease_owner = null, lease_since = null, lease_until = null
where id = ? and lease_owner = ? and lease_token = ?"""
HELD = "select 1 from directories where id = ? and lease_owner = ? and lease_token = ?"
START = "insert into runs (id, directory, command, file, digest, token, started_at) values (?, ?, ?, ?, ?, ?, ?)"
FINISH = "update runs set ended_at = ?, exit_code = ?, totals = ? where id = ? and ended_at is null"
LAST = """
select id, command, file, started_at, ended_at, exit_code, totals
from runs where directory = ? order by started_at desc, id desc limit 1"""


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def seconds(milliseconds: int) -> float:
    return milliseconds / 1000


def local(milliseconds: int) -> str:
    """A time as people read it: ISO 8601 in the zone of this machine."""
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().isoformat(timespec="seconds")


def find(c: apsw.Connection, profile: str, endpoint: str) -> int | None:
    found: int | None = c.execute(FIND, (profile, endpoint)).get
    return found


def directory(c: apsw.Connection, profile: str, endpoint: str) -> int:
    if (found := find(c, profile, endpoint)) is not None:
        return found
    other = None if endpoint == LOOPBACK else c.execute(OTHER, (profile, endpoint)).get
    if other is not None:
        raise FixLedger(
            f"profile {profile} is the directory at {other} in this ledger, not one at {endpoint}",
            hint="give the other directory a profile of its own, or name another ledger with --ledger",
        )
    return int(c.execute(ENTER, (profile, endpoint)).get)


def acquire(c: apsw.Connection, number: int, owner: str, *, now: float, ttl: float, dead: str | None) -> Lease:
    until = milliseconds(now + ttl)
    bindings = {"directory": number, "owner": owner, "now": milliseconds(now), "until": until, "dead": dead}
    token = c.execute(ACQUIRE, bindings).get
    if token is None:
        raise _held(c, number)
    return Lease(number, owner, token, seconds(until))


def _held(c: apsw.Connection, number: int) -> LeaseHeld:
    profile, owner, _, since, until = next(c.execute(HOLDER, (number,)))
    return LeaseHeld(
        f"directory {profile} is held by {owner}, since {local(since)} and until {local(until)} unless renewed",
        hint="run the same command again when that run has ended; one that died loses its hold at the time given",
    )


def holder(c: apsw.Connection, number: int) -> Lease | None:
    _, owner, token, _, until = next(c.execute(HOLDER, (number,)))
    return None if owner is None else Lease(number, owner, token, seconds(until))


def renew(c: apsw.Connection, lease: Lease, *, now: float, ttl: float) -> Lease:
    until = milliseconds(now + ttl)
    if c.execute(RENEW, (until, lease.directory, lease.owner, lease.token)).get is None:
        raise lost(c, lease)
    return Lease(lease.directory, lease.owner, lease.token, seconds(until))


def release(c: apsw.Connection, lease: Lease) -> None:
    c.execute(RELEASE, (lease.directory, lease.owner, lease.token))


def holds(c: apsw.Connection, lease: Lease) -> bool:
    return c.execute(HELD, (lease.directory, lease.owner, lease.token)).get is not None


def fence(c: apsw.Connection, lease: Lease) -> None:
    """Nothing is written for a lease that another owner took over, or that was given back."""
    if not holds(c, lease):
        raise lost(c, lease)


def lost(c: apsw.Connection, lease: Lease) -> LeaseLost:
    profile, owner, _, since, _ = next(c.execute(HOLDER, (lease.directory,)))
    who = f"was taken over by {owner} at {local(since)}" if owner else "was given back"
    return LeaseLost(
        f"the hold on directory {profile} {who}; this run may not act on it any more",
        hint="run the same command again: it does what is left",
    )


def start_run(c: apsw.Connection, lease: Lease, run: Run) -> None:
    fence(c, lease)
    started = milliseconds(run.started_at)
    c.execute(START, (run.id, run.directory, run.command, run.file, run.digest, lease.token, started))


def finish_run(c: apsw.Connection, run: str, *, ended_at: float, exit_code: int, totals: str) -> None:
    c.execute(FINISH, (milliseconds(ended_at), exit_code, totals, run))


def last_run(c: apsw.Connection, number: int) -> dict[str, Any] | None:
    row = c.execute(LAST, (number,)).get
    if row is None:
        return None
    run = dict(zip(("id", "command", "file", "started_at", "ended_at", "exit_code", "totals"), row, strict=True))
    run["started_at"] = seconds(run["started_at"])
    run["ended_at"] = None if run["ended_at"] is None else seconds(run["ended_at"])
    run["totals"] = None if run["totals"] is None else json.loads(run["totals"])
    return run
