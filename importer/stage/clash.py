"""What becomes of a row whose name another contact has: a free name for it, and the words that say why."""

import polars as pl

from importer.stage.free import Names, appended

CONTENT = ("mail", "phone_number", "title", "message_types")  # mail: the address in small letters
SUGGESTED = 100_000  # rejected rows that get a free name suggested; who has more will not mend them by hand
_WORDS = {"mail": "address", "phone_number": "phone number", "title": "title", "message_types": "message types"}


def claims(clashing: pl.DataFrame, contacts: pl.DataFrame, held: pl.DataFrame, *, claim: bool) -> pl.DataFrame:
    """A name for each content among the clashing rows: same, free.

    With ``claim`` every row has one, and a name that ``held`` already has for the row's address comes first, for it was
    given on an earlier run. Without, the first `SUGGESTED` rows have one.
    """
    wanted = clashing.unique("same", keep="first", maintain_order=True).sort("row")
    wanted = wanted if claim else wanted.head(SUGGESTED)
    given: dict[int, str] = {}
    if wanted.is_empty():
        return pl.DataFrame(schema={"same": pl.UInt32, "free": pl.String})
    if claim:
        lost = clashing["row"]
        kept = set(contacts.filter(~pl.col("row").is_in(lost.implode()))["key"])
        given = _reclaimed(wanted, held.join(wanted, on="mail", how="semi"), kept)
    names = Names(set(contacts["key"]) | set(held["key"]))
    free = [given.get(same) or names.free(name) for same, name in wanted.select("same", "name").iter_rows()]
    return wanted.select("same", free=pl.Series(free, dtype=pl.String))


def _reclaimed(wanted: pl.DataFrame, own: pl.DataFrame, used: set[str]) -> dict[int, str]:
    """Names that ``own``, what is held of the same addresses, has for the rows.

    Equal contents choose first, then names with fewer letters appended: so the order of the rows is no matter.
    """
    given: dict[int, str] = {}
    for columns in (CONTENT, CONTENT[:1]):
        pairs = wanted.join(own, on=columns, nulls_equal=True, maintain_order="left_right", suffix="_own")
        fits = [
            (count, same, candidate, key)
            for same, name, candidate, key in pairs.select("same", "name", "name_own", "key_own").iter_rows()
            if (count := appended(candidate, name))
        ]
        for _, same, candidate, key in sorted(fits, key=lambda fit: fit[0]):
            if same not in given and key not in used:
                given[same] = candidate
                used.add(key)
    return given


def reasons(rows: pl.DataFrame, then: str = "") -> pl.DataFrame:
    """Why rows cannot have their name, and ``then``, what becomes of them: row, detail, suggestion."""
    differs = pl.concat_str(
        [pl.when(pl.col(c).ne_missing(pl.col(f"of_{c}"))).then(pl.lit(word)) for c, word in _WORDS.items()],
        separator=", ",
        ignore_nulls=True,
    )
    here = pl.format("Line {} has the name {} already, with another {}.", "of_line", "of_name", differs)
    there = pl.format("{} has the name {} already, with the address {}.", _place(), "name_there", "email_address_there")
    why = pl.when(pl.col("of_row").is_not_null()).then(here).otherwise(there)
    return rows.select(
        "row", detail=pl.concat_str(why, pl.lit(then), pl.col("free")) if then else why, suggestion="free"
    )


def changes(kept: pl.DataFrame, renamed: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Rows whose contact exists with their name and address and other values elsewhere: row, detail."""
    there = held.select("key", "mail", pl.all().exclude("key", "mail").name.suffix("_there"))
    rows = (
        pl.concat([kept, renamed]).select("row", "key", *CONTENT).join(there, on=["key", "mail"], maintain_order="left")
    )
    others = [name for name in CONTENT if name != "mail"]
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_there")) for name in others)
    values = pl.concat_str(
        [
            pl.when(pl.col(name).ne_missing(pl.col(f"{name}_there"))).then(
                pl.format("{} {}", pl.lit(_WORDS[name]), pl.col(f"{name}_there").fill_null("none"))
            )
            for name in others
        ],
        separator=", ",
        ignore_nulls=True,
    )
    return (
        rows.filter(differs.all().over("row"))
        .unique("row", keep="first", maintain_order=True)
        .select("row", detail=pl.format("{} has this contact with {}.", _place(), values))
    )


def _place() -> pl.Expr:
    """``The ledger (contacts.csv, line 7)`` or ``The directory``."""
    where = pl.format("The {} ({}, line {})", "place_there", "file_there", "line_there")
    return pl.coalesce(where, pl.format("The {}", "place_there"))
