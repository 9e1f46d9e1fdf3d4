"""The ledger in one SQLite file; needs nothing but a local disk."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from importer.ledger.sqlite import (
    dispatching,
    following,
    leases,
    moving,
    recording,
    reporting,
    stories,
    submitting,
    syncing,
)
from importer.ledger.sqlite.database import MEMORY, MIGRATIONS, Database, connect
from importer.ledger.values import Change, Chase, Deferral, Lease, Observed, Run, Staged, Staging, Step, Table
from importer.ledger.views import Calls, DirectoryStatus, Due, ExportRow, Marked, Story, Totals
from importer.model.operation import Kind, Operation, Status
from importer.model.standing import Followed

if TYPE_CHECKING:
    import polars as pl

LOAD = 10_000  # contacts from which on another way to the disk is worth the syncs of going it

__all__ = ["MEMORY", "SqliteLedger", "open_sqlite"]


def open_sqlite(
    path: str | os.PathLike[str],
    *,
    create: bool = True,
    migrations: Sequence[str] = MIGRATIONS,
    vfs: str | None = None,
    load: int = LOAD,
) -> "SqliteLedger":
    """The ledger in the file ``path`` (`MEMORY`: in none), made with owner-only permissions if there is none.

    An older version is brought to this one. ``vfs`` names SQLite's way to the disk, where it is not the usual one;
    ``load``: from how many contacts on the first ones are loaded by themselves. Raises `FixLedger` when it cannot be
    opened or is not ours.
    """
    place = os.fspath(path)
    return SqliteLedger(Database(connect(place, create=create, migrations=migrations, vfs=vfs), place), load)


class SqliteLedger:
    """A store of the ledger; `port.Ledger` says what each verb promises."""

    def __init__(self, database: Database, load: int) -> None:
        self._db = database
        self._load = load

    def close(self) -> None:
        self._db.connection.close()

    def group(self) -> AbstractContextManager[None]:
        return self._db.group()

    # -- directories, leases, runs

    def find(self, profile: str, endpoint: str) -> int | None:
        with self._db.view() as c:
            return leases.find(c, profile, endpoint)

    def directory(self, profile: str, endpoint: str) -> int:
        with self._db.unit() as c:
            return leases.directory(c, profile, endpoint)

    def acquire(self, directory: int, owner: str, *, now: float, ttl: float, dead: str | None = None) -> Lease:
        with self._db.unit() as c:
            return leases.acquire(c, directory, owner, now=now, ttl=ttl, dead=dead)

    def holder(self, directory: int) -> Lease | None:
        with self._db.view() as c:
            return leases.holder(c, directory)

    def renew(self, lease: Lease, *, now: float, ttl: float) -> Lease:
        with self._db.unit() as c:
            return leases.renew(c, lease, now=now, ttl=ttl)

    def release(self, lease: Lease) -> None:
        with self._db.unit() as c:
            leases.release(c, lease)

    def start_run(self, lease: Lease, run: Run) -> None:
        with self._db.unit() as c:
            leases.start_run(c, lease, run)

    def finish_run(self, run: str, *, ended_at: float, exit_code: int, totals: str) -> None:
        with self._db.unit() as c:
            leases.finish_run(c, run, ended_at=ended_at, exit_code=exit_code, totals=totals)

    # -- staging

    def known(self, directory: int) -> "pl.DataFrame":
        from importer.ledger.sqlite.staging import known  # columns cost start-up time

        with self._db.view() as c:
            return known(c, directory)

    def staged(self, directory: int, file: str) -> Staged | None:
        with self._db.view() as c:
            return reporting.staged(c, directory, file)

    def stage(self, lease: Lease, run: str, staging: Staging, *, now: float) -> int:
        from importer.ledger.sqlite.staging import stage

        if staging.contacts.height >= self._load:
            self._db.load()
        with self._db.unit() as c:
            return stage(c, lease, run, staging, now=now)

    # -- keeping in step

    def observe(self, lease: Lease, observed: Observed, *, now: float) -> None:
        with self._db.unit() as c:
            syncing.observe(c, lease, observed, now=now)

    def intend(self, lease: Lease, sheet: int | None, steps: Sequence[Step], *, now: float) -> None:
        with self._db.unit() as c:
            syncing.intend(c, lease, sheet, steps, now=now)

    def added(self, directory: int, run: str) -> list[tuple[int, bool]] | None:
        with self._db.view() as c:
            return syncing.added(c, directory, run)

    # -- submitting

    def recover(self, lease: Lease, *, now: float) -> int:
        with self._db.unit() as c:
            return submitting.recover(c, lease, now=now)

    def claim(self, lease: Lease, kind: Kind, limit: int, *, now: float, reminders: bool = False) -> list[Operation]:
        with self._db.unit() as c:
            return submitting.claim(c, lease, kind, limit, now=now, reminders=reminders)

    def record(self, lease: Lease, run: str, changes: Sequence[Change]) -> list[bool]:
        with self._db.unit() as c:
            applied = recording.record(c, lease, run, changes)
        if applied is None:  # raised only now: the attempts are kept
            with self._db.view() as c:
                raise leases.lost(c, lease)
        return applied

    def defer(self, lease: Lease, kind: Kind, reason: str | None, until: float | None = None) -> None:
        with self._db.unit() as c:
            submitting.defer(c, lease, kind, reason, until)

    def concurrency(self, directory: int) -> int | None:
        with self._db.view() as c:
            return submitting.concurrency(c, directory)

    def remember(self, lease: Lease, concurrency: int) -> None:
        with self._db.unit() as c:
            submitting.remember(c, lease, concurrency)

    def deferrals(self, directory: int) -> list[Deferral]:
        with self._db.view() as c:
            return submitting.deferrals(c, directory)

    def unsettled(self, directory: int, keys: Sequence[str] = ()) -> list[tuple[Operation, Status, str | None]]:
        with self._db.view() as c:
            return submitting.unsettled(c, directory, json.dumps(list(keys)))

    def sends_since(
        self, directory: int, since: float, until: float | None = None, kind: Kind = Kind.SEND_EMAIL
    ) -> int:
        with self._db.view() as c:
            return submitting.sends_since(c, directory, since, until, kind)

    def mailed(self, directory: int, since: float) -> list[tuple[float, str]]:
        with self._db.view() as c:
            return submitting.mailed(c, directory, since)

    def refusal(self, directory: int, kind: Kind = Kind.SEND_EMAIL) -> tuple[float, float | None] | None:
        with self._db.view() as c:
            return submitting.refusal(c, directory, kind)

    # -- seeing contacts through to verified

    def followed(self, directory: int) -> list[Followed]:
        with self._db.view() as c:
            return following.followed(c, directory)

    def saw(self, lease: Lease, contacts: Sequence[int], *, now: float) -> int:
        with self._db.unit() as c:
            return following.saw(c, lease, contacts, now=now)

    def chase(self, lease: Lease, chases: Sequence[Chase], *, now: float) -> int:
        with self._db.unit() as c:
            return following.chase(c, lease, chases, now=now)

    # -- dispatching

    def due(self, *, now: float) -> list[Due]:
        with self._db.view() as c:
            return dispatching.due(c, now=now)

    def lease_calls(self, name: str, seconds: float, *, now: float) -> float:
        with self._db.unit() as c:
            return dispatching.lease_calls(c, name, seconds, now=now)

    # -- reporting

    def totals(self, directory: int, sheet: int | None = None) -> Totals:
        with self._db.view() as c:
            return reporting.totals(c, directory, sheet)

    def status(self) -> list[DirectoryStatus]:
        with self._db.view() as c:
            return reporting.status(c)

    def in_doubt(self, directory: int) -> list[ExportRow]:
        with self._db.view() as c:
            return reporting.in_doubt(c, directory)

    def calls(self, run: str, width: float) -> list[Calls]:
        with self._db.view() as c:
            return reporting.calls(c, run, width)

    def marked(self, directory: int, file: str) -> Iterator[Marked]:
        """All of one moment, as `export`."""
        with self._db.aside() as c:
            rows = reporting.marked(c, directory, file)
            yield from list(rows) if self._db.path == MEMORY else rows

    def export(self, directory: int | None = None) -> Iterator[ExportRow]:
        """All of one moment, read on a connection of its own: other verbs go on meanwhile."""
        with self._db.aside() as c:
            rows = reporting.export(c, directory)
            yield from list(rows) if self._db.path == MEMORY else rows

    def stories(self, file: str, line: int) -> list[Story]:
        with self._db.view() as c:
            return stories.stories(c, file, line)

    def called(self, name: str) -> list[Story]:
        with self._db.view() as c:
            return stories.called(c, name)

    # -- moving

    def contents(self) -> Iterator[Table]:
        with self._db.aside() as c:
            yield from moving.contents(c)

    def fill(self, tables: Iterable[Table]) -> None:
        with self._db.unit() as c:
            moving.fill(c, tables, self._db.path)
