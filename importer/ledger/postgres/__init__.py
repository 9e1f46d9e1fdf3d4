"""The ledger in a PostgreSQL database, which many processes on many machines may share."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from importer.ledger.address import redacted
from importer.ledger.port import LedgerAway, LedgerFailed
from importer.ledger.postgres import (
    dispatching,
    following,
    leases,
    moving,
    recording,
    reporting,
    standing,
    stories,
    submitting,
    syncing,
)
from importer.ledger.postgres.database import Database
from importer.ledger.postgres.opening import MIGRATIONS, address, opened
from importer.ledger.values import Change, Chase, Deferral, Lease, Observed, Run, Staged, Staging, Step, Table
from importer.ledger.views import Calls, DirectoryStatus, Due, ExportRow, Marked, Story, Totals
from importer.model.errors import FixLedger
from importer.model.operation import Kind, Operation, Status
from importer.model.standing import Followed

if TYPE_CHECKING:
    import polars as pl

__all__ = ["PostgresLedger", "open_postgres"]


def open_postgres(
    url: str,
    *,
    create: bool = True,
    migrations: Sequence[str] = MIGRATIONS,
    patience: float = 0.0,
    pause: Callable[[float], bool] | None = None,
) -> "PostgresLedger":
    """The ledger in the database at ``url``, made in a schema of its own if there is none.

    An older version is brought to this one. A connection that is lost later is made again when it is next wanted, for
    up to ``patience`` seconds; ``pause`` waits for seconds and says whether to give up. Raises `FixLedger` when the
    database cannot be opened or what is there is not ours, `LedgerAway` when no server answers.
    """
    place, parts = redacted(url), address(url)
    connect = partial(opened, parts, place, create=create, migrations=migrations)
    try:
        return PostgresLedger(Database(connect, place, patience=patience, pause=pause or Event().wait))
    except LedgerAway:
        raise
    except LedgerFailed as error:
        raise FixLedger(error.message, hint=error.hint, code=error.code) from error


class PostgresLedger:
    """A store of the ledger; `port.Ledger` says what each verb promises."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def close(self) -> None:
        self._db.close()

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
        from importer.ledger.postgres.staging import known  # columns cost start-up time

        with self._db.view() as c:
            return known(c, directory)

    def staged(self, directory: int, file: str) -> Staged | None:
        with self._db.view() as c:
            return reporting.staged(c, directory, file)

    def stage(self, lease: Lease, run: str, staging: Staging, *, now: float) -> int:
        from importer.ledger.postgres.staging import stage

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
            return submitting.unsettled(c, directory, keys)

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

    def due(self, *, now: float) -> list[Due]:  # noqa: ARG002  the database has a clock
        with self._db.view() as c:
            return dispatching.due(c)

    def lease_calls(self, name: str, seconds: float, *, now: float) -> float:  # noqa: ARG002  the database has a clock
        with self._db.unit() as c:
            return dispatching.lease_calls(c, name, seconds)

    # -- reporting

    def totals(self, directory: int, sheet: int | None = None) -> Totals:
        with self._db.view() as c:
            return reporting.totals(c, directory, sheet)

    def status(self) -> list[DirectoryStatus]:
        with self._db.view() as c:
            return standing.status(c)

    def in_doubt(self, directory: int) -> list[ExportRow]:
        with self._db.view() as c:
            return reporting.in_doubt(c, directory)

    def calls(self, run: str, width: float) -> list[Calls]:
        with self._db.view() as c:
            return reporting.calls(c, run, width)

    def marked(self, directory: int, file: str) -> Iterator[Marked]:
        """All of one moment, as `export`."""
        with self._db.aside() as c:
            yield from reporting.marked(c, directory, file)

    def export(self, directory: int | None = None) -> Iterator[ExportRow]:
        """All of one moment, read on a connection of its own: other verbs go on meanwhile."""
        with self._db.aside() as c:
            yield from reporting.export(c, directory)

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
            moving.fill(c, tables, self._db.place)
