"""Watching a run: signals that stop it, and a display of how far it is, in one directory or in many."""

import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

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
Result_co = TypeVar("Result_co", covariant=True)


def swift() -> dict[str, Any]:
    """Options for `anyio.run`: the faster event loop of the extra ``speed``, where it is installed."""
    return {"use_uvloop": find_spec("uvloop") is not None}


class Job(Protocol[Result_co]):
    def __call__(self, *, watch: Callable[[Course], None]) -> Awaitable[Result_co]: ...


async def watched(job: Job[Result_co], out: Out, also: Callable[[Course], None] | None = None) -> Result_co:
    """The job's summary. One signal lets it finish the calls under way, a second one ends it at once."""
    courses: list[Course] = []
    async with anyio.create_task_group() as group:
        group.start_soon(_obey, courses, group.cancel_scope, out)

        def watch(course: Course) -> None:
            if not courses and not out.quiet:
                group.start_soon(_tell_away, courses, out)
                group.start_soon(_show, courses, out)
            courses.append(course)
            if courses[0].signal is not None:  # begun when the others had been told to stop
                _stop(course, courses[0].signal)
            if also is not None:
                also(course)

        summary = await job(watch=watch)
        group.cancel_scope.cancel()
        return summary
    raise typer.Exit(130)


def _stop(course: Course, number: int) -> None:
    course.signal = number
    course.halt()


async def _obey(courses: list[Course], scope: anyio.CancelScope, out: Out) -> None:
    with anyio.open_signal_receiver(*SIGNALS) as signals:
        async for number in signals:
            if not courses or courses[0].signal is not None:
                scope.cancel()
                return
            out.notice("stopping", what="finishing the calls under way; once more to stop at once")
            for course in courses:
                _stop(course, int(number))


async def _tell_away(courses: list[Course], out: Out) -> None:
    """Say when the ledger is out of reach, and when it is back."""
    away = False
    while True:
        await anyio.sleep(REFRESH)
        if any(course.desk.away for course in courses) != away:
            away = not away
            out.notice("waiting" if away else "going on", what="the ledger is out of reach" if away else "it is back")


async def _show(courses: list[Course], out: Out) -> None:
    if sys.stderr.isatty() and out.log_format == "text":
        await _live(courses, out)
        return
    while True:
        await anyio.sleep(EVERY)
        if any(course.tally.planned for course in courses):  # else still looking at the directory and the file
            out.notice("progress", **_facts(courses))


async def _live(courses: list[Course], out: Out) -> None:
    from rich.live import Live

    with Live(console=out.console(stderr=True), transient=True, auto_refresh=False) as live:
        while True:
            facts = _facts(courses)
            live.update(" · ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items()), refresh=True)
            await anyio.sleep(REFRESH)


def _facts(courses: Sequence[Course]) -> dict[str, str]:
    many = {"directories": str(len(courses))} if len(courses) > 1 else {}
    return many | progress([course.tally for course in courses], courses[0].clock.ticks())


def progress(tallies: "Sequence[Tally]", now: float) -> dict[str, str]:
    """How far a run is in all directories: done of planned for each kind, calls a second, time left at that rate."""
    added, sent = (sum(tally.done[kind] for tally in tallies) for kind in (Kind.ADD, Kind.SEND_EMAIL))
    adds, sends = (sum(tally.planned[kind] for tally in tallies) for kind in (Kind.ADD, Kind.SEND_EMAIL))
    facts = {"added": f"{added}/{adds}", "sent": f"{sent}/{sends}"}
    begun = min((tally.spans["submit"][0] for tally in tallies if "submit" in tally.spans), default=now)
    rate = (added + sent) / (now - begun) if now > begun else 0.0
    if rate:
        left = max(0, adds + sends - added - sent)
        facts |= {"rate": f"{rate:.1f}/s", "time_left": f"{left / rate:.0f} s"}
    return facts
