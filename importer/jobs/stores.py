"""The ledger as the settings name it: a file of this machine, or a PostgreSQL database that many machines share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from importer.ledger.address import SCHEMES, redacted, scheme
from importer.ledger.port import Ledger
from importer.ledger.sqlite import open_sqlite
from importer.model.errors import FixCommand
from importer.settings import Settings


def opened(
    settings: Settings, *, create: bool, patience: float = 0.0, pause: Callable[[float], bool] | None = None
) -> Ledger:
    """The ledger of the settings, as `at` opens it."""
    return at(settings.ledger, create=create, patience=patience, pause=pause)


def at(place: str, *, create: bool, patience: float = 0.0, pause: Callable[[float], bool] | None = None) -> Ledger:
    """The ledger at a path or address, made if there is none and it may be.

    ``patience``: seconds that a lost connection may last; ``pause`` waits meanwhile, and says whether to give up.
    Raises `FixLedger`, `NoLedger`, `FixCommand`.
    """
    kind = scheme(place)
    if kind is None:
        return open_sqlite(place, create=create)
    if kind not in SCHEMES:
        raise FixCommand(
            f"{redacted(place)}: no ledger is kept there",
            hint="give a path or postgresql://user@host/database with --ledger",
        )
    try:
        from importer.ledger.postgres import open_postgres
    except ImportError:
        raise FixCommand(
            "a ledger in PostgreSQL needs the package psycopg", hint="pip install 'importer[postgres]'"
        ) from None
    return open_postgres(place, create=create, patience=patience, pause=pause)


@contextmanager
def existing(settings: Settings) -> Iterator[Ledger]:
    """A ledger to look into. Raises `NoLedger` when there is none."""
    ledger = opened(settings, create=False)
    try:
        yield ledger
    finally:
        ledger.close()


def beside(settings: Settings, ending: str) -> Path:
    """A file beside the ledger; in the working directory where that is in a database, whose name it then bears."""
    if scheme(settings.ledger) is None:
        path = Path(settings.ledger)
        return path.parent / f"{path.name}.{ending}"
    database = unquote(urlsplit(settings.ledger).path).strip("/").replace("/", "-")
    return Path(f"{database or 'importer'}.{ending}")
