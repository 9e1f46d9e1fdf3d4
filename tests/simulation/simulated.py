"""A world in virtual time: the emulator's state machine without sockets, faults, crashes, stalls, days that pass."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import anyio
import lines
import looptime
import polars as pl

from importer.directory.listing import listing
from importer.directory.outcome import classify, fault
from importer.emulator import Limits
from importer.emulator.directory import Directory
from importer.emulator.journal import Journal
from importer.emulator.service import Service
from importer.jobs.run import Task, carry_out
from importer.ledger.port import LeaseHeld, LeaseLost
from importer.ledger.sqlite import open_sqlite
from importer.model.clock import Clock
from importer.model.contact import Rules
from importer.model.errors import TryLater
from importer.report.events import line
from importer.settings import Settings
from importer.sheet.columns import match
from importer.sheet.sheet import Sheet
from importer.stage.check import check
from importer.submit.course import Counted, Tally
from importer.submit.events import Events
from importer.submit.submit import World

ADD = "AddMessageContact"
SEND = "SendEmailVerificationForMessageContact"
BEGIN = 1_795_400_000.0  # a Sunday in November 2026
LIVES = 60
CALLS = 5000  # of one history: more is a loop without end
HEARD = set()  # kinds of events that were held against the schema
HEADERS = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")


class Crash(BaseException):
    """The process is gone: nothing more of it reaches the ledger or the wire."""


@dataclass(frozen=True)
class Scenario:
    """What one seed draws."""

    contacts: int
    max_contacts: int
    daily_sends: int
    calls_per_second: float
    service_time: float
    list_lag: float
    latency: float
    trouble: float  # of each call
    crash: float  # of each life
    stall: float  # of each life: stopped for longer than the lease, while another life begins
    shared: bool  # all contacts have one address, as a team has

    @classmethod
    def of(cls, seed: int) -> "Scenario":
        chance = random.Random(seed)
        contacts = chance.choice((3, 8, 15, 25))
        return cls(
            contacts=contacts,
            max_contacts=chance.choice((contacts, contacts, contacts + 5, max(1, contacts - 2))),
            daily_sends=chance.choice((1 + contacts // 3, contacts, 100)),
            calls_per_second=chance.choice((5.0, 20.0, 200.0)),
            service_time=chance.choice((0.0, 0.02, 0.3)),
            list_lag=chance.choice((0.0, 0.0, 0.0, 2.0)),
            latency=chance.choice((0.001, 0.05, 1.0)),
            trouble=chance.choice((0.0, 0.05, 0.3)),
            crash=chance.choice((0.0, 0.5, 0.9)),
            stall=chance.choice((0.0, 0.0, 0.3)),
            shared=chance.random() < 0.1,
        )


@cache
def sheet_of(contacts: int, *, shared: bool = False):
    """A checked sheet with that many contacts, one duplicate row and one rejected row; one for all, as it is frozen.

    ``shared``: all contacts have one address.
    """
    rows = [
        (
            f"N{chr(97 + i // 26)}{chr(97 + i % 26)}",
            "team@example.com" if shared else f"n{i}@example.com",
            "" if i % 2 else f"86-139{i:08}",
            "CEO",
            "FaultMessage;SecurityMessage",
        )
        for i in range(contacts)
    ]
    rows += [rows[0], ("x9", "broken", "", "CEO", "FaultMessage")]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(HEADERS, pl.String), orient="row")
    lines = pl.Series("line", range(2, len(rows) + 2), dtype=pl.UInt32)
    findings = pl.DataFrame(schema=NO_FINDINGS)
    sheet = Sheet(
        file="people.csv", name=None, columns=HEADERS, frame=frame, lines=lines, digest="d", findings=findings
    )
    return sheet, check(sheet, match(HEADERS), Rules())


NO_FINDINGS = {
    "row": pl.UInt32,
    "line": pl.UInt32,
    "rule": pl.String,
    "severity": pl.String,
    "column": pl.String,
    "value": pl.String,
    "message": pl.String,
    "hint": pl.String,
    "suggestion": pl.String,
}


@dataclass
class Universe:
    """What outlives a process: the directory, the ledger, the time."""

    seed: int
    scenario: Scenario
    broken: Callable | None = None  # wraps the ledger, to prove that the checker sees it
    chance: random.Random = field(init=False)
    lives: int = 0
    crashes: int = 0
    stalls: int = 0
    refused: Counter = field(default_factory=Counter)
    calls: int = 0

    def __post_init__(self):
        self.chance = random.Random(self.seed * 7 + 1)
        limits = Limits(
            max_contacts=self.scenario.max_contacts,
            daily_sends=self.scenario.daily_sends,
            calls_per_second=self.scenario.calls_per_second,
            service_time=self.scenario.service_time,
            list_lag=self.scenario.list_lag,
        )
        self.journal = Journal()
        self.directory = Directory(limits, now=self.now, random=random.Random(self.seed), journal=self.journal)
        self.service = Service(
            {"default": self.directory}, random=random.Random(self.seed), sleep=asyncio.sleep, monotonic=self.ticks
        )
        self.ledger = open_sqlite(":memory:")

    def ticks(self) -> float:
        return asyncio.get_running_loop().time()

    def heard(self, at, run, event, facts):
        """An event of a run: each kind of line is held against the schema, once."""
        names = ("action", "operation", "outcome", "code", "status", "reason")
        kind = (event, tuple(str(facts.get(name)) for name in names), tuple(value is None for value in facts.values()))
        if kind not in HEARD:
            lines.check(line(at, run, event, facts))
            HEARD.add(kind)

    def now(self) -> float:
        return BEGIN + self.ticks()

    def settings(self) -> Settings:
        scenario = self.scenario
        return Settings(
            max_contacts=self.directory.limits.max_contacts,
            daily_sends=scenario.daily_sends,
            calls_per_second=scenario.calls_per_second,
            list_lag=scenario.list_lag,
            call_timeout=10.0,
        )


class Life:
    """One process: it has its own memory, and can crash or stall at any of its awaits."""

    def __init__(self, universe: Universe, number: int) -> None:
        self.universe = universe
        self.owner = f"life {number}"
        self.dead = False
        chance = universe.chance
        self.crash_at = chance.randrange(1, 120) if chance.random() < universe.scenario.crash else None
        self.stall_at = chance.randrange(20, 120) if chance.random() < universe.scenario.stall else None
        self.stalled = asyncio.Event()
        self.ledger = universe.broken(universe.ledger) if universe.broken else universe.ledger

    async def step(self) -> None:
        """An await of the process: here it may end, or be stopped for a while."""
        if self.dead:
            raise Crash
        if self.crash_at is not None:
            self.crash_at -= 1
            if self.crash_at <= 0:
                self.dead = True
                raise Crash
        if self.stall_at is not None:
            self.stall_at -= 1
            if self.stall_at <= 0:
                self.stall_at = None
                self.stalled.set()
        if self.stalled.is_set():
            await self.wake.wait()
        await asyncio.sleep(0)

    # -- the ledger

    async def do(self, verb):
        await self.step()
        if self.dead:
            raise Crash
        with self.ledger.group():
            result = verb(self.ledger)
        await self.step()
        return result

    # -- the directory

    async def call(self, action, parameters):
        await self.step()
        universe, chance = self.universe, self.universe.chance
        universe.calls += 1
        if universe.calls > CALLS:
            raise RuntimeError("it calls on and on")
        kind = chance.choice(TROUBLES) if chance.random() < universe.scenario.trouble else None
        if kind == "refused":
            await self.sleep(0.01)
            return fault(action, "ConnectFailed", sent=False)
        server = asyncio.create_task(self._served(action, parameters, kind))
        answer = await asyncio.shield(server)
        await self.step()
        return answer

    async def _served(self, action, parameters, kind):
        """What happens at the server and on the wire, whether or not the process lives to see it."""
        universe, chance = self.universe, self.universe.chance
        await asyncio.sleep(chance.expovariate(1 / universe.scenario.latency))
        if kind == "throttled":
            body = b'{"Code": "Throttling.User", "Message": "slow down"}'
            return classify(action, status=400, headers={"x-acs-retry-after": "700"}, body=body, now=universe.now())
        done = kind is None or kind.endswith("after")
        reply = None
        if done:
            reply = await universe.service.call(action, _values(parameters))
            if reply.code != "ok":
                universe.refused[action, reply.code] += 1
        await asyncio.sleep(chance.expovariate(1 / universe.scenario.latency))
        if kind is None:
            return classify(
                action,
                status=reply.status,
                headers=reply.headers,
                body=json.dumps(reply.body).encode(),
                now=universe.now(),
            )
        if kind.startswith("500"):
            return classify(action, status=500, headers={}, body=b"<html>", now=universe.now())
        if kind.startswith("timeout"):
            await asyncio.sleep(10.0)
            return fault(action, "Timeout", sent=True)
        return classify(action, status=200, headers={}, body=b"\x00{", now=universe.now())

    async def sleep(self, seconds):
        await self.step()
        await asyncio.sleep(seconds)
        await self.step()

    # -- the whole

    async def work(self, world, lease, settings):
        """What the process is for."""
        scenario = self.universe.scenario
        sheet, checked = sheet_of(scenario.contacts, shared=scenario.shared)
        return await carry_out(world, lease, Task(sheet.file, sheet.digest, settings, lambda: (sheet, checked)))

    async def live(self):
        """A run as the command makes it; its summary, or ``None`` when it ended otherwise."""
        universe = self.universe
        self.wake = asyncio.Event()
        clock = Clock(now=universe.now, ticks=universe.ticks, sleep=self.sleep)
        settings, source, tally = universe.settings(), random.Random(universe.chance.random()), Tally()
        tally.events = Events(universe.heard, "run", clock)
        counted = Counted(self, tally)

        async def look():
            return await listing(counted, sleep=self.sleep, random=source.random)

        async def inline(work):
            return work()

        world = World(counted, self, look, clock, source, tally, inline)
        number = await self.do(lambda ledger: ledger.directory("default", "loopback"))
        lease = await self.do(lambda ledger: ledger.acquire(number, self.owner, now=universe.now(), ttl=30.0))
        try:
            return await self.work(world, lease, settings)
        finally:
            if not self.dead:
                await self.do(lambda ledger: ledger.release(lease))


TROUBLES = ("refused", "throttled", "500 before", "500 after", "timeout before", "timeout after", "garbage after")


def _values(parameters):
    """Parameters as they arrive at the service: one list of texts for each name."""
    flat = {}
    for name, value in parameters.items():
        if isinstance(value, tuple):
            flat |= {f"{name}.{place}": text for place, text in enumerate(value, 1)}
        elif value is not None:
            flat[name] = str(value)
    return flat


async def history(universe: Universe):
    """Lives one after another until the work is done; the last summary."""
    stalled: list[asyncio.Task] = []
    summary = None
    for number in range(LIVES):
        universe.lives += 1
        life = Life(universe, number)
        task = asyncio.create_task(_quietly(life))
        stall = asyncio.create_task(life.stalled.wait())
        await asyncio.wait({task, stall}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            universe.stalls += 1
            stalled.append(asyncio.create_task(_wakes(life, task, universe.chance.uniform(1.0, 120.0))))
            await asyncio.sleep(universe.chance.uniform(31.0, 60.0))  # until its lease has run out
            continue
        stall.cancel()
        summary = task.result()
        if summary is None:
            await asyncio.sleep(universe.chance.uniform(31.0, 60.0))
            continue
        if (
            not any(counts["pending"] for counts in summary.operations.values())
            and not summary.operations["add"]["in_doubt"]
        ):
            break
        await _next_window(universe, summary)
    for task in stalled:
        await task
    return summary


async def _wakes(life, task, seconds):
    await asyncio.sleep(seconds)
    life.stalled.clear()
    life.wake.set()
    await task


async def _next_window(universe, summary):
    """What the people do: wait for the next day, or ask for more places."""
    if any(wait.reason == "max-contacts" for wait in summary.deferrals):
        raised = universe.scenario.contacts + 5
        universe.directory.adjust(Limits(**{**_fields(universe.directory.limits), "max_contacts": raised}))
    until = next((wait.until for wait in summary.deferrals if wait.until), None)
    if until is not None:
        from datetime import datetime

        await asyncio.sleep(max(0.0, datetime.fromisoformat(until).timestamp() - universe.now()) + 1.0)
    else:
        await asyncio.sleep(60.0)


def _fields(limits):
    return {name: getattr(limits, name) for name in limits.__slots__}


async def _quietly(life):
    """The life's summary; ``None`` when it crashed, came too early, lost its lease or could not list the directory."""
    try:
        return await life.live()
    except BaseException as error:
        # What one task of a dying process ends with, its siblings may see as a broken stream.
        if _only(error, (Crash, LeaseHeld, LeaseLost, TryLater, anyio.BrokenResourceError)):
            life.universe.crashes += life.dead
            return None
        raise


def _only(error, kinds):
    if isinstance(error, BaseExceptionGroup):
        return all(_only(inner, kinds) for inner in error.exceptions)
    return isinstance(error, kinds)


def simulate(seed: int, broken=None):
    """One seed from beginning to end; the universe and the last summary."""
    loop = looptime.new_event_loop(start=0.0, noop_cycles=2)
    try:
        universe = Universe(seed, Scenario.of(seed), broken)
        return universe, loop.run_until_complete(asyncio.wait_for(history(universe), 40 * 86_400))
    finally:
        for task in asyncio.all_tasks(loop):  # calls that a server still carries out for a client that is gone
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
