"""What check says of the files that people have: in JSON with cells, at a terminal on one screen, by the flags."""

import json
import subprocess
import sys

import pytest
import xlsxwriter

HEADERS = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")
HEADER = ",".join(HEADERS) + "\n"


def write(shell, *rows, encoding="utf-8", file="people.csv"):
    (shell.folder / file).write_bytes((HEADER + "".join(row + "\n" for row in rows)).encode(encoding))
    return file


def found(values, *columns):
    return [tuple(finding[column] for column in columns) for finding in values["findings"]]


@pytest.mark.parametrize(
    ("row", "column", "rule", "suggestion"),
    [
        ("Tom,t@example.com,,Techincal Director,FaultMessage", "Title", "title-unknown", "TechnicalDirector"),
        ("Tom,t@gmial.com,,CEO,FaultMessage", "EmailAddress", "email-domain", "t@gmail.com"),
        ("Mary Ann,m@example.com,,CEO,FaultMessage", "Name", "name-letters", "MaryAnn"),
        ("Аnn,a@example.com,,CEO,FaultMessage", "Name", "name-lookalike", "Ann"),
        ("Tom,t@exаmple.com,,CEO,FaultMessage", "EmailAddress", "email-lookalike", "t@example.com"),
        ("Tom,t@example.com,,CEO,FaultMesage", "MessageTypes", "message-type-unknown", "FaultMessage"),
        ("Maximilianus Rex,m@example.com,,CEO,FaultMessage", "Name", "name-letters", "MaximilianuR"),
        ("Maximilianusse,m@example.com,,CEO,FaultMessage", "Name", "name-long", "Maximilianus"),
    ],
)
def test_a_near_miss_is_told_with_what_was_likely_meant(shell, row, column, rule, suggestion):
    values = shell.json("check", write(shell, row), code=None)
    told = found(values, "file", "sheet", "line", "column", "rule", "suggestion")
    assert told == [("people.csv", None, 2, column, rule, suggestion)]
    assert values["findings"][0]["hint"]


def test_look_alikes_are_named_with_their_alphabet(shell):
    values = shell.json("check", write(shell, "Аnn,a@example.com,,CEO,FaultMessage"), code=1)
    assert "Cyrillic А" in values["findings"][0]["message"]


def workbook(shell, *rows):
    with xlsxwriter.Workbook(shell.folder / "people.xlsx") as book:
        sheet = book.add_worksheet("People")
        for line, row in enumerate((HEADERS, *rows)):
            sheet.write_row(line + 3, 1, row)  # the table begins at B4
    return "people.xlsx"


def test_a_finding_in_a_workbook_names_file_sheet_and_cell(shell):
    file = workbook(shell, ("Tom", "t@example.com", "", "CEO", "FaultMessage"), ("Mary Ann", "m@", "", "CEO", "all"))
    values = shell.json("check", file, code=1)
    assert found(values, "file", "sheet", "line", "cell", "column", "value") == [
        (file, "People", 6, "B6", "Name", "Mary Ann"),
        (file, "People", 6, "C6", "EmailAddress", "m@"),
        (file, "People", 6, "F6", "MessageTypes", "all"),
    ]
    told = shell("check", file, "--verbose").stdout
    assert "people.xlsx People!C6 EmailAddress 'm@': error email-syntax" in told
    assert "B6" in shell("check", file).stdout


def test_strict_makes_a_warning_count(shell):
    file = write(shell, "Tom,t@gmial.com,,CEO,FaultMessage", "Ann,a@example.com,,CEO,FaultMessage")
    lax = shell.json("check", file, code=0)
    assert (lax["rows"]["accepted"], found(lax, "severity")) == (2, [("warning",)])
    strict = shell.json("check", file, "--strict", code=1)
    assert (strict["rows"]["accepted"], strict["rows"]["rejected"]) == (1, 1)
    assert found(strict, "severity", "rule") == [("error", "email-domain")]
    ran = shell.json("run", file, "--emulator", "--strict", code=1)
    assert ran["rows"] == {"read": 2, "rejected": 1, "duplicate": 0, "accepted": 1}
    assert [(row["name"], row["state"], row["code"]) for row in shell.export()] == [
        ("Tom", "rejected", "email-domain"), ("Ann", "sent", "ok"),
    ]  # fmt: skip


def test_strict_and_a_near_miss_of_a_header_let_no_row_in(shell):
    (shell.folder / "people.csv").write_text(
        HEADER.replace("PhoneNumber", "Phone Nmber") + "Tom,t@example.com,86-13900001234,CEO,FaultMessage\n"
    )
    assert shell.json("check", "people.csv")["rows"]["accepted"] == 1
    values = shell.json("check", "people.csv", "--strict", code=1)
    assert found(values, "rule", "severity") == [("header-near-miss", "error"), ("file-refused", "error")]


def test_strict_has_an_exit_code_for_a_warning_of_a_file_without_rows(shell):
    (shell.folder / "people.csv").write_text(HEADER.replace("PhoneNumber", "Phone Nmber"))
    assert shell.json("check", "people.csv")["exit_code"] == 0
    values = shell.json("check", "people.csv", "--strict", code=1)
    assert ("header-near-miss", "error") in found(values, "rule", "severity")


