"""Who is missing from the file, who of them is due to be deleted, and who is spared and why; pure."""

from collections.abc import Sequence
from typing import Any

from importer.ledger.values import Stranger
from importer.model.clock import iso
from importer.model.contact import LIST_SEPARATOR, Contact
from importer.model.operation import Kind, State
from importer.stage.guard import Held
from importer.stage.match import Matched
from importer.stage.terms import BEING_DELETED, Leaver, Spared, Terms


def leavers(found: Matched, known: set[str], terms: Terms) -> tuple[list[Leaver], list[Stranger], list[Spared]]:
    """Who is missing from the file; with ``foreign``, strangers too, as the ledger is to remember them."""
    columns = ["was", "name_there", "email_address_there", "contact_id", "status", "missing_since", "stranger"]
    missing = [
        Leaver(key, name, mail, number, status, since, foreign=bool(strange))
        for key, name, mail, number, status, since, strange in found.missing.select(columns).iter_rows()
    ]
    missed = [one for one in missing if terms.foreign or not one.foreign]
    strangers, spared, seen = [], [], set(known)
    if not terms.foreign:
        why = "neither added nor adopted by this ledger: --delete-foreign would"
        away = [one.name for one in missing if one.foreign] + found.foreign["name_there"].to_list()
        return missed, [], [Spared(Kind.DELETE, name, why) for name in away if terms.delete]
    for row in found.foreign.iter_rows(named=True):
        one = _stranger(row)
        if one.values.key in seen:
            spared.append(Spared(Kind.DELETE, one.values.name, "another contact has its name but for letter case"))
            continue
        seen.add(one.values.key)
        strangers.append(one)
        told = (one.values.key, one.values.name, one.values.email_address, one.contact_id)
        missed.append(Leaver(*told, status=row["status"], since=None, foreign=True))
    return missed, strangers, spared


def _stranger(row: dict[str, Any]) -> Stranger:
    types = row["message_types_there"]
    values = Contact(
        row["name_there"],
        row["email_address_there"],
        row["phone_number_there"],
        row["title_there"],
        tuple(types.split(LIST_SEPARATOR)) if types else (),
    )
    return Stranger(values, row["contact_id"], State.VERIFIED if row["status"] == "Active" else State.ADDED)


def due(one: Leaver, terms: Terms) -> bool:
    if one.status == "Deleting":
        return False
    return not terms.missing_for or (one.since is not None and terms.now - one.since >= terms.patience)


def protected(missed: Sequence[Leaver], deletes: Sequence[Leaver], guard: Held | None, terms: Terms) -> list[Spared]:
    gone = {one.key for one in deletes}
    left = [one for one in missed if one.key not in gone]
    return [Spared(Kind.DELETE, one.name, _why(one, guard, terms)) for one in left]


def _why(one: Leaver, guard: Held | None, terms: Terms) -> str:
    if one.status == "Deleting":
        return BEING_DELETED
    if not terms.delete:
        return "--delete was not said"
    if not due(one, terms):
        if one.since is None:
            return "missing for the first time"
        until = iso(one.since + terms.missing_for, terms.zone)
        return f"missing since {iso(one.since, terms.zone)}: not deleted before {until}"
    return f"held back: {guard.guard}" if guard else "not planned"
