"""A canary in every value, and failures of every kind: keys are found nowhere, people only where they must be.

The interpreter is as talkative as it can be told to be. The emulators are in this process, each run has its own folder.
"""

import asyncio
import csv
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from books import added, private
from conftest import environment

from importer.emulator import Emulator, Key, Limits
from importer.emulator.faults import KINDS, Fault

ADD, LIST = "AddMessageContact", "ListMessageContacts"
KEYS = ("LTAIqCANARYqKEYqID", "sCANARYqSECRETqs", "tCANARYqTOKENqt")
NAMES = [f"Canary{letter}" for letter in "abcdefgh"]
PEOPLE = (*NAMES, "canary.mail", "139000042")  # how every name, address and number begins
MAY_HOLD_PEOPLE = {"contacts.csv", "importer.db", "importer.db-wal", "report.html", "export.jsonl"}
KEY = Key(KEYS[0], KEYS[1], security_token=KEYS[2])
LIMITS = Limits(max_contacts=1000, daily_sends=1000, calls_per_second=200)
FLAGS = ("--max-contacts", 1000, "--daily-sends", 1000, "--calls-per-second", 200, "--call-timeout", 1.5)
TALKATIVE = {"PYTHONASYNCIODEBUG": "1", "PYTHONWARNINGS": "always", "DEBUG": "sdk"}
SIDE_BY_SIDE = 3
MINGLED = [kind for kind in KINDS if kind not in ("redirect", "wrong-name")]
ECHO = " ".join((*NAMES, "canary.mail0@example.com", "86-13900004200"))
SENT = f"{KEYS[0]} {KEYS[2]}"  # of the keys; the secret never leaves


@dataclass
class Case:
    """How one run is made to fail, and the exit codes that are right for that."""

    codes: tuple[int, ...]
    faults: list[Fault] = field(default_factory=list)
    words: tuple[object, ...] = ("--log-format", "json")
    secret: str = KEYS[1]
    expires_at: float | None = None
    before: Callable[[Path], object] | None = None  # spoils the folder
    amid: int | None = None  # a signal that is sent once contacts were added
    ledger: bool = True  # whether the run gets as far as writing people down


def echoed(code: str, action: str = ADD, status: int = 400, text: str = ECHO, **when) -> Fault:
    """A refusal that repeats what it was sent."""
    return Fault("error", action, code=code, status=status, message=text, **when)


def mingled() -> list[Fault]:
    listing = [Fault(kind, LIST, times=1, seconds=0.2 if kind == "delay" else 0.0) for kind in MINGLED[:4]]
    return listing + [
        Fault(kind, "[AS]*", calls=(number + 1,), times=1, seconds=0.2 if kind == "delay" else 0.0)
        for number, kind in enumerate(MINGLED[:9], 1)
    ]


CASES = {
    "every fault, a report": Case((0, 1, 5), mingled(), ("--report", "report.html", "--log-format", "json")),
    "rows refused": Case((1,), [echoed("InvalidParameter.Name", calls=(2,)), echoed("Teapot", calls=(2,))]),
    "signature refused amid": Case((4,), [echoed("SignatureDoesNotMatch", text=f"{SENT} {ECHO}", calls=(3,))]),
    "permission refused": Case((4,), [echoed("NoPermission.Canary", LIST, 403, f"{SENT} {ECHO}")], ledger=False),
    "wrong secret": Case((4,), secret="anotherCANARYqSECRETq", ledger=False),
    "token ended": Case((4,), expires_at=1.0, ledger=False),
    "key in the endpoint": Case(
        (2,), words=("--endpoint", f"http://{KEYS[0]}:{KEYS[1]}@127.0.0.1:9", "--json"), ledger=False
    ),
    "nobody there": Case((4,), words=("--endpoint", "http://127.0.0.1:9", "--json"), ledger=False),
    "no ledger": Case(
        (2,), before=lambda folder: (folder / "importer.db").write_text("no database" * 100), ledger=False
    ),
    "interrupted": Case((130,), [Fault("delay", ADD, seconds=0.5)], ("--json",), amid=signal.SIGINT),
    "killed": Case((-signal.SIGKILL,), [Fault("delay", ADD, seconds=0.5)], amid=signal.SIGKILL),
}


