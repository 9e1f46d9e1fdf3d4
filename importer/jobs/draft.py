"""What a sync would do, as values: for people, for JSON, and for a plan that is saved and applied later."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from importer.model.clock import iso
from importer.stage.guard import Held
from importer.stage.sync import Sync
from importer.stage.terms import Edit, Leaver, Spared


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan that was not carried out: its operations in their order, whom it spares and why, what is held back."""

    command: str
    file: str
    directory: str
    operations: list[dict[str, Any]]
    told: dict[str, Any]  # as of `told`
    rows: dict[str, int] = field(default_factory=dict)
    saved: str | None = None  # the file that it was saved in

    @property
    def exit_code(self) -> int:
        return 6 if self.told["held"] else 1 if self.rows.get("rejected") else 0

    def as_json(self) -> dict[str, Any]:
        changes = dict(self.told)
        return {
            "schema": 1,
            "command": self.command,
            "file": self.file,
            "directory": self.directory,
            "rows": self.rows,
            "operations": self.operations,
            "held": changes.pop("held"),
            "changes": changes,
            "saved": self.saved,
            "exit_code": self.exit_code,
        }


def operations(plan: Sync) -> list[dict[str, Any]]:
    """One object an operation, in the order in which they are done."""
    return [
        *map(deletion, plan.deletes),
        *map(_update, plan.updates),
        *({"operation": "adopt", **row} for row in plan.adopts),
        *({"operation": "add", **row} for row in plan.adds),
    ]


def deletion(one: Leaver) -> dict[str, Any]:
    return {
        "operation": "delete",
        "name": one.name,
        "email_address": one.email_address,
        "contact_id": one.contact_id,
        "missing_since": iso(one.since),
    }


def _update(edit: Edit) -> dict[str, Any]:
    return {
        "operation": "update",
        "name": edit.name,
        "contact_id": edit.contact_id,
        "line": edit.line,
        "changes": {name: list(pair) for name, pair in edit.wanted.items()},
    }


def told(plan: Sync) -> dict[str, Any]:
    """How many of each, and who is spared, as a summary shows it."""
    return {
        "add": len(plan.adds),
        "adopt": len(plan.adopts),
        "update": len(plan.updates),
        "rename": sum("name" in edit.wanted for edit in plan.updates),
        "delete": len(plan.deletes),
        "unchanged": plan.unchanged,
        "protected": protected(plan.spared),
        "held": held(plan.held),
    }


def held(guard: Held | None) -> dict[str, Any] | None:
    return None if guard is None else asdict(guard)


def protected(spared: Sequence[Spared]) -> list[dict[str, str]]:
    return [{"operation": one.operation.value, "name": one.name, "reason": one.reason} for one in spared]
