"""Explaining one row: what was read, found and tried, why it stands where it stands, and what happens next; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from importer.directory.codes import find
from importer.ledger.values import Deferral
from importer.ledger.views import Doing, Story
from importer.model.clock import iso
from importer.model.operation import ACTIONS, Kind, State, Status

OPEN = (Status.PENDING, Status.IN_FLIGHT, Status.IN_DOUBT)
CONTACT = ("name", "email_address", "phone_number", "title", "message_types")


@dataclass(frozen=True, slots=True)
class Next:
    """What happens next: a word for it, a sentence, and since or until when (seconds), where that is known."""

    what: str
    says: str
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """The account of one row; ``cells`` as read, from the ``file``, the ``ledger`` or the ``contact`` itself."""

    story: Story
    cells: Mapping[str, str | None]
    cells_from: str
    next: Next

    def as_json(self, zone: str) -> dict[str, Any]:
        story, row = self.story, self.story.row
        return {
            "file": row.file or None,
            "sheet": row.sheet,
            "row": row.row or None,
            "directory": row.directory,
            "endpoint": story.endpoint,
            "state": row.state,
            "adopted": story.adopted,
            "contact": {name: getattr(row, name) for name in (*CONTACT, "contact_id")},
            "cells": dict(self.cells),
            "cells_from": self.cells_from,
            "repairs": [found for found in story.findings if found.get("severity") == "note"],
            "findings": [found for found in story.findings if found.get("severity") != "note"],
            "staged_at": iso(story.staged_at, zone),
            "operations": [_doing(one, zone) for one in story.operations],
            "next": asdict(self.next) | {"since": iso(self.next.since, zone), "until": iso(self.next.until, zone)},
        }


def _doing(doing: Doing, zone: str) -> dict[str, Any]:
    return {
        "operation": doing.kind.value,
        "status": doing.status.value,
        "reason": doing.reason,
        "not_before": iso(doing.not_before, zone),
        "updated_at": iso(doing.updated_at, zone),
        "code": doing.code,
        "message": doing.message,
        "attempts": [
            {
                "run": run,
                "started_at": iso(attempt.started_at, zone),
                "ended_at": iso(attempt.ended_at, zone),
                "outcome": attempt.outcome.value,
                "code": attempt.code,
                "message": attempt.message or None,
                "http_status": attempt.http_status,
                "request_id": attempt.request_id,
            }
            for run, attempt in doing.attempts
        ],
    }


def what_next(story: Story, deferrals: Iterable[Deferral], *, held: bool) -> Next:
    """``deferrals``: those of the story's directory. ``held``: a run is at work there now."""
    row = story.row
    if row.state == "rejected":
        return Next("correct", _hint(story) or "correct the row and run the file again; nothing is sent for it")
    if row.state == "duplicate":
        return Next("nothing", f"{row.message or 'another row asks for the same contact'}: that one counts")
    going = [doing for doing in story.operations if doing.status in OPEN]
    if going:
        return _going(going[-1], {wait.kind: wait for wait in deferrals}, held=held)
    if row.state == State.FAILED:
        return _failed(story.operations[-1] if story.operations else None)
    since = story.operations[-1].updated_at if story.operations else None
    return Next(*_RESTS.get(row.state, ("run", "the next run does what is left")), since=since)


_RESTS: Mapping[str, tuple[str, str]] = {
    State.SENT: ("person", "the mail is out: the person follows the link in it"),
    State.VERIFIED: ("nothing", "done: the address is verified"),
    State.DELETED: ("nothing", "it was deleted; a run of a file that asks for it adds it again"),
}


def _hint(story: Story) -> str | None:
    """What to do about the first error of a refused row."""
    told = sorted(story.findings, key=lambda finding: finding.get("severity") != "error")
    return next((str(finding["hint"]) for finding in told if finding.get("hint")), None)


def _going(doing: Doing, waits: Mapping[Kind, Deferral], *, held: bool) -> Next:
    named = doing.kind.value.replace("_", " ")
    if doing.status is Status.IN_DOUBT:
        return Next(
            "look", f"the {named} may have been done: the next run looks before doing it again", doing.updated_at
        )
    if doing.status is Status.IN_FLIGHT:
        says = "is under way" if held else "was under way when a run ended: the next run looks whether it was done"
        return Next("look", f"the {named} {says}", doing.updated_at)
    wait = waits.get(doing.kind)
    if doing.not_before is not None:
        return Next("wait", f"the {named} waits", doing.updated_at, doing.not_before)
    if wait is not None and wait.until is not None:
        return Next("wait", f"the {named} waits for {wait.reason}", doing.updated_at, wait.until)
    if wait is not None:
        room = f"until there is room: raise --{wait.reason} or make some, then run again"
        return Next("wait", f"the {named} waits for {wait.reason}, {room}", doing.updated_at)
    return Next("run", f"the {named} is to be done: the next run does it", doing.updated_at)


def _failed(doing: Doing | None) -> Next:
    if doing is None or doing.code is None:
        return Next("correct", "correct the row and run the file again")
    entry = find(doing.code, ACTIONS[doing.kind])
    advice = entry.advice if entry is not None else doing.message or "correct the row and run the file again"
    return Next("correct", f"{doing.code}: {advice}", doing.updated_at)
