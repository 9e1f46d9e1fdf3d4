"""For people at a terminal: how a fleet stands."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

SHOWN = 20  # directories
STOPPED = "stopped"
ORDER = ("ready", "waiting", "working")


def standing(fleet: Mapping[str, Any]) -> Iterator[RenderableType]:
    """``fleet``: the JSON of the command. Of many directories those are shown that need somebody first."""
    alive = [worker for worker in fleet["workers"] if worker["alive"]]
    yield Text(f"{len(alive)} workers, {fleet['queue']} in the queue; directories: {_counts(fleet['states'])}")
    if fleet["reasons"]:
        yield Text(f"why they wait: {_counts(fleet['reasons'])}")
    busy = sorted((one for one in fleet["directories"] if one["state"] != "done"), key=need)
    if not busy:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("directory", "state", "left", "held by", "next"):
        table.add_column(title, overflow="fold", justify="right" if title == "left" else "left")
    for one in busy[:SHOWN]:
        table.add_row(one["directory"], one["state"], str(one["left"]), one["held_by"] or "", Text(_next(one)))
    yield table
    if len(busy) > SHOWN:
        yield Text(f"and {len(busy) - SHOWN} more: importer fleet status --json has all")


def need(one: Mapping[str, Any]) -> tuple[int, int]:
    """How soon somebody should look at a directory: one that stopped, one that only a setting can free, the others."""
    if STOPPED in one["reasons"]:
        return 0, 0
    if one["reasons"] and one["next_action_at"] is None:
        return 1, 0
    return 2, ORDER.index(one["state"])


def _next(one: Mapping[str, Any]) -> str:
    why = one["stopped"]["code"] if one["stopped"] else ", ".join(one["reasons"])
    return f"{why} until {one['next_action_at']}" if one["next_action_at"] else why


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "none"
