"""Notices: what is worth a message to people, when a directory stands otherwise than after its last run; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Exit code → how a directory stands. Of others (another run at work, interrupted) nobody is told.
STATES = {0: "done", 1: "done", 3: "deferred", 4: "stopped", 2: "stopped", 5: "doubt", 6: "held"}
SAYS = {
    "done": "done: all that the file asks for",
    "deferred": "work waits for a limit",
    "stopped": "stopped before its work was done",
    "doubt": "some outcomes could not be learned",
    "held": "deletes were held back: look before they are made",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """A message; it holds counts and times, and nothing of a person."""

    state: str
    title: str
    body: str


def notice(told: Mapping[str, Any], before: int | None, *, on: Sequence[str], directory: str) -> Notice | None:
    """What to say of a run; ``None`` when it ended as the one before (``before``: its exit code) or is not wanted.

    ``told``: the JSON of the command for one directory; at least its exit code.
    """
    code = told["exit_code"]
    state = STATES.get(code)
    if state is None or code == before or state not in on:
        return None
    says = "done, but for rows rejected or failed" if code == 1 else SAYS[state]
    lines = [f"{told.get('command', 'importer')} of directory {directory}: {says}.", *_facts(told)]
    return Notice(state, f"importer: {directory}: {state}", "\n".join(lines))


def _facts(told: Mapping[str, Any]) -> list[str]:
    found = []
    for name in ("rows", "contacts"):
        counts = [f"{word.replace('_', ' ')} {count}" for word, count in told.get(name, {}).items() if count]
        if counts:
            found.append(f"{name}: {', '.join(counts)}")
    found += [f"waiting for {wait['reason']}: {wait['count']}" for wait in told.get("deferrals", ())]
    if stopped := told.get("stopped"):
        found.append(f"why: {stopped['code']}")
    if held := told.get("held"):
        found.append(f"deletes held back: {held['deletes']}")
    if told.get("next_action_at"):
        found.append(f"next: {told['next_action_at']}")
    return found
