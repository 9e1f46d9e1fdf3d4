"""A gate: so many calls inside at once, in the order of coming; where there is room, going in costs next to nothing."""

from asyncio import Future, get_running_loop
from collections import deque


class Gate:
    """Lets at most ``limit`` in at once; the limit may change while some are inside, who then stay."""

    def __init__(self, limit: int) -> None:
        self.inside = 0
        self._limit = limit
        self._waiting: deque[Future[None]] = deque()

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = limit
        self._admit()

    async def enter(self) -> None:
        """Wait for room; whoever is cancelled meanwhile is not inside."""
        if self.inside < self._limit and not self._waiting:
            self.inside += 1
            return
        turn: Future[None] = get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if not turn.cancelled():
                self.leave()  # let in and cancelled in the same moment
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        self.inside -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.inside < self._limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.inside += 1
                turn.set_result(None)
