"""From a file to the ledger: read, checked, deduplicated, planned, written down; and the same file once more.

The floor and the rivals do less: they know no lease, say no findings, and write one plain table. Each contender has a
process of its own in which it first does its work on a file of ten rows, and that is not counted: so all are alike in
that their imports, their first use of polars and its threads are left out (`start` measures ours). Counted is all of
the rest, from the path of the file to the closed ledger, the process that reads a workbook with its own imports too.
"""

import csv
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import apsw
import polars as pl
import xlsxwriter

from benchmarks.apart import apart, processor
from benchmarks.contacts import HEADER, contacts, written
from benchmarks.table import Figures, Goal, Samples, Size, Table, ratios, turns
from importer.jobs.reading import read
from importer.jobs.staged import options, staged_already
from importer.ledger.sqlite import open_sqlite
from importer.ledger.values import Run
from importer.settings import Settings
from importer.stage.plan import plan

NOW = 1_700_000_000.0
NAME, MAIL = r"^[A-Za-z\u4e00-\u9fff]{2,12}$", r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$"
PHONE = "^86-1[0-9]{10}$"
TITLE = "^(FinanceDirector|TechnicalDirector|MaintenanceDirector|CEO|ProjectDirector|Other)$"
TABLE = "create table contacts (id integer primary key, key text, {} text, {} text, {} text, {} text, {} text)"
PLACE = "loopback"
Work = Callable[[Path, Path], int]  # does something with a file in a folder, and gives how many rows it dealt with


def timed(work: Work, path: Path, folder: Path) -> Figures:
    began, busy = time.perf_counter(), processor()
    rows = work(path, folder)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "CPU seconds": processor() - busy, "rows/s": rows / seconds}


def staged(path: Path, folder: Path) -> int:
    """What `importer run` does before its first call."""
    settings = Settings(ledger=str(folder / "importer.db"))
    assert not staged_already(path, settings, PLACE)
    sheet, checked = read(path, settings)
    ledger = open_sqlite(folder / "importer.db")
    number = ledger.directory(settings.profile, PLACE)
    lease = ledger.acquire(number, "benchmark", now=NOW, ttl=60)
    ledger.start_run(lease, Run("run", number, "run", sheet.file, sheet.digest, NOW))
    made = plan(sheet, checked, ledger.known(number), (), options=options(settings), on_clash=settings.on_clash)
    ledger.stage(lease, "run", made.staging, now=NOW)
    accepted = ledger.totals(number).accepted
    ledger.close()
    return accepted


def resumed(path: Path, folder: Path) -> int:
    """What `importer run` does for a file that the ledger holds, as it is and with nothing left to do."""
    settings = Settings(ledger=str(folder / "importer.db"))
    assert staged_already(path, settings, PLACE)
    ledger = open_sqlite(folder / "importer.db")
    number = ledger.directory(settings.profile, PLACE)
    accepted = ledger.totals(number).accepted
    ledger.close()
    return accepted


def bare(path: Path, folder: Path) -> int:
    """The floor: polars reads, repairs what is not ASCII, matches four patterns, finds duplicates; apsw inserts."""
    frame = pl.read_excel(path) if path.suffix == ".xlsx" else pl.read_csv(path, infer_schema=False)
    odd = [c.name for c in frame if c.str.len_bytes().sum() != c.str.len_chars().sum()]
    frame = frame.with_columns(pl.col(odd).str.normalize("NFKC"))
    good = pl.all_horizontal(
        pl.col(name).str.contains(pattern) for name, pattern in zip(HEADER[:4], (NAME, MAIL, PHONE, TITLE), strict=True)
    )
    key = pl.col("Name").str.to_lowercase().alias("key")
    frame = frame.filter(good).select(key, *HEADER).unique("key", keep="first", maintain_order=True)
    connection = apsw.Connection(str(folder / "floor.db"))
    for pragma, value in (("journal_mode", "wal"), ("synchronous", "full"), ("cache_size", -64 * 1024)):
        connection.pragma(pragma, value)
    with connection:
        connection.execute(TABLE.format(*HEADER))
        connection.executemany("insert into contacts values (null, ?, ?, ?, ?, ?, ?)", frame.iter_rows())
        connection.execute("create unique index keys on contacts (key)")
    connection.close()
    return frame.height


def row_by_row(path: Path, folder: Path) -> int:
    """What people write: csv, a pydantic model a row, sqlite3."""
    from pydantic import BaseModel, StringConstraints, ValidationError

    def text(pattern: str) -> Any:
        return Annotated[str, StringConstraints(pattern=pattern)]

    fields: dict[str, Any] = {"Name": text(NAME), "EmailAddress": text(MAIL), "PhoneNumber": text(PHONE)}
    model = type("Row", (BaseModel,), {"__annotations__": {**fields, "Title": text(TITLE), "MessageTypes": str}})
    connection = sqlite3.connect(folder / "rows.db")
    connection.execute("pragma journal_mode = wal")
    connection.execute(TABLE.format(*HEADER))
    connection.execute("create unique index keys on contacts (key)")
    seen: set[str] = set()
    with path.open(newline="", encoding="utf-8") as stream, connection:
        for row in csv.DictReader(stream):
            with suppress(ValidationError):
                found = model(**row)
                key = str(row["Name"]).lower()
                if key not in seen:
                    seen.add(key)
                    connection.execute(
                        "insert into contacts values (null, ?, ?, ?, ?, ?, ?)", (key, *found.model_dump().values())
                    )
    connection.close()
    return len(seen)


