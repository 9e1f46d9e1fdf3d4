"""The child process that parses a workbook: limits first, then one sheet's cells to the standard output.

Runs without polars, whose import would cost more than the parsing of an ordinary file.
"""

import json
import sys
from contextlib import suppress
from typing import Any

CELLS_MAX = 60_000_000  # in the used range of a sheet
ANEW = "Open it in the program that made it and save it as .xlsx or CSV."
UNLOCK = "Open it and save a copy without the password as .xlsx; so too if it opens without asking for one."
LOCKED = ("is protected by a password", UNLOCK)
OLD = "is a workbook from before Excel 97, whose Chinese, Japanese or Korean letters cannot be read"
SHORT = {
    "error": "needs more memory than a spreadsheet of its size should",
    "hint": "Delete empty rows and columns beyond the data, or save the sheet as CSV.",
}
STARVED = ("memory", "alloc", "failed to map")  # so a loader, too, says that there is not enough


class Refused(Exception):
    """The workbook will not do; the message and the hint are for its user."""

    def __init__(self, message: str, hint: str = ANEW) -> None:
        super().__init__(message)
        self.hint = hint


def main(memory: int, seconds: int) -> None:
    """Answer one request from the standard input; every failure is an answer, but for what kills the process."""
    limit(memory, seconds)
    stream = sys.stdin.buffer
    request = json.loads(stream.read(int.from_bytes(stream.read(8), "big")))
    data = stream.read()
    parts: list[bytes] = []
    try:
        head, parts = _page(data) if request["format"] == "html" else _sheet(data, request)
    except Refused as refusal:
        head = {"error": str(refusal), "hint": refusal.hint}
    except MemoryError:
        head = dict(SHORT)
    except BaseException as error:  # noqa: BLE001 - the parser's panic is no Exception
        head = _failure(str(error))
    body = json.dumps(head).encode()
    out = sys.stdout.buffer
    out.write(len(body).to_bytes(8, "big") + body)
    for part in parts:
        out.write(part)
    out.flush()


def limit(memory: int, seconds: int) -> None:
    """Bytes of address space and seconds of processor time, of this process. Where the system knows no such limits, the
    parent's clock is all there is.
    """
    with suppress(ImportError):
        import resource

        for kind, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
            with suppress(ValueError, OSError):
                hard = resource.getrlimit(kind)[1]
                least = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.setrlimit(kind, (least, least))


def _failure(message: str) -> dict[str, str]:
    text = message.lower()
    if any(word in text for word in STARVED):
        return dict(SHORT)
    if "password" in text or "encrypt" in text:
        return dict(zip(("error", "hint"), LOCKED, strict=True))
    return {"error": "cannot be read as a workbook: it is damaged, or of a kind that is not known", "hint": ANEW}


def _sheet(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    import fastexcel

    from importer.sheet import arrow, book

    try:
        look = book.look(data, request["format"])
        reader = fastexcel.read_excel(data)
        name, loaded = _choose(reader, request["sheet"], look.hidden_sheets)
        columns = arrow.columns(loaded)
        indexes = [column.absolute_index for column in loaded.available_columns()]
        kept = [(index, column) for index, column in zip(indexes, columns, strict=True) if column is not None]
        details = look.details(name, arrow.long_digits(kept))
    except book.Locked:
        raise Refused(*LOCKED) from None
    except book.Old:
        raise Refused(OLD, "Open it in a newer Excel, or in LibreOffice, and save it as .xlsx.") from None
    except book.Damaged:
        raise Refused("a part of the workbook is damaged, or defines entities as no spreadsheet does") from None
    head = {
        "sheet": name,
        "sheets": reader.sheet_names,
        "hidden_sheets": sorted(look.hidden_sheets),
        "positions": [index for index, _ in kept],
        "sizes": [(len(offsets), len(text)) for _, (offsets, text) in kept],
        **details.plain(),
    }
    return head, [part for _, column in kept for part in column]


def _page(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    from importer.sheet import book, page

    rows, hidden = page.largest(data.decode(errors="replace"))
    if not any(map(any, rows)):
        raise Refused("is an HTML page without a table")
    columns = page.buffers(rows)
    details = book.Details()
    for row in hidden:
        details.hide(row, row)
    head = {
        "sheet": None,
        "sheets": [],
        "hidden_sheets": [],
        "positions": list(range(len(columns))),
        "sizes": [(len(offsets), len(text)) for offsets, text in columns],
        **details.plain(),
    }
    return head, [part for column in columns for part in column]


def _choose(reader: Any, wanted: str | int | None, hidden: set[str]) -> tuple[str, Any]:
    """The sheet asked for, else the first visible one with data."""
    names = reader.sheet_names
    if not names:
        raise Refused("has no worksheets")
    if wanted is not None:
        name = _named(names, wanted)
        loaded = _load(reader, name)
        if not _filled(loaded):
            raise Refused(f"the sheet {name} is empty", "Name another sheet with --sheet.")
        return name, loaded
    for name in names:
        if name in hidden:
            continue
        loaded = _load(reader, name)
        if loaded is not None and _visible(loaded) and _filled(loaded):
            return name, loaded
    raise Refused("no visible sheet has data", "Name a hidden sheet with --sheet, or give a file with a header row.")


def _visible(loaded: Any) -> bool:
    return bool(loaded.visible == "visible")


def _filled(loaded: Any) -> bool:
    return bool(loaded is not None and loaded.total_height and loaded.width)


def _named(names: list[str], wanted: str | int) -> str:
    if str(wanted) in names:
        return str(wanted)
    folded = {name.casefold().strip(): name for name in reversed(names)}
    if str(wanted).casefold().strip() in folded:
        return folded[str(wanted).casefold().strip()]
    if str(wanted).isdecimal() and 1 <= int(wanted) <= len(names):
        return names[int(wanted) - 1]
    listed = ", ".join(f"{number} {name}" for number, name in enumerate(names[:20], 1))
    raise Refused(f"there is no sheet {wanted}", f"Its sheets are: {listed}.")


def _load(reader: Any, name: str) -> Any:
    """A sheet with all cells as text, from its first row on; ``None`` for one that is no worksheet or is empty."""
    import fastexcel

    try:
        loaded = reader.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    except fastexcel.InvalidParametersError:  # raised for a sheet without a single cell
        return None
    if loaded.total_height * loaded.width > CELLS_MAX:
        raise Refused(
            f"the sheet {name} claims {loaded.total_height} rows of {loaded.width} columns",
            "Delete empty rows and columns beyond the data, or save the sheet as CSV.",
        )
    return loaded
