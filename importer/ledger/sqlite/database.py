"""One SQLite file: found or made, checked to be ours, brought to this version, and written in whole units."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from importlib import resources
from pathlib import Path

import apsw

from importer.ledger.port import LedgerFailed, NoLedger
from importer.ledger.sqlite.recording import DESK
from importer.model.errors import FixLedger

MEMORY = ":memory:"
APPLICATION_ID = 0x696D7072  # "impr", in the file's header
BUSY_SECONDS = 30
CACHE = -16 * 1024  # KiB: what is read and written goes in order of its numbers, so that more is of no use
MIGRATIONS: tuple[str, ...] = ()  # the n-th leads from version n to n + 1

# What went wrong with the store itself, in plain words, and what to do about it.
TROUBLES: dict[type[apsw.Error], tuple[str, str]] = {
    apsw.FullError: ("the disk is full", "make room, then run the same command again"),
    apsw.IOError: ("the disk reported an error", "check the disk, then run the same command again"),
    apsw.NoMemError: ("there is not enough memory", "close other programs, then run the same command again"),
    apsw.BusyError: (f"another program kept it locked for {BUSY_SECONDS} seconds", "run the same command again later"),
    apsw.LockedError: ("another program keeps it locked", "run the same command again later"),
    apsw.ProtocolError: ("another program keeps it locked", "run the same command again later"),
    apsw.ReadOnlyError: ("it is read-only", "give this user the right to write to it and to its folder"),
    apsw.PermissionsError: ("access to it is denied", "give this user the right to write to it and to its folder"),
    apsw.CantOpenError: ("it cannot be opened", "check that its folder exists and can be written to"),
    apsw.CorruptError: ("it is damaged", "restore it from a backup, or name another one with --ledger"),
    apsw.NotADBError: ("it is no SQLite database", "name another file with --ledger"),
}
UNITS = {
    False: ("begin immediate", "commit", "rollback"),
    True: ("savepoint verb", "release verb", "rollback to verb; release verb"),
}
EMPTY = "select not exists (select 1 from contacts)"
FIRST = ("begin immediate", None, "rollback")  # of a group: nothing is there yet that undoing it could touch


def trouble(error: BaseException, path: str) -> LedgerFailed | None:
    """``error`` as one of the store's own troubles; ``None`` when it is something else."""
    for kind, (what, hint) in TROUBLES.items():
        if isinstance(error, kind):
            return LedgerFailed(f"{path}: the ledger failed: {what}", hint=hint, code=kind.__name__)
    return None


class Database:
    """A connection and its units of work: a transaction each, or a savepoint each inside a group."""

    def __init__(self, connection: apsw.Connection, path: str) -> None:
        self.connection = connection
        self.path = path
        self._grouped = False
        self._failed: LedgerFailed | None = None
        self._outside = False  # of the write-ahead log

    @contextmanager
    def unit(self) -> Iterator[apsw.Connection]:
        """Everything inside happens, or nothing; durable at the end, or at the end of the group."""
        begin, keep, undo = FIRST if self._begins else UNITS[self._grouped]
        self._sound()
        try:
            self.connection.execute(begin)
            yield self.connection
            if keep is not None:
                self.connection.execute(keep)
        except BaseException as error:
            self._undo(undo)
            self._tell(error)
            raise
        finally:
            if not self._grouped:
                self._return()

    @contextmanager
    def view(self) -> Iterator[apsw.Connection]:
        """Everything read inside is of one moment."""
        try:
            if self._begins:
                self.connection.execute(FIRST[0])
            elif not self._grouped:
                self.connection.execute("begin")
            yield self.connection
        except apsw.Error as error:
            self._tell(error)
            raise
        finally:
            if not self._grouped:
                self._undo("rollback")

    @contextmanager
    def group(self) -> Iterator[None]:
        """One commit for all units inside; when the store fails in one of them, none of them happened."""
        assert not self._grouped, "groups do not nest"
        try:
            self._grouped = True
            yield
            self._sound()
            if not self._begins:
                self.connection.execute("commit")
        except BaseException as error:
            self._undo("rollback")
            self._tell(error)
            raise
        finally:
            self._grouped, self._failed = False, None
            self._return()

    def load(self) -> None:
        """Write the transaction that comes next, if there is no contact yet, outside the write-ahead log.

        In the log every new page would be written twice; a journal of what was there before, next to nothing, undoes
        the load if it does not end. Only while nobody else has the ledger open; who comes then waits as for any lock.
        """
        c = self.connection
        if self.path == MEMORY or c.in_transaction:
            return
        try:
            self._outside = c.execute(EMPTY).get == 1 and c.pragma("journal_mode", "delete") == "delete"
        except apsw.BusyError:
            return
        except apsw.Error as error:
            self._tell(error)
            raise

    def _return(self) -> None:
        """Back into the log; where that cannot be now, whoever opens the ledger next does it."""
        if self._outside:
            self._outside = False
            with suppress(apsw.Error):
                self.connection.pragma("journal_mode", "wal")

    @property
    def _begins(self) -> bool:
        """Whether a group's transaction is still to be begun, by the first verb in it."""
        return self._grouped and not self.connection.in_transaction

    @contextmanager
    def aside(self) -> Iterator[apsw.Connection]:
        """A connection of its own, for reading at leisure what is there now; in memory there is only the one."""
        if self.path == MEMORY:
            yield self.connection
            return
        try:
            with closing(apsw.Connection(self.path, flags=apsw.SQLITE_OPEN_READONLY)) as connection:
                connection.set_busy_timeout(BUSY_SECONDS * 1000)
                yield connection
        except apsw.Error as error:
            self._tell(error)
            raise

    def _sound(self) -> None:
        """Raise again what spoiled the group, whoever caught it meanwhile."""
        if self._failed is not None:
            raise self._failed

    def _undo(self, undo: str) -> None:
        """Take back what the unit did; SQLite itself has done so already after some errors."""
        if self.connection.in_transaction:
            try:
                self.connection.execute(undo)
            except apsw.Error:
                with suppress(apsw.Error):
                    self.connection.execute("rollback")

    def _tell(self, error: BaseException) -> None:
        """Raise an error of the store in plain words; it spoils the group around it, whose transaction may be gone."""
        failure = error if isinstance(error, LedgerFailed) else trouble(error, self.path)
        if failure is None:
            return
        if self._grouped:
            self._failed = failure
        if failure is not error:
            raise failure from error


