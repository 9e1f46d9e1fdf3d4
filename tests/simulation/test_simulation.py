"""The promise, under faults, crashes, stalls and limits that strike, on many seeds; and proof that the checker sees.

SEEDS=2000 runs that many; SEED=17 replays one and prints what it drew.
"""

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context

import checker
import pytest
import simulated

from importer.model.operation import Kind, Outcome, Status

SEEDS = int(os.environ.get("SEEDS", "200"))


def told(seed):
    """What one seed came to: its figures, and the promises that it broke."""
    universe, summary = simulated.simulate(seed)
    wrong = checker.faults(universe, summary)
    figures = Counter(
        seeds=1,
        lives=universe.lives,
        crashes=universe.crashes,
        stalls=universe.stalls,
        calls=sum(universe.service.calls.values()),
        contacts=len(universe.directory.contacts),
        mails=len(universe.directory.mails),
        in_doubt=summary.contacts["in_doubt"] if summary else 0,
    )
    return figures, {seed: (asdict(universe.scenario), wrong)} if wrong else {}


def test_the_promise_holds_on_every_seed():
    only = os.environ.get("SEED")
    seeds = [int(only)] if only else range(SEEDS)
    figures, broken = Counter(), {}
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for counted, wrong in pool.map(told, seeds, chunksize=20):
            figures.update(counted)
            broken.update(wrong)
    print(dict(figures), "broken promises:", len(broken))
    assert broken == {}
    assert only or (figures["crashes"] > SEEDS // 20 and figures["stalls"] > 0), "the seeds do reach the hard places"


def test_a_seed_replays_exactly():
    def history(seed):
        universe, summary = simulated.simulate(seed)
        return list(universe.journal.log), dict(universe.service.calls), summary.contacts

    assert history(3) == history(3)


class Broken:
    """A ledger that breaks one promise and keeps the others."""

    def __init__(self, ledger):
        self._ledger = ledger

    def __getattr__(self, name):
        return getattr(self._ledger, name)


class NoIntent(Broken):
    """What is claimed is not written down as in flight: after a crash it is simply done again."""

    def recover(self, lease, *, now):
        connection = self._ledger._db.connection
        connection.execute("update operations set status = 'pending' where status = 'in_flight'")
        return 0


class NoLook(Broken):
    """A doubtful add counts as not done, and is done again without a look."""

    def record(self, lease, run, changes):
        hasty = [
            change._replace(status=Status.PENDING, state=None) if change.status is Status.IN_DOUBT else change
            for change in changes
        ]
        return self._ledger.record(lease, run, hasty)


class DoubtIsDone(Broken):
    """A doubtful call counts as done."""

    def record(self, lease, run, changes):
        sure = [
            change._replace(status=Status.DONE) if change.status is Status.IN_DOUBT else change for change in changes
        ]
        return self._ledger.record(lease, run, sure)


class NoToken(Broken):
    """Whoever comes acts as the newest owner, whether or not it still holds the lease."""

    def _newest(self, lease):
        held = self._ledger.holder(lease.directory)
        return replace(held, expires_at=1e12) if held else lease

    def acquire(self, directory, owner, *, now, ttl, dead=None):
        lease = self._ledger.acquire(directory, owner, now=now, ttl=ttl, dead=dead)
        return replace(lease, expires_at=1e12)

    def renew(self, lease, *, now, ttl):
        return replace(lease, expires_at=1e12)

    def claim(self, lease, kind, limit, *, now, reminders=False):
        return self._ledger.claim(self._newest(lease), kind, limit, now=now, reminders=reminders)

    def record(self, lease, run, changes):
        return self._ledger.record(self._newest(lease), run, changes)

    def recover(self, lease, *, now):
        return self._ledger.recover(self._newest(lease), now=now)


class NoCount(Broken):
    """What was sent before today's start of the run is forgotten."""

    def sends_since(self, directory, since, until=None, kind=Kind.SEND_EMAIL):
        return 0


class NoAttempts(Broken):
    """Doubtful mails leave no trace."""

    def record(self, lease, run, changes):
        silent = [
            change._replace(attempt=None)
            if change.attempt is not None and change.attempt.outcome is Outcome.DOUBT
            else change
            for change in changes
        ]
        return self._ledger.record(lease, run, silent)


@pytest.mark.parametrize("broken", [NoIntent, NoLook, DoubtIsDone, NoToken, NoCount, NoAttempts])
def test_the_checker_sees_each_broken_promise(broken):
    for seed in range(1000):
        universe, summary = simulated.simulate(seed, broken)
        if wrong := checker.faults(universe, summary):
            print(f"{broken.__name__}: seed {seed}: {wrong[0]}")
            return
    pytest.fail(f"{broken.__name__} went unseen")