def contacts(folder: Path) -> None:
    """Good rows, a second one of a name, and rows in which nothing is right."""
    rows = [
        (name, f"canary.mail{number}@example.com", f"86-139000042{number:02}", "CEO", "FaultMessage")
        for number, name in enumerate(NAMES)
    ]
    rows += [rows[0], ("Canaryh9 x", "canary.mail@", "+86139000042", "Boss Canarya", "Canaryb")]
    with (folder / "contacts.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes"), *rows])


def _private(folder: Path) -> bool:
    return all(private(path) for path in folder.glob("importer.db*"))


async def ran(folder: Path, case: Case, url: str) -> tuple[int, str]:
    """The exit code, and all that was said."""
    endpoint = () if "--endpoint" in case.words else ("--endpoint", url)
    keys = dict(
        zip(("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN"), (KEYS[0], case.secret, KEYS[2]), strict=True)
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "importer", "run", "contacts.csv", *endpoint, *map(str, (*FLAGS, *case.words))),
        cwd=folder,
        env=environment(folder, **TALKATIVE, **{f"ALIBABA_CLOUD_{name}": text for name, text in keys.items()}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    if case.amid is not None:
        while added(folder / "importer.db") < 1:
            assert process.returncode is None
            await asyncio.sleep(0.05)
        assert _private(folder), "others may read the ledger"
        process.send_signal(case.amid)
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, (out + err).decode()


def leaks(folder: Path, said: str, *, ledger: bool) -> list[str]:
    """Where something is found that must not be there, or is not there although it must be."""
    lowered = said.lower()
    found = [f"said {word!r}" for word in (*KEYS, *PEOPLE) if word.lower() in lowered]
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes().lower()
        forbidden = KEYS if path.name in MAY_HOLD_PEOPLE else (*KEYS, *PEOPLE)
        found += [f"{path.name} holds {word!r}" for word in forbidden if word.lower().encode() in content]
        if path.name.startswith("importer.db") and ledger and not private(path):
            found.append(f"others may read {path.name}")
    kept = b"".join(path.read_bytes() for path in folder.glob("importer.db*"))
    if ledger and not all(name.encode() in kept for name in NAMES):
        found.append("the ledger does not hold the people, so that nothing would have been found")
    return found


@pytest.fixture
def folders(tmp_path):
    for name in CASES:
        (tmp_path / name).mkdir()
        contacts(tmp_path / name)
    return tmp_path


async def test_no_run_that_fails_says_or_keeps_a_key_and_people_are_in_ledger_and_report_alone(folders):
    turns = asyncio.Semaphore(SIDE_BY_SIDE)

    async def turn(name, case):
        folder = folders / name
        if case.before:
            case.before(folder)
        key = Key(KEY.id, KEY.secret, security_token=KEY.security_token, expires_at=case.expires_at)
        async with turns, Emulator(limits=LIMITS, keys=[key]) as served:
            served.faults.replace(case.faults)
            code, said = await ran(folder, case, served.url)
        wrong = leaks(folder, said, ledger=case.ledger)
        return wrong if code in case.codes else [*wrong, f"exit {code}: {said}"]

    wrong = await asyncio.gather(*(turn(name, case) for name, case in CASES.items()))
    assert {name: found for name, found in zip(CASES, wrong, strict=True) if found} == {}
    print({"runs that failed": len(CASES), "canaries": len(KEYS) + len(PEOPLE), "found outside": 0})


def test_what_people_ask_for_holds_people_and_no_key(shell):
    contacts(shell.folder)
    shell.more |= {"ALIBABA_CLOUD_ACCESS_KEY_ID": KEYS[0], "ALIBABA_CLOUD_ACCESS_KEY_SECRET": KEYS[1], **TALKATIVE}
    done = shell("run", "contacts.csv", "--emulator", "--quiet")
    assert done.returncode == 1
    exported = shell("export", "--format", "jsonl")
    (shell.folder / "export.jsonl").write_text(exported.stdout, encoding="utf-8")
    assert all(name in exported.stdout for name in NAMES)
    (shell.folder / "importer.db.emulator").unlink()  # the directory itself, as it was rehearsed
    assert leaks(shell.folder, done.stdout + done.stderr + exported.stderr, ledger=True) == []
