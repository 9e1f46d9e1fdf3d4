"""The child process that marks up a user's own workbook: coloured cells, notes, and two columns beside the table.

Runs without polars. What openpyxl does not carry over is counted and told; what formulas had come to is put back.
"""

import json
import re
import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from html import escape
from io import BytesIO
from typing import Any

from openpyxl import load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell, MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, PatternFill
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.utils.datetime import to_excel
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from importer.sheet.columns import OURS, key
from importer.sheet.worker import limit
from importer.sheet.xlsx import column as number

COLOURS = {"error": "FFFFC7CE", "rejected": "FFFFC7CE", "failed": "FFFFC7CE", "warning": "FFFFEB9C"}
COLOURS |= {"in_doubt": "FFFFEB9C", "duplicate": "FFE2E5EA"}
FILLS = {colour: PatternFill("solid", fgColor=colour) for colour in COLOURS.values()}
AUTHOR = "importer"
BREAK = "\n\n— importer —\n"  # between a note of the user's and ours
WIDTHS = (16, 70)
TEXT_MAX = 32_000  # characters; a cell holds 32,767
FORMULA = re.compile(rb'<c r="([A-Z]{1,3}\d+)"((?: s="\d+")?)>(<f\b[^>]*?(?:/>|>.*?</f>))<v ?/></c>', re.DOTALL)
AREA = re.compile(
    rb"<(?:\w+:)?(?:mergeCell|hyperlink)\b[^>]*?\bref\s*=\s*[\"']\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})"
)
AREA_MAX = 1_000_000  # cells; openpyxl makes an object of each
# What openpyxl drops or may drop, by where it lies in the package.
CARRIED = {
    "xl/media/": "pictures",
    "xl/charts/chart": "charts",
    "xl/vbaproject.bin": "macros",
    "xl/ctrlprops/": "form controls",
    "xl/activex/": "controls",
    "xl/slicers/": "slicers",
    "xl/threadedcomments/": "threads of comments, kept as notes",
    "xl/diagrams/drawing": "diagrams",
}


def main(memory: int, seconds: int) -> None:
    """Answer one order from the standard input with the workbook; whatever goes wrong ends the process."""
    limit(memory, seconds)
    stream = sys.stdin.buffer
    order = json.loads(stream.read(int.from_bytes(stream.read(8), "big")))
    made, lost = mark_up(stream.read(), order)
    head = json.dumps(lost).encode()
    sys.stdout.buffer.write(len(head).to_bytes(8, "big") + head + made)
    sys.stdout.buffer.flush()


def mark_up(data: bytes, order: Mapping[str, Any]) -> tuple[bytes, list[str]]:
    """The workbook with one sheet marked up, and what of it could not be carried over.

    ``order``: ``sheet`` (its name), ``header`` (its line), ``last`` (the table's last column, from 0), ``rows`` (line,
    state, what is said of it), ``cells`` (line, column, severity, note or nothing) and ``about``, said of the file.
    """
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        _refuse_spread(data)
        book = load_workbook(BytesIO(data), rich_text=True)
        results = _results(data, book)
        _mark(book[order["sheet"]], order)
        out = BytesIO()
        book.save(out)
    made = _restored(out.getvalue(), results) if results else out.getvalue()
    told = {str(one.message) for one in heard if "removed" in str(one.message) or "lost" in str(one.message)}
    return made, [*_lost(data, made), *sorted(told)]


