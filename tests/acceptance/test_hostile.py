"""A server that misbehaves in every way the emulator knows: no traceback, little memory, and then the job is done.

All kinds of faults are played in one history, but those that end a run at once; KINDS=each plays each kind alone.
The emulators are in this process, the importer is the command line.
"""

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from books import balanced
from conftest import Shell, environment

from importer.emulator import Emulator, Limits
from importer.emulator.faults import KINDS, Fault

ADD, SEND, LIST = "AddMessageContact", "SendEmailVerificationForMessageContact", "ListMessageContacts"
CONTACTS = 40
SIDE_BY_SIDE = 3
MEMORY = 200 * 1024  # kB
LIMITS = Limits(max_contacts=1000, daily_sends=1000, calls_per_second=200)
FLAGS = ("--max-contacts", 1000, "--daily-sends", 1000, "--calls-per-second", 200, "--call-timeout", 1)
STOPS = ("redirect", "wrong-name")  # nothing can come of going on
LIES = ("conflict",)  # it says surely that nothing was done, and something was: then nobody can doubt it
RUNS = 6  # until a history is over

# The measure is taken by a small process: what is started counts the memory of its starter as its own.
MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as stream:
    stream.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""


@dataclass
class Ran:
    """What one run came to; ``memory`` in kB."""

    code: int
    said: dict
    err: str
    memory: int


@dataclass
class Elsewhere:
    """Another host: it counts who comes, and what they bring."""

    url: str = ""
    visits: list[bytes] = field(default_factory=list)

    async def welcome(self, reader, writer):
        self.visits.append(await reader.read(65536))
        writer.close()


@asynccontextmanager
async def elsewhere():
    other = Elsewhere()
    server = await asyncio.start_server(other.welcome, "127.0.0.1", 0)
    other.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        yield other


async def importer(folder: Path, served: Emulator, *words: object) -> Ran:
    """A run of the command line in a folder of its own, measured."""
    keys = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": served.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": served.access_key_secret,
        **({"SSL_CERT_FILE": str(served.ca_file)} if served.ca_file else {}),
    }
    command = (sys.executable, "-m", "importer", "run", "contacts.csv", "--endpoint", served.url, *FLAGS, *words)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", MEASURED, "memory"),
        *map(str, (*command, "--json")),
        cwd=folder,
        env=environment(folder, **keys),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 180)
    assert out, err.decode()
    return Ran(process.returncode, json.loads(out), err.decode(), int((folder / "memory").read_text()))


def mixed(kinds: list[str], location: str) -> list[Fault]:
    """Kinds on the listing, each once and one after the other; and of adds and sends, each kind on every third one.

    A fault does not see the calls on which an earlier one fired, so the n-th is to fire when it has seen 2 n + 1.
    """
    if kinds == ["wrong-name"]:
        return [Fault("wrong-name")]
    how = {"delay": {"seconds": 0.2}, "redirect": {"location": location}}
    many = kinds if len(kinds) > 1 else kinds * 6
    listing = [Fault(kind, LIST, times=1, **how.get(kind, {})) for kind in kinds[::2] if kind not in STOPS]
    return listing + [
        Fault(kind, action, calls=(2 * number + 1,), times=1, **how.get(kind, {}))
        for action in (ADD, SEND)
        for number, kind in enumerate(many, 1)
    ]


