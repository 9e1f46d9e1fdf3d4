"""The state's file: SQLite with a write-ahead log, where every acknowledged write is, whatever kills the process."""

import asyncio
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw

from importer.emulator.errors import EmulatorError
from importer.emulator.journal import Change

_FORMAT = 1
_APPLICATION = 0x656D756C  # "emul": tells our files from others
_SCHEMA = """
CREATE TABLE record (
    directory TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (directory, kind, id)
) WITHOUT ROWID;
CREATE TABLE log (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_PUT = "INSERT OR REPLACE INTO record (directory, kind, id, seq, body) VALUES (?, ?, ?, ?, ?)"
_DROP = "DELETE FROM record WHERE directory = ? AND kind = ? AND id = ?"


class State:
    """A file that one emulator holds. Changes are written in groups: one commit for all that came meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = _open(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="emulator-state")
        self._waiting: list[Change] = []
        self._flush: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    # -- reading, before any writing

    def setting(self, name: str) -> Any:
        row = self._db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else None

    def keep(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", (name, json.dumps(value)))

    def directories(self) -> list[str]:
        return [str(row[0]) for row in self._db.execute("SELECT DISTINCT directory FROM record")]

    def records(self, directory: str, kind: str) -> Iterator[dict[str, Any]]:
        query = "SELECT body FROM record WHERE directory = ? AND kind = ? ORDER BY seq"
        for row in self._db.execute(query, (directory, kind)):
            yield json.loads(str(row[0]))

    def log(self, last: int) -> list[dict[str, Any]]:
        rows = self._db.execute("SELECT body FROM log ORDER BY seq DESC LIMIT ?", (last,)).fetchall()
        return [json.loads(str(row[0])) for row in reversed(rows)]

    def seq(self) -> int:
        """The last number given to a record that is still there."""
        return self._number("SELECT max(seq) FROM record")

    def noted(self) -> int:
        """How many entries the log holds."""
        return self._number("SELECT max(seq) FROM log")

    def _number(self, query: str) -> int:
        row = self._db.execute(query).fetchone()
        return int(row[0] or 0) if row else 0

    # -- writing

    async def write(self, changes: list[Change]) -> None:
        """Return when these changes, and all that were given before, are on the disk."""
        self._waiting += changes
        if self._waiting:
            if self._next is None:
                self._next = asyncio.create_task(self._commit(self._flush))
            await asyncio.shield(self._next)
        elif self._flush is not None:
            await asyncio.shield(self._flush)

    async def _commit(self, earlier: "asyncio.Task[None] | None") -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        self._flush, self._next = self._next, None
        changes, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._apply, changes)
        except apsw.Error:
            self._waiting = changes + self._waiting  # the memory is ahead: the next commit tries again
            raise
        finally:
            if self._next is None:
                self._flush = None

    def _apply(self, changes: list[Change]) -> None:
        with self._db:
            for change in changes:
                if change.kind == "log":
                    row: tuple[Any, ...] = (change.seq, json.dumps(change.body, ensure_ascii=False))
                    self._db.execute("INSERT OR REPLACE INTO log (seq, body) VALUES (?, ?)", row)
                elif change.body is None:
                    self._db.execute(_DROP, (change.directory, change.kind, change.id))
                else:
                    row = (change.directory, change.kind, change.id, change.seq)
                    self._db.execute(_PUT, (*row, json.dumps(change.body, ensure_ascii=False)))

    async def clear(self) -> None:
        """Forget everything but the settings."""
        await self.write([])
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._db.execute, "DELETE FROM record; DELETE FROM log")

    async def close(self, changes: list[Change]) -> None:
        """Write the last changes and let go of the file. Raises `EmulatorError` when they cannot be written."""
        try:
            await self.write(changes)
        except apsw.Error as error:
            raise EmulatorError(f"The emulator's state {self.path} could not be written: {error}.") from None
        finally:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._db.close)
            self._thread.shutdown()


def _open(path: Path) -> apsw.Connection:
    """The file, made for its owner alone if it is missing. Raises `EmulatorError`."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        db = apsw.Connection(str(path))
    except (OSError, apsw.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise EmulatorError(f"The emulator's state {path} cannot be opened: {reason}.") from None
    try:
        _prepare(db, path)
    except apsw.BusyError:
        db.close()
        raise EmulatorError(
            f"The emulator's state {path} is in use by another emulator; stop that one or name another file."
        ) from None
    except apsw.Error:
        db.close()
        raise EmulatorError(
            f"The file {path} is not an emulator's state, or is damaged; name another file or move it away."
        ) from None
    except EmulatorError:
        db.close()
        raise
    return db


def _prepare(db: apsw.Connection, path: Path) -> None:
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    application = db.pragma("application_id")
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application not in (0, _APPLICATION) or (application == 0 and tables and tables[0]):
        raise EmulatorError(f"The file {path} is a database, but not an emulator's state; name another file.")
    if application and db.pragma("user_version") != _FORMAT:
        raise EmulatorError(f"The emulator's state {path} is of another version of this program; name another file.")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    with db:
        if not application:
            db.execute(_SCHEMA)
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
            db.execute(f"PRAGMA user_version = {_FORMAT}")
        else:  # takes the lock that keeps a second emulator out
            db.execute("INSERT OR REPLACE INTO setting (name, value) VALUES ('opened', 'true')")
