"""Days in virtual time: windows of many zones, changes of their clocks, and clocks of this machine that jump.

The truth is the emulator's: its own clock, which never jumps, and its own count of the zone's days.
DAYS=full plays every jump at every time of day.
"""

import asyncio
import json
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from math import ceil
from zoneinfo import ZoneInfo

import looptime
import pytest
from simulated import SEND, sheet_of

from importer.directory.client import canonical
from importer.directory.listing import listing
from importer.directory.outcome import classify
from importer.emulator import Limits
from importer.emulator.directory import Directory
from importer.emulator.faults import Fault, Faults
from importer.emulator.service import Service
from importer.jobs import connect
from importer.jobs.run import Task, carry_out
from importer.ledger.scribe import Inline
from importer.ledger.sqlite import open_sqlite
from importer.model.clock import Clock
from importer.settings import Settings
from importer.submit.course import Counted, Tally
from importer.submit.daily import Daily
from importer.submit.pace import Allowance
from importer.submit.submit import World

CONTACTS, DAILY = 60, 20
IN_FLIGHT = 4  # sends, at most
LATENCY = 1.0  # seconds each way
RATE = 1.0  # calls a second, so that a day's sends take a while and midnights come amid them
HOUR, DAY = 3600.0, 86_400.0
ENOUGH = 40 * DAY
FULL = os.environ.get("DAYS") == "full"


@dataclass(frozen=True)
class Jump:
    """The machine's clock is set by ``seconds`` when so many mails were sent, and right again ``after`` seconds."""

    mails: int
    seconds: float
    after: float | None = None


@dataclass
class Office:
    """A machine with a clock of its own, a directory far away, and a ledger; every send is noted by both clocks."""

    zone: str
    begin: str  # local time of the zone
    jump: Jump | None = None
    server_limit: int = DAILY
    server_zone: str | None = None  # where its days roll over, if not in ``zone``
    faults: Faults = field(default_factory=Faults)
    offset: float = 0.0  # of the machine's clock
    slept: float = 0.0  # seconds that passed everywhere, and that the loop does not count
    noted: list[tuple[float, float]] = field(default_factory=list)  # (machine's time, true time) of each send
    refusals: list[float] = field(default_factory=list)  # true time of each
    runs: int = 0

    def __post_init__(self):
        self._begin = datetime.fromisoformat(self.begin).replace(tzinfo=ZoneInfo(self.zone)).timestamp()
        self._next_jump = self.jump
        limits = Limits(
            max_contacts=1000,
            daily_sends=self.server_limit,
            day_zone=self.server_zone or self.zone,
            calls_per_second=100,
            concurrent_writes=0,
        )
        self.directory = Directory(limits, now=self.true, random=random.Random(1))
        self.service = Service(
            {"default": self.directory},
            random=random.Random(1),
            faults=self.faults,
            sleep=asyncio.sleep,
            monotonic=self.ticks,
        )
        self.ledger = open_sqlite(":memory:")

    def ticks(self):
        return asyncio.get_running_loop().time()

    def true(self):
        return self._begin + self.ticks() + self.slept

    def now(self):
        """What the machine believes."""
        return self.true() + self.offset

    async def call(self, action, parameters):
        self._set_clock()
        note = (self.now(), self.true())
        await asyncio.sleep(LATENCY)
        reply = await self.service.call(action, canonical(parameters))
        await asyncio.sleep(LATENCY)
        if action == SEND and reply.code == "ok":
            self.noted.append(note)
        if reply.code == "SendValidateCodeExceedsLimitForAccount":
            self.refusals.append(self.true())
        body = json.dumps(reply.body).encode()
        return classify(action, status=reply.status, headers=reply.headers, body=body, now=self.now())

    def _set_clock(self):
        jump, loop = self._next_jump, asyncio.get_running_loop()
        if jump is not None and len(self.directory.mails) >= jump.mails:
            self._next_jump, self.offset = None, self.offset + jump.seconds
            if jump.after is not None:
                loop.call_later(jump.after, self._set_right)

    def _set_right(self):
        self.offset = 0.0

    async def run(self, *, wait=False, daily=DAILY):
        """A run as the command makes it; its summary."""
        self.runs += 1
        settings = Settings(
            max_contacts=1000,
            daily_sends=daily,
            day_zone=self.zone,
            calls_per_second=RATE,
            wait=wait,
            lease_margin=1800.0,
        )
        clock = Clock(now=self.now, ticks=self.ticks, sleep=asyncio.sleep)
        tally = Tally()
        caller, chance = Counted(self, tally), random.Random(self.runs)

        async def look():
            return await listing(caller, sleep=asyncio.sleep, random=chance.random)

        async def inline(work):
            return work()

        desk = Inline(self.ledger)
        world = World(caller, desk, look, clock, chance, tally, inline)
        sheet, checked = sheet_of(CONTACTS)
        number = await desk.do(lambda ledger: ledger.directory("default", "loopback"))
        ttl = connect.limits(settings).lease_ttl
        lease = await desk.do(lambda ledger: ledger.acquire(number, "me", now=self.now(), ttl=ttl, dead="me"))
        try:
            return await carry_out(world, lease, Task(sheet.file, sheet.digest, settings, lambda: (sheet, checked)))
        finally:
            await desk.do(lambda ledger: ledger.release(lease))

    # -- what came of it

    @property
    def refused(self):
        return len(self.refusals)

    def day(self, at):
        return datetime.fromtimestamp(at, ZoneInfo(self.zone)).date()

    def hour(self, at):
        """Day and hour, as 23 08."""
        return datetime.fromtimestamp(at, ZoneInfo(self.zone)).strftime("%d %H")

    def arrived(self):
        """Mails by the server's day."""
        return Counter(self.day(mail.sent_at) for mail in self.directory.mails.values())

    def believed(self):
        """Mails by the day on which the machine believed to send them."""
        return Counter(self.day(now) for now, _ in self.noted)

    def begun(self):
        """Mails by the true day on which their call began."""
        return Counter(self.day(true) for _, true in self.noted)


