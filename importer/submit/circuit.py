"""A circuit: after a stretch of failures calls stop, one probe at a time finds out when they may go on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import anyio

from importer.model.operation import Outcome

TRIP = 5  # failures in a row, whoever met them
FIRST, LONGEST = 1.0, 30.0  # seconds before a probe
FAILURES = (Outcome.DOUBT, Outcome.RESEND)
CLOSED = nullcontext()


class Circuit:
    """Shared by all calls of a directory; ``ticks`` gives seconds that only grow, ``nap`` waits or raises."""

    def __init__(self, ticks: Callable[[], float], nap: Callable[[float], Awaitable[None]]) -> None:
        self._ticks = ticks
        self._nap = nap
        self._probe = anyio.Lock()
        self._failures = 0
        self._next = 0.0
        self.trips = 0

    @property
    def open(self) -> bool:
        """Whether calls are held back."""
        return self._failures >= TRIP

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Around a call: at once while the circuit is closed; one at a time, and not before its time, while open."""
        return self._probing() if self.open else CLOSED

    @asynccontextmanager
    async def _probing(self) -> AsyncIterator[None]:
        async with self._probe:
            wait = self._next - self._ticks() if self._failures >= TRIP else 0.0  # it may be closed by now
            if wait > 0:
                await self._nap(wait)
            yield

    def learn(self, outcome: Outcome) -> None:
        """What a call came to: any clear answer closes the circuit."""
        if outcome not in FAILURES:
            self._failures = 0
            return
        self._failures += 1
        if self.open:
            self.trips += self._failures == TRIP
            self._next = self._ticks() + min(LONGEST, FIRST * 2.0 ** min(self._failures - TRIP, 16))
