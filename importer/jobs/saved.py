"""Plans in files: made now, looked at by a person, applied later, or refused when what they were made for moved on.

A file of schema 1 is one JSON object: ``schema``, ``kind`` (importer-plan), ``command`` (sync or undo), ``made_at``,
``file`` and its ``digest`` (SHA-256; both null for undo), ``run`` (of undo), ``directory`` (profile, endpoint, and the
digest of its ``listing``), ``options`` (the settings that decide) and ``operations``, in the order in which they are
done: ``operation`` (delete, update, adopt, add), name, and contact_id, line, email_address or changes (field → old,
new). It holds names and addresses, and is written for its owner alone.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from importer.directory import Listed
from importer.jobs import connect
from importer.jobs.files import whole
from importer.jobs.staged import DECIDING
from importer.model.errors import FixCommand
from importer.settings import Settings

KIND, SCHEMA = "importer-plan", 1
TERMS = (
    "delete",
    "delete_foreign",
    "missing_for",
    "max_deletes",
    "max_shrink",
    "renames",
    "from_members",
    "older",
    "emptied",
    "names_case_sensitive",
)
PLACE = ("profile", "endpoint", "listing")
AGAIN = "make the plan again, look at it, and apply that"


@dataclass(frozen=True, slots=True)
class Saved:
    """A plan as it was saved; ``listing``: the digest of the directory as it stood."""

    command: str
    made_at: float
    profile: str
    endpoint: str
    listing: str
    options: dict[str, Any]
    operations: list[dict[str, Any]]
    file: str | None = None
    digest: str | None = None
    run: str | None = None

    def save(self, path: Path) -> None:
        """Raises `FixCommand`."""
        values = asdict(self)
        directory = {name: values.pop(name) for name in PLACE}
        plan = {"schema": SCHEMA, "kind": KIND, **values, "directory": directory}
        text = json.dumps(plan, ensure_ascii=False, indent=1)
        whole(path, lambda part: part.write_text(text + "\n", encoding="utf-8"))


def saved(path: Path) -> Saved:
    """The plan of a file. Raises `FixCommand` when it is none, or one of another version."""
    hint = "name a plan that --out wrote"
    try:
        plan = _read(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise FixCommand(f"{path}: cannot be read: {error.strerror}", hint=hint) from None
    except (ValueError, KeyError, TypeError):
        plan = None
    if plan is None:
        raise FixCommand(f"{path}: is no plan that this version wrote", hint=hint)
    return plan


def _read(found: dict[str, Any]) -> Saved | None:
    directory = {name: found["directory"][name] for name in PLACE}
    values = {field.name: found[field.name] for field in fields(Saved) if field.name not in PLACE}
    plan = Saved(**values, **directory)
    ours = (found["kind"], found["schema"]) == (KIND, SCHEMA) and plan.command in ("sync", "undo")
    return plan if ours and set(plan.options) <= {*DECIDING, *TERMS} else None


def decided(settings: Settings) -> dict[str, Any]:
    """The settings that decide what a plan holds."""
    return {name: settings.model_dump(mode="json")[name] for name in (*DECIDING, *TERMS)}


def seal(listed: Sequence[Listed]) -> str:
    """A digest of the directory as it stands: what changes there, or waits to be verified there, changes it."""
    rows = sorted(json.dumps(asdict(replace(one, pending=tuple(sorted(one.pending))))) for one in listed)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def same_place(plan: Saved, settings: Settings) -> None:
    """Raises `FixCommand` when a plan was made for another directory than that of the settings."""
    here = (settings.profile, connect.place(settings))
    if (plan.profile, plan.endpoint) != here:
        made = f"profile {plan.profile} at {plan.endpoint}"
        raise FixCommand(f"the plan is for {made}, not for profile {here[0]} at {here[1]}", hint=AGAIN)


def same_listing(plan: Saved, listed: Sequence[Listed]) -> None:
    """Raises `FixCommand` when the directory has changed since."""
    if seal(listed) != plan.listing:
        raise FixCommand("the directory has changed since the plan was made", hint=AGAIN, code="PlanStale")
