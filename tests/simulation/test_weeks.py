"""Weeks in virtual time: a file that grows, five mails a day, links followed late or never, crashes on the way.

The truth is the emulator's outbox. A person either never answers or follows the newest link some hours after the mail
of its number; a mail is a reminder if it is not the contact's first. WEEKS_SEEDS=30 lives that many towns, EACH=1 ends
a process at each of its awaits and not at every third.
"""

import asyncio
import os
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count, pairwise
from zoneinfo import ZoneInfo

import looptime
import pytest
from simulated import Life, Scenario, Universe, _quietly, sheet_of

from importer.jobs import run, verify
from importer.jobs.run import Task
from importer.ledger.values import Chase
from importer.model.operation import Kind

HOUR, DAY = 3600.0, 86_400.0
DAILY, SILENCE, REMINDERS = 5, 3 * DAY, 2
CONTACTS, GROWS = 10, 4  # at first, and how many come on each of the next two Mondays
QUIET = Scenario(
    contacts=CONTACTS,
    max_contacts=30,
    daily_sends=DAILY,
    calls_per_second=20.0,
    service_time=0.0,
    list_lag=0.0,
    latency=0.05,
    trouble=0.0,
    crash=0.0,
    stall=0.0,
    shared=False,
)


EACH = int(os.environ.get("EACH", "3"))
SEEDS = int(os.environ.get("WEEKS_SEEDS", "3"))
TROUBLES = ((0.0, 0.0), (0.6, 0.0), (0.4, 0.1))  # crashes of a process, failures of a call
TOWNS = [(seed, *TROUBLES[seed % len(TROUBLES)]) for seed in range(SEEDS)]


class Keeper(Life):
    """A process that sees contacts through."""

    async def work(self, world, lease, settings):
        return await verify.carry_out(world, lease, settings)


class Importer(Life):
    """A process that runs the file as it is that day."""

    async def work(self, world, lease, settings):
        sheet, checked = sheet_of(self.universe.contacts)
        digest = f"d{self.universe.contacts}"
        sheet = replace(sheet, digest=digest)
        return await run.carry_out(world, lease, Task(sheet.file, digest, settings, lambda: (sheet, checked)))


@dataclass
class Town(Universe):
    """The people behind the contacts: each answers the mail of a number, or none, after so many hours."""

    contacts: int = CONTACTS
    answers: dict = field(default_factory=dict)
    figures: Counter = field(default_factory=Counter)

    def answer(self, number):
        """Which mail (from 0; `None`: never) a person answers, and when; drawn once."""
        if number not in self.answers:
            chance = random.Random(f"{self.seed} {number}")
            self.answers[number] = (chance.choice((0, 0, 1, 2, None)), chance.uniform(0.5, 23.0) * HOUR)
        return self.answers[number]

    async def live(self, kind):
        """Processes of a kind until one comes to its end; what it came to."""
        while True:
            self.lives += 1
            summary = await _quietly(kind(self, self.lives))
            if summary is not None:
                return summary
            await asyncio.sleep(40.0)  # until the lease has run out

    def mails(self, channel="email"):
        """Mails of each contact, the oldest first."""
        found = defaultdict(list)
        for mail in self.directory.mails.values():
            if mail.channel == channel:
                found[mail.contact].append(mail)
        return found

    async def pass_time(self, until):
        """Until then the people follow links at their hours."""
        for contact, mails in self.mails().items():
            which, delay = self.answer(contact)
            if which is not None and len(mails) > which and mails[-1].followed_at is None:
                at = mails[-1].sent_at + delay
                if at < until and self.directory.contacts[contact].status == "Verifying":
                    await asyncio.sleep(max(0.0, at - self.now()))
                    if self.now() < mails[-1].expires_at:
                        self.directory.follow(mails[-1].token)
                        self.figures["followed"] += 1
        await asyncio.sleep(max(0.0, until - self.now()))

    def doubts(self):
        """Mails of each contact that may have gone out without our knowing."""
        sql = """select c.contact_id, count(*) from attempts a join operations o on o.id = a.operation
            join contacts c on c.id = o.contact where a.kind = ? and a.outcome = 'doubt' group by 1"""
        return Counter(dict(self.ledger._db.connection.execute(sql, (Kind.SEND_EMAIL.value,))))


def lived(story, town):
    loop = looptime.new_event_loop(start=0.0, noop_cycles=2)
    try:
        return loop.run_until_complete(asyncio.wait_for(story(town), 90 * DAY))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


