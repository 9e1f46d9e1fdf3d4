"""What the ledger's contract tests share: a directory under a lease, files to stage, calls to write down."""

import os
from dataclasses import dataclass, field

import polars as pl

from importer.ledger.port import Ledger
from importer.ledger.postgres import PostgresLedger, open_postgres
from importer.ledger.values import Change, Lease, Run, Staging
from importer.model.contact import fold
from importer.model.operation import Attempt, Kind, Operation, Outcome, State, Status

ORPHANS = "select id from operations where contact not in (select id from contacts)"
NOON = 1_700_000_000.0
TTL = 60.0
TEXT = ("key", "name", "email_address", "phone_number", "title", "message_types", "state", "was", "cells", "findings")
CONTACTS = {"line": pl.UInt32} | dict.fromkeys(TEXT, pl.String)
REJECTED = {"line": pl.UInt32, "cells": pl.String, "findings": pl.String}
DUPLICATES = {"line": pl.UInt32, "key": pl.String, "cells": pl.String, "findings": pl.String}


def row(line, name, email=None, **others):
    """An accepted row."""
    values = {
        "line": line,
        "key": fold(name),
        "name": name,
        "email_address": email or f"{fold(name)}@example.com",
        "phone_number": "86-13900001234",
        "title": "Other",
        "message_types": "ServiceMessage;FaultMessage",
    }
    return dict.fromkeys(CONTACTS) | values | others


def sheet(*rows, rejected=(), duplicates=(), file="contacts.csv", digest="d1", clashes=0):
    return Staging(
        file=file,
        sheet=None,
        digest=digest,
        options="{}",
        clashes=clashes,
        contacts=pl.DataFrame(list(rows), schema=CONTACTS),
        rejected=pl.DataFrame(list(rejected), schema=REJECTED),
        duplicates=pl.DataFrame(list(duplicates), schema=DUPLICATES),
    )


def names(count, start=0):
    """Distinct names of letters."""
    return ["n" + "".join(chr(97 + i // 26**p % 26) for p in (3, 2, 1, 0)) for i in range(start, start + count)]


def attempt(operation, outcome=Outcome.DONE, code="ok", at=NOON + 10, **others):
    return Attempt(operation.id, at - 1, at, outcome, code, **others)


def added(operation, *, at=NOON + 10, **others):
    """An add that worked."""
    change = Change(
        operation.id,
        Status.IN_FLIGHT,
        Status.DONE,
        State.ADDED,
        attempt(operation, at=at),
        contact_id=f"c-{operation.id}",
        then=Kind.SEND_EMAIL,
    )
    return change._replace(**others)


def sent(operation, *, at=NOON + 20, **others):
    """A verification mail that went out."""
    change = Change(operation.id, Status.IN_FLIGHT, Status.DONE, State.SENT, attempt(operation, at=at))
    return change._replace(**others)


def failed(operation, code="InvalidParameter.Name", *, at=NOON + 10):
    tried = attempt(operation, Outcome.ROW, code, at, message="no such name")
    return Change(operation.id, Status.IN_FLIGHT, Status.FAILED, State.FAILED, tried)


def doubtful(operation, *, at=NOON + 10):
    tried = attempt(operation, Outcome.DOUBT, "ReadTimeout", at)
    return Change(operation.id, Status.IN_FLIGHT, Status.IN_DOUBT, State.IN_DOUBT, tried)


@dataclass
class Book:
    """A ledger with one directory, held by one run."""

    ledger: Ledger
    profile: str = "default"
    run: str = "run-1"
    owner: str = "host pid 1 run run-1"
    directory: int = field(init=False)
    lease: Lease = field(init=False)

    def __post_init__(self):
        self.directory = self.ledger.directory(self.profile, "loopback")
        self.lease = self.ledger.acquire(self.directory, self.owner, now=NOON, ttl=TTL)
        self.ledger.start_run(self.lease, Run(self.run, self.directory, "run", "contacts.csv", "d1", NOON))

    def stage(self, *rows, now=NOON + 1, **others):
        return self.ledger.stage(self.lease, self.run, sheet(*rows, **others), now=now)

    def claim(self, kind=Kind.ADD, limit=100, *, now=NOON + 5, reminders=False) -> list[Operation]:
        return self.ledger.claim(self.lease, kind, limit, now=now, reminders=reminders)

    def record(self, *changes):
        return self.ledger.record(self.lease, self.run, changes)

    def add_all(self):
        """Every pending add, done."""
        operations = self.claim(limit=10**6)
        self.record(*map(added, operations))
        return operations

    def states(self):
        return dict(self.ledger.known(self.directory).select("name", "state").iter_rows())

    def value(self, name, column="email_address"):
        return self.ledger.known(self.directory).row(by_predicate=pl.col("name") == name, named=True)[column]

    def counts(self, sheet=None):
        """The totals, with nothing that is zero."""
        totals = self.ledger.totals(self.directory, sheet)
        contacts = {state.value: n for state, n in totals.contacts.items() if n}
        operations = {
            (kind.value, status.value): n
            for kind, statuses in totals.operations.items()
            for status, n in statuses.items()
            if n
        }
        return contacts, operations


CLOCK = """
create or replace function importer.now_ms() returns bigint language sql volatile
    return coalesce(nullif(current_setting('importer.now', true), '')::bigint, 0)"""


class Dated(PostgresLedger):
    """A ledger in PostgreSQL where it is the time that each verb is told, once `CLOCK` is in its database.

    What the contract says of leases can then be held to any time; that it is the database's is held elsewhere.
    """

    @classmethod
    def opened(cls, url):
        return cls(open_postgres(url)._db)

    def acquire(self, directory, owner, *, now, **others):
        self._show(now)
        return super().acquire(directory, owner, now=now, **others)

    def renew(self, lease, *, now, **others):
        self._show(now)
        return super().renew(lease, now=now, **others)

    def due(self, *, now):
        self._show(now)
        return super().due(now=now)

    def lease_calls(self, name, seconds, *, now):
        self._show(now)
        return super().lease_calls(name, seconds, now=now)

    def _show(self, now):
        self._db._connection.execute("select set_config('importer.now', %s, false)", [str(round(now * 1000))])


def pid_owner():
    return f"host pid {os.getpid()} run test"
