"""What a run leaves behind besides its result: events as they happen, and what is made of its end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from importer.jobs.telling import Told
from importer.model.clock import Clock
from importer.model.errors import ImporterError
from importer.report.events import recording
from importer.settings import Settings
from importer.submit.course import Course
from importer.submit.events import Events, Listener

INTERRUPTED, UNFORESEEN = "Interrupted", "Unforeseen"
Say = Callable[..., None]  # an event and its facts, for whoever watches


@dataclass(slots=True)
class Traces:
    """The traces of one command, in one directory or in many; `watch` listens to each of its courses."""

    command: str
    settings: Settings
    say: Say
    listener: Listener | None
    clock: Clock
    begun: float = field(init=False)
    before: Mapping[str, int | None] = field(init=False)

    def __post_init__(self) -> None:
        self.begun, self.before = self.clock.ticks(), {}
        if _notifies(self.settings):
            from importer.jobs.notify import before

            self.before = before(self.settings)

    def watch(self, course: Course) -> None:
        """Listen to a course from before its first call on."""
        course.tally.events = Events(self.listener, course.run, course.clock)

    def ended(self, result: Told) -> None:
        """What came of it: a directory in which no run could begin has told nothing yet."""
        told = result.as_json()
        for one in told.get("directories", ()):
            if one.get("run") is None:
                code = (one.get("stopped") or {}).get("code", UNFORESEEN)
                self._tell(code, one["exit_code"], one["directory"])
        self._leave(told)

    def failed(self, code: str, exit_code: int) -> None:
        """The command ends without a result."""
        self._tell(code, exit_code, None)
        self._leave({"exit_code": exit_code})

    def _tell(self, code: str, exit_code: int, directory: str | None) -> None:
        facts = {"code": code, "exit_code": exit_code, "directory": directory}
        Events(self.listener, clock=self.clock).tell("failed", **facts)

    def _leave(self, told: Mapping[str, Any]) -> None:
        if self.settings.metrics is not None:
            self._measure(told)
        if _notifies(self.settings):
            from importer.jobs.notify import tell

            tell(self.settings, told, self.before, lambda why: self.say("a notification was not sent", why=why))

    def _measure(self, told: Mapping[str, Any]) -> None:
        from importer.jobs import metrics

        took = self.clock.ticks() - self.begun
        try:
            metrics.leave(self.settings, self.command, told, now=self.clock.now(), seconds=took)
        except OSError as error:
            self.say("metrics could not be written", file=self.settings.metrics, why=error.strerror or "failed")


def _notifies(settings: Settings) -> bool:
    return bool(settings.notify.environment or settings.notify.files)


@contextmanager
def traces(command: str, settings: Settings, say: Say) -> Iterator[Traces]:
    """The traces that the settings ask for, around a command. Raises `FixCommand` before anything else is done.

    ``say`` is told what went wrong with them: that never stops the command, nor changes how it ends.
    """
    with ExitStack() as stack:
        listener: Listener | None = None
        if settings.events is not None:

            def lost(why: str) -> None:
                say("events are lost from here on", file=settings.events, why=why)

            listener = stack.enter_context(recording(Path(settings.events), lost))
        left = Traces(command, settings, say, listener, Clock.starting(settings.now))
        try:
            yield left
        except BaseException as error:
            left.failed(*meaning(error))
            raise


def meaning(error: BaseException) -> tuple[str, int]:
    """The code and the exit code of an error that ends the command."""
    if isinstance(error, BaseExceptionGroup):
        found = [meaning(inner) for inner in error.exceptions]
        return next((one for one in found if one[0] != UNFORESEEN), found[0])
    if isinstance(error, ImporterError):
        return error.code, error.exit_code
    code = getattr(error, "exit_code", 130 if isinstance(error, KeyboardInterrupt) else None)
    return (INTERRUPTED, code) if isinstance(code, int) and code else (UNFORESEEN, 2)
