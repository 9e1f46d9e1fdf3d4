"""E-mail addresses: those of ordinary shape are decided in columns, the rest by email-validator one by one."""

import polars as pl

from importer.stage import domains
from importer.stage.book import Book, Column
from importer.stage.cells import repair
from importer.stage.names import LOOKALIKES, told_lookalikes
from importer.stage.rules import REPAIRS

_ATOM = r"[A-Za-z0-9_!#$%&'*+/=?^`{|}~-]+"
_LABEL = r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"  # no two hyphens in a row: neither Punycode nor a reserved label

LOCAL = rf"{_ATOM}(?:\.{_ATOM})*"
DOMAIN = rf"(?:{_LABEL}\.)+[A-Za-z]{{2,}}"
SHORT = 64  # bytes; up to here no label, domain or address can be too long

# Domains that no mail reaches from outside (IANA's special-use names): email-validator refuses them.
RESERVED = [".arpa", ".invalid", ".local", ".localhost", ".onion", ".test"]

# What is surely wrong with an ASCII text that has this in it; email-validator refuses every one of them.
REFUSED = {
    "^[^@]*$": "it has no @.",
    "@.*@": "it has more than one @.",
    r"\s": "it holds a blank.",
    "^@": "nothing stands before the @.",
    "@[^.]*$": "the part after the @ has no dot.",
    r"^\.|\.@|@\.|\.$|\.\.": "a dot stands where it cannot.",
    "@.*[^A-Za-z0-9.-]": "the part after the @ holds a character that it cannot.",
    r"[\x00-\x1f\x22(),:;<>\[\\\]\x7f].*@": "the part before the @ holds a character that it cannot.",
}


def sure(cell: pl.Expr, *, longest: int) -> pl.Expr:
    """Whether a cell is surely an address as it is written, and of no domain that may be misspelt."""
    escaped = cell.str.starts_with("'")  # may be an apostrophe that is no part of the cell
    return _ordinary(cell) & (cell.str.len_bytes() <= longest) & ~domains.suspect(cell) & ~escaped


def check_addresses(column: Column, good: pl.Series, book: Book, *, longest: int) -> pl.Series:
    """The column's addresses, repaired; those of rejected rows are whatever they were. ``good``: those `sure`."""
    rest = column.rest(good)
    if rest.is_empty():
        return column.cells
    rest = repair(rest)
    book.judge(column, _judged(rest, longest), (*REPAIRS, "email-domain", "email-lookalike"))
    return column.merge(good, rest["text"])


def _ordinary(text: pl.Expr) -> pl.Expr:
    """Whether a text is surely an address."""
    reserved = text.str.contains_any(RESERVED, ascii_case_insensitive=True)
    return text.str.contains(f"^{LOCAL}@{DOMAIN}$") & (text.str.len_bytes() <= SHORT) & ~reserved


def _judged(rest: pl.DataFrame, longest: int) -> pl.DataFrame:
    text, fault = pl.col("text"), pl.col("fault")
    length = text.str.len_chars()
    rest = rest.with_columns(asked=pl.when(length <= longest).then(text).otherwise(pl.lit("")))
    rest = rest.with_columns(
        fault=faults(rest["asked"]), meant=domains.meant(rest["asked"]), foreign=domains.lookalikes(rest["asked"])
    )
    address = pl.concat_str(text.str.extract("^(.*@)"), pl.col("meant"))
    latin = text.str.replace_many(list(LOOKALIKES), list(LOOKALIKES.values()))
    return rest.with_columns(
        pl.col("meant").is_not_null().alias("email-domain"),
        pl.col("foreign").is_not_null().alias("email-lookalike"),
        problem=pl.when(text == "")
        .then(pl.lit("missing-value"))
        .when(length > longest)
        .then(pl.lit("email-long"))
        .when(fault.is_not_null())
        .then(pl.lit("email-syntax")),
        detail=pl.when(length > longest)
        .then(pl.format(f"{{}} characters, and at most {longest} are allowed", length))
        .otherwise(pl.coalesce(fault, "meant", told_lookalikes(pl.col("foreign")))),
        suggestion=pl.when(fault.is_not_null())
        .then(mended(rest["text"].set(rest["fault"].is_null(), "")))
        .otherwise(pl.coalesce(address, pl.when(pl.col("foreign").is_not_null()).then(latin))),
    )


