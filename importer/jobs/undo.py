"""Undo: take back what a run added, except what was changed since."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from importer.directory import Listed
from importer.jobs.draft import deletion, protected
from importer.jobs.task import Ready, Task
from importer.ledger.port import Ledger
from importer.ledger.values import Step
from importer.model.errors import FixCommand
from importer.model.operation import Kind
from importer.settings import Settings
from importer.sheet import Sheet
from importer.stage.check import Checked
from importer.stage.terms import Leaver, Spared
from importer.stage.undo import undo as taken_back
from importer.submit.course import Course
from importer.submit.reconcile import Listing
from importer.submit.submit import World, targets

Check = Callable[[list[dict[str, Any]], Listing], None]


def recall(run: str, settings: Settings, command: str = "undo", check: Check | None = None) -> Task:
    """The task of taking back what a run added; it has no file. ``check`` raises when it is not to be done any more."""
    return Task(f"run {run}", "", settings, _no_file, command=command, stage=_Recall(run, check))


def _no_file() -> tuple[Sheet, Checked]:
    raise AssertionError("what takes a run back reads no file")


def whom(
    ledger: Ledger, directory: int | None, run: str, listed: Sequence[Listed]
) -> tuple[list[Leaver], list[Spared]]:
    """Whom to delete, and who stays. Raises `FixCommand` when the directory had no such run."""
    added = None if directory is None else ledger.added(directory, run)
    if directory is None or added is None:
        raise FixCommand(f"this directory had no run {run}", hint="importer status --json names the last one")
    return taken_back(dict(added), ledger.known(directory), listed)


def told(deletes: Sequence[Leaver], spared: Sequence[Spared]) -> dict[str, Any]:
    counts = dict.fromkeys(("add", "adopt", "update", "rename"), 0)
    return {**counts, "delete": len(deletes), "unchanged": 0, "protected": protected(spared), "held": None}


@dataclass(frozen=True, slots=True)
class _Recall:
    """Plans the deletes of a run's contacts."""

    run: str
    check: Check | None

    async def __call__(self, course: Course, world: World, _: Task, listed: Sequence[Listed]) -> Ready:
        directory = course.lease.directory
        listing = Listing(listed).with_targets(await targets(world))
        deletes, spared = await course.desk.do(lambda ledger: whom(ledger, directory, self.run, listing.contacts))
        if self.check is not None:
            self.check([deletion(one) for one in deletes], listing)
        steps = [Step(one.key, Kind.DELETE, {}, place) for place, one in enumerate(deletes)]
        now = course.clock.now()
        await course.desk.do(lambda ledger: ledger.intend(course.lease, None, steps, now=now))
        return Ready(None, listing.contacts, changes=True, alone=True, told=told(deletes, spared))
