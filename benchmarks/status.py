"""How long `importer status` takes on a ledger of a million contacts and three million attempts, beside a small one."""

import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import apsw
import polars as pl

from benchmarks.apart import command, compiled
from benchmarks.contacts import contacts
from benchmarks.table import Figures, Goal, Size, Table, ratios, turns
from importer.ledger.sqlite import SqliteLedger, open_sqlite
from importer.ledger.values import Change, Lease, Run, Staging
from importer.model.operation import Attempt, Kind, Operation, Outcome, State, Status

GROUP = 5000
REQUEST = "0A1B2C3D-0000-4444-8888-000000000000"
# Each add was refused once before it was done.
REFUSED = """
insert into attempts (operation, directory, kind, run, started_at, ended_at, outcome, code, http_status, request_id)
select operation, directory, kind, run, started_at - 500, started_at - 400, 'conflict', 'ConcurrentCallNotSupported',
       429, request_id
from attempts where kind = 'add'"""
# One mail met the end of a day, after which mails went out again.
FULL = """
insert into attempts (operation, directory, kind, run, started_at, ended_at, outcome, code, http_status, request_id)
select operation, directory, kind, run, started_at - 500, started_at - 400, 'daily', 'LimitExceeded', 400, request_id
from attempts where kind = 'send_email_verification' limit 1"""


def staging(count: int) -> Staging:
    columns = ("name", "email_address", "phone_number", "title", "message_types")
    rows = pl.DataFrame(list(contacts(count)), schema=dict.fromkeys(columns, pl.String), orient="row").select(
        pl.int_range(2, count + 2).alias("line"), pl.col("name").alias("key"), *columns
    )
    rows = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in ("state", "was", "cells", "findings"))
    return Staging("contacts.csv", None, "d", "{}", 0, rows, rows.clear(), rows.clear())


def done(operation: Operation, now: float) -> Change:
    """The change that a call which went well makes."""
    add = operation.kind is Kind.ADD
    attempt = Attempt(operation.id, now, now + 0.1, Outcome.DONE, "ok", "", 200, REQUEST)
    return Change(
        operation.id,
        Status.IN_FLIGHT,
        Status.DONE,
        State.ADDED if add else State.SENT,
        attempt,
        contact_id=f"c-{operation.id:016}" if add else None,
        then=Kind.SEND_EMAIL if add else None,
    )


def carried_out(ledger: SqliteLedger, lease: Lease, kind: Kind, now: float) -> None:
    while claimed := ledger.claim(lease, kind, GROUP, now=now):
        ledger.record(lease, "run", [done(operation, now) for operation in claimed])


def filled(path: Path, count: int) -> Path:
    """A ledger whose contacts all have their mail, after three attempts each; a run ended two weeks later."""
    now = time.time() - 20 * 86400
    ledger = open_sqlite(path)
    lease = ledger.acquire(ledger.directory("default", "resourcedirectory.aliyuncs.com"), "benchmark", now=now, ttl=60)
    ledger.start_run(lease, Run("run", lease.directory, "run", "contacts.csv", "d", now))
    ledger.stage(lease, "run", staging(count), now=now)
    for kind in (Kind.ADD, Kind.SEND_EMAIL):
        carried_out(ledger, lease, kind, now)
    ledger.finish_run("run", ended_at=now + 60, exit_code=0, totals="{}")
    ledger.release(lease)
    ledger.close()
    connection = apsw.Connection(str(path))
    connection.execute(REFUSED)
    connection.execute(FULL)
    connection.close()
    return path


def told(ledger: Path) -> Figures:
    words = [sys.executable, "-m", "importer", "status", "--json", "--ledger", str(ledger)]
    took = command(words, ledger.parent, compiled(ledger.parent))
    return {"seconds": took.seconds, "CPU seconds": took.processor}


def checked(ledger: Path, count: int) -> None:
    """It is what it is said to be."""
    words = [sys.executable, "-m", "importer", "status", "--json", "--ledger", str(ledger)]
    found = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    assert found["directories"][0]["contacts"]["sent"] == count, found
    assert found["directories"][0]["daily_sends_seen"]["again_at"], found
    connection = apsw.Connection(str(ledger), flags=apsw.SQLITE_OPEN_READONLY)
    assert connection.execute("select count(*) from attempts").get == 3 * count + 1
    connection.close()


def measure(size: Size) -> Table:
    count = size.counted(1_000_000, 20_000)
    large, small = f"status of {count:,} contacts, {3 * count:,} attempts", "status of 10 contacts"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledgers = {large: filled(folder / "large.db", count), small: filled(folder / "small.db", 10)}
        checked(ledgers[large], count)
        told(ledgers[small])  # compiles what it imports
        samples = turns(size.turns(9, 3), {who: partial(told, ledger) for who, ledger in ledgers.items()})
        bytes_each = ledgers[large].stat().st_size / count
    goals = [
        Goal(f"{large}, seconds", samples[large]["seconds"], at_most=0.5, watched=False),
        Goal("of 10 contacts / of many, CPU time", ratios(samples, "CPU seconds", small, large)),
    ]
    return Table(
        "`importer status` from the shell", samples, goals, (f"The ledger has {bytes_each:,.0f} bytes a contact.",)
    )
