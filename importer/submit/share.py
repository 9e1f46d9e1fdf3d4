"""Calls of a limit that several directories share: leased from the ledger a slice at a time, spent evenly."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio

from importer.directory import Caller, Parameters
from importer.model.clock import Clock
from importer.model.operation import Answer
from importer.submit.course import Desk
from importer.submit.pace import SHARE

SLICE = 0.5  # seconds of a limit that are leased at once


@dataclass(slots=True)
class Share:
    """One shared limit: ``rate`` calls a second in all, by whoever asks the same ledger for slices of it."""

    name: str
    rate: float
    desk: Desk
    clock: Clock
    _lock: anyio.Lock = field(default_factory=anyio.Lock)
    _begins: float = 0.0  # ticks at which the slice begins
    _used: int = 0
    _size: int = 0

    async def turn(self) -> None:
        """Wait for a turn; turns of a slice that passed unused are gone, so that nobody's sum exceeds the rate."""
        async with self._lock:
            interval = 1 / (self.rate * SHARE)
            now = self.clock.ticks()
            self._used = max(self._used, math.ceil((now - self._begins) / interval))
            if self._used >= self._size:
                await self._lease(interval)
            turn = self._begins + self._used * interval
            self._used += 1
        if (wait := turn - self.clock.ticks()) > 0:
            await self.clock.sleep(wait)

    async def _lease(self, interval: float) -> None:
        size, asked, name = max(1, math.floor(SLICE / interval)), self.clock.now(), self.name
        wait = await self.desk.do(lambda ledger: ledger.lease_calls(name, size * interval, now=asked))
        self._begins, self._used, self._size = self.clock.ticks() + wait, 0, size


@dataclass(frozen=True, slots=True)
class Shares:
    """A caller whose calls keep to limits that it shares with others."""

    caller: Caller
    shares: tuple[Share, ...]

    @classmethod
    def of(cls, caller: Caller, rates: Mapping[str, float], desk: Desk, clock: Clock) -> Caller:
        """``rates``: calls a second by the name of each limit; without any, the caller itself."""
        if not rates:
            return caller
        return cls(caller, tuple(Share(name, rate, desk, clock) for name, rate in sorted(rates.items())))

    async def call(self, action: str, parameters: Parameters) -> Answer:
        for share in self.shares:
            await share.turn()
        return await self.caller.call(action, parameters)
