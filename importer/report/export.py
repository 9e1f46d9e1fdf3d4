"""The ledger's rows as files that other programs read."""

import csv
import errno
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from importer.ledger.views import ExportRow
from importer.model.clock import iso
from importer.report.cells import neutral

if TYPE_CHECKING:
    import polars as pl

COLUMNS = tuple(field.name for field in fields(ExportRow))
NUMBERS = ("row", "attempts")
SHEET_ROWS = (1 << 20) - 1  # that a worksheet holds below its header
TEXT_MAX = 32_767  # characters that a cell holds
SLICE = 20_000  # rows in memory at once


def values(row: ExportRow) -> dict[str, Any]:
    """A row by column, the time as ISO 8601."""
    return asdict(row) | {"updated_at": iso(row.updated_at)}


def write_csv(rows: Iterable[ExportRow], file: IO[str]) -> int:
    """UTF-8 CSV with a header; how many rows."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for row in _cells(rows):
        writer.writerow(row)
        count += 1
    return count


def _cells(rows: Iterable[ExportRow]) -> Iterator[list[str]]:
    for row in rows:
        yield ["" if value is None else neutral(str(value)) for value in values(row).values()]


def write_jsonl(rows: Iterable[ExportRow], file: IO[str]) -> int:
    """One JSON object a line; how many rows."""
    count = 0
    for row in rows:
        file.write(json.dumps(values(row), ensure_ascii=False) + "\n")
        count += 1
    return count


def write_xlsx(rows: Iterable[ExportRow], path: Path, *, most: int = SHEET_ROWS) -> int:
    """A workbook with a header, every cell that is no number a text; how many rows.

    What is more than ``most`` rows goes on in further sheets; a text longer than `TEXT_MAX` is cut. Memory does not
    grow with the rows.
    """
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    with TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as room:  # the parts hold addresses too
        book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": room, "use_zip64": True})
        try:
            count = _pages(book, iter(rows), most)
            book.close()
        except FileCreateError as error:
            raise OSError(errno.EIO, getattr(error.args[0], "strerror", None) or "failed") from None
        finally:
            for page in book.worksheets():
                page._opt_close()  # noqa: SLF001  a book that was not finished leaves its parts open
    return count


def _pages(book: Any, rows: Iterator[ExportRow], most: int) -> int:
    text = book.add_format({"num_format": "@"})
    count, first = 0, next(rows, None)
    while True:
        number = len(book.worksheets()) + 1
        page = book.add_worksheet("rows" if number == 1 else f"rows {number}")
        page.set_column(0, len(COLUMNS) - 1, 18, text)
        page.freeze_panes(1, 0)
        for place, name in enumerate(COLUMNS):
            page.write_string(0, place, name, text)
        written = 0
        for row in chain(() if first is None else (first,), islice(rows, most - 1)):
            written += 1
            _write_row(page, written, row, text)
        page.autofilter(0, 0, max(written, 1), len(COLUMNS) - 1)
        count += written
        if (first := next(rows, None)) is None:
            return count


def _write_row(page: Any, number: int, row: ExportRow, text: Any) -> None:
    for place, value in enumerate(values(row).values()):
        if isinstance(value, int):
            page.write_number(number, place, value)
        elif value is not None:
            page.write_string(number, place, value[:TEXT_MAX], text)


def write_parquet(rows: Iterable[ExportRow], path: Path) -> int:
    """A table whose columns are text, but for the numbers ``row`` and ``attempts``; how many rows.

    A slice of rows is in memory at a time.
    """
    import polars as pl
    from polars.io.plugins import register_io_source

    schema = {name: pl.Int64() if name in NUMBERS else pl.String() for name in COLUMNS}
    count = 0

    def slices(*_: object) -> Iterator["pl.DataFrame"]:
        nonlocal count
        left = iter(rows)
        while part := [tuple(values(row).values()) for row in islice(left, SLICE)]:
            count += len(part)
            yield pl.DataFrame(part, schema=schema, orient="row")

    try:
        register_io_source(slices, schema=schema).sink_parquet(path)
    except pl.exceptions.ComputeError as error:
        if "IO error" not in str(error):
            raise
        raise OSError(errno.EIO, "the disk is full, or fails") from None
    return count


Writer = Callable[[Iterable[ExportRow], IO[str]], int]
WRITERS: dict[str, Writer] = {"csv": write_csv, "jsonl": write_jsonl}
FILES: dict[str, Callable[[Iterable[ExportRow], Path], int]] = {"xlsx": write_xlsx, "parquet": write_parquet}
