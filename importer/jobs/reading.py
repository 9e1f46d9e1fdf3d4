"""What every command begins with: a file, read and checked by the settings."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from importer import sheet as sheets
from importer.jobs.stores import existing
from importer.ledger.port import NoLedger, Staged
from importer.model.errors import FixFile
from importer.settings import Settings
from importer.sheet import Sheet
from importer.sheet.columns import key, known, match
from importer.stage.check import Checked, check
from importer.stage.delivery import Ask
from importer.version import __version__

if TYPE_CHECKING:
    from dns.resolver import Resolver

DECIDING = (
    "sheet",
    "encoding",
    "delimiter",
    "header_row",
    "hidden",
    "fill",
    "columns",
    "map",
    "on_clash",
    "chinese_names",
    "email_max",
    "strict",
    "fix_names",
    "check_domains",
)


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


def options(settings: Settings, routes: Sequence[str] | None = None) -> str:
    """What decides the fate of each row of a file, this program too, as JSON: the same gives the same.

    ``routes``: the profiles that its rows may name, where a column sends them to several directories.
    """
    deciding = {name: getattr(settings, name) for name in DECIDING}
    if routes is not None:
        deciding["routes"] = list(routes)
    return json.dumps({"version": __version__, **deciding}, sort_keys=True)


def digest(file: str | Path) -> str | None:
    """SHA-256 of the file's bytes, in hex; ``None`` when that cannot be had without reading it as a sheet."""
    if str(file) == "-":
        return None
    try:
        with Path(file).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None  # reading it says what is wrong


def staged_already(file: str | Path, settings: Settings, place: str) -> str | None:
    """The file's digest, if the ledger holds just this file, read with just these settings, for the directory there.

    ``place``: what tells the directory apart. A file with rows that clashed with what was there is read again.
    """
    found = digest(file)
    if found is None:
        return None
    try:
        with existing(settings) as ledger:
            number = ledger.find(settings.profile, place)
            staged = None if number is None else ledger.staged(number, str(file))
    except NoLedger:
        return None
    return found if holds(staged, found, settings) else None


def holds(staged: Staged | None, digest: str, settings: Settings, routes: Sequence[str] | None = None) -> bool:
    """Whether a staged file says all that reading it again would say."""
    told = options(settings, routes)
    return staged is not None and (staged.digest, staged.options, staged.clashes) == (digest, told, 0)
