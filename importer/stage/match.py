"""Which row is for which contact: by the ledger's name, by the directory's, or, renamed, by the address; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from importer.directory import Listed
from importer.model.contact import LIST_SEPARATOR, MESSAGE_TYPES, fold
from importer.model.operation import State

VALUES = ("name", "email_address", "phone_number", "title", "message_types")
THERE = pl.Schema(
    dict.fromkeys(("contact_id", "key_there", *(f"{name}_there" for name in VALUES), "status"), pl.String())
    | {"pending": pl.List(pl.String())}
)
HELD = [state.value for state in (State.IN_DOUBT, State.ADDED, State.SENT, State.VERIFIED)]
SURE = HELD[1:]


def there(listed: Sequence[Listed]) -> pl.DataFrame:
    """The listing, message types in the order of ours; ``pending``: what waits to be verified, in small letters."""
    rows = [
        (
            one.contact_id,
            fold(one.name),
            one.name,
            one.email_address,
            one.phone_number or None,
            one.title,
            LIST_SEPARATOR.join(sorted(one.message_types, key=_order)),
            one.status,
            [target.lower() for target in one.pending],
        )
        for one in listed
    ]
    return pl.DataFrame(rows, schema=THERE, orient="row")


def _order(kind: str) -> tuple[int, str]:
    known = list(MESSAGE_TYPES)
    return (known.index(kind) if kind in known else len(known), kind)


def corrected(known: pl.DataFrame, listing: pl.DataFrame) -> tuple[pl.DataFrame, dict[int, State]]:
    """The ledger's contacts as the directory shows them, and those, by number, that stand otherwise than it said.

    One that is not listed any more was deleted by somebody; one that failed after it was added is there all the same.
    """
    seen = known.join(listing.select("contact_id", "status"), on="contact_id", how="left", maintain_order="left")
    gone = pl.col("state").is_in(SURE) & pl.col("contact_id").is_not_null() & pl.col("status").is_null()
    back = pl.col("state").is_in(["failed", "deleted"]) & pl.col("status").is_in(["Verifying", "Active"])
    verified = pl.when(pl.col("status") == "Active").then(pl.lit("verified")).otherwise(pl.lit("added"))
    now = pl.when(gone).then(pl.lit("deleted")).when(back).then(verified).otherwise("state")
    seen = seen.with_columns(now=now)
    other = seen.filter(pl.col("now") != pl.col("state"))
    states = {number: State(word) for number, word in other.select("contact", "now").iter_rows()}
    return seen.with_columns(state="now").drop("now", "status"), states


def held(known: pl.DataFrame, listing: pl.DataFrame) -> pl.DataFrame:
    """The ledger's contacts that the directory lists, each with how it stands there."""
    return known.filter(pl.col("state").is_in(HELD)).join(listing, on="contact_id", how="inner", maintain_order="left")


@dataclass(frozen=True, slots=True)
class Matched:
    """Rows with their contacts (the row's values, the ledger's as ``…_held``, the directory's as ``…_there``).

    ``pairs``: of contacts that the ledger holds, ``was`` being its key. ``adopts``: of contacts that only the directory
    has, with the row's name and address. ``rest``: rows for whom there is nobody. ``missing``: contacts of the ledger
    that no row is for, of those that no other file asks for. ``foreign``: listed, and nobody's.
    """

    pairs: pl.DataFrame
    adopts: pl.DataFrame
    rest: pl.DataFrame
    missing: pl.DataFrame
    foreign: pl.DataFrame


def match(rows: pl.DataFrame, known: pl.DataFrame, listing: pl.DataFrame, *, file: str, renames: bool) -> Matched:
    """``rows``: accepted ones, each key once; ``known``: `corrected`. With ``renames`` an address may tell a contact
    whose old name the file has no more, where it is the address of one such row and one such contact alone."""
    ours = held(known, listing).rename({name: f"{name}_held" for name in VALUES})
    ours = ours.with_columns(
        was="key",
        mine=pl.col("file").is_null() | (pl.col("file") == file),
        mail=pl.when(pl.col("pending").list.contains(pl.col("email_address_held").str.to_lowercase()))
        .then("email_address_held")
        .otherwise("email_address_there")
        .str.to_lowercase(),
    ).drop("state", "line")
    pairs = rows.drop("was").join(ours, on="key", how="inner", maintain_order="left")
    left = rows.drop("was").join(ours.select("key"), on="key", how="anti", maintain_order="left")
    free = ours.filter(pl.col("mine") & ~pl.col("was").is_in(pairs["was"].implode()) & (pl.col("status") != "Deleting"))
    shown = _unique(left, free.drop("key"), "key", "key_there")
    pairs = pl.concat([pairs, shown.select(pairs.columns)])
    left, free = _without(left, free, shown)
    if renames:
        new = left.filter(
            ~pl.col("key").is_in(known["key"].implode()) & ~pl.col("key").is_in(listing["key_there"].implode())
        )
        new = new.with_columns(mail_row=pl.col("email_address").str.to_lowercase())
        found = _unique(new, free.filter(pl.col("stranger") == 0).drop("key"), "mail_row", "mail")
        pairs = pl.concat([pairs, found.select(pairs.columns)])
        left, free = _without(left, free, found)
    others = listing.filter(~pl.col("contact_id").is_in(ours["contact_id"].implode()))
    adopts, rest = _adopted(left, known, others)
    missing = ours.filter(pl.col("mine") & ~pl.col("was").is_in(pairs["was"].implode()))
    foreign = others.filter(~pl.col("contact_id").is_in(adopts["contact_id"].implode()))
    return Matched(pairs, adopts, rest, missing, foreign)


def _unique(rows: pl.DataFrame, contacts: pl.DataFrame, left: str, right: str) -> pl.DataFrame:
    """Rows and contacts that have a value in common with each other alone."""
    rows = rows.filter(~pl.col(left).is_duplicated())
    contacts = contacts.filter(~pl.col(right).is_duplicated())
    found = rows.join(contacts, left_on=left, right_on=right, how="inner", maintain_order="left")
    kept = contacts.select("was", pl.col(right).alias(f"again_{right}"))
    found = found.join(kept, on="was", how="left", maintain_order="left")
    return found.with_columns(pl.col(f"again_{right}").alias(right)).drop(f"again_{right}")


def _without(rows: pl.DataFrame, contacts: pl.DataFrame, found: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    return (
        rows.filter(~pl.col("key").is_in(found["key"].implode())),
        contacts.filter(~pl.col("was").is_in(found["was"].implode())),
    )


def _adopted(rows: pl.DataFrame, known: pl.DataFrame, others: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that the directory has with name and address, of those that the ledger does not hold; and the others."""
    doubtful = known.filter(pl.col("state").is_in(HELD))["key"]
    free = rows.filter(~pl.col("key").is_in(doubtful.implode()))
    same = pl.col("email_address").str.to_lowercase() == pl.col("email_address_there").str.to_lowercase()
    lone = others.unique("key_there", keep="first", maintain_order=True).with_columns(key="key_there")
    adopts = free.join(lone, on="key", how="inner", maintain_order="left").filter(same)
    return adopts, free.filter(~pl.col("key").is_in(adopts["key"].implode()))
