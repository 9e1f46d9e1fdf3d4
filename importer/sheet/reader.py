"""`read`: a file of any kind to a sheet."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from importer.model.errors import FixCommand, FixFile
from importer.model.finding import Finding
from importer.sheet import columns, delimited, dialect, faults, source, table, text, workbook
from importer.sheet.grid import Grid
from importer.sheet.sheet import Sheet
from importer.sheet.source import Source

TEXTS = (".csv", ".tsv", ".tab", ".txt")
WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
KINDS = {"text": "text", "html": "an HTML page", "zip": "a workbook", "ole": "an old Excel workbook"}


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is to be read, where its reader knows better; ``hidden`` is omit or include."""

    sheet: str | int | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header_row: int | None = None
    known: frozenset[str] = columns.KNOWN
    hidden: str = "omit"
    fill: Sequence[str] = ()


def read(
    path: str | Path,
    *,
    sheet: str | int | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    header_row: int | None = None,
    known: frozenset[str] = columns.KNOWN,
    hidden: str = "omit",
    fill: Sequence[str] = (),
) -> Sheet:
    """Read a table from a file, or from the standard input for ``-``; every cell is text.

    ``sheet`` is a worksheet's name or its number from 1, ``header_row`` the header's line from 1; ``known`` are the
    header keys (`columns.known`) by which the header is found; ``hidden="include"`` takes rows that are hidden or
    filtered out; ``fill`` names columns in which merged cells are filled. Raises `FixFile`, or `FixCommand` for an
    option that does not fit.
    """
    options = Options(sheet, encoding, delimiter, header_row, known, hidden, fill)
    _check(options)
    loaded = source.load(path)
    notes = _format_note(loaded)
    if loaded.kind in ("zip", "ole"):
        return workbook.sheet(loaded, options, notes)
    if options.sheet not in (None, 1, "1"):
        raise FixCommand(f"{loaded.file}: is text, which has no worksheets", hint="Leave --sheet out.")
    decoded = text.decode(loaded.data, loaded.file, options.encoding, options.known)
    notes = [*notes, *_guess_note(decoded)]
    if loaded.kind == "html":
        page = replace(loaded, data=decoded.data)
        return replace(
            workbook.sheet(page, replace(options, sheet=None), notes),
            encoding=decoded.encoding,
            guessed=decoded.guessed,
        )
    return _text(loaded, decoded, options, notes)


def _check(options: Options) -> None:
    if options.hidden not in ("omit", "include"):
        raise FixCommand(f"hidden rows can be omit or include, not {options.hidden}")
    if options.header_row is not None and options.header_row < 1:
        raise FixCommand(f"the header row is counted from 1, not {options.header_row}")


def _text(loaded: Source, decoded: text.Text, options: Options, notes: Sequence[Finding]) -> Sheet:
    found = dialect.sniff(decoded.data, loaded.file, options.delimiter, options.header_row, options.known)
    header = found.header
    if header.width == 1 and _suffix(loaded.file) in WORKBOOKS and not columns.hits(header.cells, options.known):
        raise FixFile(
            f"{loaded.file}: is neither a workbook nor a table, but a few lines of text",
            hint="Look at it in a text editor, and get the file again from where it came from.",
        )
    grid = delimited.grid(decoded.data, found, loaded.file)
    made = table.assemble(grid, [*notes, *_above_note(grid, decoded.data)], options.known)
    return Sheet(
        loaded.file, None, made.columns, made.frame, made.lines, loaded.digest, made.findings,
        header_line=header.line, positions=made.positions, encoding=decoded.encoding, guessed=decoded.guessed,
        delimiter=found.delimiter,
    )  # fmt: skip


def _suffix(file: str) -> str:
    return Path(file.lower().removesuffix(".gz")).suffix


def _format_note(loaded: Source) -> list[Finding]:
    """Said only where the extension and the content are of different families."""
    suffix = _suffix(loaded.file)
    if suffix not in (*WORKBOOKS, *TEXTS):
        return []
    expected = "text" if suffix in TEXTS else "ole" if suffix == ".xls" else "zip"
    if loaded.kind == expected:
        return []
    message = f"the file is {KINDS[loaded.kind]}, in spite of its extension {suffix}, and was read as such"
    return [faults.found(faults.FORMAT, message)]


def _guess_note(decoded: text.Text) -> list[Finding]:
    if not decoded.guessed:
        return []
    shown = ", ".join(decoded.samples) or "no letters beyond ASCII"
    message = f"the encoding was guessed to be {decoded.encoding}; it reads: {shown}"
    return [faults.found(faults.ENCODING, message, hint="If these words are wrong, name the encoding: --encoding.")]


def _above_note(grid: Grid, data: bytes) -> list[Finding]:
    above = data.split(b"\n", grid.header.line - 1)[: grid.header.line - 1]
    if not any(line.strip() and not dialect.is_sep(line) for line in above):
        return []
    return [faults.found(faults.ABOVE, f"the header is in line {grid.header.line}; the lines above were left out")]
