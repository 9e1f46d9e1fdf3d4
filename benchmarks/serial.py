"""Adds a second out of a directory that serves few writes at once, beside a bare signed loop of as many workers."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.contacts import contacts, written
from benchmarks.table import Figures, Goal, Samples, Size, Table, ratios, turns
from importer.directory.client import Client
from importer.directory.credentials import StaticCredentials
from importer.jobs.run import run
from importer.settings import Settings

SERVE = """
import asyncio, json, sys
from importer.emulator import Emulator, Limits
async def main(at_once, seconds):
    slow = {"concurrent_writes": at_once, "service_time": seconds}
    limits = Limits(max_contacts=10**6, daily_sends=0, calls_per_second=0, **slow)
    async with Emulator(limits=limits) as emulator:
        print(json.dumps(emulator.banner()), flush=True)
        await asyncio.Event().wait()
asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
"""
# Writes at once and seconds for each; adds, and in a quick run; the least share of the bare loop, the most refused.
CASES = ((1, 0.020, 1000, 150, 0.97, 0.01), (16, 0.080, 4000, 600, 0.90, 0.05))
ADD = "AddMessageContact"


@contextmanager
def served(at_once: int, seconds: float) -> Iterator[dict[str, Any]]:
    words = [sys.executable, "-c", SERVE, str(at_once), str(seconds)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


async def looped(banner: dict[str, Any], workers: int, adds: int) -> Figures:
    """Workers that do nothing but call."""
    rows = contacts(adds)
    keys = StaticCredentials(banner["access_key_id"], banner["access_key_secret"])
    async with Client(banner["url"], keys) as client:

        async def work() -> None:
            for name, address, phone, title, types in rows:
                values = {"Name": name, "EmailAddress": address, "PhoneNumber": phone, "Title": title}
                answer = await client.call(ADD, {**values, "MessageTypes": tuple(types.split(";"))})
                assert answer.code == "ok", answer.code

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(workers)))
        return {"adds/s": adds / (time.perf_counter() - began), "refused": 0.0}


async def imported(banner: dict[str, Any], adds: int, folder: Path) -> Figures:
    """A run from a cold start, and the share of its calls that were refused."""
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] = banner["access_key_id"]
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = banner["access_key_secret"]
    settings = Settings(
        ledger=str(folder / "importer.db"),
        endpoint=banner["url"],
        max_contacts=10**6,
        daily_sends=0,
        calls_per_second=10**6,
    )
    summary = (await run(written(folder / "contacts.csv", adds), settings)).as_json()
    calls = summary["calls"][ADD]
    assert summary["operations"]["add"]["done"] == adds
    refused = calls.get("ConcurrentCallNotSupported", 0)
    return {"adds/s": adds / summary["timing"]["add_seconds"], "refused": refused / sum(calls.values())}


def bare(at_once: int, seconds: float, adds: int) -> Figures:
    with served(at_once, seconds) as banner:
        return asyncio.run(looped(banner, at_once, adds))


def ours(at_once: int, seconds: float, adds: int) -> Figures:
    with served(at_once, seconds) as banner, tempfile.TemporaryDirectory() as folder:
        return asyncio.run(imported(banner, adds, Path(folder)))


def measure(size: Size) -> Table:
    samples: Samples = {}
    goals = []
    for at_once, seconds, full, quick, share, most in CASES:
        adds = size.counted(full, quick)
        case = f"{adds:,} adds, {at_once} at a time in {seconds * 1000:.0f} ms"
        us, floor = f"{case}: importer", f"{case}: bare loop"
        took = {us: partial(ours, at_once, seconds, adds), floor: partial(bare, at_once, seconds, adds)}
        samples |= turns(size.turns(3, 1), took)
        goals.append(Goal(f"{us} / bare loop", ratios(samples, "adds/s", us, floor), at_least=share))
        goals.append(Goal(f"{us}, refused", samples[us]["refused"], at_most=most, watched=False))
    return Table("an emulated directory that serves few writes at once", samples, goals, NOTES)


NOTES = ("Every run starts cold: it finds out by itself how many writes at once the directory bears.",)
