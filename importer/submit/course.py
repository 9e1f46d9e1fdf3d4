"""What the lanes of one run share: the caller, the lease, the pace, the tally, and the word to stop."""

import random
from asyncio import Queue, QueueEmpty
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import anyio

from importer.directory import Caller, Parameters
from importer.ledger.port import Ledger
from importer.ledger.values import Change, Lease
from importer.model.clock import Clock
from importer.model.operation import Answer, Kind, Outcome, Status
from importer.submit.circuit import Circuit
from importer.submit.events import Events

T = TypeVar("T")
KINDS = frozenset(Kind)
GROUP = 256  # changes written down at once
BEAT = 0.02  # seconds from one group to the next, at least: a commit costs as much for one change as for many

Changes = Queue[Change | None]  # on their way to the ledger; ``None``: nothing further comes

GOOD = (Outcome.DONE, Outcome.ROW, Outcome.LOOK, Outcome.FULL, Outcome.DAILY)


class Halted(Exception):
    """The run is stopping: what has not started is put back."""


class Desk(Protocol):
    """Where the ledger is asked: `Scribe`, or its inline kin in simulations."""

    @property
    def away(self) -> bool:
        """Whether the ledger is out of reach: what is asked waits until it is back."""

    async def do(self, verb: Callable[[Ledger], T]) -> T: ...


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run ended before its work was done: the API's code, or a word of ours, and what it means."""

    code: str
    message: str


@dataclass(slots=True)
class Tally:
    """What this run has done so far; calls by operation and code, and when things began and ended (in ticks)."""

    calls: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    planned: Counter[Kind] = field(default_factory=Counter)
    done: Counter[Kind] = field(default_factory=Counter)
    failed: Counter[Kind] = field(default_factory=Counter)
    strangers: bool = False  # somebody else writes to the directory
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    events: Events = field(default_factory=Events)

    def span(self, what: str, start: float, end: float) -> None:
        known = self.spans.get(what, (start, end))
        self.spans[what] = (min(known[0], start), max(known[1], end))

    def written(self, end: float) -> None:
        """Everything so far is in the ledger, ``end`` ticks."""
        begun = min((start for what, (start, _) in self.spans.items() if what in KINDS), default=end)
        self.span("submit", begun, end)

    def seconds(self, what: str) -> float:
        start, end = self.spans.get(what, (0.0, 0.0))
        return round(end - start, 3)


@dataclass(frozen=True, slots=True)
class Counted:
    """A caller whose calls are counted, whoever makes them."""

    caller: Caller
    tally: Tally

    async def call(self, action: str, parameters: Parameters) -> Answer:
        ticks = self.tally.events.clock.ticks
        begun = ticks()
        answer = await self.caller.call(action, parameters)
        self.tally.calls[action][answer.code] += 1
        self.tally.events.call(action, answer, ticks() - begun)
        return answer


@dataclass(slots=True)
class Course:
    """One run's way through one directory."""

    caller: Caller
    desk: Desk
    lease: Lease
    run: str
    clock: Clock
    random: random.Random
    tally: Tally
    call_timeout: float
    give_up_after: float
    from_members: bool = False  # a deleted contact is taken from member accounts too
    stopping: anyio.Event = field(default_factory=anyio.Event)
    stopped: Stop | None = None
    signal: int | None = None  # that asked for the stop
    last_good: float = 0.0

    circuit: Circuit = field(init=False)
    held_until: float = field(init=False)  # in ticks, for the clock may be set meanwhile

    def __post_init__(self) -> None:
        self.last_good = self.clock.ticks()
        self.hold(self.lease)
        self.circuit = Circuit(self.clock.ticks, self.nap)

    def halt(self, stop: Stop | None = None) -> None:
        """Start no further call; those under way are finished and written down."""
        if stop is not None and self.stopped is None:
            self.stopped = stop
            self.tally.events.tell("stopped", code=stop.code)
        self.stopping.set()

    @property
    def halted(self) -> bool:
        return self.stopping.is_set()

    async def nap(self, seconds: float) -> None:
        """Sleep, unless the run stops meanwhile: then raise `Halted`."""
        await self.heeding(lambda: self.clock.sleep(seconds))

    async def heeding(self, work: Callable[[], Awaitable[T]]) -> T:
        """What ``work`` gives, which may be left off: raise `Halted` when the run stops meanwhile."""
        if self.halted:
            raise Halted
        found: list[T] = []
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                await self.stopping.wait()
                group.cancel_scope.cancel()

            group.start_soon(watch)
            found.append(await work())
            group.cancel_scope.cancel()
        if self.halted:
            raise Halted
        return found[0]

    async def call(self, action: str, parameters: Parameters) -> Answer:
        """One call; silence for too long ends the run."""
        answer = await self.caller.call(action, parameters)
        trips = self.circuit.trips
        self.circuit.learn(answer.outcome)
        if self.circuit.trips > trips:
            self.tally.events.tell("circuit_opened", code=answer.code, trips=self.circuit.trips)
        now = self.clock.ticks()
        if answer.outcome in GOOD:
            self.last_good = now
        elif answer.wait is not None:
            self.last_good += answer.wait  # the server named the wait: obeying it is no silence
        elif now - self.last_good > self.give_up_after and answer.outcome is not Outcome.STOP:
            silence = f"no good answer for {now - self.last_good:.0f} s, the last one {answer.code}"
            self.halt(Stop("NoAnswer", f"{silence}; run again when the directory answers"))
        return answer

    def count(self, kind: Kind, status: Status) -> None:
        """Keep count of what this run did of a kind."""
        self.tally.done[kind] += status is Status.DONE
        self.tally.failed[kind] += status is Status.FAILED

    def hold(self, lease: Lease) -> None:
        """Go on under a lease as it was just given or renewed."""
        self.lease = lease
        self.held_until = self.clock.ticks() + lease.expires_at - self.clock.now()

    def may_start(self) -> bool:
        """Whether the lease outlives a call that starts now, by the clock and by the time that has passed."""
        left = min(self.lease.expires_at - self.clock.now(), self.held_until - self.clock.ticks())
        return not self.halted and left > self.call_timeout

    async def record(self, changes: Changes, then: Callable[[], None]) -> None:
        """Write changes down as they come, as many at once as have come meanwhile; ``then`` after each group."""
        while group := await _waiting(changes):
            began = self.clock.ticks()
            await self.desk.do(lambda ledger, group=group: ledger.record(self.lease, self.run, group))  # type: ignore[misc]
            ended = self.clock.ticks()
            self.tally.written(ended)
            then()
            if len(group) < GROUP and (rest := began + BEAT - ended) > 0:
                await self.clock.sleep(rest)


async def _waiting(changes: Changes) -> list[Change]:
    """What waits, at least one change; none at the end."""
    found: list[Change] = []
    change = await changes.get()
    while change is not None:
        found.append(change)
        if len(found) == GROUP:
            break
        try:
            change = changes.get_nowait()
        except QueueEmpty:
            break
    else:
        if found:
            changes.put_nowait(None)  # these first, then the end
    return found
