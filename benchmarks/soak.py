"""Whether a long run stays as small as it began: memory at a tenth and at the end of a million adds, bytes each."""

import asyncio
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from benchmarks.apart import apart, resident
from benchmarks.contacts import written
from benchmarks.responder import Place, responding
from benchmarks.submit import environment, unlimited
from benchmarks.table import Figures, Goal, Samples, Size, Table
from importer.model.operation import Kind

EVERY = 0.05  # seconds between looks at the memory
WINDOW = 0.05  # of the run: the memory is the mean over so much of it


class Memory:
    """Looks at this process's memory while a run goes on; ``done`` tells how many contacts are added."""

    def __init__(self, count: int, done: Callable[[], int]) -> None:
        self._count = count
        self._done = done
        self._looks: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self._note()

    def at(self, share: float) -> float:
        """MB, around the time when that share of the contacts was added."""
        near = [memory for done, memory in self._looks if abs(done - share) <= WINDOW]
        return sum(near) / len(near)

    def _look(self) -> None:
        while not self._ended.wait(EVERY):
            self._note()

    def _note(self) -> None:
        self._looks.append((self._done() / self._count, resident()))


def soaked(place: Place, count: int, folder: str) -> Figures:
    from importer.jobs.run import run
    from importer.submit.course import Course

    environment(place)
    ledger, file = Path(folder) / "importer.db", Path(folder) / "contacts.csv"
    settings = unlimited(place, ledger)
    watched: list[Memory] = []

    def watch(course: Course) -> None:
        watched.append(Memory(count, lambda: course.tally.done[Kind.ADD]))

    summary = asyncio.run(run(file, settings, watch=watch)).as_json()
    watched[0].end()
    assert summary["operations"]["add"]["done"] == count, summary
    return {
        "calls/s": count / summary["timing"]["submit_seconds"],
        "MB at 10 %": watched[0].at(0.1),
        "MB at 50 %": watched[0].at(0.5),
        "MB at the end": watched[0].at(1.0),
        "bytes/contact": ledger.stat().st_size / count,
    }


def staged(place: Place, count: int, folder: str) -> Figures:
    """In a process of its own, so that what staging took is not there at the start."""
    from importer.jobs.run import run

    environment(place)
    file = written(Path(folder) / "contacts.csv", count)
    settings = unlimited(place, Path(folder) / "importer.db").model_copy(update={"max_contacts": 0})
    asyncio.run(run(file, settings))
    return {}


def measure(size: Size) -> Table:
    count = size.counted(1_000_000, 5_000)
    with tempfile.TemporaryDirectory() as folder, responding(Path(folder)) as place:
        apart(staged, place, count, folder)
        figures = apart(soaked, place, count, folder)
    who = f"{count:,} contacts"
    samples: Samples = {who: {metric: [figure] for metric, figure in figures.items()}}
    growth = [figures["MB at the end"] / figures["MB at 10 %"]]
    return Table(
        "contacts through submit, one after the other, over HTTPS",
        samples,
        [Goal("memory at the end / at 10 %", growth, at_most=1.1)],
        ("Memory is what the process holds; the contacts were staged by another one before.",),
    )
