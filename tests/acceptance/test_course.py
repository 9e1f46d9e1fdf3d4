"""How a run may be bounded, and what it tells: priority, reserve, ends, waiting for the next day, doubts, codes."""

import json

import pytest
from conftest import letters


def test_scarce_mails_go_to_the_rows_with_the_higher_priority_then_in_file_order(shell):
    lines = ["Name,EmailAddress,Title,MessageTypes,Priority"]
    lines += [f"{letters(i)},p{i}@example.com,CEO,FaultMessage,{p}" for i, p in enumerate((0, 5, "", 9, 5))]
    (shell.folder / "people.csv").write_text("\n".join(lines))
    shell.json("run", "people.csv", "--emulator", "--daily-sends", 3, code=3)
    sent = {row["email_address"] for row in shell.export() if row["state"] == "sent"}
    assert sent == {"p3@example.com", "p1@example.com", "p4@example.com"}


def test_a_reserve_is_kept_for_people_by_run_and_foreseen_by_plan(shell):
    shell.contacts(5)
    words = ("contacts.csv", "--emulator", "--daily-sends", 5, "--reserve", 2)
    assert shell.json("plan", *words, code=3)["today"]["send_email_verification"] == 3
    assert shell.json("run", *words, code=3)["contacts"]["sent"] == 3


def test_a_run_ends_in_good_order_when_its_time_is_up_and_continues(shell):
    shell.contacts(60)
    words = ("run", "contacts.csv", "--emulator", "--max-contacts", 100)
    first = shell.json(*words, "--for", "1s", code=3)
    assert first["contacts"]["in_doubt"] == 0
    assert 0 < first["contacts"]["waiting"] < 60
    assert first["stopped"] is None
    assert shell.json(*words, "--calls-per-second", 1000)["contacts"]["sent"] == 60


def test_waiting_goes_on_when_the_next_day_begins(shell):
    shell.contacts(5)
    words = ("run", "contacts.csv", "--emulator", "--daily-sends", 3, "--now", "2026-11-23T23:59:57+08:00")
    result = shell.json(*words, "--wait")
    assert result["contacts"]["sent"] == 5
    assert result["deferrals"] == []


@pytest.mark.parametrize(("deadline", "code"), [("2026-11-24", 3), ("2026-11-25", 0)])
def test_a_deadline_is_an_exit_code_of_plan(shell, deadline, code):
    shell.contacts(12)
    words = ("--emulator", "--daily-sends", 5, "--now", "2026-11-23T10:00:00+08:00")
    assert shell.json("plan", "contacts.csv", *words, "--deadline", deadline, code=code)["finished_on"] == "2026-11-25"


def test_what_is_in_doubt_is_listed_by_status(shell, serve):
    (shell.folder / "faults.toml").write_text(
        '[[fault]]\nkind = "500"\naction = "SendEmailVerificationForMessageContact"\ndone = true\n'
    )
    server = serve("--faults", "faults.toml")
    shell.contacts(2)
    result = shell.json("run", "contacts.csv", "--endpoint", server.banner["url"], code=5)
    assert result["contacts"]["in_doubt"] == 2
    standing = shell.json("status", "--in-doubt")
    assert [row["state"] for row in standing["in_doubt"]] == ["in_doubt", "in_doubt"]
    assert all(row["attempts"] > 1 for row in standing["in_doubt"])
    assert "contacts.csv:2" in shell("status", "--in-doubt").stdout


def test_a_code_is_explained_whole_or_in_part(shell):
    one = shell.json("errors", "ConcurrentCallNotSupported")
    assert {entry["outcome"] for entry in one["codes"]} == {"conflict"}
    assert len(shell.json("errors")["codes"]) > len(shell.json("errors", "Name")["codes"]) > 2
    assert shell.json("errors", "Throttling.Whatever")["codes"][0]["outcome"] == "throttle"
    done = shell("errors", "NoSuchThing", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["exit_code"] == 2


def test_a_server_that_fails_for_a_while_is_not_hammered_and_the_run_then_finishes(shell, serve):
    (shell.folder / "faults.toml").write_text('[[fault]]\nkind = "503"\naction = "AddMessageContact"\ntimes = 8\n')
    server = serve("--faults", "faults.toml")
    shell.contacts(12)
    result = shell.json("run", "contacts.csv", "--endpoint", server.banner["url"], "--calls-per-second", 200)
    assert result["contacts"]["sent"] == 12
    assert result["calls"]["AddMessageContact"]["ServiceUnavailable"] == 8
    assert len(server.get("state")["contacts"]) == 12


def test_a_header_of_the_settings_may_be_missing_and_one_that_was_asked_for_may_not(shell):
    (shell.folder / "people.csv").write_text(
        "Who,EmailAddress,Title,MessageTypes\nTom,tom@example.com,CEO,FaultMessage\n"
    )
    (shell.folder / "importer.toml").write_text('[columns]\n"Who" = "Name"\n"Work Mail" = "EmailAddress"\n')
    assert shell.json("check", "people.csv")["rows"]["accepted"] == 1
    refused = shell("check", "people.csv", "--map", "Work Mail=EmailAddress")
    assert refused.returncode == 2
    assert "Work Mail" in refused.stderr


def test_somebody_else_who_writes_is_recognised_and_said(shell, serve):
    (shell.folder / "faults.toml").write_text('[[fault]]\nkind = "conflict"\naction = "AddMessageContact"\ntimes = 5\n')
    server = serve("--faults", "faults.toml")
    shell.contacts(3)
    result = shell.json("run", "contacts.csv", "--endpoint", server.banner["url"])
    assert result["contacts"]["sent"] == 3
    assert result["calls"]["AddMessageContact"]["ConcurrentCallNotSupported"] == 5
    assert len(result["notes"]) == 1


def test_a_pipe_that_nobody_reads_any_more_harms_nothing(shell, serve):
    server = serve()
    shell.contacts(15)
    process = shell.start("run", "contacts.csv", "--endpoint", server.banner["url"], "--log-format", "json")
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=60) in (0, 1)
    assert len(server.get("state")["outbox"]) == 15


def test_a_terminal_that_is_gone_ends_the_run_in_good_order(shell, serve):
    import signal
    import time

    server = serve()
    shell.contacts(20)
    process = shell.start("run", "contacts.csv", "--endpoint", server.banner["url"], "--calls-per-second", 5, "--json")
    while len(server.get("state")["contacts"]) < 3:
        time.sleep(0.05)
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGHUP
    assert json.loads(out)["contacts"]["in_doubt"] == 0
