"""The rows that benchmarks import: as many as wanted, all different, the same each time."""

import csv
from collections.abc import Iterator
from pathlib import Path

HEADER = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")


def letters(number: int) -> str:
    """Six letters for each number below 308 millions."""
    return "".join(chr(97 + number // 26**place % 26) for place in range(6))


def contacts(count: int) -> Iterator[tuple[str, str, str, str, str]]:
    for number in range(count):
        name = letters(number * 7_368_787 % 26**6)
        yield name, f"{name}@example.com", f"86-139{number % 10**8:08}", "CEO", "ServiceMessage;FaultMessage"


def written(path: Path, count: int) -> Path:
    """A CSV file of them."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        writer.writerows(contacts(count))
    return path
