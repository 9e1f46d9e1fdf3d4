"""Checking good rows beside polars alone, and files with a finding in every row beside a good one; reading included."""

import random
import string
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.apart import processor
from benchmarks.table import Figures, Goal, Size, Table, ratios, turns
from importer.jobs.check import check
from importer.settings import Settings

HEADER = "Name,EmailAddress,PhoneNumber,Title,MessageTypes\n"
GOAL = 3.0
FLOOR = "polars reads it, four patterns"


def contacts(count: int) -> Iterator[list[str]]:
    """Rows of name, address, phone number, title and message types; every name is another."""
    chance = random.Random(7)
    for number in range(count):
        rest, letters = number, ""
        for _ in range(5):
            rest, digit = divmod(rest, 26)
            letters += string.ascii_lowercase[digit]
        name = letters + "".join(chance.choices(string.ascii_lowercase, k=3))
        yield [name, f"{name}@example.com", f"86-139{number % 10**8:08d}", "CEO", "ServiceMessage;FaultMessage"]


def spoilt(row: list[str], kind: str) -> list[str]:
    name, address, phone, title, types = row
    match kind:
        case "wrong title":
            title = "Techincal Director"
        case "another wrong title in each row":
            title = f"Director of {name}"
        case "wrong name":
            name += " 1"
        case "wrong name, fixed":
            name += "-"
        case "wrong address":
            address = address.replace("@", "@@")
        case "misspelt domain":
            address = address.replace("example", "gmial")
        case "wrong phone number":
            phone += "9"
    return [name, address, phone, title, types]


KINDS = (
    "good",
    "wrong title",
    "another wrong title in each row",
    "wrong name",
    "wrong name, fixed",
    "wrong address",
    "misspelt domain",
    "wrong phone number",
)


def write(path: Path, count: int, kind: str) -> Path:
    with path.open("w", encoding="utf-8") as stream:
        stream.write(HEADER)
        for row in contacts(count):
            stream.write(",".join(spoilt(row, kind)) + "\n")
    return path


def timed(work: Callable[[], None]) -> Figures:
    began, busy = time.perf_counter(), processor()
    work()
    return {"seconds": time.perf_counter() - began, "CPU seconds": processor() - busy}


def bare(path: Path) -> None:
    """The floor: polars reads the file and matches four patterns."""
    frame = pl.read_csv(path, infer_schema=False)
    matches = frame.select(
        pl.col("Name").str.contains(r"^[A-Za-z\u4e00-\u9fff]{2,12}$"),
        pl.col("EmailAddress").str.contains(r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$"),
        pl.col("PhoneNumber").str.contains(r"^86-1\d{10}$"),
        pl.col("Title").str.contains(
            "^(FinanceDirector|TechnicalDirector|MaintenanceDirector|CEO|ProjectDirector|Other)$"
        ),
    )
    assert all(column.all() for column in matches)


def checked(path: Path, kind: str, count: int) -> None:
    found = check(path, Settings(fix_names=kind.endswith("fixed"))).findings.height
    assert (found == 0) if kind == "good" else (found >= count), (kind, found)


def measure(size: Size) -> Table:
    count = size.counted(1_000_000, 100_000)
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: write(Path(folder) / f"{kind}.csv", count, kind) for kind in KINDS}
        work: dict[str, Callable[[], None]] = {FLOOR: partial(bare, files["good"])}
        work |= {kind: partial(checked, path, kind, count) for kind, path in files.items()}
        samples = turns(size.turns(5, 3), {who: partial(timed, act) for who, act in work.items()})
    goals = [
        Goal(f"good / floor, {what}", ratios(samples, metric, "good", FLOOR), at_most=GOAL, watched=what == "CPU")
        for what, metric in (("seconds", "seconds"), ("CPU", "CPU seconds"))
    ]
    goals += [
        Goal(f"{kind} / good{what}", ratios(samples, metric, kind, "good"), at_most=GOAL, watched=bool(what))
        for kind in KINDS
        for what, metric in (("", "seconds"), (", CPU", "CPU seconds"))
        if kind != "good"
    ]
    return Table(f"check of {count:,} rows, a finding in every row but in the good file", samples, goals)