async def waiting(office):
    """One run that stays until everything is done."""
    return await office.run(wait=True)


async def hourly(office):
    """The same command every hour until everything is done."""
    while True:
        summary = await office.run()
        if summary.exit_code != 3:
            return summary
        await asyncio.sleep(HOUR)


def lived(office, way):
    """The last summary of an office's life."""
    loop = looptime.new_event_loop(start=0.0, noop_cycles=2)
    try:
        return loop.run_until_complete(asyncio.wait_for(way(office), ENOUGH))
    finally:
        loop.close()


def complete(office, summary):
    """Every contact once, every mail once; one row of the sheet is wrong."""
    assert summary.exit_code == 1, summary
    assert summary.contacts["sent"] == CONTACTS
    assert len(office.directory.contacts) == CONTACTS
    assert set(Counter(mail.contact for mail in office.directory.mails.values()).values()) == {1}


ZONES = [
    ("Asia/Shanghai", "2026-11-22T23:59:45"),
    ("America/New_York", "2026-03-07T23:59:45"),  # the next day has 23 hours
    ("America/New_York", "2026-10-31T23:59:45"),  # the next day has 25 hours
    ("Asia/Kathmandu", "2026-11-22T23:59:45"),  # 5:45 ahead of UTC
    ("Asia/Beirut", "2026-03-28T23:59:45"),  # the next day begins at 1:00
    ("America/Havana", "2026-10-31T23:59:45"),  # the next day's midnight comes twice
]
PLACES = [(*place, waiting) for place in ZONES] + [(*place, hourly) for place in (ZONES if FULL else ZONES[:3])]


