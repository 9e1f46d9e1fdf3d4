"""Many directories from the command line: what is typed, what is seen, and the mistakes that people make with them."""

import json

import pytest
from browser import chromium
from conftest import wait_until

ALL = ("run", "--all", "--emulator")


def settings(shell, text):
    (shell.folder / "importer.toml").write_text(text, encoding="utf-8")


def two(shell, count=4):
    for name in ("north", "south"):
        shell.contacts(count, f"{name}.csv")
    settings(shell, '[profiles.north]\nfile = "north.csv"\n[profiles.south]\nfile = "south.csv"\n')


def refused(done, *says):
    assert done.returncode == 2, f"{done.returncode}: {done.stderr}"
    assert done.stdout == ""
    assert done.stderr.startswith("importer: ")
    for text in says:
        assert text in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) <= 3
    assert "CANARY" not in done.stderr


def test_every_profile_with_a_file_is_run_and_has_a_line_of_its_own_with_one_total(shell):
    two(shell)
    done = shell(*ALL)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["directory", "north", "south", "total", "done:"]
    told = shell.json(*ALL)
    assert [one["directory"] for one in told["directories"]] == ["north", "south"]
    assert told["total"]["contacts"]["sent"] == 8
    assert told["total"]["calls"] == {}
    assert shell.json("run", "--profile", "north", "--emulator")["file"] == "north.csv"
    assert shell.json("sync", "--all", "--emulator")["total"]["contacts"]["sent"] == 8


def test_a_directory_column_is_checked_planned_run_reported_and_exported(shell):
    two(shell, 1)
    rows = [("tom", "north"), ("tom", "south"), ("ann", "soth"), ("eve", "")]
    lines = [f"{name},{name}@example.com,CEO,FaultMessage,{place}" for name, place in rows]
    (shell.folder / "all.csv").write_text("\n".join(["Name,EmailAddress,Title,MessageTypes,Directory", *lines]))
    found = shell.json("check", "all.csv", code=1)
    assert found["rows"] == {"read": 4, "rejected": 1, "duplicate": 0, "accepted": 3}
    assert [(one["line"], one["rule"], one["suggestion"]) for one in found["findings"]] == [
        (4, "directory-unknown", "south")
    ]
    plan = shell.json("plan", "all.csv", "--emulator", code=1)
    assert {one["directory"]: one["today"]["add"] for one in plan["directories"]} == {
        "north": 1, "south": 1, "default": 1,
    }  # fmt: skip
    told = shell.json("run", "all.csv", "--emulator", "--report", "report.jsonl", code=1)
    assert told["total"]["rows"] == found["rows"]
    states = {(row["directory"], row["row"]): row["state"] for row in shell.export()}
    assert states == {
        ("north", 2): "sent", ("south", 3): "sent", ("default", 4): "rejected", ("default", 5): "sent",
    }  # fmt: skip
    report = [json.loads(line) for line in (shell.folder / "report.jsonl").read_text().splitlines()]
    assert [one["rule"] for one in report] == ["directory-unknown"]


