"""What the parser does not tell about a workbook: hidden sheets and rows, merged cells, and cells of other kinds.

Of no XML part more is read than its tags, by pattern; a document type, which could define entities, is refused.
"""

import io
import zipfile
from itertools import islice
from typing import Any, NamedTuple, Protocol

ROWS_MAX, COLUMNS_MAX = 1 << 20, 1 << 14  # of a sheet, as Excel has them; what lies beyond is a forgery
MARKS_MAX = 2_000_000  # cells of other kinds that are told apart
MERGED_MAX = 100_000  # merged ranges that are looked at


class Mark(NamedTuple):
    """A cell that is no text and no plain number: row and column from 0.

    ``kind`` is error, date, boolean, formula (one without a value) or long (a number of 16 digits or more).
    """

    row: int
    column: int
    kind: str
    text: str


class Details:
    """Of one sheet: rows from 0 that are hidden as ranges (first, last), merged ranges (top, left, bottom, right).

    No dataclass: the child that parses would import a tenth more for it.
    """

    def __init__(self) -> None:
        self.hidden: list[tuple[int, int]] = []
        self.merged: list[tuple[int, int, int, int]] = []
        self.marks: list[Mark] = []

    def hide(self, first: int, last: int) -> None:
        """Add rows to the hidden ones, which come in order."""
        if self.hidden and self.hidden[-1][1] + 1 == first:
            self.hidden[-1] = (self.hidden[-1][0], last)
        else:
            self.hidden.append((first, last))

    def plain(self) -> dict[str, Any]:
        """As JSON, the marks in columns."""
        inside = (mark for mark in self.marks if 0 <= mark.row < ROWS_MAX and 0 <= mark.column < COLUMNS_MAX)
        marks = list(islice(inside, MARKS_MAX))
        merged = [
            one for one in self.merged if 0 <= one[0] <= one[2] < ROWS_MAX and 0 <= one[1] <= one[3] < COLUMNS_MAX
        ]
        return {
            "hidden_rows": [(max(0, first), last) for first, last in self.hidden if last >= 0],
            "merged": merged[:MERGED_MAX],
            "marks": {
                "row": [mark.row for mark in marks],
                "position": [mark.column for mark in marks],
                "kind": [mark.kind for mark in marks],
                "text": [mark.text for mark in marks],
            },
        }


class Book(Protocol):
    """A look into a workbook of one format."""

    @property
    def hidden_sheets(self) -> set[str]: ...

    def details(self, name: str, long: list[tuple[int, int]]) -> Details:
        """Of one sheet; ``long`` are cells that show 16 digits or more, whatever their kind."""


class Damaged(Exception):
    """A part of the workbook defines entities, or is not what it should be."""


class Locked(Exception):
    """The workbook is encrypted."""


class Old(Exception):
    """The workbook is of a time before Unicode, in letters that the parser does not know."""


class Zip:
    """The parts of a zipped workbook, by their paths without letter case."""

    def __init__(self, data: bytes) -> None:
        self._zip = zipfile.ZipFile(io.BytesIO(data))
        self._names = {info.filename.replace("\\", "/").lstrip("/").lower(): info for info in self._zip.infolist()}

    def read(self, name: str) -> bytes:
        """A part, empty when there is none. Raises `Damaged` for one that defines entities."""
        info = self._names.get(name.lower())
        if info is None:
            return b""
        try:
            data = self._zip.read(info)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError, ValueError) as error:
            raise Damaged(name) from error
        if name.endswith((".xml", ".rels")):
            if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
                data = data.decode("utf-16", errors="replace").encode()
            if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
                raise Damaged(name)
        return data


def text(raw: bytes | None) -> str:
    """What a part says in plain letters; what they are escaped with is imported only where something is."""
    decoded = (raw or b"").decode(errors="replace")
    if "&" not in decoded:
        return decoded
    from html import unescape

    return unescape(decoded)


def look(data: bytes, kind: str) -> Book:
    """Open the parts of a workbook that say more than its cells. Raises `Damaged`, `Locked` or `Old`."""
    if kind == "xlsx":
        from importer.sheet.xlsx import Xlsx

        return Xlsx(Zip(data))
    if kind == "xlsb":
        from importer.sheet.xlsb import Xlsb

        return Xlsb(Zip(data))
    if kind == "xls":
        from importer.sheet.xls import Xls

        return Xls(data)
    if kind == "ods":
        from importer.sheet.ods import Ods

        return Ods(Zip(data))
    raise Damaged(kind)
