"""A spreadsheet into a directory, over a real socket, and the same command again."""

import json
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parent.parent.parent / "samples"


@pytest.mark.parametrize("sample", ["contacts.csv", "contacts.xlsx"])
def test_the_sample_is_imported_once_and_again_does_nothing(shell, serve, sample):
    server = serve()
    words = ("run", SAMPLES / sample, "--endpoint", server.banner["url"])
    first = shell.json(*words)
    accepted = first["rows"]["accepted"]
    assert accepted >= 10
    assert first["contacts"]["sent"] == accepted
    assert first["calls"]["AddMessageContact"] == {"ok": accepted}
    again = shell.json(*words)
    assert again["contacts"] == first["contacts"]
    assert again["calls"] == {}

    state = server.get("state")
    rows = [row for row in shell.export() if row["state"] == "sent"]
    held = {
        (
            one["Name"],
            one["EmailAddress"],
            one["PhoneNumber"],
            one["Title"],
            ";".join(one["MessageTypes"]),
            one["ContactId"],
        )
        for one in state["contacts"]
    }
    assert held == {
        (row["name"], row["email_address"], row["phone_number"], row["title"], row["message_types"], row["contact_id"])
        for row in rows
    }
    assert len(rows) == accepted
    assert sorted(mail["To"] for mail in state["outbox"]) == sorted(row["email_address"] for row in rows)


def test_the_rehearsal_inside_the_process_keeps_its_directory_beside_the_ledger(shell):
    shell.contacts(5)
    assert shell.json("run", "contacts.csv", "--emulator")["contacts"]["sent"] == 5
    assert shell.json("run", "contacts.csv", "--emulator")["calls"] == {}
    shell.contacts(6)
    one_more = shell.json("run", "contacts.csv", "--emulator")["calls"]
    assert one_more.pop("ListMessageContacts") == {"ok": 1}
    assert all(codes == {"ok": 1} for codes in one_more.values())
    assert (shell.folder / "importer.db.emulator").exists()
    assert (shell.folder / "importer.db").stat().st_mode & 0o077 == 0


def test_the_json_balances_and_has_the_documented_shape(shell):
    shell.contacts(6)
    with (shell.folder / "contacts.csv").open("a", encoding="utf-8") as file:
        file.write("aaaaa,aaaaa@example.com,,CEO,FaultMessage;SecurityMessage\n")  # the first row once more
        file.write("x1,broken,,Chief,Nothing\n")
    result = shell.json("run", "contacts.csv", "--emulator", code=1)
    assert list(result) == [
        "schema",
        "run",
        "command",
        "file",
        "directory",
        "rows",
        "contacts",
        "adopted",
        "operations",
        "calls",
        "timing",
        "deferred",
        "deferrals",
        "next_action_at",
        "stopped",
        "notes",
        "exit_code",
    ]
    rows, contacts = result["rows"], result["contacts"]
    assert rows == {"read": 8, "rejected": 1, "duplicate": 1, "accepted": 6}
    assert rows["accepted"] == sum(contacts.values())
    assert list(contacts) == ["waiting", "in_doubt", "added", "sent", "verified", "failed", "deleted"]
    assert result["operations"]["add"] == {"done": 6, "pending": 0, "failed": 0, "in_doubt": 0}
    assert sorted(row["state"] for row in shell.export()) == ["duplicate", "rejected", *["sent"] * 6]


def test_a_contact_that_is_there_already_is_adopted_and_only_mailed(shell, serve):
    server = serve()
    shell.contacts(4)
    words = ("--endpoint", server.banner["url"])
    assert shell.json("run", "contacts.csv", *words)["adopted"] == 0
    other = shell.json("run", "contacts.csv", "--ledger", "other.db", *words)
    assert other["adopted"] == 4
    assert other["contacts"]["sent"] == 4
    assert "AddMessageContact" not in other["calls"]
    assert len(server.get("state")["contacts"]) == 4


def test_a_verified_contact_is_adopted_without_a_mail(shell, serve):
    import urllib.request

    server = serve()
    shell.contacts(2)
    words = ("--endpoint", server.banner["url"])
    shell.json("run", "contacts.csv", *words)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for mail in server.get("outbox"):
        opener.open(mail["Link"], timeout=30).close()
    other = shell.json("run", "contacts.csv", "--ledger", "other.db", *words)
    assert other["contacts"]["verified"] == 2
    assert set(other["calls"]) == {"ListMessageContacts"}


def test_a_name_that_the_directory_has_with_another_address_is_refused_and_said(shell, serve):
    server = serve()
    shell.contacts(2)
    words = ("--endpoint", server.banner["url"])
    shell.json("run", "contacts.csv", *words)
    text = (shell.folder / "contacts.csv").read_text().replace("aaaaa@", "other@")
    (shell.folder / "changed.csv").write_text(text)
    other = shell.json("run", "changed.csv", "--ledger", "other.db", *words, code=1)
    assert other["rows"]["rejected"] == 1
    assert other["contacts"]["sent"] == 1


def test_stdin_is_a_file_too(shell):
    text = shell.contacts(3).read_text()
    done = shell("run", "-", "--emulator", "--json", text=text)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["contacts"]["sent"] == 3


def test_plan_tells_what_run_then_does(shell):
    shell.contacts(12)
    limits = ("--emulator", "--max-contacts", 10, "--daily-sends", 4)
    plan = shell.json("plan", "contacts.csv", *limits, code=3)
    assert plan["today"] == {"add": 10, "send_email_verification": 4}
    assert (plan["free_places"], plan["sends_left_today"]) == (10, 4)
    assert not (shell.folder / "importer.db").exists()
    ran = shell.json("run", "contacts.csv", *limits, code=3)
    assert ran["operations"]["add"]["done"] == 10
    assert ran["operations"]["send_email_verification"]["done"] == 4


def test_plan_knows_the_day_on_which_the_last_mail_goes_out(shell):
    shell.contacts(12)
    plan = shell.json(
        "plan", "contacts.csv", "--emulator", "--daily-sends", 5, "--now", "2026-11-23T10:00:00+08:00", code=3
    )
    assert plan["finished_on"] == "2026-11-25"
    assert plan["deferrals"] == [
        {
            "operation": "send_email_verification",
            "count": 7,
            "reason": "daily-sends",
            "until": "2026-11-24T00:00:00+08:00",
        }
    ]


def test_an_export_read_back_gives_the_same_contacts(shell):
    (shell.folder / "odd.csv").write_text(
        "Name,EmailAddress,PhoneNumber,Title,MessageTypes\n"
        "Tom,=tom@example.com,86-13900001201,CEO,FaultMessage\n"
        "Ann,+ann@example.com,,Other,FaultMessage|ActivityMessage\n",
        encoding="utf-8",
    )
    shell.json("run", "odd.csv", "--emulator")
    done = shell("export", "--out", "export.csv")
    assert done.returncode == 0
    written = (shell.folder / "export.csv").read_text(encoding="utf-8-sig")
    assert "'=tom@example.com" in written
    again = shell.json("run", "export.csv", "--emulator")
    assert again["rows"]["accepted"] == 2
    assert set(again["calls"]) == {"ListMessageContacts"}