def test_fixed_names_go_in_once_and_the_same_command_again_does_nothing(shell):
    file = write(
        shell,
        "Mary Ann,m@example.com,,CEO,FaultMessage",
        "Tоm,t@example.com,,CEO,FaultMessage",
        "MaryAnn,other@example.com,,CEO,FaultMessage",
    )
    assert shell.json("check", file, code=1)["rows"]["accepted"] == 1
    first = shell.json("run", file, "--emulator", "--fix-names", code=1)
    assert (first["rows"]["accepted"], first["contacts"]["sent"]) == (2, 2)
    again = shell.json("run", file, "--emulator", "--fix-names", code=1)
    assert again["contacts"] == first["contacts"]
    assert "AddMessageContact" not in again["calls"]
    with (shell.folder / file).open("a") as more:  # read anew, the names are still the same
        more.write("Ann,a@example.com,,CEO,FaultMessage\n")
    third = shell.json("run", file, "--emulator", "--fix-names", code=1)
    assert third["calls"]["AddMessageContact"] == {"ok": 1}
    assert third["rows"] == {"read": 4, "rejected": 1, "duplicate": 0, "accepted": 3}
    assert [(row["name"], row["state"]) for row in shell.export()] == [
        ("MaryAnn", "sent"), ("Tom", "sent"), ("MaryAnn", "rejected"), ("Ann", "sent"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "encoding"), [(("薛琪", "龚鑫"), "gb18030"), (("田中太郎", "山田花子", "佐藤健"), "shift_jis")]
)
def test_an_encoding_that_is_guessed_wrong_lets_no_name_in_and_the_right_one_is_a_flag(shell, names, encoding):
    rows = [f"{name},p{n}@example.com,,CEO,FaultMessage" for n, name in enumerate(names)]
    file = write(shell, *rows, encoding=encoding)
    values = shell.json("run", file, "--emulator", code=1)
    assert values["rows"]["accepted"] == 0
    values = shell.json("check", file, code=1)
    doubts = [finding for finding in values["findings"] if finding["rule"] == "encoding-doubtful"]
    assert [(doubt["severity"], doubt["line"]) for doubt in doubts] == [("error", None)]
    assert "--encoding" in doubts[0]["hint"]
    values = shell.json("run", file, "--emulator", "--encoding", encoding)
    assert values["contacts"]["sent"] == len(names)
    assert [row["name"] for row in shell.export()] == list(names)


def test_by_default_the_terminal_gets_one_screen(shell):
    rows = [
        "T,t@example.com,,CEO,FaultMessage", "Mary Ann,t@gmial.com,1,Boss,Weather", "Tоm,t@,+1 212 555 0100,CEO,",
        ",t,1.39E+10,,x", "Maximilianusse, t@example.com ,13900001234,ceo,故障消息",
        "Good,a@example.com,,CEO,FaultMessage",
        "Good,b@example.com,,CEO,FaultMessage", "good,a@example.com,,CEO,FaultMessage;FaultMessage",
        "Ann,a@example.com,,CEO,FaultMessage", "\u200bLiu,l@ｅxample.com,,CEO,FaultMessage",
    ]  # fmt: skip
    file = write(shell, *rows)
    lines = shell("check", file).stdout.splitlines()
    table = lines[: lines.index(f"every finding, and what to do: importer check {file} --verbose")]
    assert len(table) <= 22
    assert table[-1].startswith("and ")
    everything = shell("check", file, "--verbose").stdout
    assert "more rule" not in everything
    assert len(everything.splitlines()) > len(lines)


OFFLINE = """
import sys
from importer import check, load
checkup = check(sys.argv[1], load({}))
assert checkup.rows["read"] == 3
asking = (".deliverability", ".domains")
print(sorted(name for name in sys.modules if name.split(".")[0] == "dns" or name.endswith(asking)))
"""
WITHOUT_DNS = """
import sys
sys.modules["dns"] = None
sys.argv = ["importer", "check", "people.csv", "--check-domains"]
from importer.cli import main
main()
"""


def python(shell, code, *words):
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=shell.folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_the_flag_nothing_that_could_ask_the_network_is_even_imported(shell):
    file = write(
        shell,
        "Tom,t@example.com,,CEO,FaultMessage",
        "Ann,ä.ö@bücher.example.com,,CEO,FaultMessage",  # goes to email-validator
        "Liu,l@gmial.com,,CEO,FaultMessage",
    )
    done = python(shell, OFFLINE, file)
    assert done.stdout.strip() == "['importer.stage.domains']", done.stderr


def test_checking_domains_without_its_package_says_how_to_get_it(shell):
    write(shell, "Tom,t@example.com,,CEO,FaultMessage")
    done = python(shell, WITHOUT_DNS)
    assert done.returncode == 2
    assert "dnspython" in done.stderr
    assert "importer[domains]" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_flags_are_settings_too(shell):
    (shell.folder / "importer.toml").write_text("strict = true\nfix_names = true\n")
    values = shell.json("check", write(shell, "Mary Ann,m@gmial.com,,CEO,FaultMessage"), code=1)
    assert sorted(found(values, "rule", "severity")) == [("email-domain", "error"), ("name-fixed", "note")]
    assert json.loads(shell("check", "people.csv", "--json", "--no-strict").stdout)["exit_code"] == 0