def pandas_reads(path: Path, _: Path) -> int:
    """Only reading, with openpyxl."""
    import pandas as pd

    return len(pd.read_excel(path, dtype=str, engine="openpyxl"))


def frictionless_validates(path: Path, _: Path) -> int:
    """Only reading and checking, against a schema with the same patterns."""
    from frictionless import Resource, Schema, system

    patterns = dict(zip(HEADER, (NAME, MAIL, PHONE, TITLE, ".+"), strict=True))
    fields = [
        {"name": name, "type": "string", "constraints": {"required": True, "pattern": pattern.strip("^$")}}
        for name, pattern in patterns.items()
    ]
    with system.use_context(trusted=True):
        report = Resource(path=str(path), schema=Schema.from_descriptor({"fields": fields})).validate()
    assert report.valid
    return int(report.stats["rows"] if "rows" in report.stats else report.tasks[0].stats["rows"])


def workbook(path: Path, count: int) -> Path:
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        for number, row in enumerate(contacts(count), 1):
            sheet.write_row(number, 0, row)
    return path


def warmed(works: Sequence[Work], path: Path, folder: Path) -> Figures:
    """Figures of the last of the works, after all were done with the ten rows beside the file in another folder."""
    with tempfile.TemporaryDirectory() as other:
        for work in works:
            work(path.with_stem("ten"), Path(other))
    return timed(works[-1], path, folder)


def fresh(work: Work, path: Path) -> Figures:
    """The work in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return apart(warmed, (work,), path, Path(folder))


PANDAS = "pandas + openpyxl, read only"
RIVALS = {"pandas": pandas_reads, "frictionless": frictionless_validates}


def measure(size: Size) -> Table:
    sizes = [size.count] if size.count else size.of([10_000, 100_000, 1_000_000], [20_000])
    books = [min(size.count, 100_000)] if size.count else size.of([10_000, 100_000], [5_000])
    missing = [name for name in RIVALS if not find_spec(name)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = {count: written(folder / f"{count}.csv", count) for count in sizes}
        sheets = {count: workbook(folder / f"{count}.xlsx", count) for count in books}
        written(folder / "ten.csv", 10), workbook(folder / "ten.xlsx", 10)
        contenders: dict[str, Callable[[], Figures]] = {}
        for count, path in texts.items():
            contenders[f"CSV {count:,}: floor"] = partial(fresh, bare, path)
            contenders[f"CSV {count:,}: staged"] = partial(fresh, staged, path)
            kept = folder / f"{count}"
            kept.mkdir()
            apart(timed, staged, path, kept)
            contenders[f"CSV {count:,}: resumed"] = partial(apart, warmed, (staged, resumed), path, kept)
            contenders[f"CSV {count:,}: row by row"] = partial(fresh, row_by_row, path)
        for count, path in sheets.items():
            contenders[f"XLSX {count:,}: floor"] = partial(fresh, bare, path)
            contenders[f"XLSX {count:,}: staged"] = partial(fresh, staged, path)
            if "pandas" not in missing:
                contenders[f"XLSX {count:,}: {PANDAS}"] = partial(fresh, pandas_reads, path)
        text = min(max(sizes), 100_000)
        if "frictionless" not in missing and text in texts:
            contenders[f"CSV {text:,}: frictionless, validated only"] = partial(
                fresh, frictionless_validates, texts[text]
            )
        samples = turns(size.turns(3, 2), contenders)
    notes = [f"{name} is not installed, so it is left out (the extra `bench` has it)" for name in missing]
    return Table("From a file to the ledger", samples, _goals(samples, sorted(sizes), sorted(books)), notes)


def _goals(samples: Samples, sizes: Sequence[int], books: Sequence[int]) -> list[Goal]:
    def ratio(of: str, to: str, metric: str = "seconds") -> list[float]:
        return ratios(samples, metric, of, to)

    goals = []
    for count in sizes:
        file = f"CSV {count:,}:"
        ours, floor, rows = f"{file} staged", f"{file} floor", f"{file} row by row"
        for what, metric in (("", "seconds"), (", CPU", "CPU seconds")):
            goals += [
                Goal(f"{ours} / floor{what}", ratio(ours, floor, metric), at_most=1.5, watched=bool(what)),
                Goal(f"{rows} / staged{what}", ratio(rows, ours, metric), at_least=1.3, watched=bool(what)),
            ]
    ours, again = f"CSV {sizes[-1]:,}: staged", f"CSV {sizes[-1]:,}: resumed"
    goals += [
        Goal(f"{again} / staged", ratio(again, ours), at_most=0.6, watched=False),  # hundredths of a second
        Goal(f"{ours}, peak MB", samples[ours]["peak MB"], at_most=1024, watched=False),
    ]
    for count in books:
        pandas, sheet = f"XLSX {count:,}: {PANDAS}", f"XLSX {count:,}: staged"
        if pandas in samples:
            for what, metric in (("", "seconds"), (", CPU", "CPU seconds")):
                told = f"{pandas} / staged{what}"
                goals.append(Goal(told, ratio(pandas, sheet, metric), at_least=5, watched=bool(what)))
    for less, more in pairwise(sizes):
        grown = ratio(f"CSV {more:,}: staged", f"CSV {less:,}: staged")
        goals.append(
            Goal(f"{more // less} times as many rows as {less:,}: times as long", grown, at_most=1.2 * more / less)
        )
    return goals