@pytest.mark.parametrize(("zone", "begin", "way"), PLACES)
def test_no_day_of_a_zone_gets_more_mails_than_its_own_and_none_is_left_out(zone, begin, way):
    """The server would take any number: it is the importer that keeps to the day."""
    office = Office(zone, begin, server_limit=10_000)
    complete(office, lived(office, way))
    begun, arrived = office.begun(), office.arrived()
    over = sum(office.day(now) != office.day(now + LATENCY) for now, _ in office.noted)
    days = sorted(arrived)
    print(zone, begin[:10], way.__name__, [arrived[day] for day in days], "in flight at midnight:", over)
    assert over > 0, "midnight came at a quiet moment"
    assert max(arrived.values()) <= DAILY, "more mails arrived on a day than it has"
    assert max(begun.values()) <= DAILY, "more mails were begun on a day than it has"
    assert days == [days[0] + timedelta(number) for number in range(len(days))]
    assert all(arrived[day] >= DAILY for day in days[1:-1]), "a day was not used up"
    assert len(days) == 1 + ceil((CONTACTS - arrived[days[0]]) / DAILY)


SIZES = (-DAY, -HOUR, HOUR, DAY)
SAME_DAY = 10  # mails: then the day's sends are half used
NEXT_DAY = DAILY + 10
JUMPS = [
    Jump(mails, seconds, after)
    for mails in (SAME_DAY, NEXT_DAY)
    for after in (None, 0.25 * HOUR, 30 * HOUR)
    for seconds in SIZES
]
if not FULL:
    JUMPS = [Jump(SAME_DAY, -DAY), Jump(NEXT_DAY, -HOUR, 0.25 * HOUR), Jump(SAME_DAY, HOUR), Jump(NEXT_DAY, DAY, HOUR)]
BEGINS = ("2026-11-22T23:20:00", "2026-11-23T00:20:00", "2026-11-22T12:00:00")
LIVES = list(product(BEGINS, (waiting, hourly))) if FULL else [(BEGINS[0], waiting), (BEGINS[1], hourly)]


