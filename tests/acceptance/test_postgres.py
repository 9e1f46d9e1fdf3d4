"""A ledger in PostgreSQL, as a user has it: the same commands, a server that dies, passwords, machines in company."""

import os

import psycopg
import pytest
from conftest import wait_until

FAST = ("--max-contacts", 1000, "--daily-sends", 1000, "--calls-per-second", 50)
ADDED = "select count(*) from importer.contacts where contact_id is not null"


@pytest.fixture
def added(database):
    """How many contacts the ledger knows to be in the directory."""

    def count():
        with psycopg.connect(database) as connection:
            return connection.execute(ADDED).fetchone()[0]

    return count


def test_the_sample_runs_once_and_every_command_reads_the_ledger(shell, database):
    shell.contacts(5)
    result = shell.json("run", "contacts.csv", "--emulator", "--ledger", database)
    assert result["contacts"]["sent"] == 5
    again = shell.json("run", "contacts.csv", "--emulator", "--ledger", database)
    assert (again["contacts"]["sent"], again["calls"]) == (5, {})
    (directory,) = shell.json("status", "--ledger", database)["directories"]
    assert directory["contacts"]["sent"] == 5
    shell.more["IMPORTER_LEDGER"] = database
    assert len(shell.export()) == 5
    assert shell.json("plan", "contacts.csv", "--emulator")["today"] == {"add": 0, "send_email_verification": 0}
    assert {path.suffix for path in shell.folder.iterdir()} == {".csv", ".emulator"}, "the ledger is elsewhere"


def test_a_server_that_dies_amid_a_run_pauses_it_and_nothing_is_lost_or_done_twice(
    shell, serve, mortal, database, added
):
    """Stopped as by a kill, three times, and started again; meanwhile no call begins that is not written down."""
    server = serve(*FAST)
    shell.contacts(120)
    words = ("run", "contacts.csv", "--endpoint", server.banner["url"], "--ledger", database, *FAST)
    process = shell.start(*words)
    for some in (10, 50, 90):
        wait_until(lambda some=some: added() >= some)
        mortal.stop()
        mortal.start()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    state = server.get("state")
    assert len({contact["Name"] for contact in state["contacts"]}) == len(state["contacts"]) == 120
    assert len(state["outbox"]) == len({mail["ContactId"] for mail in state["outbox"]}) == 120
    rows = shell.json("status", "--ledger", database)["directories"][0]
    assert rows["contacts"]["sent"] == 120
    assert rows["operations"]["add"] == {"done": 120, "pending": 0, "failed": 0, "in_doubt": 0}


def test_a_server_that_stays_away_ends_the_run_with_one_line_and_the_same_command_continues(
    shell, serve, mortal, database, added
):
    server = serve(*FAST)
    shell.contacts(60)
    words = ("run", "contacts.csv", "--endpoint", server.banner["url"], "--ledger", database, *FAST)
    process = shell.start(*words, "--give-up-after", 1)
    wait_until(lambda: added() >= 5)
    mortal.stop()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    (line,) = [line for line in err.splitlines() if line.startswith("importer: ")]
    assert "the ledger failed: its server does not answer, for" in line
    mortal.start()
    result = shell.json(*words)
    assert result["contacts"]["sent"] == 60
    state = server.get("state")
    assert len({contact["Name"] for contact in state["contacts"]}) == len(state["contacts"]) == 60


def test_a_run_on_another_machine_is_told_who_holds_the_directory(shell, serve, database, added):
    server = serve(*FAST)
    shell.contacts(100)
    words = ("run", "contacts.csv", "--endpoint", server.banner["url"], "--ledger", database, *FAST[:4])
    process = shell.start(*words, "--calls-per-second", 4)
    wait_until(lambda: added() >= 1)
    second = shell(*words, "--calls-per-second", 50)
    assert second.returncode == 75, second.stderr
    assert f"pid {process.pid}" in second.stderr
    process.terminate()
    process.communicate(timeout=60)


def test_a_password_comes_from_the_environment_and_is_never_shown_and_who_may_read_may_look(shell, server, template):
    name = server.database(template)
    with server.connect(name) as connection:
        connection.execute("drop role if exists locked; create role locked login password 's3cret'")
        connection.execute("grant usage on schema importer to locked")
        connection.execute("grant select on all tables in schema importer to locked")
    address = f"postgresql://locked@/{name}?host={server.folder}"
    refused = shell("status", "--ledger", address)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 2)
    assert "PGPASSWORD" in refused.stderr
    shell.more["PGPASSWORD"] = "s3cret"
    assert shell("status", "--ledger", address).returncode == 0
    del shell.more["PGPASSWORD"]
    told = shell("status", "--json", "--ledger", address.replace("locked@", "locked:s3cret@"))
    assert told.returncode == 0
    assert "s3cret" not in told.stdout + told.stderr
    assert "postgresql://locked@/" in told.stdout


def test_without_the_driver_one_line_says_what_to_install(shell):
    absent = shell.folder / "absent" / "psycopg"
    absent.mkdir(parents=True)
    (absent / "__init__.py").write_text("raise ImportError")
    paths = [str(absent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    shell.more["PYTHONPATH"] = os.pathsep.join(paths)
    done = shell("status", "--ledger", "postgresql:///x")
    assert done.returncode == 2
    assert "importer[postgres]" in done.stderr


def test_a_run_goes_on_in_a_copy_of_its_ledger_and_makes_no_call_twice(shell, serve, database):
    server = serve(*FAST)
    shell.contacts(40)
    words = ("run", "contacts.csv", "--endpoint", server.banner["url"])
    first = shell.json(*words, "--max-contacts", 1000, "--daily-sends", 10, code=3)
    assert (first["contacts"]["sent"], first["contacts"]["added"]) == (10, 30)
    copied = shell.json("ledger", "copy", "importer.db", database)
    assert {one["table"]: one["rows"] for one in copied["tables"]}["contacts"] == 40
    second = shell.json(*words, "--ledger", database, "--max-contacts", 1000, "--daily-sends", 25, code=3)
    assert second["calls"]["SendEmailVerificationForMessageContact"] == {"ok": 15}
    assert "AddMessageContact" not in second["calls"]
    told = shell("ledger", "copy", database, "back.db")
    assert told.returncode == 0
    assert "the same in every row" in told.stdout
    last = shell.json(*words, "--ledger", "back.db", *FAST)
    assert last["calls"]["SendEmailVerificationForMessageContact"] == {"ok": 15}
    state = server.get("state")
    assert len(state["contacts"]) == len(state["outbox"]) == 40
    held = shell("ledger", "copy", "importer.db", "back.db")
    assert (held.returncode, held.stderr.count("\n")) == (2, 2)