async def test_the_page_of_many_directories_has_a_line_for_each_one_total_and_each_ones_story(shell, tmp_path_factory):
    two(shell, 3)
    with (shell.folder / "south.csv").open("a", encoding="utf-8") as file:
        file.write("x,x@example.com,,CEO,FaultMessage\n")
    settings(
        shell,
        "".join(f'[profiles.{name}]\nfile = "{name}.csv"\n' for name in ("north", "south"))
        + '[profiles.west]\nfile = "gone.csv"\n',
    )
    told = shell.json(*ALL, "--report", "all.html", code=4)
    assert told["total"]["rows"]["read"] == 7
    async with chromium(tmp_path_factory.mktemp("profile"), language="en-US") as tab:
        await tab.open(shell.folder / "all.html")
        lines = "[...document.querySelectorAll('[aria-labelledby=total] tr')].map(row => row.innerText.split('\\t'))"
        head, *rows, total = await tab.ask(lines)
        assert head == ["directory", "outcome", "rows read", "rejected", "duplicate", "accepted", "sent"]
        assert [row[:1] + row[2:] for row in rows[:2]] == [
            ["north", "3", "0", "0", "3", "3"],
            ["south", "4", "1", "0", "3", "3"],
        ]
        assert rows[2][0] == "west"
        assert "Stopped" in rows[2][1]
        assert total == ["total", "", "7", "1", "0", "6", "6"]
        assert await tab.ask("[...document.querySelectorAll('.directory')].map(one => one.firstChild.data.trim())") == [
            "north",
            "south",
            "west",
        ]
        ids = await tab.ask("[...document.querySelectorAll('[id]')].map(one => one.id)")
        assert len(ids) == len(set(ids))
        links = "[...document.querySelectorAll('a')].map(one => document.querySelector(one.hash).innerText)"
        assert [text.split()[0] for text in await tab.ask(links)] == ["north", "south", "west"]
        assert (
            await tab.ask(
                "document.querySelector('table.findings').closest('section').querySelector('.count-part').innerText"
            )
            == "1 of 1 shown"
        )
        assert [name for name, _ in tab.events if name in ("Log.entryAdded", "Runtime.exceptionThrown")] == []
    refused(shell(*ALL, "--report", "all.csv"), "such a report is of one file", ".html")


@pytest.mark.parametrize(
    ("text", "words", "says"),
    [
        ("", ("run", "--all"), ("no profiles", "[profiles.acme]")),
        ("[profiles.acme]\nmax_contacts = 3\n", ("run", "--profile", "acme"), ("there is no FILE", "acme")),
        ('[profiles.acme]\nfile = "a.csv"\n', ("run", "a.csv", "--all"), ("--all takes the files", "column Directory")),
        (
            '[profiles.acme]\nfile = "a.csv"\naccess_key_secret = "CANARY"\n',
            ("run", "--all"),
            ("profiles.acme.access_key_secret looks like a secret", 'environment = "ACME_"'),
        ),
        (
            '[profiles.a]\nfile = "a.csv"\n[profiles.b]\nfile = "a.csv"\n',
            ("run", "--all"),
            ("a and b are one directory",),
        ),
        (
            '[profiles.a]\nfile = "a.csv"\nmax_contacts = -1\n[profiles.b]\nfile = "a.csv"\nday_zone = "Mars"\n',
            ("run", "--all"),
            ("profile a: max-contacts", "profile b: day-zone"),
        ),
    ],
)
def test_a_mistake_is_one_line_with_what_to_do_and_nothing_is_done(shell, text, words, says):
    shell.contacts(1, "a.csv")
    settings(shell, text)
    refused(shell(*words), *says)
    assert not (shell.folder / "importer.db").exists()


def test_a_signal_ends_all_directories_in_good_order(shell):
    two(shell, 60)
    process = shell.start(*ALL, "--json", "--max-contacts", 100, "--log-format", "json")
    wait_until(
        lambda: (shell.folder / "importer.db.emulator-south").exists() and shell("export").stdout.count("sent") > 3
    )
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    told = json.loads(out)
    assert {one["exit_code"] for one in told["directories"]} == {143}
    assert told["total"]["contacts"]["in_doubt"] == 0
    assert 0 < told["total"]["contacts"]["waiting"] < 120


def test_the_doctor_says_what_to_do_for_every_profile_and_changes_nothing(shell, serve):
    server = serve()
    settings(
        shell,
        f'endpoint = "{server.banner["url"]}"\n[profiles.north]\nfile = "north.csv"\n'
        '[profiles.south]\ncredentials = {environment = "SOUTH_"}\n',
    )
    told = shell.json("doctor", "--all", code=4)
    wrong = [(one["directory"], one["check"]) for one in told["checks"] if one["level"] == "error"]
    assert wrong == [("north", "file"), ("south", "credentials")]
    assert all(one["to_do"] for one in told["checks"] if one["level"] != "ok")
    shell.contacts(1, "north.csv")
    done = shell("doctor", "--profile", "north")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all is well")
    assert sorted(path.name for path in shell.folder.iterdir()) == ["importer.toml", "north.csv"]
