"""Submit: the operations of one directory, from the ledger through the API, until nothing is left that may be done."""

import random
from asyncio import Queue
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import anyio
import anyio.to_thread

from importer.directory import Caller, Listed
from importer.directory.listing import verifications
from importer.ledger.port import LeaseLost, Ledger
from importer.ledger.values import Change, Lease
from importer.model.clock import Clock
from importer.model.operation import Kind, Status
from importer.submit.course import Changes, Course, Desk, Halted, Stop, Tally
from importer.submit.daily import Daily, seen
from importer.submit.decide import CHANGES, SENDS
from importer.submit.follow import follow
from importer.submit.lane import Lane
from importer.submit.pace import MINUTE, Allowance, Pace, Targets
from importer.submit.quota import Free, Places, Quota
from importer.submit.reconcile import Listing, Unsettled, absent, asks_for_targets, settle
from importer.submit.window import Window

ROUNDS = 5  # of calls, then a look at what is in doubt
SENDERS = 4
AHEAD = 256  # changes on their way to the ledger
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the directory allows; names and units as in the settings."""

    max_contacts: int
    daily_sends: int
    day_zone: str
    calls_per_second: float
    list_lag: float
    call_timeout: float
    give_up_after: float
    sends_per_address_per_minute: int = 10
    reserve: int = 0  # of the day's sends, kept for people
    lease_ttl: float = 30.0
    lease_renewal: float = 10.0
    from_members: bool = False  # contacts are deleted from member accounts too


class Aside(Protocol):
    """Runs a function off the event loop."""

    async def __call__(self, work: Callable[[], T], /) -> T: ...


@dataclass(frozen=True, slots=True)
class World:
    """What a run reaches outside itself."""

    caller: Caller
    desk: Desk
    look: Callable[[], Awaitable[Sequence[Listed]]]
    clock: Clock
    random: random.Random
    tally: Tally
    aside: Aside = anyio.to_thread.run_sync  # where work that would hold the loop up is done


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What of the ledger's operations is to be done."""

    adds: bool
    sends: bool
    changes: bool


async def start(world: World, lease: Lease, run: str, limits: Limits) -> Course:
    """The course of a run that holds the lease; what an earlier run left in flight is in doubt from here on."""
    await world.desk.do(lambda ledger: ledger.recover(lease, now=world.clock.now()))
    return Course(
        world.caller,
        world.desk,
        lease,
        run,
        world.clock,
        world.random,
        world.tally,
        limits.call_timeout,
        limits.give_up_after,
        limits.from_members,
    )


@asynccontextmanager
async def kept(course: Course, limits: Limits) -> AsyncIterator[None]:
    """Keep the lease while inside. Raises `LeaseLost`, in a group, when another run took the directory over."""
    async with anyio.create_task_group() as group:
        group.start_soon(_keep_lease, course, limits)
        yield
        group.cancel_scope.cancel()


async def submit(
    course: Course,
    world: World,
    limits: Limits,
    listed: Sequence[Listed],
    *,
    adds: bool = True,
    sends: bool = True,
    changes: bool = False,
) -> None:
    """Carry out what the ledger holds for the lease's directory. ``listed``: the directory as just listed.

    Without ``adds`` or ``sends`` those wait; with ``changes`` deletes and updates are done too, first, for they free
    places and names. Everything ends in the ledger and on ``course``, which is to be `kept` meanwhile.
    """
    course.last_good = course.clock.ticks()  # what came before, a night perhaps, is not the directory's silence
    pace = await _pace(course, limits)
    with suppress(Halted):
        await _rounds(course, world, limits, pace, Listing(listed), wanted=_Wanted(adds, sends, changes))


