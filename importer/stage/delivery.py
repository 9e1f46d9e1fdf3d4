"""Where mail can be delivered: what the network says of the addresses' domains, each asked about once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from importer.stage.book import Book, Column

SHOWN = 3  # domains named in the note on those of which nothing was learned


@dataclass(frozen=True, slots=True)
class Reach:
    """Of the domains asked about: those that surely take no mail, with why, and those of which nothing was learned."""

    refused: Mapping[str, str] = field(default_factory=dict)
    unasked: Sequence[str] = ()


Ask = Callable[[Sequence[str]], Reach]


def check_delivery(contacts: pl.DataFrame, column: Column, book: Book, ask: Ask) -> None:
    """Warn of addresses whose domain surely takes no mail; where the network failed, a note says so."""
    rows = contacts.select("row", domain=pl.col("email_address").str.extract("@([^@]*)$").str.to_lowercase())
    counts = rows.group_by("domain").len().sort("len", "domain", descending=[True, False])
    if counts.is_empty():
        return
    reach = ask(counts["domain"].to_list())
    if reach.refused:
        why = pl.DataFrame({"domain": list(reach.refused), "why": list(reach.refused.values())})
        found = rows.join(why, on="domain", maintain_order="left")
        book.write("email-undeliverable", column, found.select("row", detail=pl.format("{}: {}", "domain", "why")))
    if reach.unasked:
        unasked = counts.filter(pl.col("domain").is_in(list(reach.unasked)))
        book.write("domain-unasked", column, _unasked(unasked["domain"], int(unasked["len"].sum())))


def _unasked(domains: pl.Series, addresses: int) -> pl.DataFrame:
    more = f" and {len(domains) - SHOWN} more" if len(domains) > SHOWN else ""
    shown = ", ".join(domains.head(SHOWN)) + more
    told = f"the domains of {addresses} addresses, as the network did not answer: {shown}"
    return pl.DataFrame({"row": [None], "detail": [told]}, {"row": pl.UInt32, "detail": pl.String})
