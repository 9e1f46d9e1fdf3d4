"""Faults: how, when and how often the emulator misbehaves; seeded, so that a run can be repeated, and counted."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import Any

from importer.emulator.errors import EmulatorError

# What each kind does, and whether the operation is done before that unless the fault says otherwise.
KINDS: dict[str, bool] = {
    "delay": True,  # wait, then answer as usual
    "close": False,  # close the connection without an answer
    "hang": False,  # never answer
    "500": False,  # InternalError
    "503": False,  # ServiceUnavailable
    "error": False,  # any code: code, status, message, headers
    "conflict": True,  # 429 although done
    "html": False,  # 502 with a page of HTML
    "redirect": False,  # to another host
    "truncated": True,  # half of the body, then close
    "garbage": True,  # 200 with bytes that are no JSON
    "empty": True,  # 200 with no body
    "bare": True,  # 200 with nothing but a RequestId
    "types": True,  # 200 with values of the wrong types
    "slow": True,  # one byte a second
    "huge": True,  # 200 with a body of `size` bytes
    "wrong-name": False,  # a TLS handshake with a certificate for another host
}
_ENDLESS = 10**15
_SHAPES = ("fixed", "uniform", "exponential", "lognormal")
_NAMELESS = "tls"  # the action of a handshake: there is none yet


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave, for the operations that match ``action`` (a pattern).

    It fires on the matching calls named in ``calls`` (counted from 1; none: on all), each with ``probability``, at
    most ``times`` in all (0: without end). ``seconds`` is the wait of delay, hang and slow; ``shape`` draws a delay
    from a distribution of that mean. ``done``: whether the operation is done before.
    """

    kind: str
    action: str = "*"
    probability: float = 1.0
    calls: tuple[int, ...] = ()
    times: int = 0
    done: bool | None = None
    seconds: float = 0.0
    shape: str = "fixed"
    code: str = "InternalError"
    status: int = 0
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    location: str = "http://elsewhere.invalid/"
    size: int = 1_000_000_000

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise EmulatorError(f"A fault's kind is {self.kind!r}; {_known(self.kind, KINDS)}")
        if self.shape not in _SHAPES:
            raise EmulatorError(f"A fault's shape is {self.shape!r}; {_known(self.shape, _SHAPES)}")
        if not 0 <= self.probability <= 1:
            raise EmulatorError(f"A fault's probability is {self.probability}; it must be from 0 to 1.")
        if not all(0 <= value < _ENDLESS for value in (self.seconds, self.times, self.size)):
            raise EmulatorError("A fault's seconds, times and size must be 0 or more, and finite.")
        if self.status and not 200 <= self.status <= 599:
            raise EmulatorError(f"A fault's status is {self.status}; it must be from 200 to 599.")
        object.__setattr__(self, "calls", tuple(self.calls))

    @property
    def does(self) -> bool:
        """Whether the operation is done before the misbehaviour."""
        return KINDS[self.kind] if self.done is None else self.done


@dataclass(slots=True)
class Tally:
    """A fault with the calls that matched it and those on which it fired."""

    fault: Fault
    seen: int = 0
    fired: int = 0

    def fires(self, random: Random) -> bool:
        self.seen += 1
        fault = self.fault
        if (fault.times and self.fired >= fault.times) or (fault.calls and self.seen not in fault.calls):
            return False
        if fault.probability < 1 and random.random() >= fault.probability:
            return False
        self.fired += 1
        return True


class Faults:
    """The faults in force. A call meets every delay that fires, and the first other fault that does."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0) -> None:
        self.tallies: list[Tally] = []
        self.replace(faults, seed)

    def replace(self, faults: Iterable[Fault], seed: int = 0) -> None:
        """Put others in their place, counted from nothing."""
        self.tallies = [Tally(fault) for fault in faults]
        self.seed = seed
        self._random = Random(seed)  # noqa: S311 - repeatable on purpose

    def add(self, faults: Iterable[Fault]) -> None:
        self.tallies += [Tally(fault) for fault in faults]

    def pick(self, action: str) -> tuple[float, Fault | None]:
        """Seconds to wait, and the fault that this call meets."""
        delay, found = 0.0, None
        for tally in self.tallies:
            fault = tally.fault
            if fault.kind == "wrong-name" or not fnmatchcase(action, fault.action):
                continue
            if fault.kind == "delay":
                delay += self._draw(fault) if tally.fires(self._random) else 0.0
            elif found is None and tally.fires(self._random):
                found = fault
        return delay, found

    def spoils_handshake(self) -> bool:
        """Whether the next TLS handshake shows a certificate for another host."""
        return any(tally.fault.kind == "wrong-name" and tally.fires(self._random) for tally in self.tallies)

    def report(self) -> dict[str, Any]:
        rows = [{**asdict(t.fault), "seen": t.seen, "fired": t.fired} for t in self.tallies]
        return {"seed": self.seed, "fault": rows}

    def _draw(self, fault: Fault) -> float:
        if fault.shape == "uniform":
            return self._random.uniform(0, 2 * fault.seconds)
        if fault.shape == "exponential":
            return self._random.expovariate(1 / fault.seconds) if fault.seconds else 0.0
        if fault.shape == "lognormal":  # sigma 1: a long tail; the mean of exp(N(0, 1)) is exp(1/2)
            return fault.seconds * self._random.lognormvariate(-0.5, 1.0)
        return fault.seconds


def parse(document: Mapping[str, Any]) -> tuple[list[Fault], int]:
    """Faults and seed from ``{"seed": 1, "fault": [{"kind": …}, …]}``. Raises `EmulatorError`."""
    for name in document:
        if name not in ("seed", "fault"):
            raise EmulatorError(f"Faults have no {name!r}; {_known(str(name), ('seed', 'fault'))}")
    seed, rows = document.get("seed", 0), document.get("fault", [])
    if not isinstance(seed, int) or not isinstance(rows, list):
        raise EmulatorError("Faults are a whole number 'seed' and a list 'fault' of tables.")
    return [_fault(number, row) for number, row in enumerate(rows, 1)], seed


def read(path: Path) -> Faults:
    """The faults of a TOML file. Raises `EmulatorError`."""
    try:
        return Faults(*parse(tomllib.loads(path.read_text("utf-8"))))
    except OSError as error:
        raise EmulatorError(f"The faults file {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EmulatorError(f"The faults file {path} is not TOML: {error}.") from None


def _fault(number: int, row: object) -> Fault:
    if not isinstance(row, Mapping):
        raise EmulatorError(f"Fault {number} is not a table.")
    known = {field.name: field for field in fields(Fault)}
    for name, value in row.items():
        if name not in known:
            raise EmulatorError(f"Fault {number} has no {name!r}; {_known(str(name), known)}")
        if not _fits(known[name].type, value):
            raise EmulatorError(f"Fault {number}: the value {value!r} of {name!r} is of the wrong type.")
    if "kind" not in row:
        raise EmulatorError(f"Fault {number} names no kind; it may be one of: {', '.join(KINDS)}.")
    return Fault(**row)


def _fits(kind: object, value: object) -> bool:
    """Whether a value read from TOML or JSON is of a field's type."""
    if isinstance(value, bool):
        return kind in (bool, bool | None)
    if isinstance(value, int):
        return kind in (int, float)
    if isinstance(value, list):
        return kind == tuple[int, ...] and all(type(item) is int for item in value)
    if isinstance(value, Mapping):
        return kind == Mapping[str, str] and all(isinstance(text, str) for text in value.values())
    return kind is type(value)


def _known(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), 1)
    return f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(names)}."