async def _rounds(
    course: Course, world: World, limits: Limits, pace: Pace, listing: Listing, *, wanted: "_Wanted"
) -> None:
    """Look, call, and look again at what came out in doubt, until a look settles nothing more and no quota is left."""
    directory = course.lease.directory
    window = Window.remembered(await course.desk.do(lambda ledger: ledger.concurrency(directory)))
    messages = await _allowance(course, limits, Kind.SEND_PHONE)
    listing, _ = await reconcile(course, world, limits, listing)
    for _ in range(ROUNDS):
        freed = await _change(course, pace, window) if wanted.changes else 0
        places = Places(max(0, limits.max_contacts - len(listing) + freed))
        sends: tuple[tuple[Kind, Quota, Window], ...] = (
            (Kind.SEND_EMAIL, pace.allowance, Window(SENDERS, SENDERS)),
            (Kind.SEND_PHONE, messages, Window(SENDERS, SENDERS)),
        )
        adds: tuple[tuple[Kind, Quota, Window], ...] = ((Kind.ADD, places, window),)
        kinds = (*(adds if wanted.adds else ()), *(sends if wanted.sends else ()))
        lanes = tuple(Lane(kind, course, pace, quota, own) for kind, quota, own in kinds)
        await _carry_out(course, lanes)
        await _defer(course, lanes, tuple(quota for _, quota, _ in kinds))
        await course.desk.do(lambda ledger: ledger.remember(course.lease, window.limit))
        revived = any(lane.revived for lane in lanes)
        if course.halted or not (revived or await _doubts(course)):
            return
        listing, settled = await reconcile(course, world, limits, Listing(await world.look()))
        if not (revived or settled):
            return


async def _pace(course: Course, limits: Limits) -> Pace:
    allowance = await _allowance(course, limits, Kind.SEND_EMAIL)
    waiting = replace(course.clock, sleep=course.nap)
    return Pace(limits.calls_per_second, allowance, waiting, await _targets(course, limits, waiting))


async def _allowance(course: Course, limits: Limits, kind: Kind) -> Allowance:
    """What the day allows of mails, or of messages to phones: each is counted by itself."""
    directory, now = course.lease.directory, course.clock.now()

    def used(ledger: Ledger) -> tuple[Daily, int, int]:
        daily, sent = allowed(ledger, directory, limits, kind, now)
        return daily, sent, ledger.sends_since(directory, daily.day(now).end, kind=kind)

    daily, sent, ahead = await course.desk.do(used)
    return Allowance(daily, sent, course.clock, ahead)


def allowed(ledger: Ledger, directory: int, limits: Limits, kind: Kind, now: float) -> tuple[Daily, int]:
    """The day of ``now`` as the directory taught it, and the sends of that kind in it so far."""
    daily = Daily(limits.daily_sends, limits.day_zone, limits.reserve, seen(ledger, directory, limits.day_zone, kind))
    return daily, ledger.sends_since(directory, daily.day(now).start, kind=kind)


async def _targets(course: Course, limits: Limits, clock: Clock) -> Targets:
    """Whom mails went to in the last minute, by an earlier run too."""
    directory, now = course.lease.directory, clock.now()
    mailed = await course.desk.do(lambda ledger: ledger.mailed(directory, now - MINUTE))
    sent = [(clock.ticks() - max(0.0, now - at), target) for at, target in mailed]
    return Targets(limits.sends_per_address_per_minute, clock, sent)


async def _change(course: Course, pace: Pace, window: Window) -> int:
    """Deletes, each followed to its end, then updates, all in one window of writes; how many places that freed."""
    before = course.tally.done[Kind.DELETE]
    await _alone(course, Lane(Kind.DELETE, course, pace, Free(), window))
    with suppress(Halted):
        await follow(course)
    await _alone(course, Lane(Kind.UPDATE, course, pace, Free(), window))
    return course.tally.done[Kind.DELETE] - before


async def _alone(course: Course, lane: Lane) -> None:
    lane.finish()
    await _recorded(course, lane, lane.wake)


async def targets(world: World) -> set[tuple[str, str]]:
    """What waits to be verified, by contact id."""
    return await verifications(world.caller, sleep=world.clock.sleep, random=world.random.random)


