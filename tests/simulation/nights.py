"""Thirty nights in virtual time: people come, go, are renamed, move; links are followed late or never; nights crash."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace

import looptime
import polars as pl
from simulated import BEGIN, HEADERS, NO_FINDINGS, Crash, Life, Scenario, Universe, _only

from importer.directory.listing import listing
from importer.emulator.errors import Refusal
from importer.jobs.run import carry_out
from importer.jobs.sync import Moment, synced
from importer.jobs.task import Task
from importer.ledger.port import LeaseHeld, LeaseLost
from importer.model.clock import Clock
from importer.model.contact import Rules
from importer.model.errors import TryLater
from importer.settings import Settings
from importer.sheet.columns import match
from importer.sheet.sheet import Sheet
from importer.stage.check import check
from importer.submit.course import Counted, Tally
from importer.submit.submit import World

NIGHTS, CRASHES, DAILY = 30, 5, 20
DAY = 86_400.0
QUIET = 3  # nights at the end in which the file stays as it is: who left is deleted on the second
MORE = 25  # nights more, at most, until nothing waits
TITLES = ("CEO", "Other", "TechnicalDirector", "FinanceDirector")
TYPES = ("FaultMessage", "FaultMessage;SecurityMessage", "AccountExpenses;ProductMessage")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass
class Person:
    """Somebody whom the export has, or had; ``heeds``: whether, and after how many days, links are followed."""

    name: str
    mail: str
    title: str
    types: str
    heeds: float | None
    phone: str = ""

    @property
    def row(self):
        return (self.name, self.mail, self.phone, self.title, self.types)


@dataclass
class Town:
    """The people, drawn from one seed, and what happened to them."""

    chance: random.Random
    people: list[Person] = field(default_factory=list)
    count: int = 0
    told: Counter = field(default_factory=Counter)

    def born(self) -> Person:
        self.count += 1
        mail = f"p{self.count}@example.com"
        heeds = self.chance.choice((0.1, 0.3, 0.6, 2.5, None))
        return Person(self.name(), mail, self.chance.choice(TITLES), self.chance.choice(TYPES), heeds)

    def name(self) -> str:
        """A name that nobody has had."""
        self.told["names"] += 1
        number, text = self.told["names"], ""
        for _ in range(4):
            number, digit = divmod(number, 26)
            text += LETTERS[digit]
        return f"N{text}"

    def live(self) -> None:
        """A day: some come, some go, some change; few enough that no guard has a reason to strike."""
        chance = self.chance
        for _ in range(chance.choice((0, 1, 1, 2, 4))):
            self.people.append(self.born())
            self.told["joined"] += 1
        if chance.random() < 0.6 and len(self.people) > 25:
            self.people.remove(chance.choice(self.people))
            self.told["left"] += 1
        for what in ("renamed", "moved", "promoted", "phoned"):
            if chance.random() < 0.5:
                self._change(chance.choice(self.people), what)
                self.told[what] += 1
        chance.shuffle(self.people)

    def _change(self, one: Person, what: str) -> None:
        if what == "renamed":
            one.name = self.name()
        elif what == "moved":
            self.told["moves"] += 1
            one.mail = f"m{self.told['moves']}@example.com"
        elif what == "promoted":
            one.title, one.types = self.chance.choice(TITLES), self.chance.choice(TYPES)
        else:
            self.told["phones"] += 1
            one.phone = f"86-139{self.told['phones']:08}"


def checked(people, night):
    """A checked sheet of these people."""
    frame = pl.DataFrame([one.row for one in people], schema=dict.fromkeys(HEADERS, pl.String), orient="row")
    lines = pl.Series("line", range(2, len(people) + 2), dtype=pl.UInt32)
    findings = pl.DataFrame(schema=NO_FINDINGS)
    sheet = Sheet("people.csv", None, HEADERS, frame, lines, f"night {night}", findings)
    return sheet, check(sheet, match(HEADERS), Rules())


class Night(Life):
    """One process that syncs; it crashes only where it is told to."""

    def __init__(self, universe, number, *, crash_at=None):
        super().__init__(universe, number)
        self.crash_at, self.stall_at = crash_at, None

    async def sync(self, people, night):
        """The summary, or ``None`` when it crashed or the directory did not answer."""
        universe = self.universe
        clock = Clock(now=universe.now, ticks=universe.ticks, sleep=self.sleep)
        source, tally = random.Random(universe.chance.random()), Tally()
        counted = Counted(self, tally)

        async def look():
            return await listing(counted, sleep=self.sleep, random=source.random)

        async def inline(work):
            return work()

        world = World(counted, self, look, clock, source, tally, inline)
        found = checked(people, night)
        task = synced(Task("people.csv", found[0].digest, universe.terms(), lambda: found), Moment(None))
        try:
            number = await self.do(lambda ledger: ledger.directory("default", "loopback"))
            lease = await self.do(lambda ledger: ledger.acquire(number, self.owner, now=universe.now(), ttl=30.0))
            try:
                return await carry_out(world, lease, task)
            finally:
                if not self.dead:
                    await self.do(lambda ledger: ledger.release(lease))
        except BaseException as error:
            if _only(error, (Crash, LeaseHeld, LeaseLost, TryLater, _broken())):
                universe.crashes += self.dead
                return None
            raise


def _broken():
    import anyio

    return anyio.BrokenResourceError


@dataclass
class Month(Universe):
    """A directory, a ledger and a town, and what the nights came to."""

    asynchronous: bool = False
    late: set = field(default_factory=set)  # mails whose link was followed too late
    summaries: list = field(default_factory=list)
    files: list = field(default_factory=list)  # of each night: its time, and the names and addresses of its file

    def __post_init__(self):
        super().__post_init__()
        self.directory.adjust(replace(self.directory.limits, deletion_time=90.0))
        self.town = Town(random.Random(self.seed))

    def terms(self):
        limits = self.directory.limits
        return Settings(
            max_contacts=limits.max_contacts,
            daily_sends=limits.daily_sends,
            calls_per_second=limits.calls_per_second,
            call_timeout=10.0,
            delete=True,
            from_members=self.asynchronous,
        )

    async def links(self):
        """Those who follow links do so when their time has come; an old link does nothing."""
        while True:
            await asyncio.sleep(DAY / 8)
            heeds = {one.mail: one.heeds for one in self.town.people}
            for mail in list(self.directory.mails.values()):
                after = heeds.get(mail.target)
                if (
                    mail.followed_at is None
                    and mail.token not in self.late
                    and after is not None
                    and self.now() - mail.sent_at >= after * DAY
                ):
                    try:
                        self.directory.follow(mail.token)
                        self.town.told["verified"] += 1
                    except Refusal:
                        self.late.add(mail.token)


def scenario(trouble):
    return Scenario(
        contacts=0,
        max_contacts=500,
        daily_sends=DAILY,
        calls_per_second=20.0,
        service_time=0.02,
        list_lag=0.0,
        latency=0.05,
        trouble=trouble,
        crash=0.0,
        stall=0.0,
        shared=False,
    )


async def month(universe: Month):
    """Thirty nights, five of which crash and are begun again, and then as many as it takes until nothing waits."""
    links = asyncio.create_task(universe.links())
    universe.town.people = [universe.town.born() for _ in range(30)]
    crashes = {0, *universe.chance.sample(range(1, NIGHTS - QUIET), CRASHES - 1)}  # the first, while mails are scarce
    for night in range(NIGHTS + MORE):
        if 0 < night < NIGHTS - QUIET:
            universe.town.live()
        universe.files.append((universe.now(), {one.name: one.mail for one in universe.town.people}))
        begun = universe.now()
        crash = universe.chance.randrange(3, 80) + 80 * (night == 0) if night in crashes else None
        summary = await Night(universe, universe.lives, crash_at=crash).sync(universe.town.people, night)
        universe.lives += 1
        for _ in range(8):  # the job is begun again until it comes to an end
            if summary is not None:
                break
            await asyncio.sleep(40.0)
            summary = await Night(universe, universe.lives).sync(universe.town.people, night)
            universe.lives += 1
        universe.summaries.append(summary)
        if night >= NIGHTS - 1 and summary is not None and summary.exit_code == 0:
            break
        await asyncio.sleep(begun + DAY - universe.now() + universe.chance.uniform(-60.0, 60.0))
    await asyncio.sleep(4 * DAY)  # who follows links at all has followed the last of them
    links.cancel()


def played(seed, *, trouble=0.0, asynchronous=False, broken=None):
    """One seed from beginning to end."""
    loop = looptime.new_event_loop(start=0.0, noop_cycles=2)
    try:
        universe = Month(seed, scenario(trouble), broken, asynchronous=asynchronous)
        loop.run_until_complete(asyncio.wait_for(month(universe), 80 * DAY))
        return universe
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


__all__ = ["BEGIN", "DAILY", "Month", "Night", "checked", "played"]
