"""Copy: a whole ledger into an empty one of either store, checked row by row."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from importer.jobs import stores
from importer.ledger.address import redacted
from importer.ledger.port import Ledger, LedgerFailed
from importer.ledger.values import Cells, Lease, Table
from importer.model.clock import Clock
from importer.model.errors import FixLedger
from importer.submit import owner

HOLD = 1800.0  # seconds for which every directory is held meanwhile, should this end without giving it back


@dataclass(frozen=True, slots=True)
class Copied:
    """A table as it was copied: how many rows, and the SHA-256 of their content."""

    table: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Copy:
    """What was copied, and found the same in both."""

    source: str
    target: str
    tables: tuple[Copied, ...]

    def as_json(self) -> dict[str, Any]:
        tables = [{"table": one.table, "rows": one.rows, "digest": one.digest} for one in self.tables]
        return {
            "schema": 1,
            "command": "ledger copy",
            "from": self.source,
            "to": self.target,
            "tables": tables,
            "exit_code": 0,
        }


def copy(source: str, target: str) -> Copy:
    """Copy the ledger at ``source`` to ``target``: paths or addresses. The source stays, and stays as it was.

    Raises `NoLedger`, `LeaseHeld` while somebody acts on a directory of it, `FixLedger` when the target holds something
    already or does not hold the same in the end.
    """
    clock = Clock.starting(None)
    given: list[Copied] = []
    with (
        closing(stores.at(source, create=False)) as old,
        _held(old, clock) as leases,
        closing(stores.at(target, create=True)) as new,
    ):
        with new.group():
            new.fill(_counted(old.contents(), given))
            for lease in leases:
                old.renew(lease, now=clock.now(), ttl=HOLD)  # nobody came between
        _compare(given, _content(new.contents()), redacted(target))
        for lease in leases:
            new.release(lease)
    return Copy(redacted(source), redacted(target), tuple(given))


@contextmanager
def _held(ledger: Ledger, clock: Clock) -> Iterator[list[Lease]]:
    """Every directory of a ledger, so that nobody acts on one meanwhile. Raises `LeaseHeld`."""
    with ExitStack() as stack:
        leases = []
        for directory in ledger.status():
            holder = directory.lease
            dead = holder.owner if holder is not None and owner.is_dead(holder.owner) else None
            lease = ledger.acquire(directory.id, owner.name(), now=clock.now(), ttl=HOLD, dead=dead)
            stack.callback(_release, ledger, lease)
            leases.append(lease)
        yield leases


def _release(ledger: Ledger, lease: Lease) -> None:
    with suppress(LedgerFailed):
        ledger.release(lease)


def _counted(tables: Iterable[Table], told: list[Copied]) -> Iterator[Table]:
    """The same tables; once each was read, what it held is told."""
    for table in tables:
        digest = _Digest()
        yield Table(table.name, table.columns, digest.of(table.rows))
        told.append(Copied(table.name, digest.rows, digest.hex))


def _content(tables: Iterable[Table]) -> list[Copied]:
    told: list[Copied] = []
    for table in _counted(tables, told):
        for _ in table.rows:
            pass
    return told


class _Digest:
    """Of rows as they pass by. A null character, which PostgreSQL cannot hold, passes as the sign for what is none."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = hashlib.sha256()

    @property
    def hex(self) -> str:
        return self._hash.hexdigest()

    def of(self, rows: Iterable[Cells]) -> Iterator[Cells]:
        for row in rows:
            text = repr(row)
            if "\\x00" in text:
                row = tuple(cell.replace("\0", "\ufffd") if isinstance(cell, str) else cell for cell in row)  # noqa: PLW2901
                text = repr(row)
            self.rows += 1
            self._hash.update(text.encode("utf-8", "surrogatepass"))
            yield row


def _compare(given: list[Copied], found: list[Copied], target: str) -> None:
    for one, other in zip(given, found, strict=True):
        if one != other:
            raise FixLedger(
                f"{target}: the copy of {one.table} is not what was copied: {other.rows} rows of {one.rows}, or others",
                hint="do not use it; copy again into another place",
            )
