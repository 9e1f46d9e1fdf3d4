"""One PostgreSQL database: connected to, connected to again, and written in whole units."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from importer.ledger.port import LedgerAway, LedgerFailed
from importer.ledger.postgres.troubles import LOCKED, failure, trouble

Connection = psycopg.Connection[tuple[Any, ...]]
Cursor = psycopg.Cursor[tuple[Any, ...]]

# A unit that wrote anything leaves its number, so that its fate can be learned when the answer to its commit was lost.
# (A transaction's own number would not do: a server that died may give it away again.)
COMMIT = """
insert into units as u select '{name}', {number}, now_ms() where pg_current_xact_id_if_assigned() is not null
on conflict (name) do update set number = excluded.number, at = excluded.at;
commit"""
# Waits for the unit, should the server still be at it.
LAST = """
insert into units as u values (%s, 0, now_ms()) on conflict (name) do update set at = excluded.at returning number"""
LOOK = "begin isolation level repeatable read read only"
LEISURE = "set idle_in_transaction_session_timeout = 0"
RETRY = 0.5  # seconds between attempts to connect again


class Database:
    """A connection and its units of work: a transaction each, or a savepoint each inside a group.

    ``connect`` makes a connection, ready for use. One that was lost is made again when it is next wanted, for up to
    ``patience`` seconds; ``pause`` waits for the seconds given and says whether waiting is over.
    """

    def __init__(
        self, connect: Callable[[], Connection], place: str, *, patience: float, pause: Callable[[float], bool]
    ) -> None:
        self.place = place
        self._name = uuid.uuid4().hex
        self._number = 0
        self._connect = connect
        self._patience = patience
        self._pause = pause
        self._connection = connect()
        self._grouped = False
        self._failed: LedgerFailed | None = None
        self._away_since: float | None = None

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def unit(self) -> Iterator[Cursor]:
        """Everything inside happens, or nothing; durable at the end, or at the end of the group."""
        with self._savepoint() if self._grouped else self._transaction():
            yield self._connection.cursor()

    @contextmanager
    def view(self) -> Iterator[Cursor]:
        """Everything read inside is of one moment; in a group, each statement is."""
        if not self._grouped:
            self._ready()
        try:
            if not self._grouped:
                self._connection.execute(LOOK)
            yield self._connection.cursor()
        except psycopg.Error as error:
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
            with self._transaction():
                self._grouped = True
                yield
                self._grouped = False
                if self._failed is not None:
                    raise self._failed
        finally:
            self._grouped, self._failed = False, None

    @contextmanager
    def aside(self) -> Iterator[Connection]:
        """A connection of its own, for reading at leisure what is there now: it keeps nobody waiting."""
        with self._connect() as connection:
            try:
                connection.execute(LEISURE)
                connection.execute(LOOK)
                yield connection
            except psycopg.Error as error:
                self._tell(error)
                raise

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._ready()
        try:
            self._connection.execute("begin")
            yield
        except BaseException as error:
            self._undo("rollback")
            self._tell(error)
            raise
        self._commit()

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        if self._failed is not None:
            raise self._failed  # the transaction around it may be gone, whoever caught the error meanwhile
        try:
            self._connection.execute("savepoint verb")
            yield
            self._connection.execute("release verb")
        except BaseException as error:
            self._undo("rollback to verb; release verb")
            self._tell(error)
            raise

    def _commit(self) -> None:
        """A commit whose answer was lost may have been made or not: then the database is asked which."""
        self._number += 1
        try:
            self._connection.execute(COMMIT.format(name=self._name, number=self._number))
        except psycopg.Error as error:
            if self._lost and self._committed():
                return
            self._undo("rollback")
            self._tell(error)
            raise
        self._away_since = None

    def _committed(self) -> bool:
        while True:
            self._ready()
            try:
                (number,) = self._connection.execute(LAST, (self._name,)).fetchone() or (0,)
            except psycopg.Error as error:
                found = trouble(error, lost=self._lost)
                if found is None or not (found.passes or found is LOCKED):
                    raise
            else:
                return bool(number == self._number)

    @property
    def _lost(self) -> bool:
        return self._connection.closed

    def _ready(self) -> None:
        """See to a connection. Raises `LedgerFailed` when there is none for too long."""
        while self._lost:
            try:
                self._connection = self._connect()
            except LedgerAway as error:
                told = self._away(error)
                if not isinstance(told, LedgerAway) or self._pause(RETRY):
                    raise LedgerFailed(told.message, hint=told.hint) from error

    def _away(self, error: LedgerFailed) -> LedgerFailed:
        """``error``, which is final once patience is at its end; a commit begins it anew."""
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        away = now - self._away_since
        if away < self._patience:
            return error
        what = f"{error.message}, for {away:.0f} s now" if self._patience else error.message
        return LedgerFailed(what, hint=error.hint)

    def _undo(self, undo: str) -> None:
        if not self._lost:
            try:
                self._connection.execute(undo)
            except psycopg.Error:
                with suppress(psycopg.Error):
                    self._connection.execute("rollback")

    def _tell(self, error: BaseException) -> None:
        """Raise an error of the store in plain words; it spoils the group around it, whose transaction may be gone."""
        told = error if isinstance(error, LedgerFailed) else self._told(error)
        if told is None:
            return
        if self._grouped:
            self._failed = told
        if told is not error:
            raise told from error

    def _told(self, error: BaseException) -> LedgerFailed | None:
        found = trouble(error, lost=self._lost)
        if found is None:
            return None
        told = failure(found, self.place)
        return self._away(told) if found.passes else told
