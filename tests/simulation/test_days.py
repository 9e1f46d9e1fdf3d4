"""Days in virtual time: windows of many zones, changes of their clocks, and clocks of this machine that jump.

The truth is the emulator's: its own clock, which never jumps, and its own count of the zone's days.
"""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
from importer.submit.submit import World

CONTACTS, DAILY = 100, 20
IN_FLIGHT = 4  # sends, at most
LATENCY = 0.2  # seconds each way
RATE = 1.0  # calls a second, so that a day's sends take a while and midnights come amid them
HOUR, DAY = 3600.0, 86_400.0
ENOUGH = 40 * DAY


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
    faults: Faults = field(default_factory=Faults)
    offset: float = 0.0  # of the machine's clock
    ahead: list[tuple[float, float]] = field(default_factory=list)  # (machine's time, true time) of each send
    refused: int = 0
    runs: int = 0

    def __post_init__(self):
        self._begin = datetime.fromisoformat(self.begin).replace(tzinfo=ZoneInfo(self.zone)).timestamp()
        self._jumps = self.jump
        limits = Limits(
            max_contacts=1000, daily_sends=self.server_limit, day_zone=self.zone, calls_per_second=100, concurrent_writes=0
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
        return self._begin + self.ticks()

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
            self.ahead.append(note)
        self.refused += reply.code == "SendValidateCodeExceedsLimitForAccount"
        body = json.dumps(reply.body).encode()
        return classify(action, status=reply.status, headers=reply.headers, body=body, now=self.now())

    def _set_clock(self):
        jump, loop = self._jumps, asyncio.get_running_loop()
        if jump is not None and len(self.directory.mails) >= jump.mails:
            self._jumps, self.offset = None, self.offset + jump.seconds
            if jump.after is not None:
                loop.call_later(jump.after, self._set_right)

    def _set_right(self):
        self.offset = 0.0

    async def run(self, *, wait=False):
        """A run as the command makes it; its summary."""
        self.runs += 1
        settings = Settings(
            max_contacts=1000,
            daily_sends=DAILY,
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

    def day(self, at):
        return datetime.fromtimestamp(at, ZoneInfo(self.zone)).date()

    def arrived(self):
        """Mails by the server's day."""
        return Counter(self.day(mail.sent_at) for mail in self.directory.mails.values())

    def believed(self):
        """Mails by the day on which the machine believed to send them."""
        return Counter(self.day(now) for now, _ in self.ahead)

    def begun(self):
        """Mails by the true day on which their call began."""
        return Counter(self.day(true) for _, true in self.ahead)


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


@pytest.mark.parametrize("way", [waiting, hourly])
@pytest.mark.parametrize(("zone", "begin"), ZONES)
def test_no_day_of_a_zone_gets_more_mails_than_its_own_and_none_is_left_out(zone, begin, way):
    """The server would take any number: it is the importer that keeps to the day."""
    office = Office(zone, begin, server_limit=10_000)
    complete(office, lived(office, way))
    begun, arrived = office.begun(), office.arrived()
    over = sum(office.day(now) != office.day(now + LATENCY) for now, _ in office.ahead)
    print(zone, begin[:10], way.__name__, sorted(begun.values()), "in flight at midnight:", over)
    assert max(begun.values()) <= DAILY, "more mails were begun on a day than it has"
    assert sum(max(0, count - DAILY) for count in arrived.values()) <= over <= IN_FLIGHT
    days = sorted(begun)
    assert days == [days[0] + timedelta(number) for number in range(len(days))]
    assert all(begun[day] == DAILY for day in days[1:-1]), "a day was not used up"
    assert len(days) == 1 + ceil((CONTACTS - begun[days[0]]) / DAILY)


JUMPS = [
    Jump(mails, seconds, after)
    for mails in (10, 30)
    for seconds in (-DAY, -HOUR, HOUR, DAY)
    for after in (None, 0.25 * HOUR, 30 * HOUR)
]


@pytest.mark.parametrize("way", [waiting, hourly])
@pytest.mark.parametrize("begin", ["2026-11-22T12:00:00", "2026-11-22T23:20:00", "2026-11-23T00:20:00"])
def test_a_clock_that_jumps_costs_no_mail_twice_and_breaks_no_limit_that_the_ledger_knows(begin, way):
    """What the machine believes may be wrong: then the server refuses, and no more than what was in flight."""
    figures = Counter()
    for jump in JUMPS:
        office = Office("Asia/Shanghai", begin, jump)
        complete(office, lived(office, way))
        case = (jump, office.believed(), office.arrived(), office.refused)
        assert max(office.believed().values()) <= DAILY, f"knowingly too many: {case}"
        assert max(office.arrived().values()) <= DAILY
        believed_days = len(office.believed()) + len(office.arrived())
        assert office.refused <= IN_FLIGHT * believed_days, f"refused, and asked again: {case}"
        spent = max(office.arrived()) - min(office.arrived())
        assert spent.days <= ceil(CONTACTS / DAILY) + 2, f"days were lost: {case}"
        figures.update(histories=1, mails=len(office.directory.mails), refused=office.refused, wrong_day=0)
        figures["days"] = max(figures["days"], spent.days + 1)
    print(begin, way.__name__, dict(figures))


def test_a_clock_that_was_behind_and_is_set_right_amid_a_run_opens_no_day_that_is_used_up():
    """What an earlier run sent on the day that the clock comes to is in the ledger."""
    office = Office("Asia/Shanghai", "2026-11-23T08:00:00", server_limit=10_000)

    async def story(office):
        await office.run()  # the day's mails
        office.offset = -DAY  # a start with a clock that is a day behind
        first = asyncio.create_task(office.run(wait=True))
        await asyncio.sleep(HOUR)
        office.offset = 0.0
        return await first

    complete(office, lived(office, story))
    assert max(office.believed().values()) <= DAILY, office.believed()


def test_a_run_that_waited_for_its_window_bears_a_failure_at_its_beginning():
    """The silence of the night is not the server's."""
    office = Office("Asia/Shanghai", "2026-11-23T08:00:00", server_limit=10_000)
    bad = tuple(range(DAILY + 1, DAILY + 3))
    office.faults.replace([Fault("error", SEND, code="Throttling.User", status=400, calls=bad)])
    complete(office, lived(office, waiting))


def test_a_machine_that_slept_goes_on_with_the_window_that_began_meanwhile():
    """A clock that does not count the hours of a suspended machine is no reason to sleep them once more."""
    office = Office("Asia/Shanghai", "2026-11-23T20:00:00", jump=Jump(DAILY, 8 * HOUR), server_limit=10_000)
    complete(office, lived(office, waiting))
    assert max(office.believed().values()) <= DAILY
    print(office.believed())
