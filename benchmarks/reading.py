"""Reading beside its floor: polars alone on CSV, fastexcel alone on XLSX."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import fastexcel
import polars as pl

from benchmarks.check import timed
from benchmarks.contacts import HEADER, contacts
from benchmarks.stage import workbook
from benchmarks.table import Goal, Size, Table, ratios, turns
from importer.sheet import read

LAYOUTS = {"plain": ("", "\n"), "CRLF": ("", "\r\n"), "every field quoted": ('"', "\n")}


def text(path: Path, count: int, quote: str, end: str) -> Path:
    with path.open("w", newline="") as stream:
        stream.write(",".join(HEADER) + end)
        for row in contacts(count):
            stream.write(",".join(quote + cell + quote for cell in row) + end)
    return path


def ours(path: Path) -> None:
    read(path)


def polars_reads(path: Path) -> None:
    pl.read_csv(path, infer_schema=False)


def fastexcel_reads(path: Path) -> None:
    fastexcel.read_excel(str(path)).load_sheet(0, dtypes="string").to_polars()


def measure(size: Size) -> Table:
    rows, cells = size.counted(1_000_000, 100_000), size.counted(100_000, 10_000)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        files = {
            f"CSV {rows:,}, {name}": (text(root / f"{name}.csv", rows, *layout), polars_reads)
            for name, layout in LAYOUTS.items()
        }
        files |= {
            f"XLSX {count:,}, sandboxed": (workbook(root / f"{count}.xlsx", count), fastexcel_reads)
            for count in (30, cells)
        }
        work: dict[str, Callable[[], None]] = {}
        for name, (path, floor) in files.items():
            work |= {f"{name}: read": partial(ours, path), f"{name}: floor": partial(floor, path)}
        samples = turns(size.turns(5, 3), {who: partial(timed, act) for who, act in work.items()})
    goals = [
        Goal(
            f"{name}: read / floor",
            ratios(samples, "seconds", f"{name}: read", f"{name}: floor"),
            at_most=3 if name == "XLSX 100,000, sandboxed" else None,
            watched=False,  # of thousandths of a second
        )
        for name in files
    ]
    return Table("Reading beside polars and fastexcel alone", samples, goals)
