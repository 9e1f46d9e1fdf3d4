"""Workers on one queue and one ledger in PostgreSQL, each a process: what is typed, who works, and what a death costs.

FLEET=200x100 has that many directories and contacts; WORKERS=4 that many workers; KILLS=50 kills that often.
"""

import asyncio
import itertools
import json
import os
import random
import re
import resource
import signal
import statistics
import time
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from conftest import wait_until
from fleets import SHORT, Fleet, apart, worker_of

from importer.ledger.postgres import open_postgres
from importer.submit.submit import SENDERS
from importer.submit.window import MOST

FEW, EACH = 6, 12  # directories, and contacts in each
DIRECTORIES, CONTACTS = map(int, os.environ.get("FLEET", "6x12").split("x"))
WORKERS = int(os.environ.get("WORKERS", "2"))
KILLS = int(os.environ.get("KILLS", "2"))
SEED = int(os.environ.get("SEED", "1"))
NIGHT = 1767576600.0  # half past one of the 5th of January 2026
YEAR = 365 * 24 * 60  # minutes
LOST = "select count(*)::int from importer.attempts where outcome = 'doubt' and request_id is null"
# Jobs that somebody seems to be at, and workers that seem to be there.
LEFT = """
select (select count(*) from importer_fleet.procrastinate_jobs where status = 'doing')::int,
       (select count(*) from importer_fleet.procrastinate_workers)::int"""
PLACES = SENDERS + MOST  # for calls of one directory that are under way at once


@pytest.fixture
def fleet(shell, database):
    """Few directories, whatever is asked for."""
    made = Fleet(shell, database, FEW)
    yield made
    made.close()


@pytest.fixture
def large(shell, database):
    """As many directories as are asked for."""
    made = Fleet(shell, database, DIRECTORIES, workers=WORKERS + KILLS + 2)
    yield made
    made.close()


def test_what_files_ask_for_is_carried_out_by_workers_each_directory_by_one_at_a_time(large):
    shell, whole = large.shell, DIRECTORIES * CONTACTS
    empty = large.costs()
    told = shell.json("fleet", "enqueue", large.file(CONTACTS))
    assert sum(one["rows"]["accepted"] for one in told["files"]) == whole
    assert shell.json("fleet", "status")["states"] == {"ready": DIRECTORIES}
    staged, looks = large.costs(), large.looks
    began = time.monotonic()
    workers = [large.worker(lease=()) for _ in range(WORKERS)]
    large.wait(whole)
    seconds, looks = time.monotonic() - began, large.looks - looks
    standing = shell.json("fleet", "status")
    assert len([one for one in standing["workers"] if one["alive"]]) == WORKERS
    connections = large.costs()["connections"] - 1
    spent = processor()
    for worker in workers:
        worker.ended()
    spent = round((processor() - spent) / whole * 1000, 1)
    worked = large.costs()
    standing = shell.json("fleet", "status")
    assert (standing["states"], standing["workers"]) == ({"done": DIRECTORIES}, [])
    made, tokens = large.writes(), large.tokens()
    lost = sum(call["request_id"] not in tokens for calls in made.values() for call in calls)
    assert lost <= large.query(LOST)[0][0], "each call is written down; one whose answer came too late, without its id"
    assert large.balanced(CONTACTS) <= lost
    turns = sum(apart(made[name], tokens) for name in large.names)
    print(
        {
            "workers": WORKERS,
            "contacts": whole,
            "answers too late": lost,
            "a second": round(whole / seconds, 1),
            "turns": turns,
        }
    )
    staging = {f"{what} to stage": round((staged - empty)[what] / whole, 2) for what in ("rows", "wal")}
    working = {what: round((worked - staged)[what] / whole, 2) for what in ("rows", "wal")}
    commits = round((worked["commits"] - staged["commits"] - looks) / whole, 2)
    working |= {"commits": commits, "CPU ms of the workers": spent}
    print({"for a contact": staging | working, "connections": connections, "load": os.getloadavg()})


