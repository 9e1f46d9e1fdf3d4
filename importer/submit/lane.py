"""A lane: one kind of operation on its way from the ledger through calls back into the ledger."""

from asyncio import Queue, QueueEmpty, QueueFull
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from importer.directory import Parameters
from importer.directory.outcome import refusal
from importer.ledger.port import Ledger
from importer.ledger.values import Change
from importer.model.clock import Day
from importer.model.operation import ACTIONS, Answer, Attempt, Kind, Operation, Outcome
from importer.submit.call import parameters, target
from importer.submit.course import Changes, Course, Halted, Stop
from importer.submit.decide import SENDS, Decision, Next, decide, put_back
from importer.submit.events import about
from importer.submit.gate import Gate
from importer.submit.pace import Backoff, Pace
from importer.submit.quota import Quota
from importer.submit.window import Window

LEASE_LOOK = 1.0  # seconds between looks at a lease that ran out, as after a sleep of the machine
YIELD = 16  # times the ordinary wait, at most, while somebody else writes to the directory
AHEAD = 4  # operations claimed for each call that may be under way: after a crash each of them is in doubt
WIDE = 16  # calls at once from which on twice as many are claimed: each claim is a commit, and they come fast

# An `asyncio.Queue` gives at once what it holds; a stream of anyio's lets every other task go first, at each step.
Backlog = Queue[Operation | None]  # ``None``: nothing further comes


class _Unspent(Exception):
    """There is no quota for the call."""


class _Tried(NamedTuple):
    """One attempt: what was decided, on what answer, and whether it may have been carried out."""

    decision: Decision
    answer: Answer
    doubtful: bool


