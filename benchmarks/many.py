"""Many directories in one process: those that finish, alone and beside some that refuse the key or never answer."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.contacts import written
from benchmarks.table import Figures, Goal, Samples, Size, Table, ratios, turns
from importer.jobs.run import run_all
from importer.jobs.stores import existing
from importer.settings import load

SERVE = """
import asyncio, sys
from importer.emulator import Emulator, Key, Limits
async def main(names):
    keys = [Key(f"id-{name}", f"secret-{name}", directory=name) for name in names]
    async with Emulator(keys=keys, limits=Limits(max_contacts=10**6, daily_sends=10**6)) as emulator:
        print(emulator.url, flush=True)
        await asyncio.Event().wait()
asyncio.run(main(sys.argv[1:]))
"""
REFUSING, HANGING = 3, 2
LIMITS = "max_contacts = 1000000\ndaily_sends = 1000000\n"
NOTES = (
    "Seconds until the last of the directories that can finish has; at the 20 calls a second that a directory allows.",
    "One emulator in another process serves them all.",
)


def names(kind: str, count: int) -> list[str]:
    return [f"{kind}{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(count)]


@contextmanager
def served(directories: Sequence[str]) -> Iterator[str]:
    words = [sys.executable, "-c", SERVE, *directories]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def configured(folder: Path, endpoints: dict[str, str], contacts: int, patience: float) -> Path:
    """The settings of the directories, each with a file and a key of its own."""
    lines = [LIMITS]
    for name, endpoint in endpoints.items():
        prefix = f"{name.upper()}_"
        os.environ[f"{prefix}ACCESS_KEY_ID"] = f"id-{name}"
        os.environ[f"{prefix}ACCESS_KEY_SECRET"] = f"secret-{name}"
        file = written(folder / f"{name}.csv", contacts)
        lines += [f"[profiles.{name}]", f'file = "{file}"', f'endpoint = "{endpoint}"']
        lines += [f'credentials = {{environment = "{prefix}"}}']
        lines += [f"call_timeout = {patience}"] if name.startswith("hanging") else []
    config = folder / "importer.toml"
    config.write_text("\n".join(lines))
    return config


def finished(good: Sequence[str], others: Sequence[str], contacts: int, patience: float) -> Figures:
    """All of them in one run; when the good ones were done is read in the ledger. ``patience``: with one that hangs."""
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0)) as silent,  # takes connections and never answers
        served(good) as url,
    ):
        hanging = f"127.0.0.1:{silent.getsockname()[1]}"
        endpoints = {name: hanging if name.startswith("hanging") else url for name in (*good, *others)}
        settings = load(
            {"ledger": f"{folder}/importer.db"}, config=configured(Path(folder), endpoints, contacts, patience)
        )
        began, cpu = time.time(), time.process_time()
        told = asyncio.run(run_all(settings)).as_json()
        cpu = time.process_time() - cpu
        with existing(settings) as ledger:
            runs = {one.profile: one.last_run for one in ledger.status() if one.last_run is not None}
    done = [one["directory"] for one in told["directories"] if one["exit_code"] == 0]
    assert sorted(done) == sorted(good), told["total"]
    assert told["total"]["contacts"]["sent"] == len(good) * contacts
    assert told["total"]["stopped"] == len(others)
    seconds = max(runs[name]["ended_at"] for name in good) - began
    return {"seconds": seconds, "calls/s": 2 * len(good) * contacts / seconds, "CPU s": cpu}


def measure(size: Size) -> Table:
    directories, contacts, patience = size.of(50, 12), size.counted(200, 20), size.of(5.0, 0.5)
    good = names("good", directories - REFUSING - HANGING)
    others = names("refusing", REFUSING) + names("hanging", HANGING)
    alone = f"{len(good)} directories of {contacts:,} contacts alone"
    beside = f"{len(good)} beside {REFUSING} that refuse the key and {HANGING} that hang"
    contenders = {
        who: partial(finished, good, more, contacts, patience) for who, more in ((alone, []), (beside, others))
    }
    samples: Samples = turns(size.turns(3, 1), contenders)
    goals = [Goal("beside / alone", ratios(samples, "seconds", beside, alone), at_most=1.3)]
    return Table("many directories in one process", samples, goals, NOTES)
