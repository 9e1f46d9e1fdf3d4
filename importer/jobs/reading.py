"""What every command begins with: a file, read and checked by the settings."""

from pathlib import Path
from typing import TYPE_CHECKING

from importer import sheet as sheets
from importer.model.errors import FixFile
from importer.settings import Settings
from importer.sheet import Sheet
from importer.sheet.columns import key, known, match
from importer.stage.check import Checked, check
from importer.stage.delivery import Ask

if TYPE_CHECKING:
    from dns.resolver import Resolver


def read(file: str | Path, settings: Settings, *, resolver: "Resolver | None" = None) -> tuple[Sheet, Checked]:
    """Raises `FixFile` when the file is no table of contacts. ``resolver``: asked where domains are to be checked."""
    ask = _asker(resolver) if settings.check_domains else None
    sheet = sheets.read(
        file,
        sheet=settings.sheet,
        encoding=settings.encoding,
        delimiter=settings.delimiter,
        header_row=settings.header_row,
        known=known(settings.columns | settings.map),
        hidden=settings.hidden,
        fill=settings.fill,
    )
    try:
        found = match(sheet.columns, _mapping(sheet, settings))
    except FixFile as error:
        raise FixFile(f"{sheet.file}: {error.message}", hint=error.hint, code=error.code) from None
    return sheet, check(sheet, found, settings.rules, ask)


def _mapping(sheet: Sheet, settings: Settings) -> dict[str, str]:
    """What the settings say of this file: their headers of many files where it has them, and what was asked of it."""
    there = {key(header) for header in sheet.columns}
    return {header: name for header, name in settings.columns.items() if key(header) in there} | settings.map


def _asker(resolver: "Resolver | None") -> Ask:
    from importer.jobs.domains import asker

    return asker(resolver)
