"""Round trip: what is wrong is marked, corrected, fed in again, and only what changed is done."""

import csv
import json
import re

import openpyxl
import pytest
from browser import chromium

HEADER = ["Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes"]
ROWS = [
    ["Tom", "tom@example.com", "86-13900001234", "CEO", "FaultMessage"],
    ["Ann", "ann@example.com", "", "Techincal Director", "FaultMessage;SecurityMessage"],
    ["X", "x@example.com", "", "CEO", "FaultMessage"],
    ["Bob", "bob@example.com", "", "Other", "服务消息"],
]


def save(shell, name):
    path = shell.folder / name
    if name.endswith(".csv"):
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([HEADER, *ROWS])
        return
    book = openpyxl.Workbook()
    for row in [HEADER, *ROWS]:
        book.active.append(row)
    book.save(path)


@pytest.mark.parametrize("name", ["people.xlsx", "people.csv"])
@pytest.mark.parametrize("command", ["check", "run"])
def test_annotate_correct_one_cell_run_again_and_exactly_one_contact_more_is_added(shell, name, command):
    save(shell, name)
    first = shell.json("run", name, "--emulator", code=1)
    assert first["calls"]["AddMessageContact"] == {"ok": 2}
    words = ("check", name) if command == "check" else ("run", name, "--emulator")
    assert shell(*words, "--report", "marked.xlsx").returncode == 1
    book = openpyxl.load_workbook(shell.folder / "marked.xlsx")
    page = book.active
    assert [cell.value for cell in page[1]] == [*HEADER, "importer status", "importer says"]
    done = "accepted" if command == "check" else "sent"
    assert [page.cell(row, 6).value for row in range(2, 6)] == [done, "rejected", "rejected", done]
    assert "Suggested: TechnicalDirector" in page["D3"].comment.text
    page["D3"].value = "TechnicalDirector"
    book.save(shell.folder / "marked.xlsx")

    again = shell.json("run", "marked.xlsx", "--emulator", code=1)
    assert again["calls"]["AddMessageContact"] == {"ok": 1}
    assert again["calls"]["SendEmailVerificationForMessageContact"] == {"ok": 1}
    assert again["rows"] == {"read": 4, "rejected": 1, "duplicate": 0, "accepted": 3}
    assert again["contacts"]["sent"] == 3
    same = shell.json("run", "marked.xlsx", "--emulator", code=1)
    assert same["calls"] == {}
    added = [row["name"] for row in shell.export() if row["file"] == "marked.xlsx" and row["state"] == "sent"]
    assert added == ["Tom", "Ann", "Bob"]


def test_a_report_of_a_run_tells_what_the_ledger_refused(shell, serve):
    server = serve()
    save(shell, "people.csv")
    words = ("--endpoint", server.banner["url"])
    shell.json("run", "people.csv", *words, code=1)
    text = (shell.folder / "people.csv").read_text(encoding="utf-8").replace("tom@example.com", "other@example.com")
    (shell.folder / "others.csv").write_text(text, encoding="utf-8")
    done = shell("run", "others.csv", *words, "--report", "out.jsonl", "--json")
    assert json.loads(done.stdout)["rows"]["rejected"] == 3
    found = [json.loads(line) for line in (shell.folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    (taken,) = [one for one in found if one["rule"] == "name-taken"]
    assert taken["line"] == 2


async def test_a_run_leaves_a_page_that_a_browser_opens_and_that_asks_nobody(shell, serve, tmp_path_factory):
    server = serve("--daily-sends", 2)
    shell.contacts(5)
    with (shell.folder / "contacts.csv").open("a", encoding="utf-8") as file:
        file.write("<b>x</b>,nobody,,CEO,FaultMessage\n")
    words = ("--endpoint", server.banner["url"], "--daily-sends", 2, "--report", "run.html")
    told = shell.json("run", "contacts.csv", *words, code=3)
    text = (shell.folder / "run.html").read_text(encoding="utf-8")
    for part in (
        told["run"],
        "To be continued",
        "3 waiting for daily-sends",
        "At most 2 mails go out a day",
        "&lt;b&gt;x",
    ):
        assert part in text
    assert re.findall(r'(?:src|href)="(?!data:,")|url\(|https?://(?!www\.w3\.org/2000/svg")', text) == []
    async with chromium(tmp_path_factory.mktemp("profile")) as tab:
        await tab.open(shell.folder / "run.html")
        assert await tab.ask("document.querySelectorAll('.chart svg').length") == 4
        assert await tab.ask("document.querySelectorAll('#table tbody tr').length") == 2
        calls = "[...document.querySelectorAll('[aria-labelledby=calls] .wide .legend b, .wide .done title')]"
        assert (
            await tab.ask(f"{calls}.map(one => Number(one.textContent.split(' ').at(-1))).reduce((a, b) => a + b)") == 7
        )
        asked = [told["request"]["url"] for name, told in tab.events if name == "Network.requestWillBeSent"]
        assert [url for url in asked if url != "data:,"] == [(shell.folder / "run.html").as_uri()]
        assert [name for name, _ in tab.events if name in ("Log.entryAdded", "Runtime.exceptionThrown")] == []


def test_the_page_of_a_run_needs_no_file_to_read_again(shell):
    header = "Name,EmailAddress,PhoneNumber,Title,MessageTypes\n"
    done = shell(
        "run", "-", "--emulator", "--report", "run.html", text=f"{header}Tom,tom@example.com,,CEO,FaultMessage\n"
    )
    assert done.returncode == 0
    assert "All that the file asks for is done" in (shell.folder / "run.html").read_text(encoding="utf-8")
    for kind in ("csv", "xlsx"):
        refused = shell("run", "-", "--emulator", "--report", f"run.{kind}", text=header)
        assert refused.returncode == 2
        assert ".html" in refused.stderr


def test_each_kind_of_report_is_written_beside_the_usual_answer(shell):
    save(shell, "people.csv")
    for kind in ("csv", "jsonl", "html", "xlsx"):
        done = shell("check", "people.csv", "--report", f"out.{kind}", "--json")
        assert done.returncode == 1
        assert json.loads(done.stdout)["rows"]["rejected"] == 2
        assert f"out.{kind}" in done.stderr
        assert (shell.folder / f"out.{kind}").stat().st_size > 100


@pytest.mark.parametrize("words", [("check",), ("run", "--emulator")])
def test_a_report_that_cannot_be_is_refused_before_anything_is_done(shell, words):
    save(shell, "people.csv")
    before = (shell.folder / "people.csv").read_bytes()
    for to in ("out.pdf", "people.csv", "nowhere/out.csv"):
        done = shell(words[0], "people.csv", *words[1:], "--report", to)
        assert done.returncode == 2
        assert to in done.stderr
    assert (shell.folder / "people.csv").read_bytes() == before
    assert [path.name for path in shell.folder.iterdir()] == ["people.csv"]


def test_a_template_is_filled_in_and_run(shell):
    made = shell.json("template", "team.xlsx")
    assert made["file"] == "team.xlsx"
    assert shell("template", "team.xlsx").returncode == 2
    assert shell("template", "team.xlsx", "--force").returncode == 0
    assert "no row below" in shell("check", "team.xlsx").stdout
    book = openpyxl.load_workbook(shell.folder / "team.xlsx")
    for place, value in {"A2": "张三", "B2": "zhang@example.com", "D2": "CEO", "F2": "x"}.items():
        book["Contacts"][place].value = value
    book.save(shell.folder / "team.xlsx")
    assert shell.json("run", "team.xlsx", "--emulator")["contacts"]["sent"] == 1
