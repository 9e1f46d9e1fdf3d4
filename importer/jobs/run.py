"""Run: stage a file into the ledger, then submit what is left; the same run again continues."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from importer.directory import Listed
from importer.directory.credentials import CredentialSource
from importer.jobs import connect
from importer.jobs.hours import ending, nap_until, next_window
from importer.jobs.many import Errand, Watch, many
from importer.jobs.staged import holds, options
from importer.jobs.task import Ready, Task, operations_of, standing, task_of, tasks_of
from importer.jobs.telling import Told, tell_begun, tell_ended, tell_staged
from importer.ledger.port import LeaseLost
from importer.ledger.values import Lease, Run, Staging
from importer.ledger.views import Totals
from importer.model.clock import Clock
from importer.model.errors import ImporterError, Interrupted
from importer.model.operation import Kind, Status
from importer.report.joint import Joint
from importer.report.summary import Summary, balance, waits
from importer.settings import Settings, filed, load
from importer.stage.plan import plan as planned
from importer.submit.course import Course, Desk, Halted
from importer.submit.submit import World, kept, start, submit

STRANGERS = "somebody else writes to this directory too: its refusals were not of this run's making, and it gave way"


async def run(file: str | Path, settings: Settings | None = None, *, watch: Watch | None = None) -> Summary | Joint:
    """Put a file's contacts into the directory, each exactly once, and mail each its verification.

    A file with a column for the directory goes to those of the profiles that it names, and gives a `Joint` summary.
    ``watch`` gets the course before the first call: to halt it, or to show how far it is. Raises `ImporterError` when
    nothing could be done: the file, the settings, the ledger, credentials, or another run that holds the directory.
    """
    settings = settings or load()
    clock = Clock.starting(settings.now)
    begun = clock.ticks()
    found = await anyio.to_thread.run_sync(tasks_of, file, settings, abandon_on_cancel=True)
    if not isinstance(found, Task):
        return await many("run", [errand(one.settings, one.file, partial(_known, one)) for one in found], watch=watch)
    task, credentials = found, await connect.admitted(settings)
    async with connect.ledger(settings) as desk:
        return await in_directory(desk, task, clock, credentials, watch=watch, begun=begun)


async def run_all(settings: Settings | None = None, *, watch: Watch | None = None) -> Joint:
    """`run` for every profile that has a file, side by side. Raises `FixCommand` for a mistake in any of them."""
    family = filed(settings or load()).values()
    errands = [errand(one, str(one.file), partial(task_of, str(one.file), one)) for one in family]
    return await many("run", errands, watch=watch)


def _known(task: Task) -> Task:
    return task


def errand(settings: Settings, file: str, task: Callable[[], Task], command: str = "run") -> Errand:
    """A run of a file in one directory among several; ``task`` reads it, in a thread."""

    async def work(
        desk: Desk, clock: Clock, credentials: CredentialSource | None, *, watch: Watch | None = None
    ) -> Summary:
        begun = clock.ticks()
        found = await anyio.to_thread.run_sync(task, abandon_on_cancel=True)
        return await in_directory(desk, found, clock, credentials, watch=watch, begun=begun)

    return Errand(settings, work, partial(_barred, settings, (command, file), task))


async def in_directory(
    desk: Desk,
    task: Task,
    clock: Clock,
    credentials: CredentialSource | None,
    *,
    watch: Watch | None,
    begun: float,
) -> Summary:
    """A task in the directory that its settings name, under its lease. Raises `LeaseHeld`."""
    settings = task.settings
    number = await desk.do(lambda ledger: ledger.directory(settings.profile, connect.place(settings)))
    async with (
        connect.leased(desk, number, settings, clock) as lease,
        connect.directory(settings, clock, credentials) as caller,
    ):
        world = connect.world(caller, desk, settings, clock)
        return await carry_out(world, lease, task, watch=watch, begun=begun)


async def carry_out(
    world: World, lease: Lease, task: Task, *, watch: Watch | None = None, begun: float | None = None
) -> Summary:
    """A run in a leased directory; ``begun``: ticks of the clock when reading began."""
    course = await _start(world, lease, task)
    if watch is not None:
        watch(course)
    tell_begun(course, task.command, task.file, task.settings)
    began = course.clock.ticks() if begun is None else begun
    ready, after, lost = None, None, False
    try:
        async with kept(course, connect.limits(task.settings)), ending(course, task.settings):
            listed = await _look(course, world) if await _wanted(course, task) else ()
            ready = await (task.stage or _as_run)(course, world, task, listed)
            await _foresee(course)
            world.tally.span("stage", began, course.clock.ticks())
            await _submit(course, world, ready, task.settings)
            if task.after is not None and not course.halted:
                after = await task.after(course, world, task, ready)
    except BaseExceptionGroup as group:
        error = cause(group)
        if not isinstance(error, LeaseLost) or ready is None:
            raise error from None
        lost = True
    assert ready is not None
    return await _finish(course, ready, task, lease_lost=lost, after=after)


async def _look(course: Course, world: World) -> Sequence[Listed]:
    """The directory as it stands. Raises `Interrupted` when the run is to end before it has answered."""
    try:
        return await course.heeding(world.look)
    except Halted:
        why = "its time was up" if course.signal is None else "it was stopped"
        raise Interrupted(f"the run had not begun when {why}", signal=course.signal) from None


def cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error that made the others: ours if there is one, else the group as it is."""
    ours = group.subgroup(ImporterError)
    while isinstance(ours, BaseExceptionGroup):
        first = ours.exceptions[0]
        if not isinstance(first, BaseExceptionGroup):
            return first
        ours = first
    return group


