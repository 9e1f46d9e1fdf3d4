"""What every command tells of its run as events: how it began, what it staged, how it ended."""

from typing import Any, Protocol

from importer.report.summary import balance
from importer.settings import Settings
from importer.submit.course import Course
from importer.version import __version__


class Told(Protocol):
    """What a command prints of a run."""

    @property
    def exit_code(self) -> int: ...

    def as_json(self) -> dict[str, Any]: ...


def tell_begun(course: Course, command: str, file: str | None, settings: Settings) -> None:
    events, lease = course.tally.events, course.lease
    events.tell("run_started", command=command, file=file, directory=settings.profile, version=__version__)
    events.tell("lease_taken", owner=lease.owner, token=lease.token, expires_at=lease.expires_at)


async def tell_staged(course: Course, sheet: int, *, new: bool) -> None:
    """How many rows of a file are staged; ``new``: they were not before."""
    if course.tally.events.listener is not None:
        rows, _, _ = balance(await course.desk.do(lambda ledger: ledger.totals(course.lease.directory, sheet)))
        course.tally.events.tell("staged", rows=rows, new=new)


def tell_ended(course: Course, summary: Told) -> None:
    told = summary.as_json()
    totals = {name: told[name] for name in ("rows", "contacts", "operations", "calls") if name in told}
    ends = {"exit_code": summary.exit_code, "next_action_at": told.get("next_action_at")}
    course.tally.events.tell("finished", **ends, **totals)