async def weeks(town):
    """Each morning the file is run, then verify; on two Mondays it has grown; the days' ends are looked at."""
    begin = town.now()
    told = None
    for day in range(28):
        town.contacts = CONTACTS + GROWS * min(2, day // 7)
        ran = await town.live(Importer)
        before = {contact: len(mails) for contact, mails in town.mails().items()}
        told = await town.live(Keeper)
        reminded = sum(len(mails) - before.get(contact, 0) for contact, mails in town.mails().items())
        if ran.operations[Kind.SEND_EMAIL.value]["pending"]:
            town.figures["days without any left"] += 1
            assert reminded == 0, f"day {day}: {reminded} mails although first ones wait"
        _counts(town, told)
        await town.pass_time(begin + (day + 1) * DAY)
    return told


def _counts(town, told):
    """The report adds up and says what the ledger says."""
    found = told.verification
    held = len(town.directory.contacts)
    assert found["verified"] + found["waiting"] + found["for_a_person"] == held, found
    assert found["verified"] == told.contacts["verified"]


def by_day(town, channel):
    return Counter(
        datetime.fromtimestamp(mail.sent_at, ZoneInfo("Asia/Shanghai")).date()
        for mails in town.mails(channel).values()
        for mail in mails
    )


@pytest.mark.parametrize(("seed", "crash", "trouble"), TOWNS)
def test_everybody_who_answers_is_verified_and_the_silent_are_a_persons_after_two_reminders(seed, crash, trouble):
    town = Town(seed, replace(QUIET, crash=crash, trouble=trouble))
    told = lived(weeks, town)
    doubts, people = town.doubts(), Counter()
    for one in told.standings:
        which, _ = town.answer(one.contact.contact_id)
        people[which] += 1
        mails = town.mails()[one.contact.contact_id]
        extra = doubts[one.contact.contact_id]
        gaps = [later.sent_at - sooner.sent_at for sooner, later in pairwise(mails)]
        assert len(mails) <= 1 + REMINDERS + extra, f"{len(mails)} mails, {extra} doubtful attempts"
        assert sum(gap < SILENCE - HOUR for gap in gaps) <= extra, f"mailed again too soon: {gaps}"
        if one.place == "waiting":
            continue
        if which is None:
            assert one.place == "for_a_person"
            assert len(mails) >= 1 + REMINDERS or one.contact.state == "in_doubt"
        elif not extra:
            assert one.place == "verified", f"answers mail {which}: {one}"
    assert max(by_day(town, "email").values()) <= DAILY
    assert max(by_day(town, "phone").values()) <= DAILY
    assert town.refused["SendEmailVerificationForMessageContact", "SendValidateCodeExceedsLimitForAccount"] == 0
    print(seed, (crash, trouble), told.verification, dict(town.figures), {"crashes": town.crashes}, dict(people))
    assert town.figures["days without any left"] > 0
    assert crash == 0 or town.crashes > 0


class Mortal(Keeper):
    """Sees contacts through, and ends at a given await."""

    def __init__(self, universe, number):
        super().__init__(universe, number)
        self.crash_at = universe.crash_at


@dataclass
class Village(Town):
    crash_at: int | None = None


def test_wherever_a_process_ends_each_silence_is_answered_once():
    """Two silent people, one of them with a phone; a crash at an await of the command in turn, then it again."""
    figures = Counter()
    for step in count(1, EACH):
        town = Village(step, replace(QUIET, contacts=2, daily_sends=100), contacts=2)

        async def story(town, step=step):
            await town.live(Importer)
            await town.live(Keeper)
            await asyncio.sleep(SILENCE + HOUR)
            town.crash_at = step
            first = await _quietly(Mortal(town, 1000))
            await asyncio.sleep(40.0)
            town.crash_at = None
            told = await town.live(Mortal)
            return first, told

        first, told = lived(story, town)
        planned = dict(
            town.ledger._db.connection.execute(
                "select kind, count(*) from operations where reminder > 0 group by kind"
            ).fetchall()
        )
        assert planned == {"send_email_verification": 2, "send_phone_verification": 1}, f"ended at await {step}"
        assert told.verification["reminded"] == 2
        for contact, mails in town.mails().items():
            assert 2 <= len(mails) <= 2 + town.doubts()[contact], f"ended at await {step}"
        figures.update(ends=1, mails=len(town.directory.mails), doubts=town.doubts().total())
        if first is not None:
            break
    print(dict(figures))
    assert figures["ends"] > 20


def test_reminders_that_a_crash_left_planned_let_the_next_mornings_first_mails_go_before_them():
    town = Town(1, replace(QUIET, contacts=4), contacts=4)

    async def story(town):
        await town.live(Importer)
        await asyncio.sleep(SILENCE + HOUR)
        ledger, now = town.ledger, town.now()
        lease = ledger.acquire(ledger.find("default", "loopback"), "planner", now=now, ttl=1.0)
        silent = [Chase(one.contact, Kind.SEND_EMAIL, one.mail.operation) for one in ledger.followed(lease.directory)]
        assert ledger.chase(lease, silent, now=now) == 4
        ledger.release(lease)
        town.contacts = 8
        return await town.live(Importer)

    told = lived(story, town)
    assert sorted(len(mails) for mails in town.mails().values()) == [1] * 7 + [2], "four first mails, one reminder"
    assert told.exit_code == 3
    assert [(wait.count, wait.reason) for wait in told.deferrals] == [(3, "daily-sends")]


def test_somebody_elses_deletion_and_change_are_told_and_nobody_is_mailed_for_them():
    town = Town(1, replace(QUIET, contacts=4, daily_sends=100), contacts=4)

    async def story(town):
        await town.live(Importer)
        gone, changed, *_ = town.directory.contacts.values()
        town.directory.delete(gone.id, retain=True)
        town.directory.update(changed.id, None, {"email": "other@example.com"}, None, None)
        await asyncio.sleep(SILENCE + HOUR)
        return gone, changed, await town.live(Keeper)

    gone, changed, told = lived(story, town)
    reasons = {one.contact.contact_id: one.reason for one in told.standings}
    assert reasons[gone.id] == "gone: the directory does not list it any more"
    assert reasons[changed.id] == "changed: the directory has another address for it"
    assert told.verification == {"verified": 0, "waiting": 2, "reminded": 2, "for_a_person": 2}
    assert told.exit_code == 0
    assert sorted(len(mails) for mails in town.mails().values()) == [1, 1, 2, 2]
