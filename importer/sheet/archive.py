"""A look at a zip's directory before anyone decompresses it."""

import io
import zipfile
from dataclasses import dataclass

from importer.model.errors import FixFile
from importer.sheet.source import RATIO_FROM, RATIO_MAX, SIZE_MAX, Source
from importer.sheet.worker import UNLOCK

ENTRIES_MAX = 10_000
SAVE = "Open it in the program that made it and save it as .xlsx or CSV."
OTHERS = {
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a presentation",
    "index/document.iwa": "a Numbers document",
    "index.zip": "a Numbers document",
}


@dataclass(frozen=True, slots=True)
class Archive:
    """What a zip holds: ``format`` is xlsx, xlsb or ods, ``expanded`` its bytes when decompressed."""

    format: str
    expanded: int


def look(source: Source) -> Archive:
    """Judge a zip by its directory alone. Raises `FixFile` for one that is damaged, hostile or no workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, EOFError, UnicodeDecodeError):
        raise FixFile(
            f"{source.file}: the workbook is damaged or cut off", hint="Copy the file again, or save it anew."
        ) from None
    _refuse_hostile(source, entries)
    names = {plain(entry.filename) for entry in entries}
    return Archive(_format(source.file, names), sum(entry.file_size for entry in entries))


def plain(name: str) -> str:
    """An entry's path as the formats mean it: forward slashes, no letter case."""
    return name.replace("\\", "/").lstrip("/").lower()


def _refuse_hostile(source: Source, entries: list[zipfile.ZipInfo]) -> None:
    file = source.file
    if len(entries) > ENTRIES_MAX:
        raise FixFile(f"{file}: holds {len(entries)} parts, which no workbook does", hint=SAVE)
    for entry in entries:
        if entry.file_size > RATIO_FROM and entry.file_size > RATIO_MAX * max(1, entry.compress_size):
            raise FixFile(
                f"{file}: a part of it grows {entry.file_size // max(1, entry.compress_size)} times when decompressed, "
                "as no spreadsheet does",
                hint=SAVE,
            )
        if ".." in plain(entry.filename).split("/") or ":" in entry.filename[:2]:
            raise FixFile(f"{file}: a part of it names a place outside the workbook", hint=SAVE)
        if entry.flag_bits & 1:
            raise FixFile(f"{file}: is protected by a password", hint=UNLOCK)
    expanded = sum(entry.file_size for entry in entries)
    if expanded > SIZE_MAX:
        raise FixFile(
            f"{file}: grows to {expanded >> 20} MB when decompressed, more than the {SIZE_MAX >> 20} MB taken",
            hint="Split the workbook, or save the sheet as CSV.",
        )


def _format(file: str, names: set[str]) -> str:
    if "xl/workbook.bin" in names:
        return "xlsb"
    if "xl/workbook.xml" in names or any(name.startswith("xl/worksheets/") for name in names):
        return "xlsx"
    if "content.xml" in names:
        return "ods"
    what = next((what for part, what in OTHERS.items() if part in names), None)
    if what:
        raise FixFile(f"{file}: is {what}, not a spreadsheet", hint=SAVE)
    if "[content_types].xml" in names:
        return "xlsx"
    raise FixFile(f"{file}: is a zip archive without a workbook", hint="Unpack it and give the spreadsheet inside.")
