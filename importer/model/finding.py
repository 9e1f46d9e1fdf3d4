"""A finding: one fault of one cell, row or file; a value that travels beside the data and is never raised."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """``error`` rejects the row, ``warning`` wants a look, ``note`` tells of a repair that was made."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with its stable id (kebab-case), severity, and what it asks in one sentence."""

    id: str
    severity: Severity
    says: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, told so that its reader can act.

    ``row`` counts the rows of the sheet's frame from 0 (``None``: the whole file); ``line`` is the line or row
    number that the spreadsheet program shows; ``column`` is the header as written; ``value`` is the cell as written;
    ``suggestion`` is a value that would pass, where one is certain or likely.
    """

    rule: str
    severity: Severity
    message: str
    hint: str = ""
    row: int | None = None
    line: int | None = None
    column: str | None = None
    value: str | None = None
    suggestion: str | None = None


# A frame of findings has these columns, in this order: row and line are UInt32, the others text.
COLUMNS = ("row", "line", "rule", "severity", "column", "value", "message", "hint", "suggestion")
