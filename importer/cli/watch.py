"""Watching a run: signals that stop it, and a display of how far it is."""

import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import typer

from importer.cli.out import Out
from importer.model.operation import Kind
from importer.submit.course import Course

if TYPE_CHECKING:
    from importer.submit.course import Tally

EVERY = 5.0  # seconds between plain lines
REFRESH = 0.25  # seconds between redraws on a terminal
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


Came_co = TypeVar("Came_co", covariant=True)


class Job(Protocol[Came_co]):
    def __call__(self, *, watch: Callable[[Course], None]) -> Awaitable[Came_co]: ...


async def watched(job: Job[Came_co], out: Out) -> Came_co:
    """What came of the job. One signal lets it finish the calls under way, a second one ends it at once."""
    courses: list[Course] = []
    async with anyio.create_task_group() as group:
        group.start_soon(_obey, courses, group.cancel_scope, out)

        def watch(course: Course) -> None:
            courses.append(course)
            if not out.quiet:
                group.start_soon(_show, course, out)

        summary = await job(watch=watch)
        group.cancel_scope.cancel()
        return summary
    raise typer.Exit(130)


async def _obey(courses: list[Course], scope: anyio.CancelScope, out: Out) -> None:
    with anyio.open_signal_receiver(*SIGNALS) as signals:
        async for number in signals:
            if not courses or courses[0].signal is not None:
                scope.cancel()
                return
            out.notice("stopping", what="finishing the calls under way; once more to stop at once")
            courses[0].signal = int(number)
            courses[0].halt()


async def _show(course: Course, out: Out) -> None:
    if sys.stderr.isatty() and out.log_format == "text":
        await _live(course, out)
        return
    while True:
        await anyio.sleep(EVERY)
        if not course.tally.planned:
            continue  # still looking at the directory and the file
        out.notice("progress", **progress(course.tally, course.clock.ticks()))


async def _live(course: Course, out: Out) -> None:
    from rich.live import Live

    with Live(console=out.console(stderr=True), transient=True, auto_refresh=False) as live:
        while True:
            facts = progress(course.tally, course.clock.ticks())
            live.update(" · ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items()), refresh=True)
            await anyio.sleep(REFRESH)


def progress(tally: "Tally", now: float) -> dict[str, str]:
    """How far a run is: done of planned for each kind, calls a second, and the time left at that rate."""
    added, sent = tally.done[Kind.ADD], tally.done[Kind.SEND_EMAIL]
    facts = {
        "added": f"{added}/{tally.planned[Kind.ADD]}",
        "sent": f"{sent}/{tally.planned[Kind.SEND_EMAIL]}",
    }
    begun = tally.spans.get("submit", (now, now))[0]
    rate = (added + sent) / (now - begun) if now > begun else 0.0
    if rate:
        left = max(0, sum(tally.planned.values()) - added - sent)
        facts |= {"rate": f"{rate:.1f}/s", "time_left": f"{left / rate:.0f} s"}
    return facts