class Lane:
    """Claims operations of one kind while there is quota, carries them out, hands on what came of it."""

    def __init__(self, kind: Kind, course: Course, pace: Pace, quota: Quota, window: Window) -> None:
        self.kind = kind
        self._course = course
        self._pace = pace
        self._quota = quota
        self.window = window
        self._gate = Gate(window.limit)
        self._backoff = Backoff(course.random)
        self._closed = False
        self._dry = False
        self._fed = False  # nothing further will come from the lane before
        self._held = 0  # operations claimed and not decided yet
        self._woken = anyio.Event()

    def wake(self) -> None:
        """There may be new operations to claim."""
        self._woken.set()

    def finish(self) -> None:
        """No new operations will come but those in the ledger now."""
        self._fed = True
        self.wake()

    @property
    def starved(self) -> bool:
        """Whether the lane ended for want of quota."""
        return self._closed or self._quota.left == 0

    @property
    def revived(self) -> bool:
        """Whether there is quota again, for want of which the lane ended: a day began, or a send came back."""
        return (self._closed or self._dry) and self._quota.left > 0

    async def run(self, changes: Changes) -> None:
        """Until nothing is left that may be done."""
        backlog: Backlog = Queue()
        async with anyio.create_task_group() as group:
            for _ in range(self.window.most):
                group.start_soon(self._work, backlog, changes)
            await self._feed(backlog)
            for _ in range(self.window.most):
                backlog.put_nowait(None)

    async def _feed(self, backlog: Backlog) -> None:
        while not (self._closed or self._course.halted):
            fed, self._woken = self._fed, anyio.Event()
            if self._held > self._ahead // 2:
                await self._wait()
                continue
            limit = min(self._ahead - self._held, self._quota.left)
            operations = await self._claim(limit)
            self._held += len(operations)
            for operation in operations:
                backlog.put_nowait(operation)
            if operations:
                continue
            if fed or limit == 0:
                self._dry = limit == 0
                return
            await self._wait()

    async def _claim(self, limit: int) -> list[Operation]:
        if limit <= 0:
            return []
        course, now, fed = self._course, self._course.clock.now(), self._fed

        def claim(ledger: Ledger) -> list[Operation]:
            first = ledger.claim(course.lease, self.kind, limit, now=now)
            if first or not fed or self.kind not in SENDS:
                return first
            return ledger.claim(course.lease, self.kind, limit, now=now, reminders=True)  # of what is left over

        return await course.desk.do(claim)

    async def _wait(self) -> None:
        async with anyio.create_task_group() as group:
            for event in (self._woken, self._course.stopping):
                group.start_soon(_first, event, group.cancel_scope.cancel)

    async def _work(self, backlog: Backlog, changes: Changes) -> None:
        while (operation := await _next(backlog)) is not None:
            about(operation)
            await self._carry_out(operation, changes)
            self._held -= 1
            if self._held <= self._ahead // 2:
                self.wake()

    @property
    def _ahead(self) -> int:
        """How many operations may be claimed and not decided yet."""
        limit = self.window.limit
        return AHEAD * limit * (2 if limit >= WIDE else 1)

    async def _carry_out(self, operation: Operation, changes: Changes) -> None:
        """Attempts until the operation is decided; the first one pays nothing for the others."""
        known: list[_Tried] = []
        doubts = 0

        async def attempt() -> _Tried:
            nonlocal doubts
            tried = known.pop() if known else await self._attempt(operation, doubts, changes)
            doubts += tried.doubtful
            return tried

        try:
            known.append(await self._attempt(operation, 0, changes))
            if known[0].decision.next is Next.AGAIN:
                await self._again(attempt)
        except Halted:
            await _put(changes, put_back(operation, at=self._now(), doubtful=doubts > 0))
        except _Unspent:
            self._closed = True
            await _put(changes, put_back(operation, at=self._now(), doubtful=doubts > 0, reason=self._quota.reason))

    def _now(self) -> float:
        return self._course.clock.now()

    async def _again(self, attempt: Callable[[], Awaitable[_Tried]]) -> None:
        await AsyncRetrying(
            retry=retry_if_result(lambda tried: tried.decision.next is Next.AGAIN),
            wait=self._wait_of,
            sleep=self._course.nap,
        )(attempt)

    def _wait_of(self, state: RetryCallState) -> float:
        assert state.outcome is not None
        answer: Answer = state.outcome.result().answer
        seconds = self._backoff.wait(answer, state.attempt_number)
        if answer.outcome is Outcome.CONFLICT and self.window.strangers:
            seconds *= min(2.0**state.attempt_number, YIELD)
        if answer.outcome is Outcome.THROTTLE:
            self._pace.pause.extend(seconds)
        return seconds

    async def _attempt(self, operation: Operation, doubts: int, changes: Changes) -> _Tried:
        """One call, written down. Raises `Halted` or `_Unspent` when there is no time or quota for it.

        ``doubts``: attempts just before this one that may have been carried out.
        """
        await self._gate.enter()
        try:
            tried = await (self._probe if self._course.circuit.open else self._call)(operation, doubts)
        finally:
            self._gate.leave()
        await _put(changes, tried.decision.change)
        return tried

    async def _probe(self, operation: Operation, doubts: int) -> _Tried:
        async with self._course.circuit.turn():
            return await self._call(operation, doubts)

    async def _call(self, operation: Operation, doubts: int) -> _Tried:
        whom = target(operation)
        if whom or not self._pace.taken(self.kind):
            await self._pace.turn(self.kind, whom)
        while not self._course.may_start():
            await self._course.nap(LEASE_LOOK)  # it is renewed, or lost, in a while; raises when the run stops
            await self._pace.turn(self.kind)
        if self._closed or not self._quota.spend():
            raise _Unspent
        clock, epoch = self._course.clock, self.window.epoch
        started, begun = clock.now(), clock.ticks()
        with self._quota.under_way() as day:
            answer = await self._course.call(ACTIONS[self.kind], self._said(operation))
        self._adapt(answer, epoch)
        attempt = _attempt_of(operation, answer, started, clock.now())
        decision = decide(operation, answer, attempt, doubts=operation.doubts + doubts)
        self._course.count(self.kind, decision.change.status)
        self._course.tally.span(self.kind, begun, clock.ticks())
        self._obey(decision, answer, attempt, day)
        return _Tried(decision, answer, attempt.outcome is Outcome.DOUBT)

    def _said(self, operation: Operation) -> Parameters:
        return parameters(operation, from_members=self._course.from_members)

    def _adapt(self, answer: Answer, epoch: int) -> None:
        """Let the window learn from the answer, and the gate follow the window."""
        if answer.outcome is Outcome.CONFLICT:
            self.window.conflict(epoch, self._gate.inside)
        else:
            self.window.done()
        self._course.tally.strangers |= self.window.strangers
        if self._gate.limit != self.window.limit:
            self._gate.limit = self.window.limit

    def _obey(self, decision: Decision, answer: Answer, attempt: Attempt, day: Day | None) -> None:
        if attempt.outcome not in (Outcome.DONE, Outcome.DOUBT):
            self._quota.give_back()
        if decision.next is Next.CLOSE:
            self._quota.refused(day)
            self._closed = True
        if decision.next is Next.STOP:
            why = refusal(ACTIONS[self.kind], answer)
            self._course.halt(Stop(answer.code, f"{why.message} {why.hint}"))


async def _next(backlog: Backlog) -> Operation | None:
    try:
        return backlog.get_nowait()
    except QueueEmpty:
        return await backlog.get()


async def _put(changes: Changes, change: Change) -> None:
    try:
        changes.put_nowait(change)
    except QueueFull:
        await changes.put(change)


async def _first(event: anyio.Event, done: Callable[[], None]) -> None:
    await event.wait()
    done()


def _attempt_of(operation: Operation, answer: Answer, started: float, ended: float) -> Attempt:
    outcome = answer.outcome
    if outcome is Outcome.RESEND and answer.sent and operation.kind in SENDS:
        outcome = Outcome.DOUBT  # sending again is allowed, yet this one may have gone out: it counts
    return Attempt(operation.id, started, ended, outcome, answer.code, answer.message, answer.status, answer.request_id)
