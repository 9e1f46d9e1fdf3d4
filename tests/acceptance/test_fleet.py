"""Workers on one queue and one ledger in PostgreSQL, each a process: what is typed, who works, and what a death costs.

FLEET=200x100 has that many directories and contacts; WORKERS=4 that many workers; KILLS=50 kills that often.
"""

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from itertools import pairwise

import psycopg
import pytest
from conftest import environment, wait_until
from psycopg.rows import dict_row

from importer.ledger.postgres import open_postgres

DIRECTORIES, CONTACTS = map(int, os.environ.get("FLEET", "6x12").split("x"))
WORKERS = int(os.environ.get("WORKERS", "2"))
KILLS = int(os.environ.get("KILLS", "2"))
SEED = int(os.environ.get("SEED", "1"))
SERVE = """
import asyncio, json, sys
from importer.emulator import Emulator, Key, Limits
async def main(names):
    keys = [Key(f"id-{name}", f"secret-{name}", directory=name) for name in names]
    limits = Limits(max_contacts=10**6, daily_sends=10**6, calls_per_second=0)
    async with Emulator(keys=keys, limits=limits) as emulator:
        print(emulator.url, flush=True)
        await asyncio.Event().wait()
asyncio.run(main(sys.argv[1:]))
"""
NIGHT = 1767576600.0  # half past one of the 5th of January 2026
YEAR = 365 * 24 * 60  # minutes
HEADER = "Name,EmailAddress,Title,MessageTypes,Directory\n"
SHORT = ("--call-timeout", 2, "--lease-margin", 2)  # a lease of 4 s
# Of each directory, the runs in the order of their tokens with the first and last call of each.
TURNS = """
select r.directory, r.token, min(a.started_at), max(a.started_at)
from importer.runs r join importer.attempts a on a.run = r.id and a.observed = 0
group by 1, 2 order by 1, 2"""


# What the ledger and the queue cost the database so far, and its connections now.
COSTS = """
select d.xact_commit as commits, d.tup_inserted + d.tup_updated + d.tup_deleted as rows,
       (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint as wal,
       (select count(*) from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend') as connections
from pg_stat_database d where d.datname = current_database()"""


