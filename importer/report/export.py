"""The ledger's rows as files that other programs read."""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from typing import IO, Any

from importer.ledger.port import ExportRow
from importer.model.clock import iso

COLUMNS = tuple(field.name for field in fields(ExportRow))
# What a spreadsheet program would evaluate; and what already looks like our own escape, so that reading takes off one.
EVALUATED = re.compile(r"'*[=+\-@\t\r]")


def neutral(text: str) -> str:
    """A cell that no spreadsheet program evaluates: an apostrophe before what one would."""
    return f"'{text}" if EVALUATED.match(text) else text


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


WRITERS = {"csv": write_csv, "jsonl": write_jsonl}
