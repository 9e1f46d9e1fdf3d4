"""Verify: see each contact of a directory through to verified, within the sends that the day has left over."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from importer.directory import Listed
from importer.directory.listing import verifications
from importer.jobs import connect
from importer.jobs.files import whole
from importer.jobs.many import Watch
from importer.jobs.run import cause, close
from importer.jobs.telling import tell_begun
from importer.ledger.address import redacted
from importer.ledger.port import LeaseLost, Ledger, NoLedger
from importer.ledger.values import Chase, Lease, Run
from importer.model.clock import Clock, iso
from importer.model.errors import FixCommand
from importer.model.operation import Kind, Status
from importer.model.standing import Followed, Place, Standing
from importer.report.summary import Waiting, balance, waits
from importer.report.verification import Verification, together, write_csv
from importer.settings import Settings, load
from importer.submit.course import Course
from importer.submit.reconcile import Listing
from importer.submit.submit import World, allowed, kept, start, submit
from importer.submit.verify import Policy, Sight, affordable, answered, arrived, due, standing

COMMAND = "verify"
SENDS = (Kind.SEND_EMAIL, Kind.SEND_PHONE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of seeing contacts through: where each stands, and who waits for want of a send, until when."""

    standings: tuple[Standing, ...]
    waiting: tuple[Waiting, ...] = ()  # reminders that are due, and not planned for want of sends

    def counts(self) -> dict[str, int]:
        """Contacts by place; ``reminded``: those of them that were mailed more than once."""
        places = [one.place for one in self.standings]
        reminded = sum(one.contact.mail is not None and one.contact.mail.reminded > 0 for one in self.standings)
        return {
            "verified": places.count(Place.VERIFIED),
            "waiting": places.count(Place.WAITING),
            "reminded": reminded,
            "for_a_person": places.count(Place.PERSON),
        }


async def verify(settings: Settings | None = None, *, watch: Watch | None = None) -> Verification:
    """See what was verified, and send once more to those that stay silent.

    ``watch`` gets the course before the first call. Raises `ImporterError` when nothing could be done: settings, a
    ledger that does not know the directory, credentials, or another run that holds it.
    """
    settings = settings or load()
    clock = Clock.starting(settings.now)
    credentials = await connect.admitted(settings)
    async with connect.ledger(settings, create=False) as desk:
        place = connect.place(settings)
        number = await desk.do(lambda ledger: ledger.find(settings.profile, place))
        if number is None:
            raise NoLedger(
                f"{redacted(settings.ledger)} knows no directory of profile {settings.profile} at {place}",
                hint="importer run FILE puts contacts there first; importer status shows what the ledger holds",
            )
        async with (
            connect.leased(desk, number, settings, clock) as lease,
            connect.directory(settings, clock, credentials) as caller,
        ):
            return await carry_out(connect.world(caller, desk, settings, clock), lease, settings, watch=watch)


async def carry_out(world: World, lease: Lease, settings: Settings, *, watch: Watch | None = None) -> Verification:
    """The command in a leased directory."""
    run = Run(uuid.uuid4().hex[:12], lease.directory, COMMAND, "", "", world.clock.now())
    await world.desk.do(lambda ledger: ledger.start_run(lease, run))
    course = await start(world, lease, run.id, connect.limits(settings))
    if watch is not None:
        watch(course)
    tell_begun(course, COMMAND, None, settings)
    seen, lost = Seen(()), False
    try:
        async with kept(course, connect.limits(settings)):
            seen = await see_through(course, world, settings, await world.look())
    except BaseExceptionGroup as group:
        error = cause(group)
        if not isinstance(error, LeaseLost):
            raise error from None
        lost = True
    return await _finish(course, seen, settings, lease_lost=lost)


