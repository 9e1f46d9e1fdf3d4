"""Domains of addresses that are hardly meant: misspelt well-known ones, and letters that only look English."""

import polars as pl

from importer.stage.cells import ascii_only
from importer.stage.names import LOOKALIKES

MISSPELT = {
    wrong + ".com": right + ".com"
    for right, wrongs in {
        "gmail": "gmial gmai gmal gmil gnail gamil gmaill gmeil gimail",
        "hotmail": "hotmial hotmai hotmal hotmil hotamil",
        "outlook": "outlok outloo outlool outllok outlock",
        "yahoo": "yaho yahooo yhaoo",
        "icloud": "iclod icoud icluod",
        "foxmail": "foxmial foxmai foxmal",
        "aliyun": "aliyum aliun alyun",
        "163": "136 162",
    }.items()
    for wrong in wrongs.split()
} | {"gmail.co": "gmail.com", "gmail.cn": "gmail.com", "qq.co": "qq.com", "qq.cn": "qq.com"}
# Endings that are no top-level domain.
ENDINGS = dict.fromkeys((".con", ".cmo", ".ocm", ".comm", ".coom", ".vom", ".xom"), ".com") | {".cnn": ".cn"}

_TRACES = [*("@" + domain for domain in MISSPELT), *ENDINGS]


def suspect(text: pl.Expr) -> pl.Expr:
    """Whether an address may have a misspelt domain, told in one pass."""
    return text.str.contains_any(_TRACES, ascii_case_insensitive=True)


def meant(addresses: pl.Series) -> pl.Series:
    """The domain that was likely meant; null where the one written is as likely as any."""
    if not addresses.to_frame("text").select(suspect(pl.col("text"))).to_series().any():
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(addresses))
    domain = pl.col("domain")
    endings = (
        pl.when(domain.str.ends_with(wrong)).then(pl.concat_str(domain.str.strip_suffix(wrong), pl.lit(right)))
        for wrong, right in ENDINGS.items()
    )
    known = domain.replace_strict(MISSPELT, default=None, return_dtype=pl.String)
    domains = addresses.str.extract("@([^@]*)$").str.to_lowercase()
    return domains.to_frame("domain").select(pl.coalesce(known, *endings)).to_series()


def lookalikes(addresses: pl.Series) -> pl.Series:
    """The letters of other alphabets in the domain that look like English ones, in a row; null where it has none."""
    if ascii_only(addresses):
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(addresses))
    letters = addresses.str.extract("@([^@]*)$").str.replace_all(f"[^{''.join(LOOKALIKES)}]+", "")
    return letters.to_frame("letters").select(pl.when(pl.col("letters") != "").then("letters")).to_series()
