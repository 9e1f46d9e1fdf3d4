"""What a benchmark gives: figures of each contender round by round, and the ratios and goals that follow from them."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Figures = Mapping[str, float]  # metric, with its unit → what one round took
Samples = dict[str, dict[str, list[float]]]  # contender → metric → a figure a round


@dataclass(frozen=True, slots=True)
class Size:
    """How much to measure: the figures that count, or ``quick`` ones that show that it runs and has not slowed."""

    quick: bool = False
    rounds: int | None = None
    count: int | None = None  # of what the benchmark counts, in place of its own size

    def of(self, full: Any, quick: Any) -> Any:
        """``full`` or ``quick``, whichever this is."""
        return quick if self.quick else full

    def counted(self, full: int, quick: int) -> int:
        return self.count or (quick if self.quick else full)

    def turns(self, full: int = 5, quick: int = 3) -> int:
        """How many rounds."""
        return self.rounds or (quick if self.quick else full)


@dataclass(frozen=True, slots=True)
class Goal:
    """What was to be reached, by the median of ``samples``; ``watched``: a ratio that quick runs hold against the kept.

    A ratio compares two contenders within each round, so that a slow moment of the machine slows both.
    """

    name: str
    samples: Sequence[float]
    at_least: float | None = None
    at_most: float | None = None
    watched: bool = True

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def met(self) -> bool:
        above = self.at_least is None or self.median >= self.at_least
        return above and (self.at_most is None or self.median <= self.at_most)

    def fallen(self, kept: float) -> bool:
        """Whether it is a third worse than it was."""
        if self.at_most is not None and self.at_least is None:
            return self.median > kept * 3 / 2
        return self.median < kept * 2 / 3


@dataclass(frozen=True, slots=True)
class Table:
    """A benchmark's result; ``notes`` say what a reader must know to read it."""

    title: str
    samples: Samples
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = field(default=())

    def text(self) -> str:
        metrics = list(dict.fromkeys(metric for figures in self.samples.values() for metric in figures))
        wide = max(map(len, (*self.samples, *(goal.name for goal in self.goals))))
        lines = [self.title, f"  {'':{wide}}" + "".join(f"{metric:>20}" for metric in metrics)]
        lines += [
            f"  {who:{wide}}" + "".join(f"{_told(figures.get(metric, ())):>20}" for metric in metrics)
            for who, figures in self.samples.items()
        ]
        lines += [f"  {goal.name:{wide}}{_told(goal.samples):>20}  {_judged(goal)}".rstrip() for goal in self.goals]
        return "\n".join([*(line.rstrip() for line in lines), *(f"  {note}" for note in self.notes)])

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "goals": [{**asdict(goal), "median": goal.median} for goal in self.goals]}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Table":
        """From `as_json`."""
        goals = [Goal(**{key: value for key, value in goal.items() if key != "median"}) for goal in told["goals"]]
        return cls(told["title"], told["samples"], goals, told["notes"])


def turns(rounds: int, contenders: Mapping[str, Callable[[], Figures]]) -> Samples:
    """Each contender once a round, the first one another each time: what else the machine does hits all alike."""
    samples: Samples = {who: {} for who in contenders}
    names = list(contenders)
    for turn in range(rounds):
        for place in range(len(names)):
            who = names[(turn + place) % len(names)]
            for metric, figure in contenders[who]().items():
                samples[who].setdefault(metric, []).append(figure)
    return samples


def ratios(samples: Samples, metric: str, of: str, to: str) -> list[float]:
    """``of`` divided by ``to``, round by round."""
    return [a / b for a, b in zip(samples[of][metric], samples[to][metric], strict=True)]


def _told(samples: Sequence[float]) -> str:
    if not samples:
        return ""
    middle = statistics.median(samples)
    if len(samples) == 1 or not middle:
        return _figure(middle)
    return f"{_figure(middle)} ±{(max(samples) - min(samples)) / 2 / abs(middle):4.0%}"


def _figure(value: float) -> str:
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.3f}"


def _judged(goal: Goal) -> str:
    bounds = [
        f"{word} {_bound(value)}"
        for word, value in (("at least", goal.at_least), ("at most", goal.at_most))
        if value is not None
    ]
    return f"goal: {' and '.join(bounds)}, {'met' if goal.met else 'MISSED'}" if bounds else ""


def _bound(value: float) -> str:
    return f"{value:,.10g}"
