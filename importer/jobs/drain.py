"""Drain: do what the ledger holds for one directory, for a while; whoever holds its lease does it."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio

from importer.jobs import connect
from importer.jobs.hours import ending
from importer.jobs.run import cause, close
from importer.ledger.port import LeaseHeld, LeaseLost
from importer.ledger.values import Lease, Run
from importer.ledger.views import Due
from importer.model.clock import Clock
from importer.model.errors import ImporterError, unforeseen
from importer.model.operation import Kind
from importer.report.summary import balance
from importer.settings import Settings
from importer.submit import owner
from importer.submit.course import Course, Desk
from importer.submit.share import Shares
from importer.submit.submit import kept, start, submit

COMMAND = "drain"
STOPPED = "stopped"  # the reason of a deferral: nothing can succeed until somebody has looked
PATIENCE = 900.0  # seconds for which a directory that stopped is left alone
Watch = Callable[[Course], None]


@dataclass(frozen=True, slots=True)
class Drained:
    """What came of it: whether it was held by another, what stopped it, and what the directory's books say."""

    directory: str
    held: str | None = None  # who holds it
    stopped: dict[str, str] | None = None
    books: dict[str, Any] | None = None
    signal: int | None = None

    @property
    def exit_code(self) -> int:
        return 75 if self.held else 4 if self.stopped else 128 + self.signal if self.signal else 0

    def as_json(self) -> dict[str, Any]:
        return {"schema": 1, "command": COMMAND, "directory": self.directory, "stopped": self.stopped} | (
            self.books or {}
        )


async def drain(desk: Desk, settings: Settings, *, clock: Clock, watch: Watch) -> Drained:
    """Until nothing is left that may be done now, or the settings' ``duration`` is over. Raises `LedgerFailed`.

    ``watch`` gets the course before the first call. A directory that cannot be used is left alone for `PATIENCE`.
    """
    number = await desk.do(lambda ledger: ledger.directory(settings.profile, connect.place(settings)))
    try:
        async with connect.leased(desk, number, settings, clock) as lease:
            return await _held(desk, lease, settings, clock, watch)
    except (LeaseHeld, LeaseLost) as error:
        return Drained(settings.profile, held=error.message)


async def _held(desk: Desk, lease: Lease, settings: Settings, clock: Clock, watch: Watch) -> Drained:
    run = Run(uuid.uuid4().hex[:12], lease.directory, COMMAND, "", "", clock.now())
    await desk.do(lambda ledger: ledger.start_run(lease, run))
    try:
        drained = await _drained(desk, lease, run, settings, clock=clock, watch=watch)
    except (LeaseLost, anyio.get_cancelled_exc_class()):
        raise
    except Exception as error:  # noqa: BLE001  one directory's trouble is told in its books
        known = error if isinstance(error, ImporterError) else unforeseen(error)
        drained = Drained(settings.profile, stopped={"code": known.code, "message": known.message})
        told = json.dumps(drained.as_json(), ensure_ascii=False)
        ended = clock.now()
        await desk.do(lambda ledger: ledger.finish_run(run.id, ended_at=ended, exit_code=4, totals=told))
    if drained.stopped:
        await _leave(desk, lease, clock)
    return drained


async def _drained(desk: Desk, lease: Lease, run: Run, settings: Settings, *, clock: Clock, watch: Watch) -> Drained:
    credentials = await connect.admitted(settings)
    async with connect.directory(settings, clock, credentials) as caller:
        shared = Shares.of(caller, settings.rates, desk, clock)
        world = connect.world(shared, desk, settings, clock)
        limits = connect.limits(settings)
        course = await start(world, lease, run.id, limits)
        watch(course)
        try:
            async with kept(course, limits), ending(course, settings):
                await submit(course, world, limits, await course.heeding(world.look))
        except BaseExceptionGroup as group:
            raise cause(group) from None
    totals = await desk.do(lambda ledger: ledger.totals(lease.directory))
    _, contacts, operations = balance(totals)
    stop = course.stopped
    drained = Drained(
        settings.profile,
        stopped={"code": stop.code, "message": stop.message} if stop else None,
        books={"contacts": contacts, "operations": operations, "calls": course.tally.calls},
        signal=course.signal,
    )
    await close(course, drained)
    return drained


async def _leave(desk: Desk, lease: Lease, clock: Clock) -> None:
    """Put everything of the directory off for a while."""
    until = clock.now() + PATIENCE
    for kind in Kind:
        await desk.do(lambda ledger, kind=kind: ledger.defer(lease, kind, STOPPED, until))  # type: ignore[misc]


def wanting(due: list[Due]) -> list[Due]:
    """Directories that wait for somebody: nobody holds them, or a process of this machine that is dead."""
    return [one for one in due if one.owner is None or owner.is_dead(one.owner)]
