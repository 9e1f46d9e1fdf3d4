"""Repairs that are safe in any cell: invisible characters, full-width forms, an escaping apostrophe, blanks around."""

import polars as pl

from importer.stage.rules import REPAIRS

# Zero-width characters, direction marks, the byte order mark, the soft hyphen, variation selectors and control
# characters; of the latter not those that are blanks.
INVISIBLE = (
    r"[\x{0}-\x{8}\x{e}-\x{1f}\x{7f}-\x{84}\x{86}-\x{9f}\x{ad}\x{61c}\x{180b}-\x{180f}\x{200b}-\x{200f}"
    r"\x{202a}-\x{202e}\x{2060}-\x{2064}\x{2066}-\x{206f}\x{fe00}-\x{fe0f}\x{feff}\x{e0100}-\x{e01ef}]"
)

UNTIDY = rf"^[\s']|\s$|{INVISIBLE}"  # what a text of ASCII alone may want repaired


def ascii_only(texts: pl.Series) -> bool:
    """Whether no text needs Unicode's rules."""
    return texts.str.len_bytes().sum() == texts.str.len_chars().sum()


def distinct(texts: pl.DataFrame) -> dict[str, bool]:
    """Of each column whether its texts are surely all different; by their hashes, so that no text is compared."""
    hashes = texts.select(pl.all().hash())
    return {column.name: column.n_unique() == hashes.height for column in hashes}


def repair(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``text``, the repaired cell, and a flag for each of `rules.REPAIRS`; repairing twice changes nothing more."""
    cell = pl.col("cell")
    plain_ascii = ascii_only(rows["cell"])
    if plain_ascii and not rows["cell"].str.contains(UNTIDY).any():
        return rows.with_columns(cell.alias("text"), *(pl.lit(value=False).alias(rule) for rule in REPAIRS))
    plain = pl.col("seen") if plain_ascii else pl.col("seen").str.normalize("NFKC")
    seen = cell.str.replace_all(INVISIBLE, "")
    return (
        rows.with_columns(seen=seen)
        .with_columns(plain=plain)
        .with_columns(inner=pl.col("plain").str.strip_chars())
        .with_columns(text=pl.col("inner").str.replace(r"^(?:'[\t\r]\s*)+", "").str.replace(r"^'([=+\-@])", "${1}"))
        .with_columns(
            ((pl.col("text") != "") & changed).alias(rule)
            for rule, changed in {
                "invisible-characters": pl.col("seen") != cell,
                "full-width": pl.col("plain") != pl.col("seen"),
                "apostrophe-escaped": pl.col("inner") != pl.col("text"),
                "surrounding-blanks": pl.col("plain") != pl.col("inner"),
            }.items()
        )
        .drop("seen", "plain", "inner")
    )
