"""How many calls at once: additive increase, multiplicative decrease, probing ever more seldom; pure."""

from dataclasses import dataclass

MOST = 32  # writes at once: more than any directory is known to serve
PATIENCE = 64  # calls without a conflict before one more at a time is tried
PATIENCE_MOST = 8192
STRANGERS = 3  # conflicts in a row with one call under way: somebody else is writing


@dataclass(slots=True)
class Window:
    """The calls that may be under way at once.

    It doubles until the first conflict, halves there, and from then on tries one more after `PATIENCE` calls without a
    conflict; each try that fails doubles the patience. A conflict counts once for all calls that were under way.
    """

    limit: int = 1
    most: int = MOST
    growing: bool = True
    probing: bool = False  # the last step was one more, and no conflict has come since
    patience: int = PATIENCE
    streak: int = 0
    epoch: int = 0  # grows with each decrease: a call belongs to the epoch in which it began
    alone: int = 0  # conflicts in a row while one call was under way

    @classmethod
    def remembered(cls, limit: int | None) -> "Window":
        """The window that an earlier run ended with, to be probed but not to be found again from one."""
        return cls() if limit is None else cls(limit=max(1, min(limit, MOST)), growing=False)

    @property
    def strangers(self) -> bool:
        """Whether somebody else writes to the directory."""
        return self.alone >= STRANGERS

    def done(self) -> None:
        """A call that met no conflict."""
        self.alone = 0
        self.streak += 1
        if self.streak < (self.limit if self.growing else self.patience) or self.limit >= self.most:
            return
        self.limit = min(self.most, self.limit * 2 if self.growing else self.limit + 1)
        self.probing, self.streak = not self.growing, 0

    def conflict(self, epoch: int, under_way: int) -> None:
        """A call begun in ``epoch`` was refused while ``under_way`` calls of ours, itself included, were under way."""
        if under_way <= 1:
            self.alone += 1
            return
        if epoch != self.epoch or self.limit == 1:
            return
        if self.probing:
            self.limit -= 1
            self.patience = min(self.patience * 2, PATIENCE_MOST)
        else:
            self.limit //= 2
            self.patience = PATIENCE
        self.growing, self.probing, self.streak = False, False, 0
        self.epoch += 1