async def _start(world: World, lease: Lease, task: Task) -> Course:
    run_id = uuid.uuid4().hex[:12]
    record = Run(run_id, lease.directory, task.command, task.file, task.digest, world.clock.now())
    await world.desk.do(lambda ledger: ledger.start_run(lease, record))
    return await start(world, lease, run_id, connect.limits(task.settings))


async def _as_run(course: Course, world: World, task: Task, listed: Sequence[Listed]) -> Ready:
    """Every contact that is not there yet is to be added, and nothing else is."""
    return Ready(await _stage(course, world, task, listed), listed)


async def _wanted(course: Course, task: Task) -> bool:
    """Whether the directory is wanted at all: for a file that is not staged, for an operation that is not settled."""
    if task.stage is not None:
        return True
    directory = course.lease.directory
    staged = await course.desk.do(lambda ledger: ledger.staged(directory, task.file))
    if not holds(staged, task.digest, task.settings, task.routes):
        return True
    totals = await course.desk.do(lambda ledger: ledger.totals(directory))
    open_ones = (Status.PENDING, Status.IN_FLIGHT, Status.IN_DOUBT)
    return any(counts.get(status) for counts in totals.operations.values() for status in open_ones)


async def _stage(course: Course, world: World, task: Task, listed: Sequence[Listed]) -> int:
    """The number of the staged file; one that is staged already is left as it is."""
    directory, settings = course.lease.directory, task.settings
    staged = await course.desk.do(lambda ledger: ledger.staged(directory, task.file))
    if staged is not None and holds(staged, task.digest, settings, task.routes):
        await tell_staged(course, staged.id, new=False)
        return staged.id
    known = await course.desk.do(lambda ledger: ledger.known(directory))
    told = options(settings, task.routes)

    def work() -> Staging:
        sheet, checked = task.read()
        return planned(sheet, checked, known, listed, options=told, on_clash=settings.on_clash).staging

    staging = await world.aside(work)
    now = course.clock.now()
    number = await course.desk.do(lambda ledger: ledger.stage(course.lease, course.run, staging, now=now))
    await tell_staged(course, number, new=True)
    return number


async def _foresee(course: Course) -> None:
    """What there is to do, for whoever watches."""
    totals = await course.desk.do(lambda ledger: ledger.totals(course.lease.directory))
    pending = {kind: counts.get(Status.PENDING, 0) for kind, counts in totals.operations.items()}
    adds = pending.get(Kind.ADD, 0)
    course.tally.planned.update({Kind.ADD: adds, Kind.SEND_EMAIL: adds + pending.get(Kind.SEND_EMAIL, 0)})


async def _submit(course: Course, world: World, ready: Ready, settings: Settings) -> None:
    """Until nothing is left that may be done today, or, if the run is to wait, at all."""
    rest = not ready.alone
    work = partial(submit, course, world, connect.limits(settings), adds=rest, sends=rest, changes=ready.changes)
    await work(ready.listed)
    while settings.wait and not course.halted and (until := await next_window(course)) is not None:
        with suppress(Halted):
            await nap_until(course, until + 1.0)
            await work(await world.look())


async def _finish(
    course: Course, ready: Ready, task: Task, *, lease_lost: bool, after: Mapping[str, Any] | None
) -> Summary:
    directory, settings, tally = course.lease.directory, task.settings, course.tally
    whole: Totals = await course.desk.do(lambda ledger: ledger.totals(directory)) if ready.changes else Totals()
    totals = Totals() if ready.alone else await course.desk.do(lambda ledger: ledger.totals(directory, ready.sheet))
    totals = replace(totals, operations=operations_of(totals, whole, tally))
    deferrals = await course.desk.do(lambda ledger: ledger.deferrals(directory))
    rows, contacts, operations = balance(totals)
    summary = Summary(
        run=course.run,
        command=task.command,
        file=task.file,
        directory=settings.profile,
        rows=rows,
        contacts=contacts,
        adopted=totals.adopted,
        operations=operations,
        calls={action: dict(codes) for action, codes in tally.calls.items()},
        timing={f"{what}_seconds": tally.seconds(what) for what in ("stage", "submit", "add")},
        deferrals=waits(totals, {deferral.kind: deferral for deferral in deferrals}, settings.day_zone),
        stopped={"code": course.stopped.code, "message": course.stopped.message} if course.stopped else None,
        signal=course.signal,
        lease_lost=lease_lost,
        notes=(STRANGERS,) if tally.strangers else (),
        changes=ready.told,
        verification=after,
    )
    await close(course, summary)
    return summary


async def close(course: Course, summary: Told) -> None:
    """Write down what the run came to."""
    printed = json.dumps(summary.as_json(), ensure_ascii=False)
    ended = course.clock.now()
    await course.desk.do(
        lambda ledger: ledger.finish_run(course.run, ended_at=ended, exit_code=summary.exit_code, totals=printed)
    )
    tell_ended(course, summary)


async def _barred(
    settings: Settings, what: tuple[str, str], task: Callable[[], Task], desk: Desk, error: ImporterError
) -> Summary:
    """What is told of a directory in which nothing could be done, or not to its end: its rows, and why."""
    totals = Totals(0, 0, 0, 0)
    with suppress(Exception):  # the error to tell is the first one
        found = await anyio.to_thread.run_sync(task)
        totals = await standing(desk, found)
    rows, contacts, operations = balance(totals)
    return Summary(
        run=None,
        command=what[0],
        file=what[1],
        directory=settings.profile,
        rows=rows,
        contacts=contacts,
        adopted=totals.adopted,
        operations=operations,
        calls={},
        timing={},
        stopped={"code": error.code, "message": error.message, "hint": error.hint},
        barred=error.exit_code,
    )
