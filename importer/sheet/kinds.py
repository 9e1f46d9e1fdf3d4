"""Kinds of cells that all Excel formats share: error codes, and number formats that show dates."""

import re
from collections.abc import Mapping, Sequence

ERRORS = {
    0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}  # fmt: skip
DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))  # built-in formats


def is_date(code: str) -> bool:
    """Whether a number format shows a date or time: its letters outside quotes, brackets and escapes say so."""
    bare = re.sub(r'"[^"]*"|\\.|_.|\[(?!h|m|s)[^\]]*\]', "", code.partition(";")[0], flags=re.IGNORECASE)
    return bool(re.search(r"[ymdhs]", bare, re.IGNORECASE)) and "general" not in bare.lower()


def date_styles(formats: Sequence[int], codes: Mapping[int, str]) -> frozenset[int]:
    """The styles, by their number, whose format shows a date; ``codes`` are the workbook's own formats."""
    return frozenset(
        style for style, one in enumerate(formats) if (is_date(codes[one]) if one in codes else one in DATES)
    )


def error(code: int) -> str:
    """An error as Excel shows it."""
    return ERRORS.get(code, "#ERROR!")
