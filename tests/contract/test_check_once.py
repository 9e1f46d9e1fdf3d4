"""One finding for each wrong cell: what reading refuses, a cell or a whole row, is not checked once more."""

import datetime as dt

import pytest
import xlsxwriter

from importer.jobs.check import check
from importer.settings import load

HEAD = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")
TOM = ("Tom", "tom@example.com", "86-13900001234", "CEO", "FaultMessage")
DAY = dt.datetime(2024, 5, 6)  # noqa: DTZ001 - a spreadsheet's dates have no zone


def told(path):
    """Errors as rule, line, column; and the rows that are taken."""
    found = check(path, load())
    errors = found.findings.filter(severity="error").select("rule", "line", "column").rows()
    assert set(found.findings["severity"]) <= {"error", "note"}
    return errors, found.rows["accepted"]


def text(tmp_path, *lines):
    path = tmp_path / "contacts.csv"
    path.write_text("\n".join([",".join(HEAD), ",".join(TOM), *lines, ""]), encoding="utf-8")
    return path


def workbook(tmp_path, column, fill, others=TOM):
    """A good row, and one whose cell in that column ``fill`` writes."""
    path = tmp_path / "contacts.xlsx"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, HEAD)
        page.write_row(1, 0, TOM)
        page.write_row(2, 0, ("Ann", *others[1:]))
        fill(book, page, 2, HEAD.index(column))
    return path


@pytest.mark.parametrize("line", ["T,nobody", "Ann,ann@@example.com,1,Nothing,Nothing,more", ",,,x"])
def test_a_ragged_row_has_one_finding_whatever_its_cells_hold(tmp_path, line):
    assert told(text(tmp_path, line)) == ([("ragged-row", 3, None)], 1)


@pytest.mark.parametrize("line", ["Total,,1,,", "Total,1", "合计：1人,,,,"])
def test_a_row_of_totals_has_one_finding_though_it_lacks_what_contacts_have(tmp_path, line):
    assert told(text(tmp_path, line)) == ([("totals-row", 3, None)], 1)


def test_each_row_of_a_second_table_has_one_finding(tmp_path):
    found = told(text(tmp_path, "", "Department,Floor", "Sales,3", "IT,"))
    assert found == ([("second-table", line, None) for line in (4, 5, 6)], 1)


def an_error(_, page, row, column):
    page.write_formula(row, column, "=NA()", None, "#N/A")


def a_date(book, page, row, column):
    page.write_datetime(row, column, DAY, book.add_format({"num_format": "yyyy-mm-dd"}))


def a_boolean(_, page, row, column):
    page.write_boolean(row, column, True)


def a_formula(_, page, row, column):
    page.write_formula(row, column, '="x"', None, "")


def a_long_number(_, page, row, column):
    page.write_number(row, column, 8613900001234000)


@pytest.mark.parametrize("column", HEAD)
@pytest.mark.parametrize(
    ("rule", "fill"),
    [
        ("error-cell", an_error),
        ("date-cell", a_date),
        ("boolean-cell", a_boolean),
        ("formula-without-value", a_formula),
        ("long-number", a_long_number),
    ],
)
def test_a_cell_that_is_no_text_has_one_finding_in_every_column(tmp_path, column, rule, fill):
    assert told(workbook(tmp_path, column, fill)) == ([(rule, 3, column)], 1)


def test_the_other_cells_of_such_a_row_are_checked(tmp_path):
    others = ("Ann", "ann@@example.com", "", "Nothing", "FaultMessage")
    errors, accepted = told(workbook(tmp_path, "Name", an_error, others))
    assert errors == [("error-cell", 3, "Name"), ("email-syntax", 3, "EmailAddress"), ("title-unknown", 3, "Title")]
    assert accepted == 1
