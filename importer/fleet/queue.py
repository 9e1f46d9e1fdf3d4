"""The queue: which directory is to be worked on next, kept by procrastinate in a schema of its own beside the ledger.

A job is a directory, never a contact, and carries no more than its name: what there is to do is in the ledger, and
who may do it is said by the ledger's lease. So a job that is lost costs a look of the waker, one too many nothing.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg

from importer.ledger.address import SCHEMES, redacted, scheme
from importer.ledger.port import LedgerFailed
from importer.model.errors import FixCommand
from importer.settings import Settings

try:
    from procrastinate import App, JobContext, PsycopgConnector
    from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
    from procrastinate.jobs import Job, Status
    from procrastinate.schema import SchemaManager
except ImportError:
    raise FixCommand(
        "a fleet needs procrastinate, which is not installed", hint="pip install 'importer[fleet]'"
    ) from None

__all__ = [
    "App",
    "ConnectorException",
    "JobContext",
    "again",
    "application",
    "clear",
    "enqueue",
    "made",
    "opened",
    "schedule",
    "waits",
]

for _library in ("procrastinate", "psycopg"):
    logging.getLogger(_library).addHandler(logging.NullHandler())
logging.getLogger("procrastinate").propagate = False  # what happens is told in our own words, without tracebacks

SCHEMA = "importer_fleet"
DIRECTORIES, CHORES = "directories", "chores"  # chores do not wait behind directories
DRAIN, SYNC = "drain", "sync"
FIRST = 1  # the priority of a directory whose turn was cut short; chores go before it
BEAT = 5.0  # seconds between signs that a worker lives
SILENT = 3 * BEAT  # seconds after which one that gave none counts as dead
MADE = "select to_regclass('importer_fleet.procrastinate_jobs') is not null"
WAITS = """
select args ->> 'profile' as profile from procrastinate_jobs where status = 'todo' and queue_name = %(queue)s"""
OPTIONS = f"-c search_path={SCHEMA},pg_catalog"


def application(settings: Settings) -> App:
    """The queue beside the ledger, closed. Raises `FixCommand` where the ledger is in no PostgreSQL."""
    if scheme(settings.ledger) not in SCHEMES:
        raise FixCommand(
            f"{redacted(settings.ledger)}: a fleet needs a ledger that its machines share",
            hint="give postgresql://user@host/database with --ledger, or as IMPORTER_LEDGER",
        )
    connector = PsycopgConnector(
        conninfo=settings.ledger, kwargs={"options": OPTIONS}, min_size=1, max_size=6, timeout=10
    )
    return App(connector=connector)


def made(settings: Settings) -> bool:
    """Make the queue's tables; whether there were none. Raises `LedgerFailed`."""
    application(settings)
    try:
        with psycopg.connect(settings.ledger, options=OPTIONS) as connection:
            connection.execute("select pg_advisory_xact_lock(hashtext('importer_fleet'))")
            if _is_made(connection):
                return False
            connection.execute(f"create schema if not exists {SCHEMA}")
            connection.execute(SchemaManager.get_schema())
    except psycopg.Error as error:
        raise _failed(settings, error) from None
    return True


def _is_made(connection: "psycopg.Connection[tuple[bool]]") -> bool:
    (there,) = connection.execute(MADE).fetchone() or (False,)
    return bool(there)


def _failed(settings: Settings, error: psycopg.Error) -> LedgerFailed:
    return LedgerFailed(
        f"the fleet's queue beside {redacted(settings.ledger)} cannot be used: {type(error).__name__}",
        hint="check that the server runs and that this user may create a schema; importer fleet init makes the queue",
    )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[App]:
    """The queue, to put directories into. Raises `FixCommand` when it was not made yet."""
    app = application(settings)
    try:
        with psycopg.connect(settings.ledger) as connection:
            there = _is_made(connection)
    except psycopg.Error as error:
        raise _failed(settings, error) from None
    if not there:
        raise FixCommand("this ledger has no fleet yet", hint="importer fleet init makes its queue")
    async with app.open_async():
        yield app


async def enqueue(app: App, profile: str, *, after: float = 0.0, first: bool = False) -> bool:
    """Put a directory at the end of the queue, in ``after`` seconds, or ``first``; whether it was not there already."""
    job = app.configure_task(
        DRAIN,
        queue=DIRECTORIES,
        queueing_lock=f"directory {profile}",
        priority=FIRST if first else 0,
        schedule_in={"seconds": after} if after else None,
        allow_unknown=True,
    )
    try:
        await job.defer_async(profile=profile)
    except AlreadyEnqueued:
        return False
    return True


async def waits(app: App) -> set[str]:
    """The directories in the queue, be it for a sync, which does what else they have to do.

    To put each in again, and be refused, would cost more than to ask.
    """
    return {row["profile"] for row in await app.connector.execute_query_all_async(WAITS, queue=DIRECTORIES)}


async def schedule(app: App, profile: str, at: int) -> bool:
    """Put the sync of ``profile`` that is due ``at`` (seconds since the epoch) into the queue; whether nobody had.

    Each time is taken once, however many workers ask, for the queue keeps it in mind; while a sync of the profile still
    waits there, that one will do.
    """
    task = app.configure_task(SYNC, queue=DIRECTORIES, queueing_lock=f"sync {profile}", allow_unknown=True)
    job: Job = task.make_new_job(profile=profile, timestamp=at)
    try:
        return await app.job_manager.defer_periodic_job(job, periodic_id=profile, defer_timestamp=at) is not None
    except AlreadyEnqueued:
        return False


async def again(app: App, profile: str, at: int, *, after: float = 0.0) -> None:
    """Put a sync that is not done back into the queue, in ``after`` seconds."""
    task = app.configure_task(
        SYNC,
        queue=DIRECTORIES,
        queueing_lock=f"sync {profile}",
        schedule_in={"seconds": after},
        allow_unknown=True,
    )
    with suppress(AlreadyEnqueued):
        await task.defer_async(profile=profile, timestamp=at)


async def clear(app: App) -> list[str]:
    """Clear away what workers that died have left: syncs go back into the queue; their profiles. Nothing else need
    be done again: the ledger tells which directories have work, and of chores there is always a next one."""
    revived = []
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENT):
        if job.task_name == SYNC and await _retried(app, job):
            revived.append(str(job.task_kwargs["profile"]))
        elif job.id is not None:
            await app.job_manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
    await app.job_manager.prune_stalled_workers(SILENT)
    return revived


async def _retried(app: App, job: Job) -> bool:
    """Whether it waits again; not where another like it waits already."""
    try:
        await app.job_manager.retry_job(job)
    except (AlreadyEnqueued, UniqueViolation):
        return False
    return True
