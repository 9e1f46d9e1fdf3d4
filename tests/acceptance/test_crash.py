"""Killed, interrupted, run twice at once: the same command continues, and nobody is added or mailed twice."""

import json
import signal
import sqlite3

import pytest
from conftest import wait_until

FAST = ("--max-contacts", 1000, "--daily-sends", 1000, "--calls-per-second", 200)


def added(shell):
    try:
        with sqlite3.connect(f"file:{shell.folder}/importer.db?mode=ro", uri=True) as ledger:
            return ledger.execute("select count(*) from contacts where contact_id is not null").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


@pytest.mark.parametrize("after", [1, 90])
def test_kill_9_amid_200_contacts_then_the_same_command(shell, serve, after):
    server = serve(*FAST)
    shell.contacts(200)
    words = ("run", "contacts.csv", "--endpoint", server.banner["url"], *FAST)
    process = shell.start(*words)
    wait_until(lambda: added(shell) >= after)
    process.kill()
    process.communicate()
    assert added(shell) < 200

    result = shell.json(*words)
    assert result["contacts"]["sent"] == 200
    state = server.get("state")
    assert len({contact["Name"] for contact in state["contacts"]}) == len(state["contacts"]) == 200
    rows = shell.export()
    assert {row["contact_id"] for row in rows} == {contact["ContactId"] for contact in state["contacts"]}
    doubtful = 4 * 3  # sends in flight, and claimed for each of them
    assert 200 <= len(state["outbox"]) <= 200 + doubtful


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_finishes_the_calls_under_way_and_records_them(shell, serve, number):
    server = serve(*FAST)
    shell.contacts(200)
    words = ("run", "contacts.csv", "--endpoint", server.banner["url"], *FAST, "--json")
    process = shell.start(*words)
    wait_until(lambda: added(shell) >= 20)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number, err
    result = json.loads(out)
    assert "Traceback" not in err
    assert result["operations"]["add"]["in_doubt"] == result["contacts"]["in_doubt"] == 0
    assert result["contacts"]["waiting"] > 0
    assert len(server.get("state")["contacts"]) == result["operations"]["add"]["done"]

    again = shell.json("run", "contacts.csv", "--endpoint", server.banner["url"], *FAST)
    assert again["contacts"]["sent"] == 200
    assert len(server.get("state")["outbox"]) == 200


def test_a_second_run_on_the_same_directory_says_who_holds_it_and_harms_nothing(shell, serve):
    server = serve(*FAST)
    shell.contacts(200)
    words = ("run", "contacts.csv", "--endpoint", server.banner["url"], *FAST[:4], "--calls-per-second")
    process = shell.start(*words, 4)
    wait_until(lambda: added(shell) >= 1)
    second = shell(*words, 200)
    assert second.returncode == 75, second.stderr
    assert f"pid {process.pid}" in second.stderr
    process.terminate()
    process.communicate(timeout=60)
    third = shell.json(*words, 200)
    assert third["contacts"]["sent"] == 200
    state = server.get("state")
    assert len(state["contacts"]) == len(state["outbox"]) == 200


def test_a_second_rehearsal_on_the_same_ledger_is_told_the_same(shell):
    shell.contacts(200)
    words = ("run", "contacts.csv", "--emulator", *FAST[:4], "--calls-per-second", 4)
    process = shell.start(*words)
    wait_until(lambda: added(shell) >= 1)
    second = shell(*words)
    assert second.returncode == 75, second.stderr
    process.terminate()
    process.communicate(timeout=60)


def test_a_run_that_waits_for_the_lease_begins_when_the_other_ends(shell, serve):
    server = serve(*FAST)
    shell.contacts(30)
    words = ("run", "contacts.csv", "--endpoint", server.banner["url"], *FAST[:4], "--calls-per-second", 8)
    process = shell.start(*words)
    wait_until(lambda: added(shell) >= 1)
    second = shell.json(*words, "--wait-for-lease")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert second["contacts"]["sent"] == 30
    assert len(server.get("state")["outbox"]) == 30
