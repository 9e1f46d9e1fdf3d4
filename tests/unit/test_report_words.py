"""What a report says of each finding, each row and each cell."""

from html.parser import HTMLParser

import polars as pl
import pytest

from importer.model.contact import MESSAGE_TYPES, TITLES, Rules
from importer.model.finding import COLUMNS
from importer.report.findings import LISTED, Report, about, listed, noted, said
from importer.report.page import _page
from importer.report.template import HEADERS, words
from importer.sheet import Sheet
from importer.sheet.columns import OURS, match

KINDS = {name: pl.UInt32() if name in ("row", "line") else pl.String() for name in COLUMNS}
SYNTAX = (0, 27, "email-syntax", "error", "Mail", "tom", "This is no address.", "Write one.", "tom@example.com")
DOMAIN = (0, 27, "email-domain", "warning", "Mail", "tom", "The domain looks odd.", "", None)
PHONE = (0, 27, "phone-format", "note", "Phone", "139", "Read as 86-139", "", None)
RAGGED = (1, 30, "ragged-row", "error", None, "a,b,c,d", "the row has 4 fields, the header 3", "Remove one.", None)
FILE = (None, None, "other-sheets", "note", None, None, "left out: Old", "--sheet names another.", None)
HEADER = (None, None, "header-near-miss", "warning", "Phone", None, "the column Phone is not used", "", "PhoneNumber")


def report(*found, states=("rejected", "rejected")):
    sheet = Sheet(
        file="people.xlsx",
        name="Staff",
        columns=("Name", "Mail", "Phone"),
        frame=pl.DataFrame({"Name": ["Tom", "a"], "Mail": ["tom", "b"], "Phone": ["139", "c"]}),
        lines=pl.Series([27, 30], dtype=pl.UInt32),
        digest="",
        findings=pl.DataFrame(schema=KINDS),
        format="xlsx",
        header_line=4,
        positions=(1, 3, 27),
    )
    return Report(sheet, pl.DataFrame(found, schema=KINDS, orient="row"), pl.Series(states))


def test_each_finding_names_file_sheet_and_cell_as_a_spreadsheet_program_does():
    rows = listed(report(SYNTAX, PHONE)).to_dicts()
    assert tuple(rows[0]) == LISTED
    assert [row["cell"] for row in rows] == ["D27", "AB27"]
    assert rows[0] == {
        "file": "people.xlsx",
        "sheet": "Staff",
        "line": 27,
        "cell": "D27",
        "column": "Mail",
        "value": "tom",
        "rule": "email-syntax",
        "severity": "error",
        "message": "This is no address.",
        "hint": "Write one.",
        "suggestion": "tom@example.com",
    }


def test_a_whole_row_has_no_cell_and_a_header_has_its_own():
    rows = {row["rule"]: row for row in listed(report(RAGGED, FILE, HEADER)).to_dicts()}
    assert (rows["ragged-row"]["line"], rows["ragged-row"]["cell"]) == (30, None)
    assert rows["other-sheets"]["cell"] is None
    assert rows["header-near-miss"]["cell"] == "AB4"


def test_of_two_columns_of_one_name_the_first_is_meant():
    one = report(SYNTAX)
    columns = ("Mail", "Mail", "Mail")
    twice = Report(
        Sheet(**{name: getattr(one.sheet, name) for name in Sheet.__slots__} | {"columns": columns}),
        one.findings,
        one.states,
    )
    assert listed(twice)["cell"].to_list() == ["B27"]


def test_a_row_is_told_all_that_is_wrong_with_it_the_worst_first():
    first, second = said(report(PHONE, DOMAIN, SYNTAX, RAGGED))
    assert first.splitlines() == [
        "Mail: This is no address. Suggested: tom@example.com Write one.",
        "Mail: The domain looks odd.",
        "Phone: Read as 86-139.",
    ]
    assert second == "the row has 4 fields, the header 3. [a,b,c,d] Remove one."


def test_a_row_without_findings_is_told_nothing():
    assert said(report(SYNTAX)).to_list()[1] is None


def test_a_cell_gets_one_note_of_all_its_findings_and_the_colour_of_the_worst():
    (cell,) = noted(report(DOMAIN, SYNTAX, PHONE, RAGGED)).to_dicts()
    assert (cell["line"], cell["position"], cell["severity"]) == (27, 3, "error")
    assert cell["note"] == (
        "This is no address. Suggested: tom@example.com\nWrite one.\n\nThe domain looks odd."
    )  # a repair that was made needs no look


def test_what_is_said_of_the_file_is_apart():
    assert about(report(SYNTAX, FILE)) == "left out: Old. --sheet names another."


def test_the_counts_begin_with_the_rows_read():
    assert report(states=("rejected", "accepted")).counts == {"read": 2, "rejected": 1, "accepted": 1}


class Page(HTMLParser):
    """The tags that are open, the texts of cells, and what could reach outside."""

    VOID = ("meta", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.cells, self.tags, self.headings = [], [], set(), []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        assert not {name for name, _ in attrs} & {"src", "href", "onclick", "onload", "onerror"}
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("td", "h2"):
            (self.cells if tag == "td" else self.headings).append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open:
            self.cells[-1] += data
        elif "h2" in self.open:
            self.headings[-1] += data


def page(one):
    return Page("\n".join(_page(one)))


def test_the_page_is_closed_and_has_a_section_for_each_rule_errors_first():
    found = page(report(PHONE, DOMAIN, SYNTAX))
    assert found.open == []
    assert found.headings == ["error email-syntax: 1", "warning email-domain: 1", "note phone-format: 1"]
    assert found.cells[:5] == ["D27", "Mail", "tom", "This is no address.", "Suggested: tom@example.comWrite one."]
    assert not found.tags & {"script", "img", "link", "iframe", "form"}


def test_the_page_escapes_whatever_the_file_holds():
    evil = "<script>alert('x')</script><td>\"&"
    row = (0, 27, "email-syntax", "error", evil, evil, f"Not {evil}", evil, evil)
    found = page(report(row))
    assert "script" not in found.tags
    assert found.cells == ["line 27", evil, evil, f"Not {evil}", f"Suggested: {evil}{evil}"]


def test_the_page_follows_the_readers_light_or_dark_and_prints():
    text = "\n".join(_page(report(SYNTAX)))
    for words_ in ("color-scheme: light dark", "prefers-color-scheme: dark", "@media print", "default-src 'none'"):
        assert words_ in text


def test_a_file_without_findings_says_so():
    assert "Nothing was found." in "\n".join(_page(report()))


def test_our_columns_are_not_any_fields_name():
    assert dict(match(("Name", "EmailAddress", "Title", "MessageTypes")).fields).keys() >= {"name"}
    with pytest.raises(Exception, match="required columns missing"):
        match(OURS)


@pytest.mark.parametrize("rules", [Rules(), Rules(chinese_names=False, email_max=64)])
def test_the_template_explains_every_column_in_two_languages_by_the_settings(rules):
    told = words(rules)
    assert tuple(told) == HEADERS
    for english, chinese, _ in told.values():
        assert english.isascii()
        assert any("一" <= letter <= "鿿" for letter in chinese)
        assert len(f"{english}\n{chinese}") <= 255  # what a spreadsheet program shows beside a cell
    assert str(rules.email_max) in told["EmailAddress"][0]
    assert ("Chinese" in told["Name"][0]) == rules.chinese_names


def test_the_templates_lists_fit_into_a_validation():
    assert len(",".join(TITLES)) <= 255
    assert {*MESSAGE_TYPES} < {*HEADERS}
