"""Controls under ``/_emulator/``: the state, the log, and the levers that a test pulls; for loopback alone."""

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from importer.emulator import faults as faulty
from importer.emulator import view
from importer.emulator.clock import Clock, moment
from importer.emulator.directory import Directory
from importer.emulator.errors import EmulatorError
from importer.emulator.faults import Faults
from importer.emulator.gateway import Gateway, Key, Request, parse
from importer.emulator.journal import Journal
from importer.emulator.limits import Limits
from importer.emulator.service import Service

PREFIX = "/_emulator/"
Question = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an emulator that its controls and its page reach; ``link`` begins the links of mails."""

    directories: dict[str, Directory]
    journal: Journal
    service: Service
    gateway: Gateway
    clock: Clock
    faults: Faults
    link: Callable[[], str]
    reset: Callable[[], Awaitable[None]]


class Control:
    """Answers ``METHOD /_emulator/NAME`` with JSON; what it does not understand is an `EmulatorError`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._levers: dict[str, Callable[[Question], Any]] = {
            "GET state": self._state,
            "GET outbox": self._outbox,
            "GET log": self._log,
            "GET calls": self._calls,
            "GET metrics": self._metrics,
            "GET clock": self._time,
            "POST clock": self._wind,
            "GET limits": self._limits,
            "POST limits": self._relimit,
            "GET faults": lambda _: parts.faults.report(),
            "PUT faults": self._refault,
            "POST faults": self._fault,
            "DELETE faults": self._mend,
            "POST keys": self._key,
        }

    async def answer(self, request: Request) -> Any:
        """Raises `EmulatorError`, `KeyError` for a directory that is not there."""
        path, _, query = request.target.partition("?")
        name = f"{request.method} {path.removeprefix(PREFIX).strip('/')}"
        if name == "POST reset":
            await self._parts.reset()
            return {}
        if name not in self._levers:
            known = ", ".join(sorted([*self._levers, "POST reset"]))
            raise EmulatorError(f"There is no control {name!r}; there are: {known}.")
        return self._levers[name]({**_document(request.body), **dict(parse(query))})

    # -- looking

    def _state(self, question: Question) -> Any:
        return view.snapshot(self._directory(question), self._parts.link())

    def _outbox(self, question: Question) -> Any:
        return view.outbox(self._directory(question), self._parts.link(), _whole(question, "last"))

    def _log(self, question: Question) -> Any:
        after, last = _whole(question, "after") or 0, _whole(question, "last")
        entries = [entry for entry in self._parts.journal.log if entry["seq"] > after]
        return _newest(entries, last)

    def _calls(self, question: Question) -> Any:
        """The last calls in the order in which they were answered, each with its key, and when it came and ended."""
        calls: list[Question] = list(self._parts.service.last)
        if "directory" in question:
            name = self._directory(question).name
            calls = [call for call in calls if call["directory"] == name]
        return _newest(calls, _whole(question, "last"))

    def _metrics(self, _question: Question) -> Any:
        calls: dict[str, dict[str, int]] = defaultdict(dict)
        for (action, code), count in self._parts.service.calls.items():
            calls[action][code] = count
        directories = {
            name: {"contacts": len(found.contacts), "mails": len(found.mails)}
            for name, found in self._parts.directories.items()
        }
        return {"calls": calls, "effects": self._parts.journal.noted, "directories": directories}

    def _directory(self, question: Question) -> Directory:
        name = str(question.get("directory", "default"))
        if name not in self._parts.directories:
            known = ", ".join(self._parts.directories)
            raise EmulatorError(f"There is no directory {name!r}; there are: {known}.")
        return self._parts.directories[name]

    # -- the clock

    def _time(self, question: Question) -> Any:
        clock, directory = self._parts.clock, self._directory(question)
        return {"now": clock(), "date": directory.date(clock()), "frozen": clock.frozen}

    def _wind(self, question: Question) -> Any:
        """``{"set": time, "advance": seconds, "freeze": true|false}``, any of them, in this order; or ``reset``."""
        clock = self._parts.clock
        _only(question, ("set", "advance", "freeze", "reset", "directory"))
        if question.get("reset"):
            clock.reset()
        if "set" in question:
            clock.set(moment(question["set"], ZoneInfo(self._directory(question).limits.day_zone)))
        if "advance" in question:
            clock.advance(_seconds(question["advance"]))
        if "freeze" in question:
            (clock.freeze if question["freeze"] else clock.run)()
        for directory in self._parts.directories.values():
            directory.settle()
        return self._time(question)

    # -- limits, faults, keys

    def _limits(self, question: Question) -> Any:
        limits = self._directory(question).limits
        return {field.name: getattr(limits, field.name) for field in fields(limits)}

    def _relimit(self, question: Question) -> Any:
        directory = self._directory(question)
        changes = {name: value for name, value in question.items() if name != "directory"}
        directory.adjust(limits(changes, directory.limits))
        return self._limits(question)

    def _refault(self, question: Question) -> Any:
        self._parts.faults.replace(*faulty.parse(question))
        return self._parts.faults.report()

    def _fault(self, question: Question) -> Any:
        self._parts.faults.add(faulty.parse(question)[0])
        return self._parts.faults.report()

    def _mend(self, _question: Question) -> Any:
        self._parts.faults.replace(())
        return self._parts.faults.report()

    def _key(self, question: Question) -> Any:
        key = _new_key(question)
        if key.directory:
            self._directory({"directory": key.directory})
        self._parts.gateway.keys[key.id] = key
        return {"id": key.id, "directory": key.directory}


