"""How fast: a rate for each operation, pauses that everyone obeys, and the day's allowance of sends."""

import math
import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from importer.model.clock import Clock, Day
from importer.model.operation import Answer, Kind, Outcome
from importer.submit.daily import PROBE, Daily

SHARE = 0.9  # of the documented rate: clocks differ, and others may call too
CONFLICT_WAIT = (0.05, 0.4)  # seconds; another write is a matter of one call's time
BACKOFF = (0.5, 30.0)  # seconds; first and longest wait after a failure that names none
MINUTE = 60.0 / SHARE  # seconds in which an address gets what it may get in one: mails need not travel evenly
TICK = 0.001  # seconds; a shorter sleep may not move a clock at all
THROTTLE_WAIT = 1.0  # seconds, doubled for each throttling in a row


class Bucket:
    """A token bucket that holds one token: calls are spaced evenly, and never faster than ``rate`` a second."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self.interval = 1 / rate
        self._clock = clock
        self._next = -math.inf

    def taken(self) -> bool:
        """Whether there was a turn at once: then it is taken."""
        now = self._clock.ticks()
        if now < self._next:
            return False
        self._next = now + self.interval
        return True

    async def take(self) -> None:
        """Wait for a turn; turns are given in the order of asking."""
        if self.taken():
            return
        now = self._clock.ticks()
        turn = max(now, self._next)
        self._next = turn + self.interval
        if turn > now:
            await self._clock.sleep(turn - now)


class Targets:
    """Mails to one address: at most ``limit`` a minute, with those of ``sent`` (ticks and address) counted."""

    def __init__(self, limit: int, clock: Clock, sent: Iterable[tuple[float, str]] = ()) -> None:
        self._limit = limit
        self._clock = clock
        self._recent = deque((at, target.casefold()) for at, target in sent)
        self._counts = Counter(target for _, target in self._recent)

    async def turn(self, target: str) -> None:
        """Wait until one more may be sent to it."""
        key = target.casefold()
        while self._forget(self._clock.ticks())[key] >= self._limit:
            first = next(at for at, other in self._recent if other == key)
            await self._clock.sleep(max(TICK, first + MINUTE - self._clock.ticks()))
        self._recent.append((self._clock.ticks(), key))
        self._counts[key] += 1

    def _forget(self, now: float) -> Counter[str]:
        """What was sent in the last minute, by target."""
        while self._recent and self._recent[0][0] <= now - MINUTE:
            _, target = self._recent.popleft()
            self._counts[target] -= 1
            if not self._counts[target]:
                del self._counts[target]
        return self._counts


class Pause:
    """A stop that the server asked for; it holds every worker of the directory that shares it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = -math.inf

    def extend(self, seconds: float) -> None:
        self._until = max(self._until, self._clock.ticks() + seconds)

    @property
    def left(self) -> float:
        """Seconds, at least 0."""
        return max(0.0, self._until - self._clock.ticks())

    async def passed(self) -> None:
        while (left := self.left) > 0:
            await self._clock.sleep(max(left, TICK))


class Allowance:
    """The sends that the day still allows: those of ``daily`` less those sent, or maybe sent, since it began.

    ``sent``: what the ledger counts for the day of ``now`` at start, ``ahead`` for later ones: a clock was or is wrong,
    and setting it right must not open those days anew. The server's own refusal always wins.
    """

    reason = "daily-sends"

    def __init__(self, daily: Daily, sent: int, clock: Clock, ahead: int = 0) -> None:
        now = clock.now()
        self.limit = daily.allowed(now)
        self._daily = daily
        self._clock = clock
        self._day = daily.day(now)
        self._used = sent
        self._ahead = ahead
        self._refused = daily.refused(now)  # since when
        self._told = False  # by a call of this run
        self._calls = 0  # under way

    def _roll(self) -> None:
        # Only forward: a clock set back must not open a day's sends a second time.
        now = self._clock.now()
        if now >= self._day.end:
            self._day, self._used, self._refused = self._daily.day(now), self._ahead + self._calls, None
        elif self._refused is not None and now >= self._again(self._refused):
            self._refused = None

    def _again(self, refused: float) -> float:
        """When to ask again: a refusal that was not after mails of ours is of a day that begins at another hour."""
        spent = self._told and self._used > self._calls
        return self._day.end if spent else min(self._day.end, refused + PROBE)

    @property
    def left(self) -> int:
        self._roll()
        return 0 if self._refused is not None else max(0, self.limit - self._used)

    @property
    def until(self) -> float:
        """When there will be more, in seconds since the epoch."""
        self._roll()
        if self._refused is None or self._used > self._calls:
            return self._day.end
        return self._again(self._refused)

    def spend(self) -> bool:
        """Use one send of today if there is one left."""
        if self.left == 0:
            return False
        self._used += 1
        return True

    @contextmanager
    def under_way(self) -> Iterator[Day]:
        """Around a call, with its day; under way at midnight it may arrive on either day, and counts for both."""
        self._calls += 1
        try:
            yield self._day
        finally:
            self._calls -= 1

    def give_back(self) -> None:
        """A send that surely did not happen costs nothing."""
        self._used = max(0, self._used - 1)

    def refused(self, day: Day | None = None) -> None:
        """The server says that a day is used up, whatever was counted here: this one, or ``day``, if that is over."""
        self._roll()
        if day in (None, self._day):
            self._refused, self._told = self._clock.now(), True


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait after an answer that says to try again; ``tries`` counts such answers in a row, from 1."""

    random: random.Random

    def wait(self, answer: Answer, tries: int) -> float:
        if answer.wait is not None:
            return answer.wait
        if answer.outcome is Outcome.CONFLICT:
            low, high = CONFLICT_WAIT
            return self.random.uniform(low, high)
        if answer.outcome is Outcome.THROTTLE:
            return _doubled(THROTTLE_WAIT, tries) * self.random.uniform(1.0, 1.25)
        return _doubled(BACKOFF[0], tries) * self.random.uniform(0.75, 1.25)


def _doubled(first: float, tries: int) -> float:
    doublings = min(tries - 1, 16)  # far past the ceiling, and short of an overflow
    return min(BACKOFF[1], first * 2.0**doublings)


class Pace:
    """The pace of one directory: a bucket for each operation, one pause for all, mails by address, the day's sends."""

    def __init__(
        self, calls_per_second: float, allowance: Allowance, clock: Clock, targets: Targets | None = None
    ) -> None:
        self._targets = targets
        self._buckets: Mapping[Kind, Bucket] = {kind: Bucket(calls_per_second * SHARE, clock) for kind in Kind}
        self.pause = Pause(clock)
        self.allowance = allowance

    def taken(self, kind: Kind) -> bool:
        """Whether the next call of this kind, which is no mail, may start at once: then its turn is taken."""
        return self.pause.left == 0 and self._buckets[kind].taken()

    async def turn(self, kind: Kind, target: str | None = None) -> None:
        """Wait until the next call of this kind may start; ``target``: whom a mail goes to."""
        if target and self._targets:
            await self._targets.turn(target)
        if self.taken(kind):
            return
        bucket = self._buckets[kind]
        while True:
            await self.pause.passed()
            await bucket.take()
            if self.pause.left == 0:
                return
