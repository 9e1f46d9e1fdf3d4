"""A look into XLS: the records of its workbook stream, each a kind, a size and bytes."""

import struct
from collections.abc import Iterator
from struct import unpack_from

from importer.sheet.book import Details, Locked, Mark, Old
from importer.sheet.kinds import date_styles, error
from importer.sheet.ole import Compound

START, SHEET, STYLE, FORMAT, PASSWORD, CODE_PAGE = (0x809, 0x85, 0xE0, 0x41E, 0x2F, 0x42)
ROW, BOOL_OR_ERROR, NUMBER, RK, RKS, FORMULA, MERGED, END = (0x208, 0x205, 0x203, 0x27E, 0xBD, 0x06, 0xE5, 0x0A)
HIDDEN = 0x20  # of a row
NEW = 0x600  # the version of Excel 97 and later; before it, text is of one byte a letter
WIDE = {932, 936, 949, 950, 1361, 10001, 10002, 10003, 10008}  # code pages of Chinese, Japanese and Korean: two bytes


class Xls:
    """The records of a workbook that tell more than its cells. Raises `Locked` for one with a password.

    Raises `Old` for one from before Excel 97 in Chinese, Japanese or Korean letters, of which the parser makes others.
    """

    def __init__(self, data: bytes) -> None:
        self._stream = Compound(data).stream("Workbook", "Book")
        self._places: dict[str, int] = {}
        self.hidden_sheets: set[str] = set()
        codes: dict[int, str] = {}
        formats: list[int] = []
        version = NEW
        for kind, data_ in _records(self._stream, 0):
            if kind == START and len(data_) >= 2:
                version = unpack_from("<H", data_)[0]
            elif kind == PASSWORD:
                raise Locked
            elif kind == CODE_PAGE and version != NEW and len(data_) >= 2 and unpack_from("<H", data_)[0] in WIDE:
                raise Old
            elif kind == SHEET and len(data_) > 7:
                self._sheet(data_, version)
            elif kind == FORMAT and len(data_) > 5:
                codes[unpack_from("<H", data_)[0]] = _letters(data_[2:], version, wide=2 if version == NEW else 1)
            elif kind == STYLE and len(data_) >= 4:
                formats.append(unpack_from("<H", data_, 2)[0])
        self._dates = date_styles(formats, codes)

    def _sheet(self, data: bytes, version: int) -> None:
        place, state = unpack_from("<IB", data)
        name = _letters(data[6:], version, wide=1)
        self._places[name] = place
        if state & 3:
            self.hidden_sheets.add(name)

    def details(self, name: str, long: list[tuple[int, int]]) -> Details:
        details = Details()
        wanted = set(long)
        for kind, data in _records(self._stream, self._places.get(name, len(self._stream))):
            try:
                self._record(details, kind, data, wanted)
            except struct.error:  # a record cut short says nothing
                continue
        return details

    def _record(self, details: Details, kind: int, data: bytes, long: set[tuple[int, int]]) -> None:
        if kind == ROW:
            row, flags = unpack_from("<H10xH", data)
            if flags & HIDDEN:
                details.hide(row, row)
        elif kind == MERGED:
            for index in range(unpack_from("<H", data)[0]):
                top, bottom, left, right = unpack_from("<4H", data, 2 + 8 * index)
                details.merged.append((top, left, bottom, right))
        elif kind == BOOL_OR_ERROR:
            row, column, value, is_error = unpack_from("<HH2xBB", data)
            details.marks.append(Mark(row, column, *_special(value, is_error=bool(is_error))))
        elif kind == RKS:
            row, column = unpack_from("<HH", data)
            for index in range((len(data) - 6) // 6):
                self._number(details, (row, column + index), unpack_from("<H", data, 4 + 6 * index)[0], long)
        elif kind in (NUMBER, RK, FORMULA):
            self._value(details, kind, data, long)

    def _value(self, details: Details, kind: int, data: bytes, long: set[tuple[int, int]]) -> None:
        row, column, style, what, value = unpack_from("<HHHBxB", data)
        if kind != FORMULA or data[12:14] != b"\xff\xff":
            self._number(details, (row, column), style, long)
        elif what in (1, 2):
            details.marks.append(Mark(row, column, *_special(value, is_error=what == 2)))

    def _number(self, details: Details, place: tuple[int, int], style: int, long: set[tuple[int, int]]) -> None:
        if style in self._dates:
            details.marks.append(Mark(*place, "date", ""))
        elif place in long:
            details.marks.append(Mark(*place, "long", ""))


def _special(value: int, *, is_error: bool) -> tuple[str, str]:
    return ("error", error(value)) if is_error else ("boolean", "TRUE" if value else "FALSE")


def _records(stream: bytes, place: int) -> Iterator[tuple[int, bytes]]:
    """Up to the end of the first part that starts at ``place``; charts inside it are parts of their own."""
    depth = 0
    while place + 4 <= len(stream):
        kind, size = unpack_from("<HH", stream, place)
        data = stream[place + 4 : place + 4 + size]
        place += 4 + size
        depth += (kind == START) - (kind == END)
        if depth <= 1 and kind != END:
            yield kind, data
        if depth <= 0:
            return


def _letters(data: bytes, version: int, *, wide: int) -> str:
    """A text after its length of one or two bytes."""
    length = int.from_bytes(data[:wide], "little")
    if version != NEW:
        return data[wide : wide + length].decode("cp1252", errors="replace")
    if data[wide : wide + 1] == b"\0":
        return data[wide + 1 : wide + 1 + length].decode("latin-1")
    return data[wide + 1 : wide + 1 + 2 * length].decode("utf-16-le", errors="replace")
