"""For people at a terminal: what a sync would change, from what to what, whom it spares and why."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

NAMED = 3  # of those that are spared for one reason


def drafted(draft: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Each operation of a plan, and what happens next; ``draft`` is the JSON of the command."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", "name", "what", "from", "to"):
        table.add_column(title, overflow="fold")
    for operation in draft["operations"]:
        for row in _lines(operation):
            table.add_row(*map(Text, row))
    if table.row_count:
        yield table
    counts = Counter(operation["operation"] for operation in draft["operations"])
    kept = draft["changes"]["unchanged"]
    told = [f"{counts[word]} to {word}" for word in ("delete", "update", "adopt", "add") if counts[word]]
    yield Text(", ".join([*told, f"{kept} unchanged"]) if told or kept else "nothing to do")
    yield from spared(draft)
    if draft["saved"]:
        yield Text(f"saved: importer apply {draft['saved']}")
    elif counts and draft["command"] == "undo":
        yield Text("nothing was done: --yes does it")


def spared(told: Mapping[str, Any]) -> Iterator[Text]:
    """Whom a sync leaves alone and why, and what is held back as a whole."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in (told.get("changes") or {}).get("protected", ()):
        reasons.setdefault((one["operation"], one["reason"]), []).append(one["name"])
    for (operation, reason), names in reasons.items():
        some = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        yield Text(f"no {operation} of {some}: {reason}", "dim")
    if held := told.get("held"):
        yield Text(f"deletes held back ({held['deletes']}): {held['reason']}", "yellow")
        yield Text(f"  {held['hint']}", "yellow")


def _lines(operation: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    """An operation, a line for each field that it changes."""
    word, name = operation["operation"], operation["name"]
    if word != "update":
        mail = operation["email_address"]
        old, new = (mail, "") if word == "delete" else ("", mail)
        yield word, name, "email_address", old, new
        return
    for field, (old, new) in operation["changes"].items():
        yield word, name, field, old or "", new or ""
        word, name = "", ""
