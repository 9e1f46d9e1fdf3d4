"""Finding the ledger in a database, or making it: its own schema, at the newest version."""

from collections.abc import Sequence
from importlib import resources
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from importer.ledger.port import NoLedger
from importer.ledger.postgres.database import Connection
from importer.ledger.postgres.troubles import failure, trouble, unconnected
from importer.model.errors import FixCommand, FixLedger

APPLICATION = "importer"
MIGRATIONS: tuple[str, ...] = ()  # the n-th leads from version n to n + 1

# What the address does not say: a server that fell silent is noticed within half a minute.
DEFAULTS: dict[str, Any] = {
    "application_name": APPLICATION,
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
# A commit that was acknowledged is on the disk. A process that is stopped amid a unit does not keep others waiting for
# longer than a lease lasts; nobody waits for a lock for ever.
SESSION = """
set search_path = importer, pg_catalog;
set idle_in_transaction_session_timeout = '15s';
set lock_timeout = '30s';
set timezone = 'UTC';
set work_mem = '64MB';
set jit = off;
select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"""
SCHEMA = "select 1 from pg_namespace where nspname = 'importer'"
ABOUT = "select to_regclass('importer.about')::text"
FORGET = "delete from importer.units where at < importer.now_ms() - 7 * 86400000"  # of programs that are gone
ALONE = "select pg_advisory_xact_lock(hashtext('importer'))"  # while the schema is made or changed


def address(url: str) -> dict[str, Any]:
    """The parts of an address, as libpq takes them. Raises `FixCommand`, without repeating what may be a password."""
    try:
        given: dict[str, Any] = conninfo_to_dict(url)
    except psycopg.Error:
        raise FixCommand(
            "the ledger's address cannot be read",
            hint="write postgresql://user@host:5432/database, odd characters as %XX; no password: PGPASSWORD has it",
        ) from None
    return DEFAULTS | given


def connected(parts: dict[str, Any], place: str) -> Connection:
    """A connection, whatever the database holds. Raises `LedgerFailed`."""
    try:
        connection = psycopg.connect(**parts, autocommit=True, client_encoding="utf8")
    except psycopg.Error as error:
        raise failure(unconnected(error), place) from None
    connection.prepare_threshold = 2
    try:
        connection.execute(SESSION)
    except psycopg.Error as error:
        connection.close()
        raise failure(trouble(error, lost=True) or unconnected(error), place) from error
    return connection


def opened(parts: dict[str, Any], place: str, *, create: bool, migrations: Sequence[str] = MIGRATIONS) -> Connection:
    """A connection to the ledger, at the newest version. Raises `FixLedger`; `LedgerAway` when it is out of reach."""
    connection = connected(parts, place)
    try:
        with connection.transaction():
            _prepare(connection, place, create=create, migrations=migrations)
    except psycopg.Error as error:
        found = trouble(error, lost=connection.closed)
        connection.close()
        if found is None:
            raise
        raise failure(found, place) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: Connection, place: str, *, create: bool, migrations: Sequence[str]) -> None:
    newest = 1 + len(migrations)
    if not _one(connection, SCHEMA) and not create:
        raise NoLedger(f"there is no ledger at {place}", hint="importer run FILE makes one; --ledger names another")
    if _version(connection, place) == newest:
        if create:
            connection.execute(FORGET)
        return
    connection.execute(ALONE)
    if not _one(connection, SCHEMA):
        connection.execute("create schema importer")
        connection.execute(resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))
        connection.execute("insert into about values (%s, 1)", (APPLICATION,))
    version = _version(connection, place) or 1
    if version > newest:
        raise FixLedger(
            f"{place} is a ledger of version {version}, this program knows versions up to {newest}",
            hint="use the newer program that wrote it, or name another ledger with --ledger",
        )
    for migration in migrations[version - 1 :]:
        connection.execute(migration)
    connection.execute("update about set version = %s", (newest,))


def _version(connection: Connection, place: str) -> int | None:
    """``None`` where there is no ledger yet; another program's schema of this name is refused."""
    if not _one(connection, SCHEMA):
        return None
    about = _one(connection, ABOUT) and connection.execute("select application, version from about").fetchone()
    if not about or about[0] != APPLICATION:
        raise FixLedger(
            f"{place}: the schema importer there is another program's", hint="name another database with --ledger"
        )
    return int(about[1])


def _one(connection: Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