def limits(changes: Question, before: Limits) -> Limits:
    """Limits with some of them changed. Raises `EmulatorError`."""
    _only(changes, [field.name for field in fields(Limits)])
    for name, value in changes.items():
        old = getattr(before, name)
        kinds = (int, float) if isinstance(old, int | float) and not isinstance(old, bool) else (type(old), list)
        if value is not None and (not isinstance(value, kinds) or isinstance(value, bool) != isinstance(old, bool)):
            raise EmulatorError(f"The value {value!r} of {name!r} is of the wrong type.")
    return replace(before, **changes)


def _newest(entries: list[Question], last: int | None) -> list[Question]:
    return entries if last is None else entries[-last:] if last else []


def _document(body: bytes) -> Question:
    try:
        found = json.loads(body) if body.strip() else {}
    except ValueError:
        raise EmulatorError("The body is not JSON.") from None
    if not isinstance(found, dict):
        raise EmulatorError("The body is not a JSON object.")
    return found


def _only(question: Question, names: "tuple[str, ...] | list[str]") -> None:
    for name in question:
        if name not in names:
            raise EmulatorError(f"There is no {name!r} here; known are: {', '.join(names)}.")


def _whole(question: Question, name: str) -> int | None:
    value = question.get(name)
    if value is None:
        return None
    text = unquote(str(value))
    if not text.isascii() or not text.isdigit():
        raise EmulatorError(f"{name} must be a whole number, not {text!r}.")
    return int(text)


def _seconds(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise EmulatorError(f"'advance' is a number of seconds, not {value!r}.") from None


def _new_key(question: Question) -> Key:
    _only(question, [field.name for field in fields(Key)])
    for name in ("id", "secret"):
        if not question.get(name):
            raise EmulatorError("A key needs an 'id' and a 'secret'.")
    values = dict(question)
    actions = values.pop("actions", ["*"])
    texts = [values.get(name, "") for name in ("id", "secret", "directory")]
    texts += [values.get("security_token") or "", *(actions if isinstance(actions, list) else [None])]
    active, expires = values.get("active", True), values.get("expires_at") or 0
    if not all(isinstance(text, str) for text in texts) or not isinstance(active, bool):
        raise EmulatorError("A key's id, secret, directory and security_token are texts, its actions a list of them.")
    if not isinstance(expires, int | float):
        raise EmulatorError("A key's expires_at is a number of seconds since 1970.")
    return Key(actions=tuple(actions), **values)