async def reconcile(course: Course, world: World, limits: Limits, listing: Listing) -> tuple[Listing, int]:
    """Settle what the listing can settle; the newest listing, and how many operations it settled."""
    directory = course.lease.directory
    unsettled = await course.desk.do(lambda ledger: ledger.unsettled(directory, listing.keys))
    if limits.list_lag and absent(unsettled, listing):
        await course.nap(limits.list_lag)
        listing = Listing(await world.look())
        unsettled = await course.desk.do(lambda ledger: ledger.unsettled(directory, listing.keys))
    if asks_for_targets(unsettled, listing):
        listing = listing.with_targets(await targets(world))
    if changes := settle(unsettled, listing, now=course.clock.now()):
        await course.desk.do(lambda ledger: ledger.record(course.lease, course.run, changes))
        kinds = {operation.id: operation.kind for operation, _, _ in unsettled}
        for change in changes:
            if kinds[change.operation] in CHANGES:
                course.count(kinds[change.operation], change.status)
        _tell(course, unsettled, changes)
    return listing, len(changes)


def _tell(course: Course, unsettled: Sequence[Unsettled], changes: Sequence[Change]) -> None:
    """What a look settled; a pending add that is there already was no doubt."""
    known = {operation.id: operation for operation, _, _ in unsettled}
    for change in changes:
        operation = known[change.operation]
        event = "doubt_settled" if change.leaves is Status.IN_DOUBT else "found"
        facts = {"operation": operation.kind.value, "contact": operation.contact, "status": change.status.value}
        course.tally.events.tell(event, **facts, code=change.code)


async def _doubts(course: Course) -> int:
    unsettled = await course.desk.do(lambda ledger: ledger.unsettled(course.lease.directory))
    return sum(status is Status.IN_DOUBT for _, status, _ in unsettled)


async def _carry_out(course: Course, lanes: tuple[Lane, ...]) -> None:
    """All lanes side by side; what is added wakes those that send."""
    sends = [lane for lane in lanes if lane.kind in SENDS]

    def wake() -> None:
        for lane in sends:
            lane.wake()

    async with anyio.create_task_group() as group:
        for lane in sends:
            group.start_soon(_recorded, course, lane, lane.wake)
        for lane in lanes:
            if lane not in sends:
                lane.finish()  # all of them are in the ledger already
                await _recorded(course, lane, wake)
        for lane in sends:
            lane.finish()


async def _recorded(course: Course, lane: Lane, then: Callable[[], None]) -> None:
    """Run a lane until everything that it did is written down."""
    changes: Changes = Queue(AHEAD)
    async with anyio.create_task_group() as group:
        group.start_soon(course.record, changes, then)
        await lane.run(changes)
        await changes.put(None)


async def _defer(course: Course, lanes: tuple[Lane, ...], quotas: tuple[Quota, ...]) -> None:
    """Write down which lane ended for want of what, and until when."""
    for lane, quota in zip(lanes, quotas, strict=True):
        waiting = await course.desk.do(lambda ledger: ledger.totals(course.lease.directory).operations)
        pending = waiting.get(lane.kind, {}).get(Status.PENDING, 0)
        reason = quota.reason if pending and lane.starved else None
        if reason:
            course.tally.events.tell(
                "deferred", operation=lane.kind.value, count=pending, reason=reason, until=quota.until
            )
        await course.desk.do(
            lambda ledger, lane=lane, quota=quota, reason=reason: ledger.defer(  # type: ignore[misc]
                course.lease, lane.kind, reason, quota.until if reason else None
            )
        )


async def _keep_lease(course: Course, limits: Limits) -> None:
    """Renew the lease while the run lasts; losing it ends the run."""
    while True:
        await course.clock.sleep(limits.lease_renewal)
        try:
            lease = await course.desk.do(
                lambda ledger: ledger.renew(course.lease, now=course.clock.now(), ttl=limits.lease_ttl)
            )
            course.hold(lease)
        except LeaseLost:
            course.halt(Stop("LeaseLost", "another run took the directory over"))
            raise
