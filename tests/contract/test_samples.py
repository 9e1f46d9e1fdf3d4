"""The samples are what they are said to be."""

from pathlib import Path

from importer.model.contact import Rules
from importer.sheet import read
from importer.sheet.columns import match
from importer.stage.check import check
from importer.stage.dedupe import dedupe
from importer.stage.rules import RULES

SAMPLES = Path(__file__).parents[2] / "samples"
# Rules that need a setting, an option, a ledger or another layout than a sheet of the five columns.
ELSEWHERE = {
    "name-english": "chinese_names off",
    "clash-dropped": "--on-clash first",
    "name-suffixed": "--on-clash suffix",
    "name-taken": "a ledger or a directory",
    "changed-contact": "a ledger or a directory",
    "tick-unknown": "a column for each message type",
    "no-tick": "a column for each message type",
    "name-fixed": "--fix-names",
    "file-refused": "--strict, and a warning of the whole file",
    "directory-unknown": "a Directory column",
    "email-undeliverable": "--check-domains",
    "domain-unasked": "--check-domains",
    "encoding-doubtful": "an encoding that is guessed",
}


def deduped(name):
    sheet = read(SAMPLES / name)
    return sheet, dedupe(check(sheet, match(sheet.columns), Rules()))


def test_mistakes_holds_each_finding_that_a_file_alone_can_have():
    _, result = deduped("mistakes.csv")
    assert set(result.findings["rule"]) == set(RULES) - set(ELSEWHERE)


def test_mistakes_holds_one_mistake_a_row():
    sheet, result = deduped("mistakes.csv")
    faulty = set(result.findings.filter(result.findings["severity"] != "note")["row"]) | set(result.duplicates["row"])
    noted = set(result.findings["row"]) - faulty
    assert faulty | noted == set(range(1, sheet.frame.height))


def test_contacts_is_all_good_with_one_row_twice():
    sheet, result = deduped("contacts.csv")
    assert (sheet.frame.height, result.contacts.height, result.duplicates.height) == (12, 11, 1)
    assert result.rejected.is_empty()
    assert set(result.findings["severity"]) == {"note"}


def test_the_workbook_holds_the_same_as_the_text():
    _, text = deduped("contacts.csv")
    _, workbook = deduped("contacts.xlsx")
    assert workbook.contacts.equals(text.contacts)
    assert workbook.duplicates.equals(text.duplicates)
    assert workbook.findings.equals(text.findings)
