"""What every command begins with: a file, read and checked by the settings."""

import json
from pathlib import Path

from importer import sheet as sheets
from importer.model.errors import FixFile
from importer.settings import Settings
from importer.sheet import Sheet
from importer.sheet.columns import match
from importer.stage.check import Checked, check

DECIDING = (
    "sheet",
    "encoding",
    "delimiter",
    "header_row",
    "columns",
    "on_clash",
    "chinese_names",
    "email_max",
)


def read(file: str | Path, settings: Settings) -> tuple[Sheet, Checked]:
    """Raises `FixFile` when the file is no table of contacts."""
    sheet = sheets.read(
        file,
        sheet=settings.sheet,
        encoding=settings.encoding,
        delimiter=settings.delimiter,
        header_row=settings.header_row,
    )
    try:
        found = match(sheet.columns, settings.columns)
    except FixFile as error:
        raise FixFile(f"{sheet.file}: {error.message}", hint=error.hint, code=error.code) from None
    return sheet, check(sheet, found, settings.rules)


def options(settings: Settings) -> str:
    """The settings that decide what becomes of each row, as JSON: the same ones give the same rows."""
    return json.dumps({name: getattr(settings, name) for name in DECIDING}, sort_keys=True)
