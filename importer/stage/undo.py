"""Taking back what a run added, except what was changed since; pure."""

from collections.abc import Mapping, Sequence

import polars as pl

from importer.directory import Listed
from importer.model.operation import Kind
from importer.stage.match import VALUES, there
from importer.stage.terms import BEING_DELETED, Leaver, Spared


def undo(added: Mapping[int, bool], known: pl.DataFrame, listed: Sequence[Listed]) -> tuple[list[Leaver], list[Spared]]:
    """Whom to delete, and who stays and why. ``added``: the run's contacts, by number: whether updated since."""
    ours = known.filter(pl.col("contact").is_in(list(added)))
    seen = ours.join(there(listed), on="contact_id", how="left", maintain_order="left")
    deletes, spared = [], []
    for row in seen.iter_rows(named=True):
        why = _kept(row, updated=added[row["contact"]])
        if why is None:
            told = (row["key"], row["name_there"], row["email_address_there"], row["contact_id"])
            deletes.append(Leaver(*told, status=row["status"], since=row["missing_since"]))
        else:
            spared.append(Spared(Kind.DELETE, row["name_there"] or row["name"], why))
    return deletes, spared


def _kept(row: Mapping[str, object], *, updated: bool) -> str | None:
    if row["status"] is None:
        return "it is not in the directory any more"
    if row["status"] == "Deleting":
        return BEING_DELETED
    if updated:
        return "a later run updated it"
    other = [name for name in VALUES if row[name] != row[f"{name}_there"]]
    return f"it was changed since: {', '.join(other)}" if other else None
