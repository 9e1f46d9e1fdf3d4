"""The template, filled in by somebody, passes the check; its rules are in the sheet itself."""

import stat
import warnings

import openpyxl
import pytest

from importer.jobs.check import check
from importer.jobs.reading import read
from importer.jobs.template import template
from importer.model.contact import MESSAGE_TYPES, TITLES
from importer.model.errors import FixCommand
from importer.report.template import HEADERS, LAST, TICK
from importer.settings import load


@pytest.fixture
def file(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the writer warns of a validation that it leaves out
        template(tmp_path / "t.xlsx", load())
    return tmp_path / "t.xlsx"


def fill(file, *rows):
    book = openpyxl.load_workbook(file)
    for number, row in enumerate(rows, 2):
        for header, value in row.items():
            book["Contacts"].cell(number, HEADERS.index(header) + 1).value = value
    book.save(file)


def test_a_filled_template_passes_the_check(file):
    fill(
        file,
        {"Name": "张三", "EmailAddress": "zhang@example.com", "PhoneNumber": "13900001234", "Title": "CEO",
         "FaultMessage": TICK, "SecurityMessage": TICK},
        {"Name": "Tom", "EmailAddress": "tom@example.com", "Title": "Other", "ProductMessage": TICK},
    )  # fmt: skip
    found = check(file, load())
    assert found.rows == {"read": 2, "rejected": 0, "duplicate": 0, "accepted": 2}
    assert set(found.findings["severity"]) == {"note"}
    assert found.exit_code == 0


@pytest.mark.parametrize("tick", [TICK, "x", "X", 1, True, "是", "TRUE"])
def test_a_template_passes_with_ticks_of_any_kind_and_a_phone_number_typed_as_a_number(file, tick):
    fill(
        file,
        {"Name": "Ann", "EmailAddress": "ann@example.com", "PhoneNumber": 13900001234, "Title": "other",
         "FaultMessage": tick, "ProductMessage": False, "SecurityMessage": tick},
    )  # fmt: skip
    found = check(file, load())
    assert found.rows["accepted"] == 1
    assert found.exit_code == 0
    (contact,) = read(file, load())[1].contacts.to_dicts()
    assert (contact["phone_number"], contact["message_types"]) == ("86-13900001234", "FaultMessage;SecurityMessage")


def test_an_empty_template_is_told_to_have_no_rows(file):
    found = check(file, load())
    assert found.rows["read"] == 0
    assert "no row below it" in found.findings.filter(rule="no-rows")["message"].item()


def test_the_header_is_the_only_row_and_the_rules_stand_on_a_page_of_their_own(file):
    book = openpyxl.load_workbook(file)
    contacts, rules = book.worksheets
    assert [cell.value for cell in contacts[1]] == list(HEADERS)
    assert contacts.max_row == 1
    text = " ".join(str(cell.value) for row in rules for cell in row if cell.value)
    for word in (*HEADERS, *TITLES, *TITLES.values(), *MESSAGE_TYPES.values(), "必填", "Required", "86-13900001234"):
        assert word in text


def validations(file):
    page = openpyxl.load_workbook(file)["Contacts"]
    return {str(one.sqref).rstrip("0123456789").split(":")[0][0]: one for one in page.data_validations.dataValidation}


def test_title_is_chosen_from_a_list_and_message_types_are_ticked(file):
    found = validations(file)
    assert (found["D"].type, found["D"].formula1) == ("list", f'"{",".join(TITLES)}"')
    for letter in "EFGHIJ":
        assert (found[letter].type, found[letter].formula1) == ("list", f'"{TICK}"')
    assert {str(one.sqref) for one in found.values()} == {f"{letter}2:{letter}{LAST}" for letter in "ABCDEFGHIJ"}


def test_length_and_uniqueness_are_checked_by_the_spreadsheet_program(file):
    found = validations(file)
    assert "LEN(A2)<=12" in found["A"].formula1
    assert "LEN(A2)>=2" in found["A"].formula1
    assert f"COUNTIF($A$2:$A${LAST},A2)=1" in found["A"].formula1
    assert "LEN(B2)<=128" in found["B"].formula1
    assert f"COUNTIF($B$2:$B${LAST},B2)=1" in found["B"].formula1
    assert found["A"].errorStyle in (None, "stop")
    assert found["C"].errorStyle == "warning"


def test_what_was_pasted_is_coloured_where_it_is_wrong(file):
    page = openpyxl.load_workbook(file)["Contacts"]
    kinds = [rule.type for area in page.conditional_formatting for rule in area.rules]
    assert kinds.count("duplicateValues") == 2
    assert kinds.count("expression") == 5


def test_the_cells_are_text_so_that_a_phone_number_stays_as_typed(file):
    page = openpyxl.load_workbook(file)["Contacts"]
    assert page.column_dimensions["C"].number_format == "@"


def test_the_settings_rules_are_the_templates(tmp_path):
    template(tmp_path / "t.xlsx", load({"email_max": 64, "chinese_names": False}))
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert "LEN(B2)<=64" in validations(tmp_path / "t.xlsx")["B"].formula1
    assert "Chinese" not in book.worksheets[1]["B2"].value


def test_a_file_that_is_there_is_written_over_only_by_force(tmp_path, file):
    before = file.read_bytes()
    with pytest.raises(FixCommand, match="is there already") as caught:
        template(file, load())
    assert "--force" in caught.value.hint
    assert file.read_bytes() == before
    fill(file, {"Name": "Tom"})
    template(file, load(), force=True)
    assert openpyxl.load_workbook(file)["Contacts"].max_row == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["t.xlsx"]


@pytest.mark.parametrize("name", ["t.csv", "t", "nowhere/t.xlsx", "folder.xlsx"])
def test_a_name_that_is_no_workbooks_is_refused(tmp_path, name):
    (tmp_path / "folder.xlsx").mkdir()
    with pytest.raises(FixCommand):
        template(tmp_path / name, load(), force=True)
