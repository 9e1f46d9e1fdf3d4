"""When a run is to end, and when one that waits goes on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from importer.settings import Settings
from importer.submit.course import Course
from importer.submit.pace import TICK

CLOCK_LOOK = 60.0  # seconds between looks at the clock while waiting for a window


@asynccontextmanager
async def ending(course: Course, settings: Settings) -> AsyncIterator[None]:
    """End the run in good order when its time is up."""
    ends = settings.ends_at(course.clock.now())
    async with anyio.create_task_group() as group:

        async def watch(seconds: float) -> None:
            await course.clock.sleep(seconds)
            course.halt()

        if ends is not None:
            group.start_soon(watch, max(0.0, ends - course.clock.now()))
        yield
        group.cancel_scope.cancel()


async def nap_until(course: Course, until: float) -> None:
    """Until the clock shows it: meanwhile it may be set, and a machine that slept need not have counted the hours."""
    while (left := until - course.clock.now()) > 0:
        await course.nap(max(TICK, min(left, CLOCK_LOOK)))


async def next_window(course: Course) -> float | None:
    """When the first of the waiting kinds may go on; ``None`` when nothing waits for a time."""
    deferrals = await course.desk.do(lambda ledger: ledger.deferrals(course.lease.directory))
    return min((wait.until for wait in deferrals if wait.until is not None), default=None)