def _refuse_spread(data: bytes) -> None:
    """Raises `MemoryError` for merged cells or links over more cells than anybody meant."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for name in archive.namelist():
            if "worksheets/" in name.lower() and name.lower().endswith(".xml"):
                areas = AREA.findall(archive.read(name))
                cells = sum((int(b) - int(t) + 1) * (number(r) - number(lt) + 1) for lt, t, r, b in areas)
                if cells > AREA_MAX:
                    raise MemoryError(name)


def _mark(page: Worksheet, order: Mapping[str, Any]) -> None:
    header = order["header"]
    # Private, but every public way over the cells makes those that are not there, of which there may be billions.
    cells: Mapping[tuple[int, int], Cell | MergedCell] = page._cells  # noqa: SLF001
    _clean(list(cells.values()))
    places = _places(cells, header, order["last"] + 1)
    for place, name, width in zip(places, OURS, WIDTHS, strict=True):
        page.column_dimensions[get_column_letter(place)].width = width
        _empty([cell for (row, column), cell in cells.items() if column == place and row > header])
        _head(page, header, place, name)
    if order["about"]:
        page.cell(header, places[0]).comment = _comment(order["about"])
    _extend_filter(page, header, places)
    for line, state, said in order["rows"]:
        _write(page.cell(line, places[0]), state, COLOURS.get(state))
        if said:
            _write(page.cell(line, places[1]), said, None)
    for line, column, severity, note in order["cells"]:
        _note(page.cell(line, column + 1), note, COLOURS[severity])


def _clean(cells: Sequence[Cell | MergedCell]) -> None:
    """Take off the notes and colours of an earlier marking."""
    for cell in cells:
        note = cell.comment
        if not isinstance(cell, Cell) or note is None:
            continue
        theirs, mark, _ = note.text.partition(BREAK)
        if note.author != AUTHOR and not mark:
            continue
        cell.comment = Comment(theirs, note.author, note.height, note.width) if mark else None
        if cell.fill.fill_type == "solid" and cell.fill.fgColor.rgb in COLOURS.values():
            cell.fill = PatternFill()


def _empty(cells: Sequence[Cell | MergedCell]) -> None:
    for cell in cells:
        cell.fill = PatternFill()
        if isinstance(cell, Cell):
            cell.value = None


def _places(cells: Mapping[tuple[int, int], Any], header: int, last: int) -> tuple[int, int]:
    """Our two columns, from 1: those of an earlier marking, else the first two beyond all that is beside the table."""
    names = {key(name): name for name in OURS}
    heads = {column: cell.value for (row, column), cell in cells.items() if row == header and cell.value is not None}
    found = {key(str(value)): column for column, value in heads.items()}
    if all(name in found for name in names):
        first, second = (found[name] for name in names)
        return first, second
    beside = (column for (row, column), cell in cells.items() if row >= header and cell.value is not None)
    first = max([last, *beside]) + 1
    return first, first + 1


def _head(page: Worksheet, header: int, place: int, name: str) -> None:
    """Our header, in the looks of the one before it."""
    cell, before = page.cell(header, place), page.cell(header, place - 1)
    if not cell.has_style and before.has_style:
        cell._style = copy(before._style)  # noqa: SLF001  openpyxl's own documentation copies styles so
    _write(cell, name, None)


def _extend_filter(page: Worksheet, header: int, places: Sequence[int]) -> None:
    """A filter over the whole table takes our columns in, so that rows are sorted and chosen together with them."""
    if page.auto_filter.ref:
        left, top, right, bottom = range_boundaries(page.auto_filter.ref)
        if top == header and places[0] == (right or 0) + 1:
            page.auto_filter.ref = f"{get_column_letter(left)}{top}:{get_column_letter(places[1])}{bottom}"


def _write(cell: Cell | MergedCell, text: str, colour: str | None) -> None:
    if isinstance(cell, Cell):
        cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)[:TEXT_MAX]
        cell.data_type = "s"  # never a formula, whatever it begins with
        if "\n" in text:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    if colour:
        cell.fill = FILLS[colour]


def _note(cell: Cell | MergedCell, note: str, colour: str) -> None:
    """Colour the cell and put the note on it, below one that its owner has put there; a merged one takes none."""
    cell.fill = FILLS[colour]
    if not note or not isinstance(cell, Cell):
        return
    theirs = cell.comment
    text = ILLEGAL_CHARACTERS_RE.sub("", note)
    if theirs is None:
        cell.comment = _comment(text)
    else:
        cell.comment = Comment(theirs.text + BREAK + text, theirs.author, max(theirs.height, 200), theirs.width)


def _comment(text: str) -> Comment:
    return Comment(text[:TEXT_MAX], AUTHOR, height=160, width=340)


def _results(data: bytes, book: Workbook) -> dict[str, dict[str, tuple[str, str]]]:
    """By part and cell, what each formula had come to: its type and text, which saving would leave out."""
    formulas = {
        index: [place for place, cell in page._cells.items() if cell.data_type == "f"]  # noqa: SLF001  as in _mark
        for index, page in enumerate(book.worksheets)
    }
    if not any(formulas.values()):
        return {}
    values = load_workbook(BytesIO(data), data_only=True)
    return {
        f"xl/worksheets/sheet{index + 1}.xml": dict(_values(values.worksheets[index], places))
        for index, places in formulas.items()
        if places
    }


def _values(page: Worksheet, places: Sequence[tuple[int, int]]) -> Iterator[tuple[str, tuple[str, str]]]:
    for row, column in places:
        cell = page.cell(row, column)
        if cell.value is None:
            continue
        kind, value = cell.data_type, cell.value
        if kind == "d":
            kind, value = "n", to_excel(value, page.parent.epoch)
        text = repr(value) if isinstance(value, float) else str(int(value) if kind == "b" else value)
        yield cell.coordinate, ("str" if kind in ("s", "inlineStr") else kind, text)


def _restored(data: bytes, results: Mapping[str, Mapping[str, tuple[str, str]]]) -> bytes:
    """The saved workbook with the results of its formulas."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for part in before.infolist():
            known = results.get(part.filename)
            text = before.read(part)
            after.writestr(part, text if known is None else _filled(text, known))
    return out.getvalue()


def _filled(xml: bytes, known: Mapping[str, tuple[str, str]]) -> bytes:
    def cell(found: re.Match[bytes]) -> bytes:
        kind, text = known.get(found[1].decode(), ("", ""))
        if not kind:
            return found[0]
        value = escape(text, quote=False).encode()
        return b'<c r="%b"%b t="%b">%b<v>%b</v></c>' % (found[1], found[2], kind.encode(), found[3], value)

    return FORMULA.sub(cell, xml)


def _lost(before: bytes, after: bytes) -> list[str]:
    """What the new workbook has less of."""
    had, has = _parts(before), _parts(after)
    return [what for start, what in CARRIED.items() if had[start] > has[start]]


def _parts(data: bytes) -> dict[str, int]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        names = [name.lower().lstrip("/") for name in archive.namelist()]
    return {start: sum(name.startswith(start) for name in names) for start in CARRIED}
