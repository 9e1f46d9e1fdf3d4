"""How long commands take from the shell, beside a Python that only imports what none of them can do without."""

import sys
import tempfile
from pathlib import Path

from benchmarks.apart import command, compiled
from benchmarks.contacts import written
from benchmarks.table import Figures, Goal, Size, Table, ratios, turns

COMMANDS = {
    "importer --help": 0.25,
    "importer check few.csv": 0.6,
    "importer run few.csv --emulator": 1.5,
}
FLOORS = {
    "importer --help": "import typer",
    "importer check few.csv": "import typer, polars",
    "importer run few.csv --emulator": "import typer, polars, aiohttp.web, apsw",
}


def taken(words: list[str], folder: Path) -> Figures:
    for left in folder.glob("importer.db*"):
        left.unlink()
    took = command(words, folder, compiled(folder))
    return {"seconds": took.seconds, "CPU seconds": took.processor}


def measure(size: Size) -> Table:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written(folder / "few.csv", 10)
        words = {told: [sys.executable, "-m", *told.split()] for told in COMMANDS}
        words |= {f"python: {what}": [sys.executable, "-c", what] for what in FLOORS.values()}
        for told in words.values():
            taken(told, folder)  # compiles what it imports
        samples = turns(size.turns(9, 3), {who: lambda told=told: taken(told, folder) for who, told in words.items()})
    seconds = [
        Goal(f"{who}, seconds", samples[who]["seconds"], at_most=most, watched=False) for who, most in COMMANDS.items()
    ]
    beside = [
        Goal(f"its floor / {who}, CPU time", ratios(samples, "CPU seconds", f"python: {floor}", who))
        for who, floor in FLOORS.items()
    ]
    return Table("10 rows, each command from the shell", samples, [*seconds, *beside])