def names(count):
    return [f"d{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(count)]


def letters(number):
    return "".join(chr(97 + number // 26**place % 26) for place in range(4))


class Fleet:
    """A shell whose settings name many directories of one emulator, and a ledger in a database."""

    def __init__(self, shell, database, count):
        self.shell, self.database, self.names = shell, database, names(count)
        shell.more["IMPORTER_LEDGER"] = database
        self.emulator = subprocess.Popen(
            [sys.executable, "-c", SERVE, *self.names],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(shell.folder),
        )
        self.url = self.emulator.stdout.readline().strip()
        lines = ["max_contacts = 1000000", "daily_sends = 1000000", "calls_per_second = 200"]
        for name in self.names:
            prefix = f"{name.upper()}_"
            shell.more |= {f"{prefix}ACCESS_KEY_ID": f"id-{name}", f"{prefix}ACCESS_KEY_SECRET": f"secret-{name}"}
            lines += [f"[profiles.{name}]", f'endpoint = "{self.url}"', f'credentials = {{environment = "{prefix}"}}']
        (shell.folder / "importer.toml").write_text("\n".join(lines))
        assert shell("fleet", "init").returncode == 0

    def file(self, contacts, name="people.csv"):
        rows = [
            f"{letters(number)},{letters(number)}@example.com,CEO,FaultMessage,{place}\n"
            for place in self.names
            for number in range(contacts)
        ]
        (self.shell.folder / name).write_text(HEADER + "".join(rows))
        return name

    def worker(self, *words):
        return self.shell.start("fleet", "worker", *SHORT, "--turn", 5, *words)

    def state(self, name):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/_emulator/state?directory={name}", timeout=60) as response:
            return json.load(response)

    def sent(self):
        with psycopg.connect(self.database) as connection:
            (count,) = connection.execute("select count(*) from importer.contacts where state = 'sent'").fetchone()
            return count

    def costs(self):
        with psycopg.connect(self.database, row_factory=dict_row) as connection:
            return Counter(connection.execute(COSTS).fetchone())

    def balanced(self, contacts):
        """Every contact once in every directory, and mailed once or once more for each doubt; how many extra."""
        extra = 0
        for name in self.names:
            state = self.state(name)
            assert sorted(one["Name"] for one in state["contacts"]) == sorted(map(letters, range(contacts))), name
            mails = Counter(mail["ContactId"] for mail in state["outbox"])
            assert len(mails) == contacts
            extra += sum(mails.values()) - contacts
        return extra

    def owners(self):
        """No call of a directory began while, or before, a later owner's had."""
        with psycopg.connect(self.database) as connection:
            turns = connection.execute(TURNS).fetchall()
        for (one, _, _, last), (other, _, first, _) in pairwise(turns):
            assert one != other or last <= first, f"directory {one} had two owners at once"
        return len(turns)


@pytest.fixture
def fleet(shell, database):
    made = Fleet(shell, database, DIRECTORIES)
    yield made
    made.emulator.kill()
    made.emulator.communicate()


def ended(process, number=signal.SIGTERM):
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    return err


def test_what_files_ask_for_is_carried_out_by_workers_each_directory_by_one_at_a_time(fleet):
    shell, whole = fleet.shell, DIRECTORIES * CONTACTS
    empty = fleet.costs()
    told = shell.json("fleet", "enqueue", fleet.file(CONTACTS))
    assert sum(one["rows"]["accepted"] for one in told["files"]) == whole
    assert shell.json("fleet", "status")["states"] == {"ready": DIRECTORIES}
    staged, looks = fleet.costs(), 0
    began = time.monotonic()
    workers = [fleet.worker() for _ in range(WORKERS)]
    with psycopg.connect(fleet.database, autocommit=True) as watching:

        def done():
            nonlocal looks
            looks += 1
            return watching.execute("select count(*) from importer.contacts where state = 'sent'").fetchone() == (
                whole,
            )

        wait_until(done, seconds=600)
    seconds = time.monotonic() - began
    standing = shell.json("fleet", "status")
    assert len([one for one in standing["workers"] if one["alive"]]) == WORKERS
    connections = fleet.costs()["connections"] - 1
    for worker in workers:
        ended(worker)
    worked = fleet.costs()
    assert shell.json("fleet", "status")["states"] == {"done": DIRECTORIES}
    assert fleet.balanced(CONTACTS) == 0
    turns = fleet.owners()
    print({"workers": WORKERS, "contacts": whole, "a second": round(whole / seconds, 1), "turns": turns})
    staging = {f"{what} to stage": round((staged - empty)[what] / whole, 2) for what in ("rows", "wal")}
    working = {what: round((worked - staged)[what] / whole, 2) for what in ("rows", "wal")}
    commits = round((worked["commits"] - staged["commits"] - looks) / whole, 2)
    print(
        {"for a contact": staging | working | {"commits": commits}, "connections": connections, "load": os.getloadavg()}
    )


def test_workers_that_are_killed_and_one_that_slept_past_its_lease_cost_time_and_nothing_else(fleet):
    shell, whole, chance = fleet.shell, DIRECTORIES * CONTACTS, random.Random(SEED)
    shell.json("fleet", "enqueue", fleet.file(CONTACTS))
    workers, takeovers = [fleet.worker("--calls-per-second", 20) for _ in range(2)], []
    for kill in range(KILLS + 1):
        target = min(whole - 1, fleet.sent() + chance.randrange(1, max(2, whole // (KILLS + 2))))
        wait_until(lambda target=target: fleet.sent() >= target, seconds=120)
        victim = workers.pop(0)
        if kill == 0:
            victim.send_signal(signal.SIGSTOP)
            sleeper = victim
        else:
            victim.kill()
            victim.communicate()
        workers.append(fleet.worker("--calls-per-second", 20))
        before, since = fleet.sent(), time.monotonic()
        wait_until(lambda before=before: fleet.sent() > before, seconds=120)
        takeovers.append(round(time.monotonic() - since, 1))
    wait_until(lambda: fleet.sent() == whole, seconds=600)
    sleeper.send_signal(signal.SIGCONT)
    time.sleep(1)
    for worker in (*workers, sleeper):
        ended(worker)
    extra = fleet.balanced(CONTACTS)
    print({"kills": KILLS, "slept": 1, "contacts": whole, "extra mails": extra, "seconds to go on": takeovers})


def test_a_directory_that_waits_for_tomorrow_keeps_no_other_waiting_and_its_adds_go_on(fleet):
    shell, first = fleet.shell, fleet.names[0]
    with (shell.folder / "importer.toml").open("a") as file:
        file.write("\ndaily_sends = 3\n")  # of the last profile
    last = fleet.names[-1]
    shell.json("fleet", "enqueue", fleet.file(CONTACTS))
    done = shell("fleet", "drain", *SHORT)
    assert done.returncode == 0, done.stderr
    standing = {one["directory"]: one for one in shell.json("fleet", "status")["directories"]}
    assert standing[first]["contacts"]["sent"] == CONTACTS
    waits = standing[last]
    assert (waits["contacts"]["sent"], waits["contacts"]["added"], waits["state"]) == (3, CONTACTS - 3, "waiting")
    assert waits["reasons"] == ["daily-sends"]
    assert waits["next_action_at"] is not None
    assert shell.json("fleet", "status")["queue"] == 0, "nothing was put into the queue for tomorrow"


def test_a_directory_whose_key_is_refused_is_left_alone_and_the_others_are_done(fleet):
    shell, wrong = fleet.shell, fleet.names[1]
    shell.more[f"{wrong.upper()}_ACCESS_KEY_SECRET"] = "CANARY-wrong"
    shell.json("fleet", "enqueue", fleet.file(CONTACTS))
    done = shell("fleet", "drain", *SHORT)
    assert done.returncode == 0, done.stderr
    assert "CANARY" not in done.stdout + done.stderr
    assert re.search(rf"directory={wrong} stopped=SignatureDoesNotMatch", done.stderr), done.stderr
    standing = {one["directory"]: one for one in shell.json("fleet", "status")["directories"]}
    assert standing[wrong]["reasons"] == ["stopped"]
    assert standing[wrong]["contacts"]["waiting"] == CONTACTS
    assert all(one["state"] == "done" for name, one in standing.items() if name != wrong)


class Nights:
    """Workers of a fleet whose first directory syncs its file by a cron line, asked at chosen times."""

    def __init__(self, fleet):
        self.fleet, self.name = fleet, fleet.names[0]
        text = (fleet.shell.folder / "importer.toml").read_text()
        people = fleet.shell.contacts(3, "people.csv")
        ours = f'[profiles.{self.name}]\nfile = "{people}"\ncron = "30 1 5 1 *"\nday_zone = "UTC"'
        text = text.replace(f"[profiles.{self.name}]", ours)
        (fleet.shell.folder / "importer.toml").write_text(text)
        self.alter("delete from procrastinate_jobs")  # the queue outlives a test
        self.alter("delete from procrastinate_periodic_defers")

    def alter(self, statement):
        with psycopg.connect(self.fleet.database, options="-c search_path=importer_fleet") as connection:
            connection.execute(statement)

    def count(self, jobs):
        with psycopg.connect(self.fleet.database) as connection:
            sql = f"select count(*) from importer_fleet.procrastinate_jobs where {jobs}"
            return connection.execute(sql).fetchone()[0]

    def at(self, minutes):
        """What a worker that begins so many minutes after a January's night puts into the queue."""
        from importer.fleet.queue import opened
        from importer.fleet.worker import Worker
        from importer.model.clock import Clock
        from importer.settings import load

        now = NIGHT + 60 * minutes
        settings = load({"ledger": self.fleet.database}, config=self.fleet.shell.folder / "importer.toml")
        told = []
        worker = Worker(settings, 1, 5.0, lambda event, _: told.append(event), Clock(now=lambda: now))

        async def ask():
            async with opened(settings) as app:
                await worker.nights(app)

        asyncio.run(ask())
        return told


def test_a_file_is_synced_once_at_each_time_of_its_cron_line_however_many_workers_there_are(fleet):
    nights = Nights(fleet)
    assert [nights.at(minutes) for minutes in (-1, 0, 0, 1, 61)] == [[], ["sync due"], [], [], []]
    done = fleet.shell("fleet", "drain", *SHORT)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"sync ended +directory={nights.name} exit_code=0", done.stderr), done.stderr
    assert len(fleet.state(nights.name)["outbox"]) == 3
    assert [nights.at(minutes) for minutes in (1, YEAR, YEAR + 1)] == [[], ["sync due"], []]


def test_a_sync_waits_in_the_queue_while_another_holds_the_directory(fleet):
    nights = Nights(fleet)
    ledger = open_postgres(fleet.database)
    lease = ledger.acquire(ledger.directory(nights.name, "loopback"), "somebody", now=time.time(), ttl=300)
    assert nights.at(0) == ["sync due"]
    worker = fleet.worker()
    wait_until(lambda: nights.count("task_name = 'sync' and status = 'todo' and scheduled_at is not null") == 1)
    assert fleet.sent() == 0
    ledger.release(lease)
    ledger.close()
    wait_until(lambda: fleet.sent() == 3)
    ended(worker)
    assert len(fleet.state(nights.name)["outbox"]) == 3


def test_a_sync_whose_worker_died_goes_on(fleet):
    nights = Nights(fleet)
    assert nights.at(0) == ["sync due"]
    nights.alter("update procrastinate_jobs set status = 'doing' where task_name = 'sync'")  # by a worker that is gone
    assert nights.at(1) == ["sync revived"]
    assert fleet.shell("fleet", "drain", *SHORT).returncode == 0
    assert len(fleet.state(nights.name)["contacts"]) == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("fleet", "worker", "--ledger", "importer.db"), "a fleet needs a ledger that its machines share"),
        (("fleet", "status", "--ledger", "importer.db"), "importer.db"),
        (("fleet", "enqueue", "nobody.csv"), "nobody.csv"),
    ],
)
def test_mistakes_are_one_clear_line(shell, database, words, says):
    shell.more["IMPORTER_LEDGER"] = database
    assert shell("fleet", "init").returncode == 0
    done = shell(*words)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_a_ledger_without_a_fleet_says_how_to_make_one(shell, server, template):
    shell.more["IMPORTER_LEDGER"] = server.url(server.database(template))
    done = shell("fleet", "status")
    assert (done.returncode, "importer fleet init" in done.stderr) == (2, True)
