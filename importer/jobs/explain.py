"""Explain: all that is known of one row of a file, or of everybody of one name."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from importer import sheet as sheets
from importer.jobs.staged import DECIDING, digest
from importer.jobs.stores import existing
from importer.ledger.port import Ledger
from importer.ledger.views import DirectoryStatus, Story
from importer.model.contact import API_NAMES
from importer.model.errors import FixCommand, ImporterError
from importer.report.explain import CONTACT, Account, what_next
from importer.settings import Settings, load
from importer.sheet.columns import known

Cells = dict[str, str | None]
FILES = 5  # named in a hint


@dataclass(frozen=True, slots=True)
class Explained:
    """The accounts of what was asked for, one for each row and directory."""

    what: str
    accounts: tuple[Account, ...]
    day_zone: str

    def as_json(self) -> dict[str, Any]:
        rows = [account.as_json(self.day_zone) for account in self.accounts]
        return {"schema": 1, "command": "explain", "what": self.what, "rows": rows, "exit_code": 0}


def explain(what: str, settings: Settings | None = None) -> Explained:
    """``what``: a name, or FILE:LINE. Raises `FixLedger` without a ledger, `FixCommand` when nothing fits."""
    settings = settings or load()
    with existing(settings) as ledger:
        directories = {one.id: one for one in ledger.status()}
        place = re.fullmatch(r"(.+):(\d{1,9})", what)
        stories = _at(ledger, directories.values(), *place.groups()) if place else ledger.called(what)
        if not stories:
            raise _nothing(ledger, directories.values(), what, place[1] if place else None)
        accounts = tuple(_account(story, directories[story.directory], settings) for story in stories)
    return Explained(what, accounts, settings.day_zone)


def _at(ledger: Ledger, directories: Iterable[DirectoryStatus], file: str, line: str) -> list[Story]:
    return [story for known in _files(directories, file) for story in ledger.stories(known, int(line))]


def _files(directories: Iterable[DirectoryStatus], file: str) -> list[str]:
    """The files meant: the one of just this name, else those of the same place, else those called the same."""
    held = list(dict.fromkeys(name for directory in directories for name in directory.files))
    if file in held:
        return [file]
    same = [name for name in held if Path(name).absolute() == Path(file).absolute()]
    return same or [name for name in held if Path(name).name == file]


def _nothing(ledger: Ledger, directories: Iterable[DirectoryStatus], what: str, file: str | None) -> FixCommand:
    held = [
        f"{name} ({ledger.totals(directory.id, staged.id).read} rows, {directory.profile})"
        for directory in directories
        for name in directory.files
        if (staged := ledger.staged(directory.id, name)) is not None
    ]
    there = f"{', '.join(held[:FILES])}{', …' if len(held) > FILES else ''}" or "no file yet"
    if file is None:
        return FixCommand(f"nobody is called {what} in this ledger", hint=f"name a row as FILE:LINE; it holds {there}")
    missing = f"has no row at {what}" if _files(directories, file) else f"does not know a file {file}"
    return FixCommand(f"this ledger {missing}", hint=f"it holds {there}; lines are those that the spreadsheet shows")


def _account(story: Story, directory: DirectoryStatus, settings: Settings) -> Account:
    cells, cells_from = _read_again(story, settings), "file"
    if cells is None and story.cells is not None:
        cells, cells_from = story.cells, "ledger"
    elif cells is None:
        cells, cells_from = {API_NAMES[name]: getattr(story.row, name) for name in CONTACT}, "contact"
    held = directory.lease is not None
    return Account(story, cells, cells_from, what_next(story, directory.deferrals, held=held))


def _read_again(story: Story, settings: Settings) -> Cells | None:
    """The row's cells from the file, if that is the one that was staged; read as it was then."""
    file = story.row.file
    if not file or story.options is None or digest(file) != story.digest:
        return None
    told = json.loads(story.options)
    then = settings.model_copy(update={name: told[name] for name in DECIDING if name in told})
    try:
        sheet = sheets.read(
            file,
            sheet=then.sheet,
            encoding=then.encoding,
            delimiter=then.delimiter,
            header_row=then.header_row,
            known=known(then.columns | then.map),
            hidden=then.hidden,
            fill=tuple(then.fill),
        )
    except ImporterError:
        return None  # it changed since its digest was taken
    where = (sheet.lines == story.row.row).arg_true()
    return dict(zip(sheet.columns, sheet.frame.row(where[0]), strict=True)) if len(where) else None
