"""The mistakes that people make: one clear line, exit 2 (4 for credentials), no traceback, nothing sent."""

import json
import sqlite3

import pytest

HEADER = "Name,EmailAddress,PhoneNumber,Title,MessageTypes\n"
ROW = "Tom,tom@example.com,,CEO,FaultMessage\n"


def refused(done, *says, code=2):
    assert done.returncode == code, f"{done.returncode}: {done.stderr}"
    assert done.stdout == ""
    first = done.stderr.splitlines()[0]
    assert first.startswith("importer: "), done.stderr
    for text in says:
        assert text.casefold() in done.stderr.casefold(), done.stderr
    assert len(done.stderr.splitlines()) <= 3
    assert "tom@example.com" not in done.stderr


@pytest.mark.parametrize("command", ["check", "plan", "run"])
def test_a_missing_file(shell, command):
    refused(shell(command, "nowhere.csv", *(() if command == "check" else ("--emulator",))), "nowhere.csv")
    assert not (shell.folder / "importer.db").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n\n  \n", ""),
        (b"just words\n", ""),
        (b"\x00\x01\x02\x03" * 50, ""),
        (b"PK\x03\x04 not really", ""),
        ((HEADER.replace("EmailAddress", "Fax") + ROW).encode(), "EmailAddress"),
        ((HEADER.replace("EmailAddress", "Fax") + ROW).encode(), "Fax"),
        (b"Tom,tom@example.com,,CEO,FaultMessage\n", ""),
    ],
)
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_file_that_is_no_table_of_contacts(shell, command, content, says):
    (shell.folder / "people.csv").write_bytes(content)
    refused(shell(command, "people.csv", *(() if command == "check" else ("--emulator",))), "people.csv", says)


def test_a_folder_is_no_file(shell):
    (shell.folder / "people").mkdir()
    refused(shell("check", "people"), "people")


def test_an_unknown_profile_or_setting_is_told_with_the_nearest_right_name(shell):
    shell.contacts(1)
    (shell.folder / "importer.toml").write_text("[profiles.production]\nmax_contacts = 3\n")
    refused(shell("check", "contacts.csv", "--profile", "prodution"), "production")
    (shell.folder / "importer.toml").write_text("max_contact = 3\n")
    refused(shell("check", "contacts.csv"), "max_contacts")


def test_no_credentials(shell):
    shell.contacts(1)
    refused(shell("run", "contacts.csv"), "credentials", "ALIBABA_CLOUD_ACCESS_KEY_ID", code=4)
    assert not (shell.folder / "importer.db").exists()


def test_http_is_for_this_machine_alone(shell):
    shell.contacts(1)
    refused(shell("run", "contacts.csv", "--endpoint", "http://directory.example.com"), "http://directory.example.com")


def test_a_wrong_key_stops_before_anything_is_done(shell, serve):
    server = serve()
    shell.contacts(2)
    shell.more["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = "not-the-secret"
    done = shell("run", "contacts.csv", "--endpoint", server.banner["url"])
    refused(done, "SignatureDoesNotMatch", code=4)
    assert "not-the-secret" not in done.stderr
    assert server.get("state")["contacts"] == []


def test_an_endpoint_where_nobody_listens(shell):
    shell.contacts(1)
    shell.more |= {"ALIBABA_CLOUD_ACCESS_KEY_ID": "id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret"}
    refused(shell("run", "contacts.csv", "--endpoint", "127.0.0.1:9"), "ConnectFailed", code=4)


def test_a_ledger_that_is_none(shell):
    shell.contacts(1)
    (shell.folder / "importer.db").write_text("not a database, but a text of some length " * 50)
    refused(shell("run", "contacts.csv", "--emulator"), "importer.db")


def test_a_database_of_somebody_else(shell):
    shell.contacts(1)
    with sqlite3.connect(shell.folder / "importer.db") as other:
        other.execute("create table songs (title text)")
    refused(shell("run", "contacts.csv", "--emulator"), "importer.db")
    with sqlite3.connect(shell.folder / "importer.db") as other:
        assert [row[0] for row in other.execute("select name from sqlite_master")] == ["songs"]


def test_a_ledger_of_a_newer_version(shell):
    shell.contacts(1)
    shell.json("run", "contacts.csv", "--emulator")
    with sqlite3.connect(shell.folder / "importer.db") as ledger:
        ledger.execute("pragma user_version = 99")
    refused(shell("run", "contacts.csv", "--emulator"), "importer.db", "newer")


def test_status_and_export_without_a_ledger_say_how_to_get_one(shell):
    refused(shell("status"), "importer run")
    refused(shell("export"), "importer run")


def test_a_wrong_flag_or_command_is_told(shell):
    for words in (("run",), ("runn",), ("run", "x.csv", "--max-contacts", "many"), ("export", "--format", "pdf")):
        done = shell(*words)
        assert done.returncode == 2, (words, done.stderr)


def test_with_json_an_error_is_an_object_too(shell):
    done = shell("run", "nowhere.csv", "--emulator", "--json")
    values = json.loads(done.stdout)
    assert values["exit_code"] == done.returncode == 2
    assert "nowhere.csv" in values["error"]["message"]


def test_a_wrong_day_zone_and_an_impossible_limit_are_both_named(shell):
    shell.contacts(1)
    done = shell("check", "contacts.csv", "--day-zone", "Asia/Shangai", "--max-contacts", -1)
    refused(done, "Shangai", "max-contacts")
