"""A fleet to be tried: an emulated service with many directories, settings that name them, workers as processes.

Each worker has keys of its own, so that the emulator's record of calls tells which of them made each.
"""

import itertools
import json
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from itertools import groupby, pairwise
from pathlib import Path

import psycopg
from conftest import environment, wait_until
from psycopg.rows import dict_row

SHORT = ("--call-timeout", 2, "--lease-margin", 2)  # a lease of 4 s
SERVE = """
import asyncio, json, sys
from importer.emulator import Emulator, Key, Limits
async def main(workers, names):
    keys = [
        Key(f"{worker}-{name}", f"secret-{name}", directory=name) for name in names for worker in range(int(workers))
    ]
    limits = Limits(max_contacts=10**6, daily_sends=10**6, calls_per_second=0)
    async with Emulator(keys=keys, limits=limits, calls_kept=10**6) as emulator:
        print(emulator.url, flush=True)
        await asyncio.Event().wait()
asyncio.run(main(sys.argv[1], sys.argv[2:]))
"""
HEADER = "Name,EmailAddress,Title,MessageTypes,Directory\n"
READS = ("ListMessageContacts", "ListMessageContactVerifications", "GetMessageContact")
SENT = "select coalesce(sum(n), 0)::int from importer.tallies where what = 'contact' and word = 'sent'"
# What the ledger and the queue cost the database so far, and its connections now.
COSTS = """
select d.xact_commit as commits, d.tup_inserted + d.tup_updated + d.tup_deleted as rows,
       (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint as wal,
       (select count(*) from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend') as connections
from pg_stat_database d where d.datname = current_database()"""
HELD = "select profile from importer.directories where lease_owner like %s order by profile"
# The token of the lease under which each call was made that was answered to somebody.
TOKENS = """
select a.request_id, r.token from importer.attempts a join importer.runs r on r.id = a.run
where a.request_id is not null"""


