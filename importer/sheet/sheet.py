"""A sheet: a file as read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of text cells.

    ``frame`` has a column for each of ``columns``, in their order, named as they are unless a name is blank or taken;
    a blank cell is null, and wholly blank rows are left out. ``lines`` gives each row's line (of a quoted record with
    line breaks: its first) or row number, from 1. ``findings`` has the columns of `importer.model.finding.COLUMNS`; a
    row with an error among them is not to be used, though its cells are shown as they were found.
    """

    file: str  # as the user gave it; "-" is the standard input
    name: str | None  # of the worksheet; text has none
    columns: tuple[str, ...]  # header texts as written
    frame: "pl.DataFrame"
    lines: "pl.Series"  # UInt32
    digest: str  # SHA-256 of the file's bytes, in hexadecimal
    findings: "pl.DataFrame"
    format: str = "csv"  # csv, xlsx, xlsb, xls, ods or html: by content, not by extension
    header_line: int = 1
    positions: tuple[int, ...] = ()  # of each column in the file, from 0: 1 is column B
    encoding: str | None = None  # of text, by its Python name
    guessed: bool = False  # the encoding was neither given nor certain
    delimiter: str | None = None
