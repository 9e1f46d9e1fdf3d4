"""One row explained, by its place or its name."""

ROWS = """Name,Work Mail,PhoneNumber,Title,MessageTypes
Tom,=tom@example.com,139 0000 1225,ceo,FaultMessage
X1,nowhere,,CEO,FaultMessage
Tom,=tom@example.com,139 0000 1225,ceo,FaultMessage
"""


def test_a_row_is_explained_by_its_place_and_by_its_name_from_the_file_and_then_from_the_ledger(shell):
    file = shell.folder / "people.csv"
    file.write_text(ROWS, encoding="utf-8")
    options = ("--emulator", "--map", "Work Mail=EmailAddress", "--daily-sends", 0)
    ran = shell.json("run", "people.csv", *options, code=3)
    (row,) = shell.json("explain", "people.csv:2")["rows"]
    assert (row["state"], row["cells_from"], row["cells"]["PhoneNumber"]) == ("added", "file", "139 0000 1225")
    assert row["contact"]["phone_number"] == "86-13900001225"
    assert {found["rule"] for found in row["repairs"]} >= {"phone-format"}
    add, send = row["operations"]
    (attempt,) = add["attempts"]
    assert (attempt["run"], attempt["code"], add["status"]) == (ran["run"], "ok", "done")
    assert len(attempt["request_id"]) == 36
    assert (send["status"], row["next"]["what"], row["next"]["until"]) == ("pending", "wait", ran["next_action_at"])

    file.write_text(ROWS.replace("1225", "1226"), encoding="utf-8")
    (row,) = shell.json("explain", f"{shell.folder}/people.csv:2")["rows"]
    assert (row["cells_from"], row["cells"]["PhoneNumber"]) == ("ledger", "139 0000 1225")
    file.unlink()
    both = shell.json("explain", "TOM")["rows"]
    assert [(row["row"], row["state"]) for row in both] == [(2, "added"), (4, "duplicate")]
    (refused,) = shell.json("explain", "x1")["rows"]
    assert (refused["state"], refused["next"]["what"], refused["operations"]) == ("rejected", "correct", [])
    assert refused["cells"]["Work Mail"] == "nowhere"

    shown = shell("explain", "tom")
    assert shown.returncode == 0
    for words in ("people.csv:2", "139 0000 1225", attempt["request_id"], "waits for daily-sends until 20"):
        assert words in shown.stdout, shown.stdout


def test_a_contact_of_several_directories_is_told_for_each(shell, serve):
    server = serve()
    shell.contacts(1)
    shell.json("run", "contacts.csv", "--emulator")
    shell.json("run", "contacts.csv", "--endpoint", server.banner["url"], "--profile", "default")
    found = shell.json("explain", "contacts.csv:2")["rows"]
    assert [row["state"] for row in found] == ["sent"] * len(found)
    assert len(found) == len(shell.json("status")["directories"])


def test_what_is_not_there_is_one_line_with_what_is(shell):
    none = shell("explain", "contacts.csv:2")
    assert (none.returncode, none.stdout) == (2, "")
    shell.contacts(3)
    shell.json("run", "contacts.csv", "--emulator")
    for what, words in {
        "contacts.csv:99": "no row at contacts.csv:99",
        "other.csv:2": "does not know a file other.csv",
        "Nobody": "nobody is called Nobody",
    }.items():
        said = shell("explain", what)
        assert (said.returncode, said.stdout) == (2, "")
        first, hint = said.stderr.splitlines()
        assert words in first
        assert "contacts.csv (3 rows, default)" in hint