def faults(texts: pl.Series) -> pl.Series:
    """What is wrong with each text as an address, in words; null for an address and for an empty text."""
    text = pl.col("text")
    whole = pl.DataFrame({"text": texts}).with_row_index("at")
    doubtful = whole.filter((text != "") & ~_ordinary(text))
    if doubtful.is_empty():
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(texts))
    plain = doubtful["text"].str.len_bytes() == doubtful["text"].str.len_chars()
    rest, found = doubtful.filter(plain), []
    for pattern, fault in REFUSED.items():
        hit = rest["text"].str.contains(pattern)
        found.append(rest.filter(hit).select("at", fault=pl.lit(fault)))
        rest = rest.filter(~hit)
    rest = pl.concat([rest, doubtful.filter(~plain)])
    found.append(rest.select("at", fault=_asked(rest["text"])))
    return whole.join(pl.concat(found), on="at", how="left", maintain_order="left")["fault"]


def _asked(texts: pl.Series) -> pl.Series:
    """What email-validator says; of short addresses it is asked for each odd name and each odd domain once."""
    text, local, domain = pl.col("text"), pl.col("local"), pl.col("domain")
    simple = text.str.contains('^[^@"<]+@[^@]+$') & (text.str.len_bytes() <= SHORT)
    parts = texts.to_frame("text").select(
        local=pl.when(simple).then(text.str.extract("^([^@]*)@")),
        domain=pl.when(simple).then(text.str.extract("@([^@]*)$")),
        whole=pl.when(~simple).then(text),
    )
    asked = parts.select(
        pl.when(~local.str.contains(f"^{LOCAL}$")).then(pl.concat_str(local, pl.lit("@example.com"))),
        pl.when(~domain.str.contains(f"^{DOMAIN}$") | domain.str.contains_any(RESERVED, ascii_case_insensitive=True))
        .then(pl.concat_str(pl.lit("a@"), domain)),
        "whole",
    )  # fmt: skip
    return asked.select(pl.coalesce(_refused(part) for part in asked)).to_series()


def _refused(addresses: pl.Series) -> pl.Series:
    """What email-validator has against each distinct address; the network is not asked."""
    distinct = addresses.drop_nulls().unique()
    if distinct.is_empty():
        return addresses
    faults = pl.Series([_refusal(address) for address in distinct], dtype=pl.String)
    return addresses.replace_strict(distinct, faults, default=None, return_dtype=pl.String)


def _refusal(address: str) -> str | None:
    from email_validator import EmailNotValidError, validate_email  # takes a while, and few files have such addresses

    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        return str(error)
    return None


def mended(texts: pl.Series) -> pl.Series:
    """The address that was likely meant, where mending the usual slips gives one; else null."""
    text = pl.col("text")
    whole = pl.DataFrame({"text": texts}).with_row_index("at")
    rest = whole.filter(text.str.contains("@", literal=True))
    inner = text
    if rest["text"].str.contains("<", literal=True).any():
        inner = pl.coalesce(text.str.extract(r"<([^<>@\s]+@[^<>@\s]+)>"), text)
    fixed = (
        inner.str.replace_all(r"(?i)^mailto:|[\s\x22]+|^[.,;:'<(]+|[.,;:'>)]+$", "")
        .str.replace_all(r"\.*@[@.]*", "@")
        .str.replace_all(r"\.{2,}", ".")
        .str.replace("(@[^,]*),", "${1}.")
    )
    rest = rest.with_columns(fixed=fixed).filter(_ordinary(pl.col("fixed")) & (pl.col("fixed") != text))
    return whole.join(rest, on="at", how="left", maintain_order="left")["fixed"]
