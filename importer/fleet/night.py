"""A sync by cron: one turn of it, with the events, metrics and messages that its settings ask for."""

from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from importer.jobs.sync import COMMAND, sync
from importer.jobs.traces import Say, Traces, traces
from importer.ledger.port import LeaseHeld
from importer.model.clock import Clock
from importer.model.errors import Interrupted
from importer.settings import Settings
from importer.submit.course import Course


@dataclass(frozen=True, slots=True)
class Synced:
    """``exit_code`` ``None``: another holds the directory; ``cut``: its turn was over before its work was done."""

    exit_code: int | None
    cut: bool = False


@dataclass(slots=True)
class Night:
    """Syncs of profiles' files, each for ``seconds`` at a time; ``watch`` gets each course before its first call."""

    seconds: float
    watch: Callable[[Course], None]
    say: Say
    clock: Clock
    # How those stood that are not done yet.
    _before: MutableMapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    _slow: set[str] = field(default_factory=set)  # that cannot even begin within a turn: they get as long as they need

    async def sync(self, settings: Settings) -> Synced:
        """One turn. Nothing is told of its end while there is more to do. Raises `ImporterError`."""
        courses: list[Course] = []
        begun = self.clock.ticks()
        async with _traced(settings, self.say) as left:
            left.before = self._before.pop(settings.profile, left.before)

            def watch(course: Course) -> None:
                left.watch(course)
                courses.append(course)
                self.watch(course)

            try:
                found = await sync(str(settings.file), self._bound(settings), watch=watch)
            except LeaseHeld:
                return Synced(None)
            except Interrupted as error:
                if error.signal is not None or not self._over(begun):
                    raise
                self._slow.add(settings.profile)
                return Synced(error.exit_code, cut=True)
            if self._over(begun) and any(_halted(course) for course in courses):
                self._before[settings.profile] = left.before
                return Synced(found.exit_code, cut=True)
            await anyio.to_thread.run_sync(left.ended, found)
        return Synced(found.exit_code)

    def _bound(self, settings: Settings) -> Settings:
        if settings.profile in self._slow:
            return settings
        return settings.model_copy(update={"duration": min(self.seconds, settings.duration or self.seconds)})

    def _over(self, begun: float) -> bool:
        return self.clock.ticks() - begun >= self.seconds


def _halted(course: Course) -> bool:
    """Whether it ended for want of time, and for nothing else."""
    return course.halted and course.stopped is None and course.signal is None


@asynccontextmanager
async def _traced(settings: Settings, say: Say) -> AsyncIterator[Traces]:
    """The traces, begun and ended in a thread: they ask the ledger, and send messages."""
    manager = traces(COMMAND, settings, say)
    left = await anyio.to_thread.run_sync(manager.__enter__)
    try:
        yield left
    except BaseException as error:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(manager.__exit__, type(error), error, error.__traceback__)
        raise
    await anyio.to_thread.run_sync(manager.__exit__, None, None, None)
