"""Events in a file: one JSON object a line, appended by a thread of its own, so that a run never waits for it."""

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from importer.model.errors import FixCommand

SCHEMA = 1
EVERY = 0.05  # seconds between writes, each of all that came meanwhile
PATIENCE = 5.0  # seconds to wait at the end for a reader that does not read
LATEST = 253_402_300_799.0  # the end of the year 9999, the last that can be written so
TIMES = ("until", "expires_at")  # facts that are seconds since the epoch

Told = tuple[float, str | None, str, dict[str, Any]]


def schema() -> dict[str, Any]:
    """The JSON Schema that every line keeps."""
    found: dict[str, Any] = json.loads((files("importer.report") / "events.schema.json").read_text(encoding="utf-8"))
    return found


def line(at: float, run: str | None, event: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """One event as it is written down."""
    told = {name: _iso(value) if name in TIMES and value is not None else value for name, value in facts.items()}
    return {"schema": SCHEMA, "time": _iso(at), "run": run, "event": event, **told}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(min(seconds, LATEST), UTC).isoformat(timespec="milliseconds")


class Recorder:
    """Appends what it is told to a file; where that fails it says so once, by ``lost``, and the run goes on."""

    def __init__(self, number: int, lost: Callable[[str], None]) -> None:
        self._number = number
        self._lost = lost
        self._queue: SimpleQueue[Told | None] = SimpleQueue()
        self._ending = Event()
        self._thread = Thread(target=self._live, name="events", daemon=True)
        self._thread.start()

    def __call__(self, at: float, run: str | None, event: str, facts: dict[str, Any]) -> None:
        self._queue.put((at, run, event, facts))

    def close(self) -> None:
        """What was told is written first, unless nobody takes it."""
        self._ending.set()
        self._queue.put(None)
        self._thread.join(PATIENCE)

    def _live(self) -> None:
        try:
            while told := self._next():
                _write(self._number, "".join(json.dumps(line(*one), ensure_ascii=False) + "\n" for one in told))
        except OSError as error:
            self._lost(error.strerror or "failed")
        finally:
            with suppress(OSError):
                os.close(self._number)

    def _next(self) -> list[Told]:
        """What came, at least one event; none at the end."""
        first = self._queue.get()
        self._ending.wait(EVERY)
        found = [first]
        with suppress(Empty):
            while True:
                found.append(self._queue.get_nowait())
        if None in found:
            self._queue.put(None)  # these first, then the end
        return [told for told in found if told is not None]


def _write(number: int, text: str) -> None:
    data = memoryview(text.encode("utf-8", "replace"))
    while data:
        data = data[os.write(number, data) :]


@contextmanager
def recording(path: Path, lost: Callable[[str], None]) -> Iterator[Recorder]:
    """A recorder that appends to ``path``, a file for its owner alone or a pipe that is read. Raises `FixCommand`."""
    try:
        number = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)
        kind = os.fstat(number).st_mode
        if stat.S_ISFIFO(kind):  # only by opening it for writing alone it is learned whether somebody reads
            os.close(number)
            number = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        why = "nobody reads the pipe" if path.is_fifo() else error.strerror or "failed"
        raise FixCommand(f"--events {path}: cannot be written: {why}", hint="name another file") from None
    os.set_blocking(number, True)
    with suppress(OSError):
        if stat.S_ISREG(kind) and (size := os.fstat(number).st_size) and os.pread(number, 1, size - 1) != b"\n":
            os.write(number, b"\n")  # a line that was cut short ends here
    recorder = Recorder(number, lost)
    try:
        yield recorder
    finally:
        recorder.close()