async def see_through(course: Course, world: World, settings: Settings, listed: Sequence[Listed]) -> Seen:
    """Write down who is verified, send what waits, and then, from what the day has left, to the silent once more.

    ``listed``: the directory as just listed; ``course`` is to be `kept` meanwhile. What fails ends in the ledger.
    """
    policy = Policy(settings.remind_after, settings.reminders, settings.list_lag)
    limits, listing = connect.limits(settings), Listing(listed)
    targets = await verifications(
        world.caller,
        page_size=settings.page_size,
        sleep=world.clock.sleep,
        random=world.random.random,
        attempts=connect.LOOKS,
    )
    sight = Sight.of(listing, targets, course.clock.now())
    await _write_down(course, sight)
    await submit(course, world, limits, listed, adds=False)
    wanted = due(await _followed(course), sight, policy)
    chosen = [] if course.halted else affordable(wanted, await _left(course, settings))
    if chosen:
        now = course.clock.now()
        await course.desk.do(lambda ledger: ledger.chase(course.lease, chosen, now=now))
        await submit(course, world, limits, listed, adds=False)
    standings = tuple(standing(one, sight, policy) for one in await _followed(course))
    return Seen(standings, await _short(course, settings, wanted, chosen))


async def _write_down(course: Course, sight: Sight) -> None:
    followed = await _followed(course)
    if seen := arrived(followed, sight):
        await course.desk.do(lambda ledger: ledger.saw(course.lease, seen, now=sight.now))
    if changes := answered(followed, sight):
        await course.desk.do(lambda ledger: ledger.record(course.lease, course.run, changes))


async def _followed(course: Course) -> list[Followed]:
    return await course.desk.do(lambda ledger: ledger.followed(course.lease.directory))


async def _left(course: Course, settings: Settings) -> dict[Kind, int]:
    """What the day has left of each kind once everything that waits is sent."""
    directory, now, limits = course.lease.directory, course.clock.now(), connect.limits(settings)

    def ask(ledger: Ledger) -> dict[Kind, int]:
        found = {}
        pending = ledger.totals(directory).operations
        for kind in SENDS:
            daily, sent = allowed(ledger, directory, limits, kind, now)
            found[kind] = daily.left(now, sent) - pending.get(kind, {}).get(Status.PENDING, 0)
        return found

    return await course.desk.do(ask)


async def _short(
    course: Course, settings: Settings, wanted: Sequence[Chase], chosen: Sequence[Chase]
) -> tuple[Waiting, ...]:
    """Those who were due and not chosen, until the next day begins."""
    if len(wanted) == len(chosen) or course.halted:
        return ()
    directory, now, limits = course.lease.directory, course.clock.now(), connect.limits(settings)
    found = []
    for kind in SENDS:
        if count := sum(one.kind is kind for one in wanted) - sum(one.kind is kind for one in chosen):
            daily, _ = await course.desk.do(lambda ledger, kind=kind: allowed(ledger, directory, limits, kind, now))  # type: ignore[misc]
            found.append(Waiting(count, "daily-sends", iso(daily.day(now).end, settings.day_zone)))
    return tuple(found)


async def _finish(course: Course, seen: Seen, settings: Settings, *, lease_lost: bool) -> Verification:
    directory, tally = course.lease.directory, course.tally
    totals = await course.desk.do(lambda ledger: ledger.totals(directory))
    deferrals = await course.desk.do(lambda ledger: ledger.deferrals(directory))
    _, contacts, operations = balance(totals)
    sent = {deferral.kind: deferral for deferral in deferrals if deferral.kind in SENDS}
    found = Verification(
        run=course.run,
        directory=settings.profile,
        contacts=contacts,
        operations=operations,
        calls={action: dict(codes) for action, codes in tally.calls.items()},
        verification=seen.counts(),
        standings=seen.standings,
        zone=settings.day_zone,
        now=course.clock.now(),
        deferrals=together((*waits(totals, sent, settings.day_zone), *seen.waiting)),
        stopped={"code": course.stopped.code, "message": course.stopped.message} if course.stopped else None,
        signal=course.signal,
        lease_lost=lease_lost,
    )
    await close(course, found)
    return found


def aimed(to: Path) -> Path:
    """Where a report may go, judged before anything else is done. Raises `FixCommand`."""
    if to.suffix.lower() != ".csv":
        raise FixCommand(f"{to}: no report of verifications is called so", hint="name a file that ends in .csv")
    if to.is_dir() or not to.absolute().parent.is_dir():
        what = "is a folder" if to.is_dir() else f"there is no folder {to.parent}"
        raise FixCommand(f"{to}: cannot be written: {what}", hint="name another file for the report")
    return to


def written(to: Path, found: Verification) -> None:
    """The report, whole or not at all, for its owner alone. Raises `FixCommand`."""
    whole(to, partial(write_csv, found.standings, found.zone))
