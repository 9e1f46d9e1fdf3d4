"""A server that misbehaves in every way the emulator knows: no traceback, little memory, and then the job is done.

All kinds are played side by side, each by an emulator of its own in this process, against the command line.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from books import balanced
from conftest import Shell, environment

from importer.emulator import Emulator, Limits
from importer.emulator.faults import KINDS, Fault

ADD, SEND, LIST = "AddMessageContact", "SendEmailVerificationForMessageContact", "ListMessageContacts"
CONTACTS = 8
SIDE_BY_SIDE = 3
MEMORY = 200 * 1024  # kB
TIMEOUT = 1.5  # seconds a call
LIMITS = Limits(max_contacts=1000, daily_sends=1000, calls_per_second=200)
FLAGS = ("--max-contacts", 1000, "--daily-sends", 1000, "--calls-per-second", 200, "--call-timeout", TIMEOUT)
PATIENCE = ("--give-up-after", 10)
STOPS = ("redirect", "wrong-name")  # nothing can come of going on
LIES = ("conflict",)  # it says surely that nothing was done, and something was: then nobody can doubt it
DOUBTS_LEFT = 5  # the exit code

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


def faults(kind: str, location: str) -> list[Fault]:
    """The first listings meet the kind, and then some of the writes: done before that or not, as the kind has it."""
    if kind == "wrong-name":
        return [Fault(kind)]
    how = {"seconds": 0.2} if kind == "delay" else {"location": location} if kind == "redirect" else {}
    after_some = {"calls": (3, 4)} if kind == "redirect" else {"probability": 0.4}
    before = [] if kind == "redirect" else [Fault(kind, LIST, times=2, **how)]
    return [*before, Fault(kind, ADD, **after_some, **how), Fault(kind, SEND, **after_some, **how)]


async def played(kind: str, folder: Path, location: str) -> tuple[list[str], dict]:
    """What was wrong with the runs against one kind of fault, and their figures."""
    Shell(folder).contacts(CONTACTS)
    async with Emulator(limits=LIMITS, tls=kind == "wrong-name") as served:
        served.faults.replace(faults(kind, location), seed=7)
        ran = await importer(folder, served, *PATIENCE)
        fired = sum(tally.fired for tally in served.faults.tallies)
        served.faults.replace(())
        done = await importer(folder, served)
        snapshot = served.snapshot()
    expected = (4,) if kind in STOPS else (0,) if kind == "delay" else (0, DOUBTS_LEFT)
    wrong = [
        *([] if fired else ["no fault fired"]),
        *([] if ran.code in expected else [f"exit {ran.code}: {ran.err or ran.said}"]),
        *([] if done.code == 0 else [f"afterwards exit {done.code}: {done.err or done.said}"]),
        *(f"exit {one.code} and {one.said['exit_code']}" for one in (ran, done) if one.said["exit_code"] != one.code),
        *(f"a traceback: {one.err}" for one in (ran, done) if "Traceback" in one.err + json.dumps(one.said)),
        *(f"it took {one.memory} kB" for one in (ran, done) if one.memory > MEMORY),
    ]
    figures = {"faults": fired, "exits": [ran.code, done.code], "MB": max(ran.memory, done.memory) // 1024}
    return wrong + _unbalanced(kind, snapshot, folder), figures


def _unbalanced(kind: str, snapshot: dict, folder: Path) -> list[str]:
    if kind in LIES:  # each lie about a mail costs one
        names = [contact["Name"] for contact in snapshot["contacts"]]
        return [] if len(set(names)) == len(names) == CONTACTS else [f"in the directory: {sorted(names)}"]
    try:
        balanced(snapshot, folder / "importer.db", CONTACTS)
    except AssertionError as error:
        return [str(error)]
    return []


async def test_whatever_a_server_does_the_run_ends_well_and_the_same_command_finishes_the_job(tmp_path):
    turns = asyncio.Semaphore(SIDE_BY_SIDE)

    async def turn(kind, location):
        (folder := tmp_path / kind).mkdir()
        async with turns:
            return await played(kind, folder, location)

    async with elsewhere() as other:
        found = dict(zip(KINDS, await asyncio.gather(*(turn(kind, other.url) for kind in KINDS)), strict=True))
    for kind, (_, figures) in found.items():
        print(f"{kind:12}", json.dumps(figures))
    assert {kind: wrong for kind, (wrong, _) in found.items() if wrong} == {}
    assert other.visits == [], "somebody followed a redirect to another host"


async def test_a_server_that_never_answers_well_ends_the_run_with_a_clear_cause(tmp_path):
    Shell(tmp_path).contacts(CONTACTS)
    async with Emulator(limits=LIMITS) as served:
        served.faults.replace([Fault("garbage", ADD, done=False)], seed=7)
        ran = await importer(tmp_path, served, "--give-up-after", 3)
        served.faults.replace(())
        done = await importer(tmp_path, served)
        balanced(served.snapshot(), tmp_path / "importer.db", CONTACTS)
    assert ran.code == 4
    assert ran.said["stopped"]["code"] == "NoAnswer"
    assert done.code == 0
