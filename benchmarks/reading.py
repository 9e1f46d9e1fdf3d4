"""Reading against its floor: polars alone on CSV, fastexcel alone on XLSX, in one run on one machine.

    python benchmarks/reading.py [ROWS_OF_CSV] [ROWS_OF_XLSX]

Each figure is the best of five, reader and floor in turn, so that neighbours on the machine slow both.
"""

import random
import string
import sys
import tempfile
import time
from pathlib import Path

import fastexcel
import polars as pl
import xlsxwriter

from importer.sheet import read

HEADERS = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")


def contacts(count):
    chance = random.Random(7)
    for number in range(count):
        name = "".join(chance.choices(string.ascii_lowercase, k=8))
        yield name, f"{name}.{number}@example.com", f"86-139{number % 10**8:08d}", "CEO", "ServiceMessage;FaultMessage"


def write_csv(path, count, *, quote="", end="\n"):
    with path.open("w", newline="") as stream:
        stream.write(",".join(HEADERS) + end)
        for row in contacts(count):
            stream.write(",".join(quote + cell + quote for cell in row) + end)
    return path


def write_xlsx(path, count):
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADERS)
        for number, row in enumerate(contacts(count), 1):
            sheet.write_row(number, 0, row)
    return path


def seconds(act):
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def compare(name, ours, floor):
    """Best times of both, measured in turn, and their ratio."""
    pairs = [(seconds(ours), seconds(floor)) for _ in range(5)]
    mine, bare = (min(times) for times in zip(*pairs, strict=True))
    print(f"{name:42} {mine:7.3f} s {bare:7.3f} s {mine / bare:6.2f} x")


def main(csv_rows, xlsx_rows):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        print(f"{'':42} {'read':>9} {'floor':>9} {'ratio':>8}")
        for name, options in (
            ("plain", {}), ("CRLF", {"end": "\r\n"}), ("every field quoted", {"quote": '"'}),
        ):  # fmt: skip
            path = write_csv(root / f"{name}.csv", csv_rows, **options)
            compare(
                f"CSV, {csv_rows:,} rows, {name}",
                lambda p=path: read(p),
                lambda p=path: pl.read_csv(p, infer_schema=False),
            )
            path.unlink()
        small, large = write_xlsx(root / "small.xlsx", 30), write_xlsx(root / "large.xlsx", xlsx_rows)
        for name, path in (("30", small), (f"{xlsx_rows:,}", large)):
            compare(
                f"XLSX, {name} rows, sandbox included",
                lambda p=path: read(p),
                lambda p=path: fastexcel.read_excel(str(p)).load_sheet(0, dtypes="string").to_polars(),
            )


if __name__ == "__main__":
    main(*(int(argument) for argument in (*sys.argv[1:], *("1000000", "100000")[len(sys.argv) - 1 :])))
