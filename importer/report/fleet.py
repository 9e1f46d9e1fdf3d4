"""For people at a terminal: how a fleet stands."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

SHOWN = 20  # directories


def standing(fleet: Mapping[str, Any]) -> Iterator[RenderableType]:
    """``fleet``: the JSON of the command."""
    alive = [worker for worker in fleet["workers"] if worker["alive"]]
    states = ", ".join(f"{count} {state}" for state, count in sorted(fleet["states"].items()))
    yield Text(f"{len(alive)} workers, {fleet['queue']} in the queue; directories: {states or 'none'}")
    busy = [one for one in fleet["directories"] if one["state"] != "done"]
    if not busy:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("directory", "state", "left", "held by", "next"):
        table.add_column(title, overflow="fold", justify="right" if title == "left" else "left")
    for one in busy[:SHOWN]:
        waits = one["next_action_at"] or ", ".join(one["reasons"])
        table.add_row(one["directory"], one["state"], str(one["left"]), one["held_by"] or "", waits)
    yield table
    if len(busy) > SHOWN:
        yield Text(f"and {len(busy) - SHOWN} more: importer fleet status --json has all")
