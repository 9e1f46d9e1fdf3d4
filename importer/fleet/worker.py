"""A worker: takes directories from the queue, works on some at once for a while each, and wakes those that wait."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from importer.fleet import cron
from importer.fleet.night import Night
from importer.fleet.queue import (
    BEAT,
    CHORES,
    DIRECTORIES,
    DRAIN,
    SILENT,
    SYNC,
    App,
    ConnectorException,
    JobContext,
    again,
    application,
    clear,
    enqueue,
    opened,
    schedule,
    waits,
)
from importer.jobs import connect
from importer.jobs.drain import Drained, drain, wanting
from importer.ledger.port import LedgerAway
from importer.ledger.views import Due
from importer.model.clock import Clock, iso
from importer.model.errors import FixCommand, ImporterError
from importer.settings import Settings, nightly, others
from importer.submit.course import Course, Desk

WAKE = "* * * * * */5"  # every five seconds: who waits, and whose worker died
NIGHTLY = "* * * * *"  # every minute: whose file is to be synced
MISSED = 3600.0  # seconds for which the time of a sync is made up for, when no worker was there
GAP = 2.0  # seconds in which somebody else may take a directory that is not done: to stage a file, say
LATER = 5.0  # seconds before a sync is tried again that this worker could not begin
AGAIN = 1.0  # seconds before a queue that was lost is looked for again
Tell = Callable[[str, dict[str, Any]], None]


@dataclass(slots=True)
class Worker:
    """``seconds``: how long a directory is worked on before others have their turn; ``tell`` gets what happens."""

    settings: Settings
    concurrency: int
    seconds: float
    tell: Tell
    clock: Clock = field(default_factory=Clock)
    desk: Desk | None = None
    signal: int | None = None
    courses: list[Course] = field(default_factory=list)
    _staying: bool = True
    _names: set[str] = field(default_factory=set)  # of the profiles of this machine
    _family: dict[str, Settings] = field(default_factory=dict)  # of those that were asked for so far
    _night: Night = field(init=False)
    _looked: float | None = None  # when it was last asked whose file is to be synced
    _running: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        """Raises `FixCommand` for a ledger that is not shared."""
        application(self.settings)
        self._names = set(self.settings.directories)
        self._night = Night(self.seconds, self._watch, self._say, self.clock)

    async def work(self, *, stay: bool = True) -> None:
        """Until it is stopped, or, unless it is to ``stay``, until nothing waits any more. Raises `FixCommand`."""
        self._staying = stay
        asyncio.get_running_loop().set_exception_handler(self._faltered)
        async with connect.ledger(self.settings, create=False) as desk:
            self.desk = desk
            async with anyio.create_task_group() as group:
                group.start_soon(self._obey, group.cancel_scope)
                await self._serve(stay=stay)
                group.cancel_scope.cancel()

    def _say(self, event: str, **facts: object) -> None:
        self.tell(event, facts)

    def _faltered(self, loop: asyncio.AbstractEventLoop, facts: dict[str, Any]) -> None:
        """What failed in the background, such as the end of a job that was cleared away while this process slept."""
        del loop
        self.tell("faltered", {"why": type(facts.get("exception", self)).__name__})

    async def _serve(self, *, stay: bool) -> None:
        while True:
            try:
                async with opened(self.settings) as app:
                    self._tasks(app)
                    if not stay:
                        await self.wake(app)
                    await self._workers(app, stay=stay)
            except (ConnectorException, ImporterError) as error:
                if isinstance(error, FixCommand) or not stay:
                    raise
                self.tell("queue lost", {"again_in": AGAIN})
                await self.clock.sleep(AGAIN)
            if self.signal is not None or not stay:
                return

    async def _workers(self, app: App, *, stay: bool) -> None:
        if self.signal is not None:  # it came while the queue was opened, and there was nothing yet to cancel
            return
        # Chores go first and need no place of their own: where all are taken, nobody woken would find one.
        work = app.run_worker_async(
            queues=[DIRECTORIES, CHORES],
            concurrency=self.concurrency,
            wait=stay,
            install_signal_handlers=False,
            delete_jobs="successful",
            fetch_job_polling_interval=2.0,
            update_heartbeat_interval=BEAT,
            stalled_worker_timeout=SILENT,
        )
        self._running = asyncio.create_task(work)
        try:
            await self._running
        except asyncio.CancelledError:
            if self.signal is None:
                raise

    def _tasks(self, app: App) -> None:
        @app.task(name=DRAIN, queue=DIRECTORIES, pass_context=True)
        async def drained(context: JobContext, *, profile: str) -> None:
            await self.drain(context.app, profile)

        @app.periodic(cron=WAKE, periodic_id="wake")
        @app.task(name="wake", queue=CHORES, queueing_lock="wake", priority=10, pass_context=True)
        async def woken(context: JobContext, timestamp: int) -> None:
            del timestamp
            await self.wake(context.app)

        @app.task(name=SYNC, queue=DIRECTORIES, pass_context=True)
        async def synced(context: JobContext, *, profile: str, timestamp: int) -> None:
            await self.sync(context.app, profile, timestamp)

        @app.periodic(cron=NIGHTLY, periodic_id="nights")
        @app.task(name="nights", queue=CHORES, queueing_lock="nights", priority=10, pass_context=True)
        async def looked(context: JobContext, timestamp: int) -> None:
            del timestamp
            await self.nights(context.app)

    async def drain(self, app: App, profile: str) -> None:
        """One turn of a directory; what is left of its work waits at the end of the queue."""
        assert self.desk is not None
        settings = (await self._of([profile])).get(profile)
        if settings is None:
            self.tell("directory unknown here", {"directory": profile})
            return
        settings = settings.model_copy(update={"duration": self.seconds})
        self.tell("directory taken", {"directory": profile})
        try:
            found = await drain(self.desk, settings, clock=self.clock, watch=self._watch)
        except ImporterError as error:  # the ledger is away: the waker brings the directory back
            self.tell("directory dropped", {"directory": profile, "why": error.message})
            return
        self.tell("directory left", {"directory": profile, **_words(found)})
        if found.held is None and profile in [one.profile for one in await self._wanting()]:
            leaving = self.signal is not None
            await enqueue(app, profile, after=0.0 if leaving or not self._staying else GAP, first=leaving)

    async def sync(self, app: App, profile: str, at: int) -> None:
        """One turn of the sync of the profile's file, which was due ``at``; what is left of it waits in the queue."""
        settings = (await self._of([profile])).get(profile)
        if settings is None:
            self.tell("directory unknown here", {"directory": profile})
            if self.clock.now() - at < MISSED:  # a worker that knows it may come: nobody else would bring it back
                await again(app, profile, at, after=LATER)
            return
        self.tell("sync begun", {"directory": profile, "due": iso(at, settings.day_zone)})
        try:
            found = await self._night.sync(settings)
        except ImporterError as error:
            self.tell("sync failed", {"directory": profile, "why": error.message})
            if isinstance(error, LedgerAway):
                await again(app, profile, at, after=LATER)
            return
        if found.exit_code is None:  # another holds the directory
            await again(app, profile, at, after=AGAIN)
        elif found.cut:
            self.tell("sync left", {"directory": profile})
            await again(app, profile, at, after=GAP if self._staying else 0.0)
        else:
            self.tell("sync ended", {"directory": profile, "exit_code": found.exit_code})
            if self.signal is not None:
                await again(app, profile, at)  # for another worker

    async def nights(self, app: App) -> None:
        """Put the sync of each profile whose cron line has come due into the queue."""
        now = self.clock.now()
        after, self._looked = self._looked or now - MISSED, now
        lines = cron.lines(await self._of(nightly(self.settings)))
        for profile, at in cron.due(lines, after, now).items():
            if await schedule(app, profile, at):
                self.tell("sync due", {"directory": profile})

    async def wake(self, app: App) -> None:
        """Clear away after workers that died, and put every directory into the queue that nobody works on.

        Those that were dropped amid their turn go first, unless they were twice in a row: it may be their doing.
        """
        await self.clear(app)
        found = await self._wanting()
        waiting = await waits(app)  # after it: a turn that ends in between is in the queue again by now
        for one in found:
            if one.profile not in waiting and await enqueue(app, one.profile, first=one.dropped):
                self.tell("directory woken", {"directory": one.profile})

    async def clear(self, app: App) -> None:
        """What workers that died have left in the queue is gone; their syncs wait there again."""
        for profile in await clear(app):
            self.tell("sync revived", {"directory": profile})

    async def _wanting(self) -> list[Due]:
        """The profiles of this machine's settings whose directory has work, and nobody who does it."""
        assert self.desk is not None
        now = self.clock.now()
        found = wanting(await self.desk.do(lambda ledger: ledger.due(now=now)))
        family = await self._of([one.profile for one in found])
        known = [one for one in found if one.profile in family]
        return [one for one in known if connect.place(family[one.profile]) == one.endpoint]

    async def _of(self, profiles: Sequence[str]) -> dict[str, Settings]:
        """The settings of those profiles that this machine has, without mistakes."""
        new = [name for name in profiles if name in self._names and name not in self._family]
        if new:
            await anyio.to_thread.run_sync(self._read, new)  # some milliseconds each
        return {name: self._family[name] for name in profiles if name in self._family}

    def _read(self, profiles: Sequence[str]) -> None:
        for name in profiles:
            try:
                settings = others(self.settings, [name])[name]
                connect.place(settings)  # raises for an endpoint that cannot be called
                self._family[name] = settings
            except FixCommand as error:
                self._names.discard(name)
                self.tell("directory left out", {"directory": name, "why": error.message})

    def _watch(self, course: Course) -> None:
        self.courses = [one for one in self.courses if not one.halted]
        self.courses.append(course)
        if self.signal is not None:
            course.signal = self.signal
            course.halt()

    async def _obey(self, scope: anyio.CancelScope) -> None:
        """One signal finishes the calls under way and takes no further directory; a second one ends at once."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                if self.signal is not None:
                    scope.cancel()
                    return
                self.signal = int(number)
                self.tell("stopping", {"what": "finishing the calls under way; once more to stop at once"})
                for course in self.courses:
                    course.signal = self.signal
                    course.halt()
                if self._running is not None:
                    self._running.cancel()  # it takes nothing more, and ends when what it has is done


def _words(found: Drained) -> dict[str, Any]:
    if found.held:
        return {"held": True}
    contacts = (found.books or {}).get("contacts", {})
    told: dict[str, Any] = {state: count for state, count in contacts.items() if count}
    return told | ({"stopped": found.stopped["code"]} if found.stopped else {})
