"""A name stands for one contact: rows that say the same collapse, rows that only share the name clash."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from importer.stage.book import Book
from importer.stage.check import Checked
from importer.stage.clash import CONTENT, changes, claims, reasons

OnClash = Literal["reject", "first", "suffix"]

TAKEN = pl.Schema(
    dict.fromkeys(("key", "name", "email_address", *CONTENT[1:], "place", "file"), pl.String()) | {"line": pl.UInt32()}
)
_DUPLICATES = pl.Schema({"row": pl.UInt32(), "line": pl.UInt32(), "of_line": pl.UInt32(), "key": pl.String()})


@dataclass(frozen=True, slots=True)
class Deduped:
    """What is left of a checked sheet: each of its rows is in one of contacts, duplicates and rejected.

    ``contacts``: as in `Checked`, with final names and keys, each key once. ``duplicates``: row, line, of_line (null:
    no line is known) and key of the contact that the row duplicates. ``rejected``: rows, sorted. ``findings``: all so
    far. ``clashes``: rows refused only because of what ``taken`` holds.
    """

    contacts: pl.DataFrame
    duplicates: pl.DataFrame
    rejected: pl.Series
    findings: pl.DataFrame
    clashes: int


def dedupe(checked: Checked, *, on_clash: OnClash = "reject", taken: pl.DataFrame | None = None) -> Deduped:
    """Give each name to one contact of the file.

    ``taken``: contacts that exist elsewhere and may not be overwritten: key, name, email_address, phone_number, title,
    message_types, place (``ledger`` or ``directory``), file and line (null where none is known). A row with the name
    and the address of one stays; with the name alone it clashes, as with another row of its name and other content.
    """
    held = pl.DataFrame(schema=TAKEN) if taken is None else taken.select(TAKEN.keys()).cast(TAKEN)
    held = held.with_columns(mail=pl.col("email_address").str.to_lowercase())
    if checked.distinct and held.is_empty():
        return Deduped(checked.contacts, pl.DataFrame(schema=_DUPLICATES), checked.rejected, checked.findings, 0)
    rows = _meeting(checked.contacts, held, distinct=checked.distinct)
    if rows.is_empty():
        return Deduped(checked.contacts, pl.DataFrame(schema=_DUPLICATES), checked.rejected, checked.findings, 0)
    rows = _treated(rows, checked.contacts, held, on_clash)
    return _settled(checked, rows, held)


def _meeting(contacts: pl.DataFrame, held: pl.DataFrame, *, distinct: bool) -> pl.DataFrame:
    """The rows whose name is met again, in the file or in ``held``, and their fate: keep, same or clash.

    With ``same``, the first row of equal content; ``score``, 2 when something held equals the row, 1 when it has its
    address, 0 when it does not (null: nothing is held of that name), and its values as ``…_there``; and the row that
    has the name, if one has, as ``of_…``. A row that nothing can be said of, as it equals what is held, is left out.
    """
    rows = _asked(contacts, held, distinct=distinct)
    equal = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_there")) for name in CONTENT)
    score = pl.when(equal).then(2).when(pl.col("mail") == pl.col("mail_there")).then(1).otherwise(0)
    there = held.select("key", pl.all().exclude("key").name.suffix("_there"))
    met = rows.join(there, on="key", how="left", maintain_order="left").with_columns(
        score=pl.when(pl.col("place_there").is_not_null()).then(score)
    )
    if met.height > rows.height:
        met = met.sort("row", -pl.col("score"), maintain_order=True).unique("row", keep="first", maintain_order=True)
    met = met.filter((pl.col("score") < 2).fill_null(value=True) | ~pl.col("alone"))
    owners = (
        met.filter(pl.col("score").is_null() | (pl.col("score") > 0))
        .sort(-pl.col("score"), "row")
        .unique("key", keep="first", maintain_order=True)
        .select("key", pl.col("row", "same", "line", "name", *CONTENT).name.prefix("of_"))
    )
    return met.join(owners, on="key", how="left", maintain_order="left").with_columns(
        fate=pl.when(pl.col("row") == pl.col("of_row"))
        .then(pl.lit("keep"))
        .when(pl.col("same") == pl.col("of_same"))
        .then(pl.lit("same"))
        .otherwise(pl.lit("clash"))
    )


def _asked(contacts: pl.DataFrame, held: pl.DataFrame, *, distinct: bool) -> pl.DataFrame:
    """Rows whose key is in ``held`` or in another row too; ``alone``: in no other row."""
    key = contacts["key"]
    alone = pl.Series([True]).new_from_index(0, len(key)) if distinct else ~key.is_duplicated()
    asked = ~alone if held.is_empty() else ~alone | key.is_in(held["key"].unique().implode())
    rows = contacts.select(
        "row", "line", "key", "name", pl.col("email_address").alias("mail"), *CONTENT[1:], alone=alone
    ).filter(asked)
    rows = rows.with_columns(pl.col("mail").str.to_lowercase())
    same = pl.col("row") if rows["alone"].all() else pl.col("row").min().over("key", *CONTENT)
    return rows.with_columns(same=same)


def _treated(rows: pl.DataFrame, contacts: pl.DataFrame, held: pl.DataFrame, on_clash: OnClash) -> pl.DataFrame:
    """Clashing rows get a free name as ``free``, and a fate: rejected, dropped, renamed or same."""
    clash = pl.col("fate") == "clash"
    rows = rows.join(
        claims(rows.filter(clash), contacts, held, claim=on_clash == "suffix"),
        on="same",
        how="left",
        maintain_order="left",
    )
    if on_clash == "reject":
        return rows.with_columns(fate=pl.when(clash).then(pl.lit("rejected")).otherwise("fate"))
    if on_clash == "first":
        return rows.with_columns(
            fate=pl.when(clash).then(pl.lit("dropped")).otherwise("fate"),
            of_line=pl.when(clash).then(pl.coalesce("of_line", "line_there")).otherwise("of_line"),
        )
    first = rows.select(same="row", first_line="line")
    return rows.join(first, on="same", how="left", maintain_order="left").with_columns(
        key=pl.when(clash).then(pl.col("free").str.to_lowercase()).otherwise("key"),
        of_line=pl.when(clash & (pl.col("row") != pl.col("same"))).then("first_line").otherwise("of_line"),
        fate=pl.when(clash)
        .then(pl.when(pl.col("row") == pl.col("same")).then(pl.lit("renamed")).otherwise(pl.lit("same")))
        .otherwise("fate"),
    )


def _settled(checked: Checked, rows: pl.DataFrame, held: pl.DataFrame) -> Deduped:
    book = Book(checked.findings, strict=checked.strict)
    lost = pl.DataFrame(schema={"row": pl.UInt32, "detail": pl.String})
    if checked.strict:
        lost = _changed(rows, held)
        rows = rows.filter(~pl.col("row").is_in(lost["row"].implode()))
    fates = {str(fate): part for (fate,), part in rows.partition_by("fate", as_dict=True).items()}
    none = rows.clear()
    rejected, renamed, dropped = (fates.get(fate, none) for fate in ("rejected", "renamed", "dropped"))
    same = fates.get("same", none)
    inside = pl.col("of_row").is_not_null()
    book.write("duplicate-row", checked.names, same.with_columns(detail=pl.col("of_line").cast(pl.String)))
    book.write("name-clash", checked.names, reasons(rejected.filter(inside)))
    book.write("name-taken", checked.names, reasons(rejected.filter(~inside)))
    book.write("clash-dropped", checked.names, reasons(dropped))
    book.write("name-suffixed", checked.names, reasons(renamed, " So this contact is named "))
    book.write("changed-contact", checked.names, pl.concat([lost, _differing(rows, held)]))
    gone = pl.concat([same["row"], rejected["row"], dropped["row"], lost["row"]])
    contacts = checked.contacts.filter(~pl.col("row").is_in(gone.implode())) if len(gone) else checked.contacts
    if not renamed.is_empty():
        new = renamed.select("row", "key", name="free")
        contacts = contacts.update(new, on="row", how="left")
    return Deduped(
        contacts,
        pl.concat([same, dropped]).select(_DUPLICATES.keys()).sort("row"),
        pl.concat([checked.rejected, rejected["row"], lost["row"]]).sort(),
        book.findings(),
        _caused(rows) + lost.height,
    )


def _differing(rows: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Rows that keep or get the name of a contact which exists with other values: row, detail."""
    return changes(rows.filter(pl.col("fate") == "keep", score=1), rows.filter(pl.col("fate") == "renamed"), held)


def _changed(rows: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """The same with the rows that say the same as those: row, detail."""
    first = _differing(rows, held).join(rows.select("row", "same"), on="row").select("same", "detail")
    twins = rows.filter(pl.col("fate").is_in(["keep", "renamed", "same"]))
    return twins.join(first, on="same", maintain_order="left").select("row", "detail")


def _caused(rows: pl.DataFrame) -> int:
    """How many refused rows would have had their name but for what is held elsewhere."""
    refused = pl.col("fate").is_in(["rejected", "dropped"]) & pl.col("place_there").is_not_null()
    first = rows.group_by("key").agg(first=pl.col("row").min()) if rows.select(refused.any()).item() else None
    if first is None:
        return 0
    return rows.filter(refused).join(first, on="key").filter(pl.col("same") == pl.col("first")).height
