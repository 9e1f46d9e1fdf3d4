"""Phone numbers: mobile numbers of the Chinese mainland as the API writes them, ``86-1`` and ten more digits."""

import polars as pl

from importer.stage.book import Book, Column
from importer.stage.cells import repair
from importer.stage.rules import REPAIRS

GOOD = r"^86-1[0-9]{10}$"

# Spellings that can mean nothing else. With the country code any grouping will do; without it only those that
# mainland numbers are written in, for 1 (212) 555-1234 has eleven digits too and lies elsewhere.
_CODED = r"^\(?(?:\+|00)? ?\(?86((?:[ .()-]*[0-9]){11})(?:\.0)?$"
_BARE = r"^(1[3-9][0-9][ .-]?[0-9]{4}[ .-]?[0-9]{4})(?:\.0)?$"
_EXACT = r"^(1\.[0-9]{10})[eE]\+?10$"  # a float with all eleven digits

_ROUNDED = r"^[+-]?[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]+$"
_AMERICAN = r"1[ .-]*\(?[2-9][0-9]{2}\)?[ .-]*[0-9]{3}[ .-][0-9]{4}$"
_ABROAD = rf"^(?:\+|00[1-9]|\(\+|[1-9][0-9]{{0,3}}-[0-9]{{5,}}$|{_AMERICAN})"
_HOME = r"^\(?(?:\+|00)? ?\(?86(?:[^0-9]|1[0-9]{10}|$)"


def sure(cell: pl.Expr) -> pl.Expr:
    """Whether a cell is a number as the API writes it: `GOOD`, told by its length and as an integer of 11 digits."""
    number = cell.str.slice(3).cast(pl.UInt64, strict=False).is_between(10**10, 2 * 10**10, closed="left")
    long = cell.str.len_bytes() == len("86-13900001234")
    return long & cell.str.starts_with("86-1") & number.fill_null(value=False)


def check_phones(column: Column, good: pl.Series, book: Book) -> pl.Series:
    """The column's numbers as the API writes them, null where there is none. ``good``: those that are `sure`."""
    if not column.cells.ne("").any():
        return column.cells.replace("", None)
    rest = column.rest(good)
    if rest.is_empty():
        return column.cells
    rest = _judged(repair(rest))
    book.judge(column, rest, (*REPAIRS, "phone-format"))
    return column.merge(good, rest["text"])


def _judged(rest: pl.DataFrame) -> pl.DataFrame:
    text = pl.col("text")
    spelt = text.str.replace_all(r"\p{Pd}|\x{2212}", "-").str.replace_all(r"\s+", " ")
    digits = pl.col("spelt").str.replace_all("[^0-9]", "").str.len_chars()
    number = pl.coalesce(pl.col("spelt").str.extract(form) for form in (_CODED, _BARE, _EXACT))
    mobile = pl.format("86-{}", number.str.replace_all("[^0-9]", ""))
    rest = (
        rest.with_columns(spelt=spelt)
        .with_columns(number=pl.when(mobile.str.contains(GOOD)).then(mobile))
        .with_columns(
            problem=pl.when((text == "") | pl.col("number").is_not_null())
            .then(None)
            .when(pl.col("spelt").str.contains(_ROUNDED))
            .then(pl.lit("phone-rounded"))
            .when(pl.col("spelt").str.contains(_ABROAD) & ~pl.col("spelt").str.contains(_HOME))
            .then(pl.lit("phone-country"))
            .otherwise(pl.lit("phone-number"))
        )
    )
    usable = rest["problem"].null_count() == len(rest)
    return rest.with_columns(
        (pl.col("number") != text).fill_null(value=False).alias("phone-format"),
        detail=pl.col("number") if usable else pl.coalesce("number", _fault(digits)),
        suggestion=pl.when(pl.col("problem") == "phone-number").then(_likely(pl.col("spelt"))),
        text=pl.when(text != "").then(pl.coalesce("number", "text")),
    )


def _likely(spelt: pl.Expr) -> pl.Expr:
    """A number grouped in a way that does not tell for sure that it is a mainland one."""
    compact = spelt.str.replace_all(r"[ ().\-]", "")
    return pl.format("86-{}", compact.str.extract("^(1[3-9][0-9]{9})$"))


def _fault(digits: pl.Expr) -> pl.Expr:
    spelt = pl.col("spelt")
    return (
        pl.when(spelt.str.contains(r"[^0-9+(). \-]"))
        .then(pl.lit("it holds more than one number, or something else than digits"))
        .when(spelt.str.contains(r"^\(?0[1-9]"))
        .then(pl.lit("it looks like a landline"))
        .when(spelt.str.contains(_HOME))
        .then(pl.format("it has {} digits after 86, and 11 are needed that begin with 1", digits - 2))
        .otherwise(pl.format("it has {} digits, and 11 are needed that begin with 1", digits))
    )
