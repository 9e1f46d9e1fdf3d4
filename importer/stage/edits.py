"""What of each contact is to be changed, field by field, and what the ledger only learns; pure."""

from typing import Any

import polars as pl

from importer.ledger.values import Step
from importer.model.contact import fold
from importer.model.operation import Kind, Wanted
from importer.stage.match import VALUES, Matched
from importer.stage.terms import BEING_DELETED, Edit, Spared, Terms

NO_PHONE = "the API cannot take a phone number away: it stays"


def edits(found: Matched, terms: Terms) -> tuple[tuple[Edit, ...], list[Step], list[Spared]]:
    edits, learned, spared = [], [], []
    held = [f"{name}_held" for name in VALUES]
    adopts = found.adopts.with_columns(
        *(pl.lit(None, pl.String).alias(name) for name in held), was="key", mine=pl.lit(value=True)
    )
    columns = ["was", "line", "contact_id", "status", "pending", "mine", "file", *VALUES, *held]
    columns += [f"{name}_there" for name in VALUES]
    adopts = adopts.with_columns(file=pl.lit(None, pl.String))
    differ = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(f"{name}{end}")) for name in VALUES for end in ("_there", "_held")
    )
    pairs = pl.concat([found.pairs.select(columns), adopts.select(columns)])
    for row in pairs.filter(differ | (pl.col("pending").list.len() > 0)).iter_rows(named=True):
        wanted = _wanted(row, terms)
        if wanted and (why := _barred(row)):
            spared.append(Spared(Kind.UPDATE, row["name_there"], why))
            continue
        if row["phone_number"] is None and row["phone_number_there"]:
            spared.append(Spared(Kind.UPDATE, row["name_there"], NO_PHONE))
        if wanted:
            edits.append(Edit(row["was"], row["name_there"], row["contact_id"], row["line"], wanted))
        if row["mine"] and (news := _news(row, wanted)):
            learned.append(Step(row["was"], None, news, row["line"]))
    return tuple(edits), learned, spared


def _barred(row: dict[str, Any]) -> str | None:
    if row["status"] == "Deleting":
        return BEING_DELETED
    return None if row["mine"] else f"{row['file']} asks for it too"


def _wanted(row: dict[str, Any], terms: Terms) -> Wanted:
    """What of a contact is to be changed, from what the directory shows, as the API would see it."""
    pairs = {name: (row[f"{name}_there"], row[name]) for name in VALUES}
    wanted = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if "name" in wanted and not terms.cased and fold(row["name"]) == fold(row["name_there"]):
        del wanted["name"]
    mail, mails = row["email_address"].lower(), [target for target in row["pending"] if "@" in target]
    if mail in mails or mail == row["email_address_there"].lower():
        wanted.pop("email_address", None)  # it waits to be verified, or is the same mailbox
    if mail == row["email_address_there"].lower() and row["status"] == "Active" and mails and mail not in mails:
        wanted["email_address"] = (mails[0], row["email_address"])  # the change that waits is wanted no more
    if row["phone_number"] is None or row["phone_number"] in row["pending"]:
        wanted.pop("phone_number", None)
    return wanted


def _news(row: dict[str, Any], wanted: Wanted) -> Wanted:
    """What the ledger is to learn of a contact that the directory has already as the file wants it."""
    return {
        name: (row[f"{name}_held"], row[name])
        for name in VALUES
        if row[f"{name}_held"] is not None and row[name] is not None
        if name not in wanted and row[f"{name}_held"] != row[name]
    }
