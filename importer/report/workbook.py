"""A sheet as a workbook, marked up: the user's own where that can be done, else a new one with the sheet's cells."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from importer.model.errors import FixCommand
from importer.report.findings import Report, about, noted, said
from importer.sheet.columns import OURS
from importer.sheet.sandbox import environment

ROWS_MAX = 20_000  # of a workbook that is marked up as it is: its cells become objects
EXPANDED_MAX = 48 << 20  # bytes of such a workbook, all its sheets, when decompressed
NOTES_MAX = 10_000  # a spreadsheet program opens no more in good time; our columns say the same
LINES_MAX, COLUMNS_MAX = 1 << 20, 1 << 14
MEMORY = 1 << 30  # bytes of address space for marking up
SECONDS = 60
TEXT_MAX = 32_767  # characters of a cell
COLOURS = {"error": "#FFC7CE", "rejected": "#FFC7CE", "failed": "#FFC7CE", "warning": "#FFEB9C"}
COLOURS |= {"in_doubt": "#FFEB9C", "duplicate": "#E2E5EA"}
BOOLEAN = "boolean-cell"
ODD = (BOOLEAN, "formula-without-value")
START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from importer.report import markup; markup.main(int(sys.argv[2]), int(sys.argv[3]))"
)


@dataclass(frozen=True, slots=True)
class Original:
    """The workbook that a sheet was read from: its bytes, and how many they are when decompressed."""

    data: bytes
    expanded: int


def write_xlsx(report: Report, path: Path, original: Original | None) -> tuple[str, ...]:
    """Write the annotated workbook; what its reader should know of it. Raises `FixCommand` for a sheet too large."""
    if original is None:
        _write_new(report, path)
        return ()
    if report.sheet.frame.height > ROWS_MAX or original.expanded > EXPANDED_MAX:
        _write_new(report, path)
        return (f"the workbook is large (more than {ROWS_MAX} rows or {EXPANDED_MAX >> 20} MB): {_NEW}",)
    made = _marked(original, _order(report))
    if made is None:
        _write_new(report, path)
        return (f"the workbook could not be marked up as it is: {_NEW}",)
    path.write_bytes(made[0])
    return (f"not carried over to the copy: {', '.join(made[1])}",) if made[1] else ()


_NEW = "a new one was written, with the cells of this sheet and none of its looks"


def _order(report: Report) -> dict[str, Any]:
    sheet, cells = report.sheet, enumerate(noted(report).iter_rows())
    return {
        "sheet": sheet.name,
        "header": sheet.header_line,
        "last": max(sheet.positions),
        "rows": list(zip(sheet.lines, report.states, said(report), strict=True)),
        "cells": [(*cell, note if place < NOTES_MAX else "") for place, (*cell, note) in cells],
        "about": about(report),
    }


def _marked(original: Original, order: Mapping[str, Any]) -> tuple[bytes, list[str]] | None:
    """The marked workbook and what it lacks; ``None`` when the child that makes it breaks, or takes too much."""
    command = [sys.executable, "-I", "-S", "-c", START, json.dumps(sys.path), str(MEMORY), str(SECONDS)]
    text = json.dumps(order).encode()
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and our own code
            command, input=len(text).to_bytes(8, "big") + text + original.data, capture_output=True, check=False,
            timeout=SECONDS * 2, env=environment(),
        )  # fmt: skip
    except (subprocess.TimeoutExpired, OSError):
        return None
    out = child.stdout
    if child.returncode or len(out) < 8:
        return None
    end = 8 + int.from_bytes(out[:8], "big")
    return out[end:], json.loads(out[8:end])


class _Looks:
    """The formats of a new workbook; every cell is text, so that what is typed there stays as typed."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self.text = book.add_format({"num_format": "@"})
        self.head = book.add_format({"bold": True, "num_format": "@", "bottom": 1})
        self.said = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
        self.coloured = {
            name: book.add_format({"num_format": "@", "bg_color": colour}) for name, colour in COLOURS.items()
        }

    def of(self, name: str) -> Format:
        return self.coloured.get(name, self.text)


