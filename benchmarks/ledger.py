"""The ledger's speed: staging beside a bare insert, claims and records through the scribe, status of a large ledger.

python -m benchmarks.ledger [--rows 1000000] [--rounds 3]
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw
import polars as pl

from importer.ledger.scribe import Scribe
from importer.ledger.sqlite import SqliteLedger, open_sqlite
from importer.ledger.values import Change, Lease, Run, Staging
from importer.model.operation import Attempt, Kind, Operation, Outcome, State, Status

NOW = 1_700_000_000.0
LETTERS = 26**5
COLUMNS = ("line", "key", "name", "email_address", "phone_number", "title", "message_types")


def people(count: int) -> pl.DataFrame:
    """Accepted rows with distinct names in no order."""
    places = random.Random(1).sample(range(LETTERS), count)
    keys = pl.Series(["k" + "".join(chr(97 + place // 26**power % 26) for power in range(5)) for place in places])
    return pl.DataFrame(
        {
            "line": pl.int_range(2, count + 2, eager=True),
            "key": keys,
            "name": keys.str.to_titlecase(),
            "email_address": keys + "@example.com",
            "phone_number": "86-13900001234",
            "title": "TechnicalDirector",
            "message_types": "FaultMessage;AccountExpenses",
        }
    ).with_columns(pl.lit(None, pl.String).alias(name) for name in ("state", "was", "cells", "findings"))


def staging(rows: pl.DataFrame, digest: str = "d") -> Staging:
    none = rows.clear()
    return Staging("people.csv", None, digest, "{}", 0, rows, none, none)


class Took(NamedTuple):
    """Seconds by the clock and of the processor; on a busy machine only the second tell something."""

    clock: float
    processor: float


def timed(work: Callable[[], object]) -> Took:
    start, busy = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - start, time.process_time() - busy)


def floor(path: Path, rows: pl.DataFrame, *, sorted_index: bool) -> Took:
    """A bare insert of the same rows with one index on the key, kept up row by row or built at the end."""
    connection = apsw.Connection(str(path))
    for pragma, value in (("journal_mode", "wal"), ("synchronous", "full"), ("cache_size", -64 * 1024)):
        connection.pragma(pragma, value)
    index = "create unique index keys on people (key)"
    names = ", ".join(COLUMNS)

    def work() -> None:
        connection.execute("begin immediate")
        connection.execute(f"create table people (id integer primary key, {names})")
        if not sorted_index:
            connection.execute(index)
        values = rows.select(COLUMNS).iter_rows()
        connection.executemany(f"insert into people ({names}) values ({', '.join('?' * len(COLUMNS))})", values)
        if sorted_index:
            connection.execute(index)
        connection.execute("commit")

    try:
        return timed(work)
    finally:
        connection.close()


@contextmanager
def held(path: Path) -> Iterator[tuple[SqliteLedger, Lease]]:
    ledger = open_sqlite(path)
    lease = ledger.acquire(ledger.directory("default", "loopback"), "benchmark", now=NOW, ttl=60)
    if ledger.status()[0].last_run is None:
        ledger.start_run(lease, Run("run", lease.directory, "run", "people.csv", "d", NOW))
    try:
        yield ledger, lease
    finally:
        ledger.release(lease)
        ledger.close()


def stage(folder: Path, rows: pl.DataFrame) -> dict[str, Took]:
    """What each step of a file's life in a ledger of its own took."""
    with held(folder / "importer.db") as (ledger, lease):
        return {
            "stage": timed(lambda: ledger.stage(lease, "run", staging(rows), now=NOW)),
            "known": timed(lambda: ledger.known(lease.directory)),
            "stage again": timed(lambda: ledger.stage(lease, "run", staging(rows, "e"), now=NOW)),
            "totals": timed(lambda: ledger.totals(lease.directory)),
            "export": timed(lambda: sum(1 for _ in ledger.export())),
        }


def done(operation: Operation) -> Change:
    attempt = Attempt(operation.id, NOW, NOW + 1, Outcome.DONE, "ok", request_id="0A1B2C3D-0000-4444-8888-000000000000")
    then = Kind.SEND_EMAIL if operation.kind is Kind.ADD else None
    state = State.ADDED if operation.kind is Kind.ADD else State.SENT
    return Change(
        operation.id, Status.IN_FLIGHT, Status.DONE, state, attempt, contact_id=f"c-{operation.id}", then=then
    )


async def alone(scribe: Scribe, lease: Lease, workers: int) -> int:
    """Each worker claims one operation and records it before it takes the next; how many there were."""
    count = 0

    async def work() -> None:
        nonlocal count
        while claimed := await scribe.do(lambda ledger: ledger.claim(lease, Kind.ADD, 1, now=NOW)):
            change = done(claimed[0])
            await scribe.do(lambda ledger, change=change: ledger.record(lease, "run", [change]))  # type: ignore[misc]
            count += 1

    await asyncio.gather(*(work() for _ in range(workers)))
    return count


