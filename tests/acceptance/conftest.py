"""The command line in a subprocess, as a user has it: an empty folder, no settings, no credentials."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import lines
import pytest

HIDDEN = ("ALIBABA_CLOUD_", "IMPORTER_")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(HIDDEN) and name.lower() not in PROXIES
    }
    return kept | {"HOME": str(folder), "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"} | more


class Shell:
    """Runs ``importer`` in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.more: dict[str, str] = {}

    def start(self, *words: object, **options: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "importer", *map(str, words)],
            cwd=self.folder,
            env=environment(self.folder, **self.more),
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=options.pop("stderr", subprocess.PIPE),
            text=True,
            encoding="utf-8",
            **options,
        )

    def __call__(self, *words: object, text: str | None = None) -> subprocess.CompletedProcess[str]:
        process = self.start(*words, stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL)
        out, err = process.communicate(text, timeout=600)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def json(self, *words: object, code: int | None = 0) -> dict:
        done = self(*words, "--json")
        if code is not None:
            assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def contacts(self, count: int, file: str = "contacts.csv") -> Path:
        """A file of that many good contacts."""
        path = self.folder / file
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes"])
            for number in range(count):
                name = letters(number)
                writer.writerow([name, f"{name}@example.com", "", "CEO", "FaultMessage;SecurityMessage"])
        return path

    def export(self) -> list[dict]:
        done = self("export", "--format", "jsonl")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


def letters(number: int) -> str:
    """A name of letters for each number."""
    text = ""
    for _ in range(5):
        number, digit = divmod(number, 26)
        text = chr(ord("a") + digit) + text
    return text


class Server:
    """``importer emulator`` as a process of its own."""

    def __init__(self, shell: Shell, *words: object) -> None:
        self.process = shell.start("emulator", "--port", 0, "--json", *words)
        self.banner = json.loads(self.process.stdout.readline())
        shell.more |= {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": self.banner["access_key_id"],
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": self.banner["access_key_secret"],
        }

    def get(self, control: str) -> object:
        import urllib.request

        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.banner['url']}/_emulator/{control}", timeout=30) as response:
            return json.load(response)

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=30)


@pytest.fixture
def shell(tmp_path, tmp_path_factory):
    """Its runs write their events down, and whatever test it is, every line keeps the schema and names nobody."""
    shell, events = Shell(tmp_path), tmp_path_factory.mktemp("events") / "events.jsonl"
    shell.more["IMPORTER_EVENTS"] = str(events)
    yield shell
    if events.exists():
        text = events.read_text(encoding="utf-8")
        for line in text.splitlines():
            lines.check(json.loads(line))
        assert "example.com" not in text


@pytest.fixture
def serve(shell):
    servers = []

    def started(*words):
        servers.append(Server(shell, *words))
        return servers[-1]

    yield started
    for server in servers:
        server.stop()


def wait_until(holds, seconds=60):
    """Wait for something that another process brings about."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)
