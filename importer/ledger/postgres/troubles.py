"""What can go wrong with PostgreSQL, in plain words, and what to do about it; which of it passes by itself."""

import re
from dataclasses import dataclass

import psycopg

from importer.ledger.port import LedgerAway, LedgerFailed

AGAIN = "run the same command again: it does what is left"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is told; ``passes``: doing the same again in a while may work."""

    what: str
    hint: str
    passes: bool = False


GONE = Trouble("its server ended the connection", AGAIN, passes=True)
LOCKED = Trouble("other connections keep it locked", AGAIN)
CROWDED = Trouble("its server takes no more connections", "raise its max_connections or use fewer workers", passes=True)
BUSY = Trouble("its server is starting or stopping", "run the same command again in a while", passes=True)
REFUSED = Trouble("its server does not answer", "check the host, the port and that PostgreSQL runs there", passes=True)
NAMELESS = Trouble("its host is not known", "check the host's name in the address", passes=True)
SLOW = Trouble("its server did not answer in time", "check the host, the port and the firewall between", passes=True)
PASSWORD = Trouble("the password was refused or is missing", "put it into PGPASSWORD or ~/.pgpass")
STRANGER = Trouble("this user is not admitted", "name another user in the address, or have the server admit this one")
NOWHERE = Trouble("there is no such database", "make it with createdb, or name another one")
FORBIDDEN = Trouble("this user may not do that", "grant it create on the database")
COPY = Trouble("its server is read-only", "name the primary server, not a standby")

STATES = {
    "08": GONE,
    "40": Trouble("its server gave up on this unit of work", AGAIN, passes=True),  # deadlock or the like
    "53100": Trouble("the disk of its server is full", "make room there, then run the same command again"),
    "53200": Trouble("its server has not enough memory", "close other programs there, then run the same command again"),
    "53300": CROWDED,
    "55P03": LOCKED,
    "57P03": BUSY,
    "57P": GONE,
    "25P03": GONE,  # idle for too long in a unit, as a process that was stopped is
    "25P04": GONE,
    "25006": COPY,
    "28P01": PASSWORD,
    "28000": STRANGER,
    "3D000": NOWHERE,
    "42501": FORBIDDEN,
    "58": Trouble("its server reported an error of the disk", "check the disk there, then run the same command again"),
    "XX001": Trouble("it is damaged", "restore it from a backup, or name another one with --ledger"),
    "XX002": Trouble("it is damaged", "restore it from a backup, or name another one with --ledger"),
}
# A connection that fails has no state, only words; those of the server may be in its own language.
WORDS = (
    (r"password authentication failed|no password supplied", PASSWORD),
    (r'database ".*" does not exist', NOWHERE),
    (r'role ".*" (does not exist|is not permitted)|no pg_hba\.conf entry|authentication failed', STRANGER),
    (r"too many (clients|connections)|remaining connection slots", CROWDED),
    (r"is (starting up|shutting down)|recovery mode|not yet accepting", BUSY),
    (r"translate host name|resolve host|Name or service|nodename nor servname", NAMELESS),
    (r"timeout|timed out", SLOW),
    (r"refused|No such file|unreachable|closed the connection|reset by peer|Connection reset", REFUSED),
)


def trouble(error: BaseException, *, lost: bool) -> Trouble | None:
    """``error`` as one of the store's own troubles; ``None``: something else. ``lost``: the connection is closed."""
    if not isinstance(error, psycopg.Error):
        return None
    if error.sqlstate is not None:
        known = [STATES[error.sqlstate[:length]] for length in (5, 3, 2) if error.sqlstate[:length] in STATES]
        return known[0] if known else (GONE if lost else None)
    return GONE if lost or isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) else None


def unconnected(error: psycopg.Error) -> Trouble:
    """Why there is no connection."""
    text = str(error)
    for words, known in WORDS:
        if re.search(words, text):
            return known
    last = text.strip().splitlines()[-1:] or ["it cannot be reached"]
    return Trouble(last[0].rpartition("FATAL:")[2].strip(), "check the address given with --ledger")


def failure(found: Trouble, place: str) -> LedgerFailed:
    kind = LedgerAway if found.passes else LedgerFailed
    return kind(f"{place}: the ledger failed: {found.what}", hint=found.hint)
