"""Many directories in one process: those that finish beside some that refuse the key or never answer, and alone.

python -m benchmarks.many [--directories 50] [--contacts 200] [--refusing 3] [--hanging 2] [--repeat 1] [--quick]
"""

import argparse
import asyncio
import csv
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from importer.jobs.run import run_all
from importer.jobs.stores import existing
from importer.settings import load

SERVE = """
import asyncio, json, sys
from importer.emulator import Emulator, Key, Limits
async def main(names):
    keys = [Key(f"id-{name}", f"secret-{name}", directory=name) for name in names]
    async with Emulator(keys=keys, limits=Limits(max_contacts=10**6, daily_sends=10**6)) as emulator:
        print(emulator.url, flush=True)
        await asyncio.Event().wait()
asyncio.run(main(sys.argv[1:]))
"""


def letters(number):
    return "".join(chr(97 + number // 26**place % 26) for place in range(4))


def written(folder, names, contacts, endpoints):
    """The files and the settings of these directories."""
    lines = ["max_contacts = 1000000", "daily_sends = 1000000"]
    for name in names:
        with (folder / f"{name}.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["Name", "EmailAddress", "Title", "MessageTypes"])
            writer.writerows([n, f"{n}@example.com", "CEO", "FaultMessage"] for n in map(letters, range(contacts)))
        prefix = f"{name.upper()}_"
        os.environ[f"{prefix}ACCESS_KEY_ID"] = f"id-{name}"
        os.environ[f"{prefix}ACCESS_KEY_SECRET"] = f"secret-{name}"
        lines += [f"[profiles.{name}]", f'file = "{folder / name}.csv"', f'endpoint = "{endpoints[name]}"']
        lines += [f'credentials = {{environment = "{prefix}"}}']
        lines += ["call_timeout = 10"] if name.startswith("hanging") else []
    config = folder / "importer.toml"
    config.write_text("\n".join(lines))
    return config


def measured(good, others, contacts, silent):
    """Seconds until the last of the good directories had finished, by the ledger; and the joint summary."""
    serving = subprocess.Popen([sys.executable, "-c", SERVE, *good], stdout=subprocess.PIPE, text=True)
    url = serving.stdout.readline().strip()
    try:
        with tempfile.TemporaryDirectory() as folder:
            endpoints = {name: f"127.0.0.1:{silent}" if name.startswith("hanging") else url for name in good + others}
            config = written(Path(folder), good + others, contacts, endpoints)
            settings = load({"ledger": f"{folder}/importer.db"}, config=config)
            began = time.time()
            told = asyncio.run(run_all(settings)).as_json()
            with existing(settings) as ledger:
                ends = {one.profile: one.last_run["ended_at"] for one in ledger.status() if one.profile in good}
    finally:
        serving.kill()
        serving.communicate()
    done = [one["directory"] for one in told["directories"] if one["exit_code"] == 0]
    assert sorted(done) == sorted(good), json.dumps(told["total"])
    assert told["total"]["contacts"]["sent"] == len(good) * contacts
    assert told["total"]["stopped"] == len(others)
    return max(ends.values()) - began


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("directories", 50), ("contacts", 200), ("refusing", 3), ("hanging", 2), ("repeat", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.directories, options.contacts = 12, 20
    refusing = [f"refusing{letters(number)}" for number in range(options.refusing)]
    hanging = [f"hanging{letters(number)}" for number in range(options.hanging)]
    good = [f"good{letters(number)}" for number in range(options.directories - options.refusing - options.hanging)]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        silent = listening.getsockname()[1]
        alone, beside = [], []
        for _ in range(options.repeat):
            alone.append(measured(good, [], options.contacts, silent))
            beside.append(measured(good, refusing + hanging, options.contacts, silent))
    calls = 2 * len(good) * options.contacts
    print("directories  contacts  refusing  hanging    alone s   beside s   calls/s   ratio")
    ratio = statistics.median(beside) / statistics.median(alone)
    print(
        f"{len(good):11} {options.contacts:9} {options.refusing:9} {options.hanging:8} {statistics.median(alone):10.1f}"
        f" {statistics.median(beside):10.1f} {calls / statistics.median(alone):9.0f} {ratio:7.3f}"
    )


if __name__ == "__main__":
    main()
