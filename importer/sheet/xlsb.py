"""A look into XLSB: the records of its parts, each a kind, a size and bytes."""

import struct
from collections.abc import Iterator
from struct import unpack_from

from importer.sheet.book import Details, Mark, Zip
from importer.sheet.kinds import date_styles, error
from importer.sheet.xlsx import relations

ROW, REAL, RK, ERROR, BOOLEAN = 0, 5, 2, 3, 4
FORMULA_NUMBER, FORMULA_BOOLEAN, FORMULA_ERROR = 9, 10, 11
FORMAT, STYLE, SHEET, MERGED, STYLES_START, STYLES_END = 44, 47, 156, 176, 617, 618
HIDDEN = 0x10  # of a row, in the twelfth byte


class Xlsb:
    """The parts of a workbook that tell more than its cells."""

    def __init__(self, parts: Zip) -> None:
        self._parts = parts
        targets = dict(relations(parts.read("xl/_rels/workbook.bin.rels")))
        self._targets: dict[str, str] = {}
        self.hidden_sheets: set[str] = set()
        for kind, data in _records(parts.read("xl/workbook.bin")):
            if kind == SHEET:
                relation, place = _text(data, 8)
                name, _ = _text(data, place)
                self._targets[name] = targets.get(relation, "")
                if unpack_from("<I", data)[0]:
                    self.hidden_sheets.add(name)

    def details(self, name: str, long: list[tuple[int, int]]) -> Details:
        details = Details()
        dates, wanted, row = self._dates(), set(long), -1
        for kind, data in _records(self._parts.read(self._targets.get(name, ""))):
            if kind == ROW and len(data) >= 12:
                row = unpack_from("<I", data)[0]
                if data[11] & HIDDEN:
                    details.hide(row, row)
            elif kind == MERGED and len(data) >= 16:
                top, bottom, left, right = unpack_from("<4I", data)
                details.merged.append((top, left, bottom, right))
            elif RK <= kind <= FORMULA_ERROR and len(data) > 8:
                column, style = unpack_from("<II", data)
                mark = _kind(kind, data, dated=style & 0xFFFFFF in dates, long=(row, column) in wanted)
                if mark:
                    details.marks.append(Mark(row, column, *mark))
        return details

    def _dates(self) -> frozenset[int]:
        codes: dict[int, str] = {}
        formats: list[int] = []
        inside = False
        for kind, data in _records(self._parts.read("xl/styles.bin")):
            if kind == FORMAT:
                codes[unpack_from("<H", data)[0]] = _text(data, 2)[0]
            elif kind in (STYLES_START, STYLES_END):
                inside = kind == STYLES_START
            elif kind == STYLE and inside:
                formats.append(unpack_from("<H", data, 2)[0])
        return date_styles(formats, codes)


def _kind(kind: int, data: bytes, *, dated: bool, long: bool) -> tuple[str, str] | None:
    if kind in (ERROR, FORMULA_ERROR):
        return "error", error(data[8])
    if kind in (BOOLEAN, FORMULA_BOOLEAN):
        return "boolean", "TRUE" if data[8] else "FALSE"
    if kind in (RK, REAL, FORMULA_NUMBER) and (dated or long):
        return ("date" if dated else "long"), ""
    return None


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kinds and sizes are numbers of seven bits a byte; a part that is cut off ends where it does."""
    place = 0
    try:
        while place < len(data):
            kind, place = data[place], place + 1
            if kind & 0x80:
                kind, place = (kind & 0x7F) | (data[place] & 0x7F) << 7, place + 1
            size = shift = 0
            while True:
                byte, place = data[place], place + 1
                size |= (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80 or shift > 21:
                    break
            yield kind, data[place : place + size]
            place += size
    except (IndexError, struct.error):
        return


def _text(data: bytes, place: int) -> tuple[str, int]:
    size = unpack_from("<I", data, place)[0]
    if size == 0xFFFFFFFF:
        return "", place + 4
    end = place + 4 + 2 * size
    return data[place + 4 : end].decode("utf-16-le", errors="replace"), end
