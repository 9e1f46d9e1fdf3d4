"""Metrics of a run's end in Prometheus' text format, for the node exporter's textfile collector."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile


@dataclass(frozen=True, slots=True)
class Sends:
    """Verification mails of the day: used so far, and left."""

    used: int
    left: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended in one directory (a profile; empty: in none). ``told``: its JSON, where it has any."""

    directory: str
    command: str
    at: float
    seconds: float
    exit_code: int
    told: Mapping[str, Any] | None = None
    sends: Sends | None = None


class _Page:
    """Gauges of one file, each made when it is first set."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}

    def set(self, name: str, text: str, value: float, ended: Ended, **labels: str) -> None:
        if name not in self._gauges:
            names = ("directory", "command", *labels)
            self._gauges[name] = Gauge(f"importer_{name}", text, names, registry=self.registry)
        self._gauges[name].labels(directory=ended.directory, command=ended.command, **labels).set(value)


def page(ends: list[Ended]) -> CollectorRegistry:
    """The metrics of a command in each of its directories."""
    made = _Page()
    for ended in ends:
        made.set("last_run_timestamp_seconds", "When the command last ended.", ended.at, ended)
        made.set("last_run_duration_seconds", "How long it took.", ended.seconds, ended)
        made.set("last_run_exit_code", "How it ended, as the README lists.", ended.exit_code, ended)
        if ended.sends is not None:
            made.set("sends_used_today", "Verification mails of the day so far.", ended.sends.used, ended)
            made.set("sends_left_today", "Verification mails that the day still allows.", ended.sends.left, ended)
        if ended.told is not None:
            _totals(made, ended, ended.told)
    return made.registry


def _totals(made: _Page, ended: Ended, told: Mapping[str, Any]) -> None:
    for place, count in told.get("rows", {}).items():
        made.set("rows", "Rows of the file, by place; read is all of them.", count, ended, place=place)
    for state, count in told.get("contacts", {}).items():
        made.set("contacts", "Contacts by state.", count, ended, state=state)
    for kind, statuses in told.get("operations", {}).items():
        for status, count in statuses.items():
            made.set("operations", "Operations by kind and status.", count, ended, operation=kind, status=status)
    for action, codes in told.get("calls", {}).items():
        for code, count in codes.items():
            made.set(
                "last_run_calls", "Calls of the last run by action and code.", count, ended, action=action, code=code
            )
    waiting = [wait["count"] for wait in told.get("deferrals", ())]
    made.set("deferred_operations", "Operations that wait for a limit.", sum(waiting), ended)
    if told.get("next_action_at"):
        at = datetime.fromisoformat(told["next_action_at"]).timestamp()
        made.set("next_action_timestamp_seconds", "When the same command has more to do.", at, ended)


def write(path: Path, ends: list[Ended]) -> None:
    """Write the file whole or not at all, readable for the exporter. Raises `OSError`."""
    write_to_textfile(str(path), page(ends))