async def together(scribe: Scribe, lease: Lease, workers: int) -> int:
    """Claimed two for each worker at a time, recorded as many at once as wait; how many there were."""
    count = 0
    while claimed := await scribe.do(lambda ledger: ledger.claim(lease, Kind.SEND_EMAIL, 2 * workers, now=NOW)):
        changes = [done(operation) for operation in claimed]
        await scribe.do(lambda ledger, changes=changes: ledger.record(lease, "run", changes))  # type: ignore[misc]
        count += len(claimed)
    return count


async def waits(scribe: Scribe, lease: Lease) -> list[float]:
    """Milliseconds from asking for a single write until it is durable, one after the other, sorted."""
    claimed = await scribe.do(lambda ledger: ledger.claim(lease, Kind.ADD, 200, now=NOW))
    taken = []
    for operation in claimed:
        changes = [done(operation)]
        start = time.perf_counter()
        await scribe.do(lambda ledger, changes=changes: ledger.record(lease, "run", changes))  # type: ignore[misc]
        taken.append((time.perf_counter() - start) * 1000)
    return sorted(taken)


async def through(folder: Path, rows: pl.DataFrame, workers: int) -> dict[str, float]:
    """Operations a second, claimed and recorded through the scribe."""
    path = folder / "importer.db"
    with held(path) as (ledger, lease):
        ledger.stage(lease, "run", staging(rows), now=NOW)
        rates = {}
        async with Scribe(lambda: open_sqlite(path)) as scribe:
            taken = await waits(scribe, lease)
            print(f"a write alone: median {statistics.median(taken):.1f} ms, 99 % within {taken[-3]:.1f} ms")
            for name, how in (("one by one", alone), ("in batches", together)):
                start = time.perf_counter()
                count = await how(scribe, lease, workers)
                rates[f"{name}, {workers} workers"] = count / (time.perf_counter() - start)
        return rates


def status(folder: Path, rows: pl.DataFrame) -> dict[str, Took]:
    """What it takes to tell where everything stands, with every contact sent and three attempts each."""
    path = folder / "importer.db"
    with held(path) as (ledger, lease):
        ledger.stage(lease, "run", staging(rows), now=NOW)
        for kind in (Kind.ADD, Kind.SEND_EMAIL):
            while claimed := ledger.claim(lease, kind, 5000, now=NOW):
                ledger.record(lease, "run", [done(operation) for operation in claimed])
    _repeat_attempts(path, rows.height)
    with held(path) as (ledger, lease):
        return {
            "status": timed(ledger.status),
            "sends of the day": timed(lambda: ledger.sends_since(lease.directory, NOW - 1)),
            "unsettled": timed(lambda: ledger.unsettled(lease.directory, ["kaaaaa", "kbbbbb"])),
        }


def _repeat_attempts(path: Path, count: int) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(
        "insert into attempts (operation, directory, kind, started_at, ended_at, outcome, code)"
        " select operation, directory, kind, 0, 0, 'conflict', 'c' from attempts limit ?",
        (count,),
    )
    connection.close()


def fresh(work):
    with tempfile.TemporaryDirectory() as folder:
        return work(Path(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description="The ledger's speed beside a bare insert.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = people(options.rows)
    print(f"{rows.height} rows, medians of {options.rounds} rounds")
    taken: dict[str, list[Took]] = {}
    for _ in range(options.rounds):
        figures = {
            "floor": fresh(lambda folder: floor(folder / "floor.db", rows, sorted_index=True)),
            "floor, index kept up": fresh(lambda folder: floor(folder / "floor.db", rows, sorted_index=False)),
            **fresh(lambda folder: stage(folder, rows)),
        }
        for name, took in figures.items():
            taken.setdefault(name, []).append(took)
    medians = {name: Took(*map(statistics.median, zip(*tooks, strict=True))) for name, tooks in taken.items()}
    base = medians["floor"]
    for name, (clock, processor) in medians.items():
        ratios = f"{clock / base.clock:6.2f} x floor, {processor / base.processor:6.2f} x its processor time"
        print(f"{name:28} {clock:9.3f} s {processor:9.3f} s {ratios}")
    few = rows.head(min(rows.height, 20_000))
    for workers in (16, 256):
        for name, rate in fresh(lambda folder, n=workers: asyncio.run(through(folder, few, n))).items():
            print(f"{name:28} {rate:9.0f} operations/s")
    for name, took in fresh(lambda folder: status(folder, rows)).items():
        print(f"{name:28} {took.clock:9.4f} s {took.processor:9.4f} s")


if __name__ == "__main__":
    main()
