"""Whether the ledger holds a file already, as reading it again would have it."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from importer.jobs.stores import existing
from importer.ledger.port import NoLedger
from importer.ledger.values import Staged
from importer.settings import Settings
from importer.version import __version__

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