def connect(
    path: str, *, create: bool, migrations: Sequence[str] = MIGRATIONS, vfs: str | None = None
) -> apsw.Connection:
    """A connection to the ledger at ``path``, made if there is none, at the newest version. Raises `FixLedger`."""
    patience = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return _connect(path, create=create, migrations=migrations, vfs=vfs)
        except apsw.Error as error:
            # SQLite itself does not wait where two make the same new file at once.
            if isinstance(error, apsw.BusyError) and time.monotonic() < patience:
                time.sleep(0.02)
            elif failure := trouble(error, path):
                raise FixLedger(failure.message, hint=failure.hint, code=failure.code) from error
            else:
                raise


def _connect(path: str, *, create: bool, migrations: Sequence[str], vfs: str | None) -> apsw.Connection:
    connection = _open(path, create=create, vfs=vfs)
    try:
        fresh = _check(connection, path, newest=1 + len(migrations))
        _prepare(connection, path)
        if fresh or _version(connection) <= len(migrations):
            _migrate(connection, migrations)
    except BaseException:
        connection.close(force=True)
        raise
    return connection


def _open(path: str, *, create: bool, vfs: str | None) -> apsw.Connection:
    if path == MEMORY:
        return apsw.Connection(path)
    _find(Path(path), create=create)
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    connection.set_busy_timeout(BUSY_SECONDS * 1000)
    return connection


def _find(path: Path, *, create: bool) -> None:
    """See to it that the file is there and can be written; a new one is its owner's alone."""
    if path.is_dir():
        raise FixLedger(f"{path} is a folder, not a ledger", hint="name a file in it with --ledger")
    if path.exists() and not path.is_file():
        raise FixLedger(f"{path} is no regular file", hint="name another file with --ledger")
    if path.exists() or not create:
        _allowed(path)
        return
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return  # another process was faster
    except OSError as error:
        raise FixLedger(
            f"{path}: the ledger cannot be made: {error.strerror}",
            hint="check that its folder exists and can be written to, or name another place with --ledger",
        ) from error


def _allowed(path: Path) -> None:
    if not path.exists():
        raise NoLedger(f"there is no ledger at {path}", hint="importer run FILE makes one; --ledger names another")
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK):
        raise FixLedger(
            f"{path}: the ledger cannot be written", hint="give this user the right to write to it and to its folder"
        )


def _check(connection: apsw.Connection, path: str, *, newest: int) -> bool:
    """Whether the database is empty and so to be filled; one that is not ours, or is newer, is refused untouched."""
    if not connection.execute("select count(*) from sqlite_schema").get:
        return True
    if connection.pragma("application_id") != APPLICATION_ID:
        raise FixLedger(f"{path} is a database of another program", hint="name another file with --ledger")
    if _version(connection) > newest:
        raise FixLedger(
            f"{path} is a ledger of version {_version(connection)}, this program knows versions up to {newest}",
            hint="use the newer program that wrote it, or name another ledger with --ledger",
        )
    return False


def _prepare(connection: apsw.Connection, path: str) -> None:
    # Extra is full, and syncs the folder when the journal that a new file begins with is taken away: without that a
    # power cut could bring the journal back, and with it the empty file.
    connection.pragma("synchronous", "extra")
    if connection.pragma("journal_mode", "wal") not in ("wal", "memory"):
        raise FixLedger(f"{path}: this place cannot hold a ledger", hint="put it on a local disk with --ledger")
    for pragma, value in (
        ("foreign_keys", "on"),
        ("cache_size", CACHE),
        ("journal_size_limit", 64 * 1024 * 1024),
    ):
        connection.pragma(pragma, value)
    connection.execute(DESK)


def _migrate(connection: apsw.Connection, migrations: Sequence[str]) -> None:
    """Bring the database to the newest version, in one transaction; a new one takes the same steps from the first."""
    connection.execute("begin immediate")
    if not connection.execute("select count(*) from sqlite_schema").get:
        connection.execute(resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", 1)
    for version in range(_version(connection), 1 + len(migrations)):
        connection.execute(migrations[version - 1])
        connection.pragma("user_version", version + 1)
    connection.execute("commit")


def _version(connection: apsw.Connection) -> int:
    return int(connection.pragma("user_version"))
