"""Cells that no spreadsheet program evaluates."""

import re

# What a spreadsheet program would evaluate; and what already looks like our own escape, so that reading takes off one.
EVALUATED = re.compile(r"'*[=+\-@\t\r]")


def neutral(text: str) -> str:
    """A cell that no spreadsheet program evaluates: an apostrophe before what one would."""
    return f"'{text}" if EVALUATED.match(text) else text
