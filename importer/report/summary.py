"""What a run did, as the values that the command prints: rows and contacts that balance, calls, waits, exit code."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from importer.ledger.values import Deferral
from importer.ledger.views import Totals
from importer.model.clock import iso
from importer.model.operation import Kind, State, Status

SHOWN = (Kind.ADD, Kind.SEND_EMAIL)
COUNTED = (Status.DONE, Status.PENDING, Status.FAILED, Status.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Operations that wait for a limit; ``until`` is ISO 8601, ``None`` when only a setting can end it."""

    count: int
    reason: str
    until: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The totals of one file at the end of one run; `as_json` is the contract of ``--json``."""

    run: str | None  # None: none was begun
    command: str
    file: str
    directory: str
    rows: dict[str, int]
    contacts: dict[str, int]
    adopted: int
    operations: dict[str, dict[str, int]]
    calls: dict[str, dict[str, int]]
    timing: dict[str, float]
    deferrals: tuple[Waiting, ...] = ()
    stopped: dict[str, str] | None = None
    signal: int | None = None
    lease_lost: bool = False
    barred: int | None = None  # the exit code of what kept it from its end
    notes: tuple[str, ...] = field(default=())
    changes: Mapping[str, Any] | None = None  # of a sync: what it planned, whom it spared, what is held back
    verification: Mapping[str, Any] | None = None  # of a sync: contacts by how far they are on their way to verified

    @property
    def deferred(self) -> Waiting | None:
        """Of several waits the one that ends first."""
        timed = sorted((wait for wait in self.deferrals if wait.until), key=lambda wait: wait.until or "")
        return (*timed, *self.deferrals, None)[0]

    @property
    def exit_code(self) -> int:
        """As DESIGN orders them: 4, 75, 6, 130/143, 5, 3, 1, 0."""
        unfinished = any(counts["pending"] for counts in self.operations.values())
        changed = [self.operations[kind] for kind in ("update", "delete") if kind in self.operations]
        wrong = self.rows["rejected"] or self.contacts["failed"] or any(counts["failed"] for counts in changed)
        if self.barred is not None:
            return self.barred
        meant = (
            (75 if self.lease_lost else 4, self.stopped is not None),
            (6, bool(self.changes and self.changes["held"])),
            (128 + (self.signal or 0), self.signal is not None),
            (5, self.contacts["in_doubt"] or any(counts["in_doubt"] for counts in changed)),
            (3, unfinished),
            (1, wrong),
        )
        return next((code for code, holds in meant if holds), 0)

    def as_json(self) -> dict[str, Any]:
        deferred = self.deferred
        told = dict(self.changes or {})
        changes = {"held": told.pop("held"), "changes": told} if told else {}
        return {
            "schema": 1,
            "run": self.run,
            "command": self.command,
            "file": self.file,
            "directory": self.directory,
            "rows": self.rows,
            "contacts": self.contacts,
            "adopted": self.adopted,
            "operations": self.operations,
            "calls": self.calls,
            "timing": self.timing,
            "deferred": asdict(deferred) if deferred else None,
            "deferrals": [asdict(wait) for wait in self.deferrals],
            "next_action_at": deferred.until if deferred else None,
            "stopped": self.stopped,
            "notes": list(self.notes),
            **changes,
            **({"verification": dict(self.verification)} if self.verification is not None else {}),
            "exit_code": self.exit_code,
        }


def balance(totals: Totals) -> tuple[dict[str, int], dict[str, int], dict[str, dict[str, int]]]:
    """Rows, contacts and operations by name, zeros included."""
    rows = {name: getattr(totals, name) for name in ("read", "rejected", "duplicate", "accepted")}
    contacts = {state.value: totals.contacts.get(state, 0) for state in State}
    kinds = [kind for kind in Kind if kind in SHOWN or kind in totals.operations]
    operations = {
        kind.value: {status.value: totals.operations.get(kind, {}).get(status, 0) for status in COUNTED}
        for kind in kinds
    }
    return rows, contacts, operations


def waits(totals: Totals, deferrals: Mapping[Kind, Deferral], zone: str) -> tuple[Waiting, ...]:
    """What of this file waits, by the reason that the ledger holds for its kind."""
    found = []
    for kind, deferral in deferrals.items():
        if count := totals.operations.get(kind, {}).get(Status.PENDING, 0):
            found.append(Waiting(count, deferral.reason, iso(deferral.until, zone)))
    return tuple(found)