@pytest.mark.parametrize(("begin", "way"), LIVES)
def test_a_clock_that_jumps_loses_nothing_and_what_it_asks_too_early_is_in_flight_at_most(begin, way):
    """Whatever the machine believes the day to be, the server refuses what is not of its own day."""
    figures = Counter()
    for jump in JUMPS:
        office = Office("Asia/Shanghai", begin, jump)
        complete(office, lived(office, way))
        case = (jump, office.arrived(), office.runs, office.refused)
        assert max(office.arrived().values()) <= DAILY
        hours = Counter(at // HOUR for at in office.refusals)  # one probe an hour, and a clock that jumps adds one
        assert max(hours.values(), default=0) <= 2 * IN_FLIGHT, f"refused, and asked again: {case}"
        spent = max(office.arrived()) - min(office.arrived())
        assert spent.days <= ceil(CONTACTS / DAILY) + 2, f"days were lost: {case}"
        figures.update(histories=1, mails=len(office.directory.mails), runs=office.runs, refused=office.refused)
        figures["days"] = max(figures["days"], spent.days + 1)
    print(begin, way.__name__, dict(figures))


@pytest.mark.parametrize("seconds", SIZES)
def test_once_the_clock_is_right_again_no_day_gets_more_than_its_own(seconds):
    """The server would take any number; what was sent under a wrong date counts for that date too."""
    office = Office("Asia/Shanghai", "2026-11-22T23:20:00", Jump(SAME_DAY, seconds, 6 * HOUR), server_limit=10_000)
    complete(office, lived(office, waiting))
    right_from = min(office.begun()) + timedelta(days=2)
    after = {day: count for day, count in office.begun().items() if day >= right_from}
    print(f"{seconds:+.0f} s", min(office.begun().items())[1], "mails, then a day", sorted(after.values()))
    assert max(after.values()) <= DAILY


def test_a_clock_that_was_behind_and_is_set_right_amid_a_run_opens_no_day_that_is_used_up():
    """What an earlier run sent on the day that the clock comes to is in the ledger."""
    office = Office("Asia/Shanghai", "2026-11-23T08:00:00", server_limit=10_000)

    async def story(office):
        await office.run(daily=DAILY - 5)
        office.offset = -DAY
        run = asyncio.create_task(office.run(wait=True))
        await asyncio.sleep(5)
        office.offset = 0.0
        return await run

    complete(office, lived(office, story))
    assert max(office.believed().values()) <= DAILY, office.believed()


def test_a_run_that_waited_for_its_window_bears_a_failure_at_its_beginning():
    """The silence of the night is not the server's."""
    office = Office("Asia/Shanghai", "2026-11-23T08:00:00", server_limit=10_000)
    bad = tuple(range(DAILY + 1, DAILY + 3))
    office.faults.replace([Fault("error", SEND, code="Throttling.User", status=400, calls=bad)])
    complete(office, lived(office, waiting))


def test_a_midnight_between_the_last_mail_of_a_day_and_the_last_contact_is_no_end():
    """The day's mails are used up while contacts are still added; then the next day begins."""
    office = Office("Asia/Shanghai", "2026-11-23T23:59:30")
    complete(office, lived(office, waiting))
    assert office.refused == 0
    assert sorted(office.begun().values()) == [DAILY] * 3


def test_a_machine_that_slept_amid_its_calls_goes_on_when_it_holds_the_directory_again():
    """Its lease ran out meanwhile, and nobody took it."""
    office = Office("Asia/Shanghai", "2026-11-23T20:00:00")

    async def story(office):
        run = asyncio.create_task(office.run(wait=True))
        await asyncio.sleep(10)
        office.slept = 8 * HOUR
        return await run

    complete(office, lived(office, story))
    assert office.runs == 1
    assert max(office.begun().values()) <= DAILY


def test_a_machine_that_slept_while_it_waited_is_up_when_its_window_opens():
    """The loop's clock does not count the hours of a suspended machine."""
    office = Office("Asia/Shanghai", "2026-11-23T20:00:00")

    async def story(office):
        run = asyncio.create_task(office.run(wait=True))
        await asyncio.sleep(0.25 * HOUR)
        office.slept = 3 * HOUR
        return await run

    complete(office, lived(office, story))
    second = sorted(mail.sent_at for mail in office.directory.mails.values())[DAILY]
    assert datetime.fromtimestamp(second, ZoneInfo(office.zone)).strftime("%H:%M") in ("00:00", "00:01")


def test_a_refusal_whose_answer_comes_after_midnight_is_of_the_day_before():
    office = Office("Asia/Shanghai", "2026-11-23T23:59:59")

    async def story(office):
        allowance = Allowance(Daily(DAILY, office.zone), 0, Clock(now=office.now, ticks=office.ticks))
        with allowance.under_way() as day:
            await asyncio.sleep(2)
        allowance.refused(day)
        assert allowance.left == DAILY
        allowance.refused(day=None)
        assert allowance.left == 0

    lived(office, story)


@pytest.mark.parametrize("way", [waiting, hourly])
def test_a_day_that_begins_at_another_hour_than_was_set_is_learned_from_its_refusals(way):
    """The server's day begins at 8:00 of Shanghai: the first night it is asked every hour, from then on at 8:00."""
    office = Office("Asia/Shanghai", "2026-11-22T12:00:00", server_zone="UTC")
    complete(office, lived(office, way))
    sent = sorted(mail.sent_at for mail in office.directory.mails.values())
    begun, asked = ([office.hour(at) for at in times] for times in (sent[::DAILY], office.refusals))
    print(way.__name__, begun, "refused:", Counter(asked))
    assert begun == ["22 12", "23 08", "24 08"]
    assert set(asked) <= {f"23 0{hour}" for hour in range(8)}, "what the first night taught was not used"
    assert max(Counter(asked).values()) <= IN_FLIGHT, "asked more than once an hour"


def test_a_refusal_is_believed_for_an_hour_by_the_next_run_and_then_tried_once():
    """Somebody else used the day's mails up."""
    office = Office("Asia/Shanghai", "2026-11-23T10:00:00", server_limit=5)

    async def story(office):
        first = await office.run()
        seen = [office.refused]
        for pause in (60.0, 0.9 * HOUR, 0.2 * HOUR):
            await asyncio.sleep(pause)
            again = await office.run()
            assert again.deferred.until == first.deferred.until == "2026-11-24T00:00:00+08:00"
            seen.append(office.refused)
        return seen

    first, soon, later, tried = lived(office, story)
    assert 1 <= first == soon == later < tried <= first + IN_FLIGHT
