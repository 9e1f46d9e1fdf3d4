"""Sync: make the directory match the file, by the same way as run, and with guards before anything is deleted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from importer.directory import Listed
from importer.directory.codes import READS
from importer.jobs import connect
from importer.jobs.draft import told
from importer.jobs.many import Watch, many
from importer.jobs.run import errand, in_directory
from importer.jobs.staged import options
from importer.jobs.task import Ready, Task, task_of, tasks_of
from importer.jobs.telling import tell_staged
from importer.jobs.verify import see_through
from importer.ledger.port import Ledger
from importer.ledger.values import Staged
from importer.model.clock import Clock, iso
from importer.model.errors import FixAccess, FixFile
from importer.report.joint import Joint
from importer.report.summary import Summary
from importer.settings import Settings, filed, load
from importer.sheet import Sheet
from importer.stage.check import Checked
from importer.stage.sync import Sync, Wish, estranged
from importer.stage.sync import sync as planned
from importer.stage.terms import Terms
from importer.submit.course import Course
from importer.submit.reconcile import Listing
from importer.submit.submit import World, reconcile, targets

COMMAND = "sync"
Mark = tuple[int, int]  # a file's size in bytes, and when it was last written, in nanoseconds
Check = Callable[[Sync, Listing], None]  # raises when a plan that was made earlier is not to be carried out any more


@dataclass(frozen=True, slots=True)
class Moment:
    """When a plan was made: how its file stood before it was read, the time (``None``: now), and what must hold."""

    mark: Mark | None
    now: float | None = None
    check: Check | None = None

    @property
    def modified(self) -> float | None:
        """When the file was last written, in seconds; ``None`` where that cannot be told."""
        return None if self.mark is None else self.mark[1] / 1e9


async def sync(file: str | Path, settings: Settings | None = None, *, watch: Watch | None = None) -> Summary | Joint:
    """Add, update and, if the settings say so, delete, until the directory holds what the file says.

    The same sync again does what is left. Raises as `run` does, and `FixFile` for a file that is being written or is
    older than the one last synced, `FixAccess` when the directory is not the one that the ledger knows.
    """
    settings = settings or load()
    clock = Clock.starting(settings.now)
    begun, moment = clock.ticks(), Moment(mark(file))
    found = await anyio.to_thread.run_sync(tasks_of, file, settings, abandon_on_cancel=True)
    if not isinstance(found, Task):
        errands = [errand(one.settings, one.file, partial(synced, one, moment), COMMAND) for one in found]
        return await many(COMMAND, errands, watch=watch)
    credentials = await connect.admitted(settings)
    async with connect.ledger(settings) as desk:
        task = synced(found, moment)
        return await in_directory(desk, task, clock, credentials, watch=watch, begun=begun)


async def sync_all(settings: Settings | None = None, *, watch: Watch | None = None) -> Joint:
    """`sync` for every profile that has a file, side by side. Raises `FixCommand` for a mistake in any of them."""

    def one(settings: Settings) -> Task:
        moment = Moment(mark(str(settings.file)))
        return synced(task_of(str(settings.file), settings), moment)

    family = filed(settings or load()).values()
    errands = [errand(each, str(each.file), partial(one, each), COMMAND) for each in family]
    return await many(COMMAND, errands, watch=watch)


def synced(task: Task, moment: Moment, command: str = COMMAND) -> Task:
    """A task as a sync of its file."""
    after = _after if command == COMMAND else None
    return replace(task, command=command, stage=partial(_stage, moment), after=after)


async def _after(course: Course, world: World, task: Task, ready: Ready) -> Mapping[str, Any]:
    """At the end of a sync: who is verified by now, and one more mail for the silent from what the day has left."""
    changed = any(action not in READS for action in course.tally.calls)
    listed = await world.look() if changed else ready.listed
    return (await see_through(course, world, task.settings, listed)).counts()


def mark(file: str | Path) -> Mark | None:
    """How a file stands; ``None`` for the standard input, and where reading it will say what is wrong."""
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return None if str(file) == "-" else (found.st_size, found.st_mtime_ns)


async def _stage(moment: Moment, course: Course, world: World, task: Task, listed: Sequence[Listed]) -> Ready:
    """Settle what is in doubt, plan, and write the plan down in one piece."""
    directory, settings = course.lease.directory, task.settings
    waiting = await targets(world)
    known = await course.desk.do(lambda ledger: ledger.known(directory))
    same_directory(settings, estranged(known, listed), len(listed))
    shown = Listing(listed).with_targets(waiting)
    listing, _ = await reconcile(course, world, connect.limits(settings), shown)
    listing = listing.with_targets(waiting)
    known, staged = await course.desk.do(lambda ledger: (ledger.known(directory), ledger.staged(directory, task.file)))
    at = course.clock.now() if moment.now is None else moment.now

    def work() -> Sync:
        sheet, checked = task.read()
        settled(task, moment, staged)
        return planned(wish(task, (sheet, checked), moment, staged), known, listing.contacts, terms(settings, at))

    plan = await world.aside(work)
    if moment.check is not None:
        moment.check(plan, shown)
    number = await course.desk.do(lambda ledger: _written(ledger, course, plan))
    await tell_staged(course, number, new=True)
    return Ready(number, listing.contacts, changes=True, told=told(plan))


def _written(ledger: Ledger, course: Course, plan: Sync) -> int:
    now = course.clock.now()
    ledger.observe(course.lease, plan.observed, now=now)
    number = ledger.stage(course.lease, course.run, plan.staging, now=now)
    ledger.intend(course.lease, number, plan.steps, now=now)
    return number


def settled(task: Task, moment: Moment, staged: Staged | None) -> None:
    """Raises `FixFile` when the file is being written, or was written before the one last synced."""
    zone, modified = task.settings.day_zone, moment.modified
    if moment.mark is not None and mark(task.file) != moment.mark:
        raise FixFile(f"{task.file}: is being written", hint="run again when the export is finished")
    before = staged.modified if staged else None
    if staged is None or before is None or modified is None or staged.digest == task.digest:
        return
    if round(modified, 3) < round(before, 3) and not task.settings.older:
        when = f"{iso(modified, zone)}, the one last synced at {iso(before, zone)}"
        hint = "give the newer export; --older takes this one all the same"
        raise FixFile(f"{task.file}: is older than the one last synced: it was written at {when}", hint=hint)


def same_directory(settings: Settings, expected: int, listed: int) -> None:
    """Raises `FixAccess` when the directory lists none of the ``expected`` contacts that the ledger knows."""
    if expected and not settings.emptied:
        found = f"holds {listed} others" if listed else "is empty"
        raise FixAccess(
            f"this is not the directory of the last time: that held {expected} contacts of the ledger, this {found}",
            hint="check the credentials and --endpoint; if it was emptied on purpose, say --emptied",
            code="OtherDirectory",
        )


def terms(settings: Settings, now: float) -> Terms:
    return Terms(
        now=now,
        delete=settings.delete or settings.delete_foreign,
        foreign=settings.delete_foreign,
        missing_for=settings.missing_for,
        max_deletes=settings.max_deletes,
        max_shrink=settings.max_shrink,
        renames=settings.renames,
        cased=settings.names_case_sensitive,
        zone=settings.day_zone,
    )


def wish(task: Task, found: tuple[Sheet, Checked], moment: Moment, staged: Staged | None) -> Wish:
    sheet, checked = found
    before = staged.synced if staged else None
    told = options(task.settings, task.routes)
    return Wish(sheet, checked, told, task.settings.on_clash, moment.modified, before)
