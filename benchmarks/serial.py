"""Adds a second out of a directory that serves few writes at once, beside a bare signed loop of as many workers.

python -m benchmarks.serial [--adds 4000] [--quick]
"""

import argparse
import asyncio
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def letters(number):
    return "".join(chr(97 + number // 26**place % 26) for place in range(5))


def served(at_once, seconds):
    words = [sys.executable, "-c", SERVE, str(at_once), str(seconds)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    return process, json.loads(process.stdout.readline())


async def bare(banner, workers, adds):
    """Adds a second of workers that do nothing but call."""
    numbers = iter(range(adds))
    keys = StaticCredentials(banner["access_key_id"], banner["access_key_secret"])
    async with Client(banner["url"], keys) as client:

        async def work():
            for number in numbers:
                name = letters(number)
                values = {"Name": name, "EmailAddress": f"{name}@example.com", "Title": "CEO"}
                answer = await client.call("AddMessageContact", {**values, "MessageTypes": ("FaultMessage",)})
                assert answer.code == "ok", answer.code

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(workers)))
        return adds / (time.perf_counter() - began)


async def ours(banner, adds, folder):
    """Adds a second of a run from a cold start, and the share of its calls that were refused."""
    file = folder / "contacts.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Name", "EmailAddress", "Title", "MessageTypes"])
        writer.writerows([n, f"{n}@example.com", "CEO", "FaultMessage"] for n in map(letters, range(adds)))
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] = banner["access_key_id"]
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = banner["access_key_secret"]
    settings = Settings(
        ledger=str(folder / "importer.db"),
        endpoint=banner["url"],
        max_contacts=10**6,
        daily_sends=0,
        calls_per_second=10**6,
    )
    summary = (await run(file, settings)).as_json()
    calls = summary["calls"]["AddMessageContact"]
    refused = calls.get("ConcurrentCallNotSupported", 0)
    assert summary["operations"]["add"]["done"] == adds
    return adds / summary["timing"]["add_seconds"], refused / sum(calls.values())


def measure(at_once, seconds, adds):
    process, banner = served(at_once, seconds)
    try:
        floor = asyncio.run(bare(banner, at_once, adds))
    finally:
        process.kill()
        process.communicate()
    process, banner = served(at_once, seconds)
    try:
        with tempfile.TemporaryDirectory() as folder:
            rate, refused = asyncio.run(ours(banner, adds, Path(folder)))
    finally:
        process.kill()
        process.communicate()
    return {
        "at_once": at_once,
        "service_ms": seconds * 1000,
        "adds": adds,
        "bare": floor,
        "ours": rate,
        "ratio": rate / floor,
        "refused": refused,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--adds", type=int, default=4000)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    adds = 400 if options.quick else options.adds
    print("writes at once  service ms   adds   bare/s   ours/s   ratio   refused")
    for at_once, seconds in ((1, 0.020), (16, 0.080)):
        row = measure(at_once, seconds, adds)
        print(
            f"{row['at_once']:14} {row['service_ms']:11.0f} {row['adds']:6} {row['bare']:8.1f} {row['ours']:8.1f}"
            f" {row['ratio']:7.3f} {row['refused']:8.2%}"
        )


if __name__ == "__main__":
    main()
