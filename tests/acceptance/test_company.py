"""Several runs at once: one holds the directory, the others are told so, and one that was asleep does no harm.

PROCESSES=20 starts that many at once (6 otherwise).
"""

import json
import os
import re
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from books import added, ask, attempts, balanced, rows
from conftest import wait_until

PROCESSES = int(os.environ.get("PROCESSES", "6"))
FAST = ("--max-contacts", 1000, "--daily-sends", 1000, "--calls-per-second", 200)
ADDS = "AddMessageContact"
SHORT = ("--call-timeout", 3, "--lease-margin", 1.5)  # a lease of 4.5 s, renewed every 0.75 s
OBSERVED = "select count(*) from attempts where observed"


def slow(seconds):
    """Adds that are answered late."""
    return {"fault": [{"kind": "delay", "action": ADDS, "seconds": seconds}]}


def test_of_many_runs_at_once_one_works_and_the_others_name_it(shell, serve):
    server = serve(*FAST)
    ask(server, "POST", "faults", slow(0.6 * PROCESSES))  # so that the one is at work until all the others came
    shell.contacts(60)
    words = ("run", "contacts.csv", "--endpoint", server.banner["url"], *FAST)
    processes = [shell.start(*words, "--json") for _ in range(PROCESSES)]
    wait_until(lambda: sum(process.poll() is None for process in processes) == 1, seconds=180)
    ask(server, "DELETE", "faults")

    told = {process.pid: (*process.communicate(timeout=120), process.returncode) for process in processes}
    assert sorted(code for _, _, code in told.values()) == [0] + [75] * (PROCESSES - 1)
    (one,) = (pid for pid, (_, _, code) in told.items() if code == 0)
    assert json.loads(told.pop(one)[0])["contacts"]["sent"] == 60
    for out, err, _ in told.values():
        assert "Traceback" not in err
        assert re.search(rf"held by .* pid {one} .*since \d.* until \d", err), err
        assert json.loads(out)["error"]["code"] == "LeaseHeld"
    books = balanced(server.get("state"), shell.folder / "importer.db", 60)
    assert (books.mails, books.add_doubts, books.send_doubts) == (60, 0, 0)
    print({"processes": PROCESSES, "at work": 1, "turned away": len(told), "contacts": 60, "mails": books.mails})


def test_runs_with_a_ledger_each_share_one_directory_and_adopt_what_the_other_added(shell, serve):
    server = serve(*FAST)
    ask(server, "POST", "faults", slow(2.0))  # until both are at it
    shell.contacts(100)
    words = ("run", "contacts.csv", "--endpoint", server.banner["url"], *FAST, "--json", "--ledger")
    processes = {name: shell.start(*words, name) for name in ("one.db", "two.db")}
    wait_until(lambda: all(attempts(shell.folder / name) for name in processes))
    ask(server, "DELETE", "faults")
    found = {}
    for name, process in processes.items():
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert "Traceback" not in err
        found[name] = json.loads(out)

    state = server.get("state")
    assert len({contact["Name"] for contact in state["contacts"]}) == len(state["contacts"]) == 100
    ids = {contact["Name"]: contact["ContactId"] for contact in state["contacts"]}
    for name, summary in found.items():
        assert summary["contacts"]["sent"] == 100
        assert dict(rows(shell.folder / name, "select name, contact_id from contacts")) == ids
    adds = {name: summary["calls"].get(ADDS, {}).get("ok", 0) for name, summary in found.items()}
    adopted = {name: summary["adopted"] for name, summary in found.items()}
    taken = sum(summary["calls"][ADDS].get("InvalidParameter.Name.AlreadyUsed", 0) for summary in found.values())
    assert taken > 0, "they never met"
    assert sum(adds.values()) == 100
    assert all(adds[name] + adopted[name] == 100 for name in found)
    assert len(state["outbox"]) == 200, "neither ledger can know of the other's mails, and each sends its own once"
    print({"added": adds, "adopted": adopted, "found taken": taken})


def test_a_run_stopped_past_its_lease_starts_no_call_when_it_wakes_and_its_late_answers_are_kept(shell, serve):
    server = serve(*FAST)
    ask(server, "POST", "faults", slow(1.0))
    shell.contacts(40)
    words = ("run", "contacts.csv", "--endpoint", server.banner["url"], *FAST, *SHORT, "--json")
    ledger = shell.folder / "importer.db"
    sleeper = shell.start(*words)
    wait_until(lambda: added(ledger) >= 3)
    _stop(sleeper, ledger)
    ask(server, "DELETE", "faults")

    early = shell(*words)
    assert early.returncode == 75, "asleep or not, it holds the directory until its lease is over"
    time.sleep(4.6)
    second = shell.json(*words[:-1])
    assert second["contacts"]["sent"] == 40
    assert rows(ledger, OBSERVED) == [(0,)]
    calls, state = ask(server, "GET", "metrics")["calls"], server.get("state")

    sleeper.send_signal(signal.SIGCONT)
    out, err = sleeper.communicate(timeout=30)
    assert sleeper.returncode == 75, err
    assert "Traceback" not in err
    assert "taken over by" in err or "another run took the directory over" in out
    assert ask(server, "GET", "metrics")["calls"] == calls, "it called although the directory is another's"
    assert server.get("state")["outbox"] == state["outbox"]
    assert rows(ledger, OBSERVED)[0][0] >= 1, "what it had under way is lost"
    books = balanced(state, ledger, 40)
    assert books.extra <= books.send_doubts
    print({"late answers kept": rows(ledger, OBSERVED)[0][0], "adds in doubt": books.add_doubts, "extra": books.extra})


def _stop(process, ledger):
    """SIGSTOP, but not amid a commit: then nobody else could write to the ledger at all."""
    while True:
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: _stands_still(process.pid))
        with closing(sqlite3.connect(ledger, timeout=0.2, isolation_level=None)) as connection:
            try:
                connection.execute("begin immediate")
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
                time.sleep(0.05)
                continue
            connection.execute("rollback")
            return


def _stands_still(pid):
    """Whether every thread has stopped: the signal takes its time to reach them all."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return all((thread / "stat").read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)