def test_workers_that_are_killed_and_one_that_slept_past_its_lease_cost_time_and_nothing_else(large):
    whole, chance = DIRECTORIES * CONTACTS, random.Random(SEED)
    large.limit(service_time=0.005)  # else no two calls would ever be under way at once
    large.shell.json("fleet", "enqueue", large.file(CONTACTS))
    workers, deaths = [large.worker("--calls-per-second", 20) for _ in range(WORKERS)], []
    for death in range(KILLS + 1):
        large.wait(min(whole - 1, large.sent() + chance.randrange(1, max(2, whole // (KILLS + 2)))))
        victim = chance.choice([worker for worker in workers if large.held(worker)] or workers)
        workers.remove(victim)
        victim.tell(signal.SIGKILL if death else signal.SIGSTOP)
        deaths.append((victim, time.monotonic(), large.held(victim)))
        workers.append(large.worker("--calls-per-second", 20))
        large.wait(min(whole, large.sent() + 1))
    large.wait(whole)
    wait_until(lambda: large.query(LEFT) == [(0, WORKERS)])
    sleeper, woken = deaths[0][0], time.monotonic()
    sleeper.tell(signal.SIGCONT)
    time.sleep(1)
    assert all("stopping" in worker.ended() for worker in (*workers, sleeper))
    assert large.query(LEFT) == [(0, 0)]
    for victim, _, _ in deaths[1:]:
        victim.kill()
    extra = large.balanced(CONTACTS)
    made, tokens = large.writes(), large.tokens()
    late = {name: [call for call in calls if slept(call, sleeper, woken)] for name, calls in made.items()}
    for name, calls in made.items():
        apart([call for call in calls if call not in late[name]], tokens)
        assert len(late[name]) <= PLACES
    after = [[seconds for name in held for seconds in went_on(made[name], victim, at)] for victim, at, held in deaths]
    print(
        {
            "workers": WORKERS,
            "contacts": whole,
            "extra mails": extra,
            "calls of the one that slept, once awake": sum(map(len, late.values())),
            "seconds until its directories went on": of(after[0]),
            "kills": KILLS,
            "seconds until those of a killed one went on": of([seconds for each in after[1:] for seconds in each]),
        }
    )


def processor():
    """Seconds of the processor that processes took which ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def slept(call, sleeper, woken):
    """Whether a worker that was stopped between looking at its lease and calling made this call when it woke."""
    return worker_of(call) == sleeper.number and call["began"] > woken


def went_on(calls, victim, at):
    """The seconds from a moment to the first call of another worker than the victim; none where there was none."""
    later = (call["began"] - at for call in calls if call["began"] > at and worker_of(call) != victim.number)
    return list(itertools.islice(later, 1))


def of(seconds):
    """The middle and the longest of some times, and how many they are."""
    found = sorted(seconds)
    return found and {"median": round(statistics.median(found), 1), "most": round(found[-1], 1), "of": len(found)}


def test_what_tells_two_owners_apart_sees_every_way_to_have_them():
    def call(worker, began, ended, name):
        return {"key": f"{worker}-a", "directory": "a", "began": began, "ended": ended, "request_id": name}

    one, two, again = call(1, 1, 2, "p"), call(2, 3, 4, "q"), call(1, 5, 6, "r")
    assert apart([one, two, again], {"p": 1, "q": 2, "r": 3}) == 3
    assert apart([one, two, again], {"p": 1, "r": 3}) == 2, "what was not written down came between"
    for calls, tokens in (
        ([one, call(2, 1.5, 4, "q")], {"p": 1, "q": 2}),  # at once
        ([one, call(2, 1.5, 4, "q")], {"p": 1}),
        ([one, two, again], {"p": 1, "q": 2, "r": 1}),  # back again
        ([one, two], {"p": 1, "q": 1}),  # under one lease
    ):
        with pytest.raises(AssertionError):
            apart(calls, tokens)


def test_a_worker_that_is_asked_to_end_gives_its_directories_back_and_another_goes_on_at_once(fleet):
    """Its hold would last for an hour: nobody waits for that."""
    hour, some, many = ("--call-timeout", 30, "--lease-margin", 3600), fleet.names[:6], 30
    fleet.shell.json("fleet", "enqueue", fleet.file(0, of=dict.fromkeys(some, many)))
    first = fleet.worker("--concurrency", len(some), "--turn", 3600, "--calls-per-second", 3, lease=hour)
    wait_until(lambda: fleet.held(first) == some)
    second = fleet.worker("--concurrency", len(some), lease=hour)
    wait_until(lambda: fleet.query("select count(*) from importer_fleet.procrastinate_workers") == [(2,)])
    at, left = time.monotonic(), fleet.held(first)
    said = first.ended()
    assert first.process.returncode == 128 + signal.SIGTERM
    assert fleet.held(first) == [], "it gave back what it held"
    assert left == some, "there was something to go on with"
    fleet.wait(len(some) * many)
    second.ended()
    assert said.count("directory left") == len(some)
    assert fleet.balanced(many, some) == 0
    made, tokens = fleet.writes(), fleet.tokens()
    assert all(apart(made[name], tokens) == 2 for name in some)
    ends = {name: max(call["ended"] for call in made[name] if worker_of(call) == first.number) for name in some}
    after = [seconds for name in some for seconds in went_on(made[name], first, ends[name])]
    print({"seconds from SIGTERM to its last call": round(max(ends.values()) - at, 2), "to its successor's": of(after)})


def test_each_directory_has_its_turn_before_another_has_a_second_one(fleet):
    """One place for all of them, the large one first in the queue: whoever waited longest is next."""
    shell, (large, *small) = fleet.shell, fleet.names
    shell.json("fleet", "enqueue", fleet.file(0, of={large: 40} | dict.fromkeys(small, 4)))
    one = ("--concurrency", 1, "--turn", 0.5, "--calls-per-second", 10)
    done = shell("fleet", "drain", *SHORT, *one)
    assert done.returncode == 0, done.stderr
    turns = re.findall(r"directory taken +directory=(\w+)", done.stderr)
    assert turns[0] == large
    assert turns.count(large) > 2, "it was not done in one turn"
    for place in small:
        assert turns.index(place) < turns.index(large, 1), f"{place} waited behind {large}"
    waiting = {place: [n for n, name in enumerate(turns) if name == place] for place in fleet.names}
    for place, at in waiting.items():
        for begin, end in pairwise(at):
            for other in fleet.names:
                assert other in turns[begin:end] or max(waiting[other]) < begin, f"{place} came before {other}"


def test_a_database_that_is_stopped_and_started_again_costs_time_and_nothing_else(fleet, mortal):
    whole = FEW * EACH
    fleet.shell.json("fleet", "enqueue", fleet.file(EACH))
    workers = [fleet.worker("--calls-per-second", 8) for _ in range(2)]
    for third in (1, 2, 3):
        fleet.wait(whole * third // 4)
        mortal.stop()
        mortal.start()
    fleet.wait(whole)
    for worker in workers:
        worker.ended()
    fleet.balanced(EACH)
    made, tokens = fleet.writes(), fleet.tokens()
    assert sum(apart(calls, tokens) for calls in made.values()) >= FEW
    assert fleet.query(LEFT) == [(0, 0)]


def test_a_directory_that_waits_for_tomorrow_keeps_no_other_waiting_and_its_adds_go_on(fleet):
    shell, first = fleet.shell, fleet.names[0]
    with (shell.folder / "importer.toml").open("a") as file:
        file.write("\ndaily_sends = 3\n")  # of the last profile
    last = fleet.names[-1]
    shell.json("fleet", "enqueue", fleet.file(EACH))
    done = shell("fleet", "drain", *SHORT)
    assert done.returncode == 0, done.stderr
    standing = {one["directory"]: one for one in shell.json("fleet", "status")["directories"]}
    assert standing[first]["contacts"]["sent"] == EACH
    waits = standing[last]
    assert (waits["contacts"]["sent"], waits["contacts"]["added"], waits["state"]) == (3, EACH - 3, "waiting")
    assert waits["reasons"] == ["daily-sends"]
    assert waits["next_action_at"] is not None
    assert shell.json("fleet", "status")["queue"] == 0, "nothing was put into the queue for tomorrow"


def test_a_directory_whose_key_is_refused_is_left_alone_and_the_others_are_done(fleet):
    shell, wrong = fleet.shell, fleet.names[1]
    shell.more[f"{wrong.upper()}_ACCESS_KEY_SECRET"] = "CANARY-wrong"
    shell.json("fleet", "enqueue", fleet.file(EACH))
    done = shell("fleet", "drain", *SHORT)
    assert done.returncode == 0, done.stderr
    assert "CANARY" not in done.stdout + done.stderr
    assert re.search(rf"directory={wrong} stopped=SignatureDoesNotMatch", done.stderr), done.stderr
    standing = {one["directory"]: one for one in shell.json("fleet", "status")["directories"]}
    assert standing[wrong]["reasons"] == ["stopped"]
    assert standing[wrong]["contacts"]["waiting"] == EACH
    assert all(one["state"] == "done" for name, one in standing.items() if name != wrong)


class Nights:
    """Workers of a fleet whose first directory syncs its file by a cron line, asked at chosen times."""

    def __init__(self, fleet, count=3):
        self.fleet, self.name = fleet, fleet.names[0]
        text = (fleet.shell.folder / "importer.toml").read_text()
        people = fleet.shell.contacts(count, "people.csv")
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

    def worker(self, told, now):
        """One in this process at a moment, with its settings; ``told`` gets what happens."""
        from importer.fleet.worker import Worker
        from importer.model.clock import Clock
        from importer.settings import load

        settings = load({"ledger": self.fleet.database}, config=self.fleet.shell.folder / "importer.toml")
        return Worker(settings, 1, 5.0, lambda event, _: told.append(event), Clock(now=lambda: now)), settings

    def at(self, minutes, chore="nights"):
        """What a worker that begins so many minutes after a January's night puts into the queue."""
        from importer.fleet.queue import opened
        from importer.jobs import connect

        told = []
        worker, settings = self.worker(told, NIGHT + 60 * minutes)

        async def ask():
            async with connect.ledger(settings, create=False) as worker.desk, opened(settings) as app:
                await getattr(worker, chore)(app)

        asyncio.run(ask())
        return told


def test_a_worker_that_is_asked_to_end_while_it_opens_its_queue_takes_nothing_and_ends(fleet):
    fleet.shell.json("fleet", "enqueue", fleet.file(2))
    told = []
    worker, _ = Nights(fleet).worker(told, time.time())
    worker.signal = signal.SIGTERM

    async def work():
        await asyncio.wait_for(worker.work(), 20)

    asyncio.run(work())
    assert (told, fleet.sent()) == ([], 0)


def test_a_file_is_synced_once_at_each_time_of_its_cron_line_however_many_workers_there_are(fleet):
    nights = Nights(fleet)
    assert [nights.at(minutes) for minutes in (-1, 0, 0, 1, 61)] == [[], ["sync due"], [], [], []]
    done = fleet.shell("fleet", "drain", *SHORT)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"sync ended +directory={nights.name} exit_code=0", done.stderr), done.stderr
    assert len(fleet.state(nights.name)["outbox"]) == 3
    assert [nights.at(minutes) for minutes in (1, YEAR, YEAR + 1)] == [[], ["sync due"], []]


def test_a_sync_by_cron_has_its_turns_as_others_do_and_leaves_what_its_settings_ask_for(fleet):
    nights, other = Nights(fleet, count=50), fleet.names[1]
    text = (fleet.shell.folder / "importer.toml").read_text()
    more = f'[profiles.{nights.name}]\nmetrics = "night.prom"\nnotify = {{environment = ["NOBODY"]}}'
    (fleet.shell.folder / "importer.toml").write_text(text.replace(f"[profiles.{nights.name}]", more))
    assert nights.at(0) == ["sync due"]
    fleet.shell.json("fleet", "enqueue", fleet.file(0, "other.csv", of={other: 4}))
    one = ("--concurrency", 1, "--turn", 1, "--calls-per-second", 10)
    done = fleet.shell("fleet", "drain", *SHORT, *one)
    assert done.returncode == 0, done.stderr
    told = re.findall(r"(sync begun|sync left|sync ended|directory taken) .*directory=(\w+)", done.stderr)
    syncs = [event for event, name in told if event.startswith("sync") and name == nights.name]
    assert (syncs[:2], syncs[-2:]) == (["sync begun", "sync left"], ["sync begun", "sync ended"])
    assert told.index(("directory taken", other)) < told.index(("sync ended", nights.name))
    assert len(fleet.state(nights.name)["outbox"]) == 50
    assert done.stderr.count("variable NOBODY holds no address") == 1, "its end is told once"
    assert f'directory="{nights.name}"' in (fleet.shell.folder / "night.prom").read_text()
    events = [json.loads(line) for line in Path(fleet.shell.more["IMPORTER_EVENTS"]).read_text().splitlines()]
    begun = [event for event in events if event["event"] == "run_started" and event["directory"] == nights.name]
    assert {event["command"] for event in begun} == {"sync"}
    assert len(begun) == syncs.count("sync begun")


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
    worker.ended()
    assert len(fleet.state(nights.name)["outbox"]) == 3


def test_a_directory_whose_sync_waits_is_not_woken_beside_it(fleet):
    nights = Nights(fleet)
    fleet.shell.json("fleet", "enqueue", fleet.file(2))
    assert nights.at(0) == ["sync due"]
    nights.alter("delete from procrastinate_jobs where task_name = 'drain'")
    woken = nights.at(0, "wake")
    assert woken.count("directory woken") == len(fleet.names) - 1, woken


@pytest.mark.parametrize(("late", "waits"), [(0, 1), (2 * 3600, 0)])
def test_a_sync_that_came_to_a_worker_that_does_not_know_its_profile_waits_for_another_for_a_while(fleet, late, waits):
    nights = Nights(fleet)
    assert nights.at(0) == ["sync due"]
    told = json.dumps({"profile": "elsewhere", "timestamp": int(time.time()) - late})
    nights.alter(f"update procrastinate_jobs set args = '{told}'")
    done = fleet.shell("fleet", "drain", *SHORT)
    assert (done.returncode, "directory unknown here" in done.stderr) == (0, True), done.stderr
    assert nights.count("task_name = 'sync' and status = 'todo' and scheduled_at is not null") == waits


def test_a_sync_whose_worker_died_goes_on(fleet):
    nights = Nights(fleet)
    assert nights.at(0) == ["sync due"]
    nights.alter("update procrastinate_jobs set status = 'doing' where task_name = 'sync'")  # by a worker that is gone
    assert nights.at(1, "clear") == ["sync revived"]
    assert nights.at(1, "clear") == []
    columns = "task_name, queue_name, queueing_lock, args"
    nights.alter(
        f"insert into procrastinate_jobs ({columns}, status) select {columns}, 'doing' from procrastinate_jobs"
    )
    assert nights.at(1, "clear") == [], "one that waits will do"
    assert nights.count("status = 'doing'") == 0
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
