"""Checking files with a finding in every row against a good one, reading included, in one run on one machine.

    python benchmarks/check.py [ROWS] [ROUNDS]

The files are checked in turn, so that neighbours on the machine slow all of them; each figure is its best.
"""

import random
import string
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from importer.jobs.check import check
from importer.settings import Settings

HEADER = "Name,EmailAddress,PhoneNumber,Title,MessageTypes\n"
GOAL = 3.0


def contacts(count):
    """Rows of name, address, phone number, title and message types; every name is another."""
    chance = random.Random(7)
    for number in range(count):
        rest, letters = number, ""
        for _ in range(5):
            rest, digit = divmod(rest, 26)
            letters += string.ascii_lowercase[digit]
        name = letters + "".join(chance.choices(string.ascii_lowercase, k=3))
        yield [name, f"{name}@example.com", f"86-139{number % 10**8:08d}", "CEO", "ServiceMessage;FaultMessage"]


def spoilt(row, kind):
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


def write(path, count, kind):
    with path.open("w", encoding="utf-8") as stream:
        stream.write(HEADER)
        for row in contacts(count):
            stream.write(",".join(spoilt(row, kind)) + "\n")
    return path


def bare(path):
    """The floor: polars reads the file and matches four patterns; seconds."""
    start = time.perf_counter()
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
    return time.perf_counter() - start


def main(count=1_000_000, rounds=3):
    best = dict.fromkeys(KINDS, float("inf"))
    floor = float("inf")
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: write(Path(folder) / f"{kind}.csv", count, kind) for kind in KINDS}
        for _ in range(rounds):
            floor = min(floor, bare(files["good"]))
            for kind, path in files.items():
                settings = Settings(fix_names=kind.endswith("fixed"))
                start = time.perf_counter()
                checkup = check(path, settings)
                best[kind] = min(best[kind], time.perf_counter() - start)
                findings = checkup.findings.height
                assert (findings == 0) if kind == "good" else (findings >= count), (kind, findings)
    print(f"{count:,} rows, {'a finding in every row':<35} seconds  of a good file's (goal: at most {GOAL:.0f})")
    ratio = best["good"] / floor
    print(f"  the floor: polars reads it, four patterns     {floor:11.3f}; a good file takes {ratio:.2f} × that")
    for kind, seconds in best.items():
        print(f"  {kind:48} {seconds:8.3f}  {seconds / best['good']:6.2f} ×")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
