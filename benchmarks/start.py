"""How long the commands take from the shell, and how much memory: help, a check of 10 and of 100,000 rows, a rehearsal.

python -m benchmarks.start [--runs 5]
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def people(path, count):
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes"])
        for number in range(count):
            name = "".join(chr(97 + number // 26**place % 26) for place in range(5))
            writer.writerow([name, f"{name}@example.com", f"86-139{number:08}", "CEO", "FaultMessage;SecurityMessage"])


def timed(words, folder):
    """Seconds and peak memory (MB) of one process."""
    for left in folder.glob("importer.db*"):
        left.unlink()
    began = time.perf_counter()
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    importer = [sys.executable, "-m", "importer"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people(folder / "few.csv", 10)
        people(folder / "many.csv", 100_000)
        print(f"{'command':44} {'median s':>9} {'worst s':>8} {'peak MB':>8}")
        for words in (
            ["--help"],
            ["check", "few.csv"],
            ["check", "many.csv"],
            ["run", "few.csv", "--emulator"],
        ):
            found = [timed(importer + words, folder) for _ in range(runs)]
            seconds = [second for second, _ in found]
            peak = max(memory for _, memory in found)
            told = "importer " + " ".join(words)
            print(f"{told:44} {statistics.median(seconds):9.3f} {max(seconds):8.3f} {peak:8.0f}")


if __name__ == "__main__":
    main()