def _write_new(report: Report, path: Path) -> None:
    """Each row stays on its line and each column in its place, so that B27 is B27 in both."""
    sheet = report.sheet
    ours = max(sheet.positions) + 1
    lines = [sheet.header_line, *sheet.lines.tail(1)]
    if max(lines) > LINES_MAX or ours + 2 > COLUMNS_MAX:
        raise FixCommand(f"{sheet.file}: has more rows or columns than a workbook", hint="report to .csv instead")
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        page = book.add_worksheet(_title(sheet.name))
        looks = _Looks(book)
        page.set_column(0, ours - 1, 22, looks.text)
        page.set_column(ours, ours, 16)
        page.set_column(ours + 1, ours + 1, 70)
        page.freeze_panes(sheet.header_line, 0)
        head = sheet.header_line - 1
        for place, header in zip((*sheet.positions, ours, ours + 1), (*sheet.columns, *OURS), strict=True):
            page.write_string(head, place, header[:TEXT_MAX], looks.head)
        if words := about(report):
            _comment(page, head, ours, words)
        last = _rows(report, page, looks, ours)
        page.autofilter(head, 0, max(last, head + 1), ours + 1)


def _rows(report: Report, page: Worksheet, looks: _Looks, ours: int) -> int:
    """Write the rows; the last one's number from 0."""
    cells = _Cells(report)
    left, row = NOTES_MAX, 0
    told = zip(report.sheet.lines, report.sheet.frame.iter_rows(), report.states, said(report), strict=True)
    for line, texts, state, words in told:
        row = line - 1
        for place, value, severity, note in cells.of(line, texts):
            _write(page, row, place, value, looks.of(severity))
            if note and left:
                left -= 1
                _comment(page, row, place, note)
        page.write_string(row, ours, state, looks.of(state))
        if words:
            page.write_string(row, ours + 1, words[:TEXT_MAX], looks.said)
    return row


def _write(page: Worksheet, row: int, place: int, value: str | bool | None, looks: Format) -> None:
    if isinstance(value, bool):
        page.write_boolean(row, place, value, looks)
    elif value is not None:
        page.write_string(row, place, value[:TEXT_MAX], looks)
    else:
        page.write_blank(row, place, None, looks)


class _Cells:
    """What is written into a new workbook, such that reading it again finds the same mistakes."""

    def __init__(self, report: Report) -> None:
        self._positions = report.sheet.positions
        self._notes: dict[int, dict[int, tuple[str, str]]] = defaultdict(dict)
        for line, position, severity, note in noted(report).iter_rows():
            self._notes[line][position] = (severity, note)
        # A row whose fields stand under the wrong headers becomes one text: cut into cells it might look sound, and be
        # read as something else than was meant.
        ragged = report.findings.filter(rule="ragged-row").drop_nulls("value")
        self._ragged: dict[int, str] = dict(ragged.select("line", "value").iter_rows())
        # What its text alone would not tell from an ordinary cell.
        found = report.located().filter(pl.col("rule").is_in(ODD)).drop_nulls("value")
        self._odd = {
            (line, place): value == "TRUE" if rule == BOOLEAN else value
            for line, place, rule, value in found.select("line", "position", "rule", "value").iter_rows()
        }

    def of(self, line: int, texts: Sequence[str | None]) -> Iterator[tuple[int, str | bool | None, str, str]]:
        """Place, value, severity and note of each cell of a row that has any of them."""
        if line in self._ragged:
            yield self._positions[0], self._ragged[line], "error", ""
            return
        marks = self._notes.get(line, {})
        for place, text in zip(self._positions, texts, strict=True):
            severity, note = marks.get(place, ("", ""))
            value = self._odd.get((line, place), text)
            if value is not None or severity:
                yield place, value, severity, note


def _comment(page: Worksheet, row: int, column: int, text: str) -> None:
    page.write_comment(row, column, text[:32_000], {"author": "importer", "width": 340, "height": 160})


def _title(name: str | None) -> str:
    """A name that a worksheet may have."""
    return re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", name or "Contacts").strip(" '")[:31] or "Contacts"
