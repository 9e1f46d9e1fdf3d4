"""The scribe: the one thread that owns the ledger's connection, so that the event loop never waits for a disk."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio

from importer.ledger.port import Ledger, LedgerAway, LedgerFailed

T = TypeVar("T")
BATCH = 512  # verbs in one commit at most


@dataclass(frozen=True, slots=True)
class _Job:
    """A verb, and where its result is awaited."""

    verb: Callable[[Ledger], Any]
    result: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Fate:
    """What became of a job."""

    job: _Job
    value: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Tell whoever still waits."""
        if self.job.result.done():
            return  # cancelled meanwhile; the verb was done all the same
        if self.error is not None:
            self.job.result.set_exception(self.error)
        else:
            self.job.result.set_result(self.value)


class Scribe:
    """Opens the ledger in a thread of its own; verbs that queue up while one commit runs share the next.

    ``async with Scribe(lambda: open_sqlite(path)) as scribe: await scribe.do(lambda ledger: ledger.claim(…))``
    """

    def __init__(self, opened: Callable[[], Ledger], *, batch: int = BATCH) -> None:
        self._opened = opened
        self._batch = batch
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._open = False
        self._leaving = Event()
        self.away = False  # the ledger is out of reach: verbs wait

    async def __aenter__(self) -> Self:
        """Raises what opening raises."""
        self._loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        Thread(target=self._live, args=(started,), name="scribe").start()
        self._open = True
        try:
            await started
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Everything that was asked for is written first, unless the ledger is away; nothing can be asked any more."""
        self._leaving.set()
        self._leave()
        with anyio.CancelScope(shield=True):
            await self._ended

    async def do(self, verb: Callable[[Ledger], T]) -> T:
        """Carry out ``verb``; its result comes once it is durable, its exception alone.

        Raises `LedgerFailed` when the commit itself failed: then nothing of it counts. A caller that is cancelled while
        it waits does not take the verb back.
        """
        if not self._open:
            raise RuntimeError("the scribe has left: the ledger is closed")
        result: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(verb, result))
        return await result

    def pause(self, seconds: float) -> bool:
        """For the ledger's thread: wait until the ledger may be there again; whether to give up instead."""
        self.away = True
        return self._leaving.wait(seconds)

    def _leave(self) -> None:
        if self._open:
            self._open = False
            self._jobs.put(None)

    # -- in the thread

    def _live(self, started: asyncio.Future[None]) -> None:
        try:
            ledger = self._opened()
        except BaseException as error:  # noqa: BLE001  it belongs to whoever opens
            self._tell([_Fate(_Job(_nothing, started), error=error), _Fate(_Job(_nothing, self._ended))])
            return
        self._tell([_Fate(_Job(_nothing, started))])
        while jobs := self._next():
            self._tell(persisted(ledger, jobs))
            self.away = False
        closing = _Job(lambda ledger: ledger.close(), self._ended)
        self._tell([_carried_out(ledger, closing)])

    def _next(self) -> list[_Job]:
        """What waits, at least one job; none at the end."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == self._batch:
                break
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
        else:
            if jobs:
                self._jobs.put(None)  # these first, then the end
        return jobs

    def _tell(self, fates: list[_Fate]) -> None:
        """One wake-up of the loop for all; a loop that is gone has nobody left to tell."""

        def settle() -> None:
            for fate in fates:
                fate.settle()

        try:
            self._loop.call_soon_threadsafe(settle)
        except RuntimeError:
            if not self._loop.is_closed():
                raise


def persisted(ledger: Ledger, jobs: list[_Job]) -> list[_Fate]:
    """As `written`, once more whenever the ledger was away: it waits for itself, and says when it gives up."""
    while True:
        fates = written(ledger, jobs)
        if not any(isinstance(fate.error, LedgerAway) for fate in fates):
            return fates


def written(ledger: Ledger, jobs: list[_Job]) -> list[_Fate]:
    """All jobs in one commit: each one's own result or error, or the commit's error for all."""
    try:
        with ledger.group():
            fates = [_carried_out(ledger, job) for job in jobs]
    except Exception as error:  # noqa: BLE001  it belongs to whoever asked
        return [_Fate(job, error=_copy(error)) for job in jobs]
    return fates


def _carried_out(ledger: Ledger, job: _Job) -> _Fate:
    try:
        return _Fate(job, value=job.verb(ledger))
    except BaseException as error:  # noqa: BLE001  it belongs to whoever asked
        return _Fate(job, error=error)


def _copy(error: Exception) -> Exception:
    """An exception of its own for each caller: raising one adds to its traceback."""
    if isinstance(error, LedgerFailed):
        own = type(error)(error.message, hint=error.hint, code=error.code)
        own.__cause__ = error
        return own
    return error


def _nothing(_: Ledger) -> None: ...


async def _turn() -> None:
    await asyncio.sleep(0)


class Inline:
    """A scribe without a thread, for virtual time: a verb is done at once, ``pause`` passes before its result comes."""

    away = False  # what is in this process is never out of reach

    def __init__(self, ledger: Ledger, *, pause: Callable[[], Awaitable[None]] = _turn) -> None:
        self._ledger = ledger
        self._pause = pause

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ledger.close()

    async def do(self, verb: Callable[[Ledger], T]) -> T:
        """As `Scribe.do`."""
        (fate,) = written(self._ledger, [_Job(verb, asyncio.get_running_loop().create_future())])
        await self._pause()
        fate.settle()
        result: T = await fate.job.result
        return result
