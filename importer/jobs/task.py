"""Tasks: what a file asks of each directory; most files ask one of one."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import anyio

from importer.directory import Listed
from importer.jobs import connect
from importer.jobs.reading import read
from importer.jobs.staged import holds, options, staged_already
from importer.jobs.stores import existing
from importer.ledger.port import Ledger, NoLedger
from importer.ledger.values import Staged
from importer.ledger.views import DirectoryStatus, Totals
from importer.model.errors import FixFile
from importer.model.operation import Kind, State, Status
from importer.settings import Settings, others
from importer.sheet import Sheet
from importer.stage.check import Checked
from importer.stage.parts import empty, parts
from importer.stage.plan import nothing_known
from importer.stage.plan import plan as planned
from importer.submit.course import Course, Desk, Tally
from importer.submit.decide import CHANGES
from importer.submit.submit import World

PLACES = ("read", "rejected", "duplicate", "accepted")


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be run in one directory: a file, or its part, by the settings.

    ``read``: the sheet and its check, wanted only if it is not staged. ``routes``: the profiles that its rows may name,
    where a column sends them to several directories.
    """

    file: str
    digest: str
    settings: Settings
    read: Callable[[], tuple[Sheet, Checked]]
    routes: Sequence[str] | None = None
    command: str = "run"
    stage: "Stage | None" = None  # how it is planned and written down, where not as `run` does it
    after: "After | None" = None  # what follows when it is carried out; its figures, for the summary


@dataclass(frozen=True, slots=True)
class Ready:
    """What is written down and may begin: the staged file (``None``: of no file), the directory as listed.

    ``changes``: updates and deletes are to be done too; ``alone``: and nothing else. ``told``: for the summary, what
    was planned.
    """

    sheet: int | None
    listed: Sequence[Listed]
    changes: bool = False
    alone: bool = False
    told: Mapping[str, Any] | None = None


class Stage(Protocol):
    """Plans a task, given the directory as listed, and writes the plan down."""

    async def __call__(self, course: Course, world: World, task: Task, listed: Sequence[Listed], /) -> Ready: ...


class After(Protocol):
    """Follows a task that was carried out; what it found, for the summary."""

    async def __call__(self, course: Course, world: World, task: Task, ready: Ready, /) -> Mapping[str, Any]: ...


def task_of(file: str | Path, settings: Settings) -> Task:
    """The task of a file that is for one directory. Raises `FixFile`, also when its rows name others."""
    found = tasks_of(file, settings)
    if isinstance(found, Task):
        return found
    elsewhere = [task.settings.profile for task in found if task.settings.profile != settings.profile]
    if elsewhere:
        raise FixFile(
            f"{file}: its column for the directory names other profiles too: {', '.join(elsewhere)}",
            hint=f"it goes to them all when it is given as FILE, without --all or --plan: importer run {file}",
        )
    return found[0]


def tasks_of(file: str | Path, settings: Settings) -> Task | list[Task]:
    """The task of a file, or the task of each directory where a column names others than that of the settings.

    It is read at once unless the ledger holds it already. Raises `FixFile`, and `FixCommand` for a profile's settings.
    """
    if known := staged_already(file, settings, connect.place(settings)):
        return Task(str(file), known, settings, partial(read, file, settings))
    sheet, checked = read(file, settings)
    found = parts(checked, settings.profile)
    left = _left(sheet.file, settings, found, routed=checked.routes is not None)
    wanted = found | {name: empty(checked) for name in left}
    # What a row of this directory alone says stays true whatever other profiles there will be, if each has a name.
    lasting = checked.routes is None or not (wanted.keys() - {settings.profile} or checked.unrouted)
    routes = None if lasting else settings.directories
    family = others(settings, found) | left
    tasks = [_part(sheet, part, family[name], routes) for name, part in wanted.items()]
    return tasks[0] if wanted.keys() == {settings.profile} else tasks


def _part(sheet: Sheet, part: Checked, settings: Settings, routes: Sequence[str] | None) -> Task:
    return Task(sheet.file, sheet.digest, settings, lambda: (sheet, part), routes)


def _left(file: str, settings: Settings, found: Mapping[str, Checked], *, routed: bool) -> dict[str, Settings]:
    """Profiles for whose directory the ledger holds rows of the file, which has none for them any more.

    A file without a column for the directory speaks only of those to which such a column sent it before.
    """
    try:
        with existing(settings) as ledger:
            held = _held(ledger, file, settings, found, routed=routed)
    except NoLedger:
        return {}
    family = others(settings, {one.profile for one in held})
    return {one.profile: family[one.profile] for one in held if connect.place(family[one.profile]) == one.endpoint}


def _held(
    ledger: Ledger, file: str, settings: Settings, found: Mapping[str, Checked], *, routed: bool
) -> list[DirectoryStatus]:
    return [
        one
        for one in ledger.status()
        if file in one.files
        and one.profile in settings.directories
        and one.profile not in found
        and _holds_rows(ledger, one.id, file, routed=routed)
    ]


def _holds_rows(ledger: Ledger, directory: int, file: str, *, routed: bool) -> bool:
    staged = ledger.staged(directory, file)
    if staged is None or not (routed or "routes" in json.loads(staged.options)):
        return False
    return ledger.totals(directory, staged.id).read > 0


async def standing(desk: Desk, task: Task) -> Totals:
    """The totals of a task in whose directory nothing could be done: as staged, or as they would be."""
    settings = task.settings

    def ask(ledger: Ledger) -> tuple[int | None, Staged | None]:
        number = ledger.find(settings.profile, connect.place(settings))
        return number, None if number is None else ledger.staged(number, task.file)

    number, staged = await desk.do(ask)
    if number is not None and staged is not None and holds(staged, task.digest, settings, task.routes):
        return await desk.do(lambda ledger: ledger.totals(number, staged.id))
    known = nothing_known() if number is None else await desk.do(lambda ledger: ledger.known(number))

    def work() -> Totals:
        found = planned(*task.read(), known, (), options=options(settings, task.routes), on_clash=settings.on_clash)
        states = Counter(found.staging.contacts["state"].fill_null(State.WAITING.value))
        contacts = {State(state): count for state, count in states.items()}
        read, rejected, duplicate, accepted = (found.rows[place] for place in PLACES)
        return Totals(read, rejected, duplicate, accepted, contacts=contacts)

    return await anyio.to_thread.run_sync(work)


def operations_of(totals: Totals, whole: Totals, tally: Tally) -> dict[Kind, dict[Status, int]]:
    """Adds and sends of the file's contacts; of updates and deletes what this run did, and what waits in all."""
    found = {kind: counts for kind, counts in totals.operations.items() if kind not in CHANGES}
    for kind in CHANGES:
        waits = whole.operations.get(kind, {})
        counts = {Status.DONE: tally.done[kind], Status.FAILED: tally.failed[kind]}
        counts |= {status: waits.get(status, 0) for status in (Status.PENDING, Status.IN_DOUBT)}
        if any(counts.values()):
            found[kind] = counts
    return found
