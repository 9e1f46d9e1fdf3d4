"""The ledger as the settings name it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from importer.ledger.port import Ledger
from importer.ledger.sqlite import open_sqlite
from importer.model.errors import FixCommand, FixLedger
from importer.settings import Settings


def ledger_path(settings: Settings) -> Path:
    """Raises `FixCommand` when the ledger is not in a file."""
    if "://" in settings.ledger:
        raise FixCommand("this version keeps its ledger in a file", hint="give a path with --ledger")
    return Path(settings.ledger)


@contextmanager
def existing(settings: Settings) -> Iterator[Ledger]:
    """A ledger to look into. Raises `FixLedger` when there is none."""
    path = ledger_path(settings)
    if not path.exists():
        raise FixLedger(f"there is no ledger {path}", hint="importer run FILE makes one; --ledger names another")
    ledger = open_sqlite(path, create=False)
    try:
        yield ledger
    finally:
        ledger.close()