def names(count):
    return [f"d{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(count)]


def letters(number):
    return "".join(chr(97 + number // 26**place % 26) for place in range(4))


class Worker:
    """A worker's process: its number in the emulator's record of calls, and what it says."""

    def __init__(self, number, process, said):
        self.number, self.process, self._said = number, process, said

    def tell(self, number):
        self.process.send_signal(number)

    def kill(self):
        """Also one that is dead already."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ended(self, number=signal.SIGTERM):
        """What it said by its end, which it is asked for."""
        self.tell(number)
        self.process.communicate(timeout=120)
        said = self._said.read_text(encoding="utf-8")
        assert "Traceback" not in said, said
        return said


class Fleet:
    """A shell whose settings name many directories of one emulator, and a ledger in a database."""

    def __init__(self, shell, database, count, workers=8):
        self.shell, self.database, self.names = shell, database, names(count)
        self._numbers = itertools.count(1)
        self._workers = []
        self.emulator = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(workers + 1), *self.names],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(shell.folder),
        )
        self.url = self.emulator.stdout.readline().strip()
        self.keys(0)
        shell.more["IMPORTER_LEDGER"] = database
        lines = ["max_contacts = 1000000", "daily_sends = 1000000", "calls_per_second = 200"]
        for name in self.names:
            credentials = f'credentials = {{environment = "{name.upper()}_"}}'
            lines += [f"[profiles.{name}]", f'endpoint = "{self.url}"', credentials]
        (shell.folder / "importer.toml").write_text("\n".join(lines))
        assert shell("fleet", "init").returncode == 0
        self.looks = 0
        self._watching = psycopg.connect(database, autocommit=True)

    def close(self):
        for worker in self._workers:  # else they would take what the next test puts into the queue
            worker.kill()
        self._watching.close()
        self.emulator.kill()
        self.emulator.communicate()

    def keys(self, worker):
        """Whoever starts from here on has the keys of that worker."""
        for name in self.names:
            self.shell.more[f"{name.upper()}_ACCESS_KEY_ID"] = f"{worker}-{name}"
            self.shell.more[f"{name.upper()}_ACCESS_KEY_SECRET"] = f"secret-{name}"

    def file(self, contacts, name="people.csv", *, of=None):
        """A file of so many contacts in each directory, or in those of ``of``: name → how many."""
        rows = [
            f"{letters(number)},{letters(number)}@example.com,CEO,FaultMessage,{place}\n"
            for place, count in (of or dict.fromkeys(self.names, contacts)).items()
            for number in range(count)
        ]
        (self.shell.folder / name).write_text(HEADER + "".join(rows))
        return name

    def worker(self, *words, lease=SHORT):
        number = next(self._numbers)
        said = Path(self.shell.folder) / f"worker{number}.txt"  # a pipe that nobody reads would fill up
        self.keys(number)
        with said.open("w") as file:
            process = self.shell.start("fleet", "worker", *lease, "--turn", 5, *words, stderr=file)
        self.keys(0)
        self._workers.append(Worker(number, process, said))
        return self._workers[-1]

    def ask(self, control):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/_emulator/{control}", timeout=120) as response:
            return json.load(response)

    def state(self, name):
        return self.ask(f"state?directory={name}")

    def limit(self, **limits):
        """Set limits of every directory."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for name in self.names:
            body = json.dumps({"directory": name} | limits).encode()
            opener.open(urllib.request.Request(f"{self.url}/_emulator/limits", body, method="POST"), timeout=60).close()

    def query(self, sql, *bindings):
        self.looks += 1
        while True:
            try:
                return self._watching.execute(sql, bindings).fetchall()
            except psycopg.OperationalError:  # the server was stopped
                self._watching.close()
                self._watching = psycopg.connect(self.database, autocommit=True)

    def sent(self):
        return self.query(SENT)[0][0]

    def held(self, worker):
        """The directories whose lease a worker has."""
        return [name for (name,) in self.query(HELD, f"% pid {worker.process.pid} in %")]

    def wait(self, count):
        """Until so many contacts are sent; longer for more of them."""
        wait_until(lambda: self.sent() >= count, seconds=300 + count / 5)

    def costs(self):
        with psycopg.connect(self.database, row_factory=dict_row) as connection:
            return Counter(connection.execute(COSTS).fetchone())

    def balanced(self, contacts, names=None):
        """Every contact once in every directory, and mailed once or once more for each doubt; how many extra."""
        extra = 0
        for name in names or self.names:
            state = self.state(name)
            assert sorted(one["Name"] for one in state["contacts"]) == sorted(map(letters, range(contacts))), name
            mails = Counter(mail["ContactId"] for mail in state["outbox"])
            assert len(mails) == contacts, name
            extra += sum(mails.values()) - contacts
        return extra

    def writes(self):
        """What the emulator was asked to do, reads apart: by directory, in the order in which the calls came."""
        calls = [call for call in self.ask("calls") if call["action"] not in READS]
        calls.sort(key=lambda call: (call["directory"], call["began"]))
        assert len(calls) < 10**6, "it remembers no more than that"
        return {name: list(made) for name, made in groupby(calls, lambda call: call["directory"])}

    def tokens(self):
        return dict(self.query(TOKENS))


def worker_of(call):
    return int(call["key"].partition("-")[0])


def apart(calls, tokens):
    """No call of a directory came while another worker's was under way, or after one under a later lease.

    ``calls``: those of one directory, in the order in which they came; ``tokens``: of the lease under which a call was
    made, by its request id; a worker that was killed wrote down nothing of its last ones. How many leases there were.
    """
    for one, other in pairwise(calls):
        if worker_of(one) != worker_of(other):
            assert one["ended"] <= other["began"], f"two workers at once in {one['directory']}: {one}, {other}"
    under = [(tokens[call["request_id"]], worker_of(call)) for call in calls if call["request_id"] in tokens]
    for (token, worker), (later, other) in pairwise(under):
        assert token <= later, f"back to an owner of before in {calls[0]['directory']}"
        assert token < later or worker == other, f"two workers under one lease in {calls[0]['directory']}"
    return len({token for token, _ in under})