async def history(kinds: list[str], folder: Path, location: str) -> tuple[list[str], dict]:
    """What was wrong with the runs against these kinds of faults, and their figures."""
    Shell(folder).contacts(CONTACTS)
    runs = []
    async with Emulator(limits=LIMITS, tls=kinds == ["wrong-name"]) as served:
        served.faults.replace(mixed(kinds, location), seed=7)
        while len(runs) < RUNS and not (runs and (runs[-1].code in (0, 5) or kinds[0] in STOPS)):
            runs.append(await importer(folder, served))
        fired = {tally.fault.kind for tally in served.faults.tallies if tally.fired}
        count = sum(tally.fired for tally in served.faults.tallies)
        served.faults.replace(())
        runs.append(await importer(folder, served))
        snapshot = served.snapshot()
    figures = {"faults": count, "exits": [ran.code for ran in runs], "MB": max(ran.memory for ran in runs) // 1024}
    wrong = [f"{kind} was not played" for kind in kinds if kind not in fired]
    return [*wrong, *_ended_badly(runs, kinds), *_unbalanced(snapshot, folder, runs[-1].code, kinds)], figures


def _ended_badly(runs: list[Ran], kinds: list[str]):
    """A run that cannot list ends with 4; any other does what it can, and says what it left in doubt."""
    for ran in runs[:-1]:
        text = ran.err + json.dumps(ran.said)
        if ran.code not in ((4,) if kinds[0] in STOPS else (0, 4, 5)):
            yield f"exit {ran.code}: {text}"
        if ran.code == 4 and "error" not in ran.said and not ran.said["stopped"]:
            yield f"no cause is given: {text}"
    for ran in runs:
        if ran.said["exit_code"] != ran.code:
            yield f"exit {ran.code}, and it says {ran.said['exit_code']}"
        if "Traceback" in ran.err + json.dumps(ran.said) or "Unforeseen" in json.dumps(ran.said):
            yield f"a mistake of the program: {ran.err}"
        if ran.memory > MEMORY:
            yield f"it took {ran.memory} kB"


def _unbalanced(snapshot: dict, folder: Path, code: int, kinds: list[str]):
    lies = sum(kind in LIES for kind in kinds) * (1 if len(kinds) > 1 else 6)
    try:
        books = balanced(snapshot, folder / "importer.db", CONTACTS, lies=lies)
    except AssertionError as error:
        yield str(error)
    else:
        if code != (5 if books.left else 0):
            yield f"the last exit is {code}"


def groups() -> list[list[str]]:
    if os.environ.get("KINDS") == "each":
        return [[kind] for kind in KINDS]
    return [[kind for kind in KINDS if kind not in STOPS], *([kind] for kind in STOPS)]


async def test_whatever_a_server_does_the_run_ends_well_and_the_same_command_finishes_the_job(tmp_path):
    turns = asyncio.Semaphore(SIDE_BY_SIDE)

    async def turn(kinds, location):
        (folder := tmp_path / kinds[0]).mkdir()
        async with turns:
            return await history(kinds, folder, location)

    async with elsewhere() as other:
        played = groups()
        found = await asyncio.gather(*(turn(kinds, other.url) for kinds in played))
    for kinds, (_, figures) in zip(played, found, strict=True):
        print(f"{kinds[0] if len(kinds) == 1 else f'{len(kinds)} kinds':12}", json.dumps(figures))
    assert {" ".join(kinds): wrong for kinds, (wrong, _) in zip(played, found, strict=True) if wrong} == {}
    assert other.visits == [], "somebody followed a redirect to another host"


async def test_a_server_that_never_answers_an_add_ends_the_run_with_a_clear_cause(tmp_path):
    Shell(tmp_path).contacts(10)
    async with Emulator(limits=LIMITS) as served:
        served.faults.replace([Fault("garbage", ADD, done=False)])
        ran = await importer(tmp_path, served, "--give-up-after", 0.5)
        served.faults.replace(())
        done = await importer(tmp_path, served)
        balanced(served.snapshot(), tmp_path / "importer.db", 10)
    assert (ran.code, ran.said["stopped"]["code"], done.code) == (4, "NoAnswer", 0)


async def test_mails_whose_sending_stays_in_doubt_are_left_to_people_and_not_sent_again(tmp_path):
    Shell(tmp_path).contacts(1)
    async with Emulator(limits=LIMITS) as served:
        served.faults.replace([Fault("close", SEND, done=True)])
        ran = await importer(tmp_path, served)
        served.faults.replace(())
        again = await importer(tmp_path, served)
        books = balanced(served.snapshot(), tmp_path / "importer.db", 1)
    assert (ran.code, again.code) == (5, 5)
    assert (books.left, books.mails) == (1, 3)
    assert set(again.said["calls"]) == {"ListMessageContacts"}
