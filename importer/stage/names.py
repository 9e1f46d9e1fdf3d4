"""Names: their letters and length, and a proposal that fits for one that does not."""

import polars as pl

from importer.model.contact import NAME_MAX, NAME_MIN
from importer.stage.book import Book, Column
from importer.stage.cells import ascii_only, repair
from importer.stage.rules import REPAIRS

ENGLISH = "A-Za-z"
CHINESE = r"\x{3400}-\x{4dbf}\x{4e00}-\x{9fff}"  # extension A and the basic block

# Letters of other alphabets → the English letters that they look like in print.
LOOKALIKES = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХԚԜаеѕіјорсухһԁԛԝ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοιν" + "ıɡɑ",
        "ABESIJKMHOPCTYXQWaesijopcyxhdqw" + "ABEZHIKMNOPTYXoiv" + "iga",
        strict=True,
    )
)


# What stands between letters and can go without making another name of them.
_BETWEEN = r"\s0-9\p{Pd}'’.·•・_"


def sure(cell: pl.Expr, *, chinese: bool) -> pl.Expr:
    """Whether a cell is surely a name as it is written."""
    return cell.str.contains(rf"^[{_letters(chinese=chinese)}]{{{NAME_MIN},{NAME_MAX}}}$")


def _letters(*, chinese: bool) -> str:
    return ENGLISH + CHINESE if chinese else ENGLISH


def check_names(column: Column, good: pl.Series, book: Book, *, chinese: bool, fix: bool = False) -> pl.Series:
    """The column's names, repaired; those of rejected rows are whatever they were. ``good``: those that are `sure`.

    With ``fix``, a name that is too long, or has blanks, digits, hyphens or look-alikes, becomes the one proposed.
    """
    letters = _letters(chinese=chinese)
    rest = column.rest(good)
    if rest.is_empty():
        return column.cells
    rest = _judged(repair(rest), letters)
    if fix:
        rest = _fixed(rest, letters)
        book.judge(column, rest, (*REPAIRS, "name-fixed"))
    else:
        book.judge(column, rest, REPAIRS)
    return column.merge(good, rest["text"])


def _fixed(rest: pl.DataFrame, letters: str) -> pl.DataFrame:
    """The proposals taken, where they leave out or replace nothing that may matter, and the flag ``name-fixed``.

    A name all of look-alikes is one of another alphabet, and a letter with an accent is no slip: they stay wrong.
    """
    text, proposal = pl.col("text"), pl.col("suggestion")
    harmless = text.str.contains(f"^[{letters}{''.join(LOOKALIKES)}{_BETWEEN}]+$") & text.str.contains(f"[{letters}]")
    fixed = pl.col("problem").is_not_null() & proposal.is_not_null() & harmless
    return rest.with_columns(fixed.alias("name-fixed")).with_columns(
        problem=pl.when(~pl.col("name-fixed")).then("problem"),
        detail=pl.when("name-fixed").then(pl.format("{} → {}", text, proposal)).otherwise("detail"),
        text=pl.when("name-fixed").then(proposal).otherwise(text),
    )


def _judged(rest: pl.DataFrame, letters: str) -> pl.DataFrame:
    text, foreign = pl.col("text"), pl.col("foreign")
    length = text.str.len_chars()
    looks = "[" + "".join(LOOKALIKES) + "]"
    latin = ascii_only(rest["text"])  # and so without look-alikes
    rest = rest.with_columns(foreign=text.str.replace_all(f"[{ENGLISH}{CHINESE}]+", "")).with_columns(
        problem=pl.when(text == "")
        .then(pl.lit("missing-value"))
        .when(pl.lit(value=False) if latin else foreign.str.contains(f"^{looks}+$"))
        .then(pl.lit("name-lookalike"))
        .when(foreign != "")
        .then(pl.lit("name-letters"))
        .when(~text.str.contains(f"^[{letters}]+$"))
        .then(pl.lit("name-english"))
        .when(length < NAME_MIN)
        .then(pl.lit("name-short"))
        .when(length > NAME_MAX)
        .then(pl.lit("name-long"))
    )
    many = pl.when(length == 1).then(pl.lit("1 letter")).otherwise(pl.format("{} letters", length))
    return rest.with_columns(
        detail=pl.when(pl.col("problem") == "name-lookalike")
        .then(pl.lit("") if latin else told_lookalikes(foreign))
        .when(pl.col("problem") == "name-letters")
        .then(_told(foreign))
        .otherwise(many),
        suggestion=proposals(rest["text"], letters),
    )


def _told(foreign: pl.Expr) -> pl.Expr:
    """The first odd characters; a blank by its name."""
    first = foreign.str.slice(0, 6)
    shown = first.str.replace_all(r"\s+", "")
    return (
        pl.when(shown == first)
        .then(shown)
        .when(shown == "")
        .then(pl.lit("a blank"))
        .otherwise(pl.format("{} and a blank", shown))
    )


def told_lookalikes(foreign: pl.Expr) -> pl.Expr:
    """The first such letters and the alphabet of one of them."""
    script = (
        pl.when(foreign.str.contains(r"\p{Cyrillic}"))
        .then(pl.lit("Cyrillic"))
        .when(foreign.str.contains(r"\p{Greek}"))
        .then(pl.lit("Greek"))
        .otherwise(pl.lit("special"))
    )
    return pl.format("{} {}", script, foreign.str.slice(0, 6))


def proposals(texts: pl.Series, letters: str) -> pl.Series:
    """A name that fits, made of each text's own letters: ``Mary Ann`` → ``MaryAnn``; null where there are too few.

    Too long, several words become the first and the initial of the last; one word is cut. Letters of other
    alphabets are not left out: what remains of the word would be a name of nobody.
    """
    if not ascii_only(texts):
        latin = _latin(pl.col("text"))
        whole = ~latin.str.replace_all(f"[{ENGLISH}{CHINESE}]+", "").str.contains(r"\p{L}")
        texts = texts.to_frame("text").select(pl.when(whole).then(latin).otherwise(pl.lit(""))).to_series()
    words = texts.str.replace_all(f"[^{letters}]+", " ").str.strip_chars(" ")
    several = words.str.contains(" ", literal=True)
    names = words.str.replace_all(" ", "", literal=True)
    if several.any():
        parts = pl.DataFrame({"names": names, "split": words.str.split(" "), "several": several})
        ends = pl.concat_str(
            pl.col("split").list.first().str.slice(0, NAME_MAX - 1), pl.col("split").list.last().str.slice(0, 1)
        )
        long = pl.col("several") & (pl.col("names").str.len_chars() > NAME_MAX)
        names = parts.select(pl.when(long).then(ends).otherwise("names")).to_series()
    names = names.str.slice(0, NAME_MAX)
    return names.set(names.str.len_chars() < NAME_MIN, None)


def _latin(text: pl.Expr) -> pl.Expr:
    """The text with look-alikes and accented letters as plain English ones."""
    plain = text.str.replace_many(list(LOOKALIKES), list(LOOKALIKES.values()))
    return plain.str.normalize("NFKD").str.replace_all(r"\p{M}+", "")
