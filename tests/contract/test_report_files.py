"""Reports as files: lists of findings, and the user's own workbook given back marked up."""

import csv
import json
import stat
import zipfile

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

from importer.jobs.check import check
from importer.jobs.files import whole
from importer.jobs.report import Target
from importer.model.errors import FixCommand
from importer.report import workbook
from importer.report.findings import LISTED
from importer.settings import load
from importer.sheet import read
from importer.sheet.columns import OURS

HEADER = ["Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes"]
GOOD = ["Tom", "tom@example.com", "", "CEO", "FaultMessage"]
BAD = ["X", "=1+1@nowhere", "+86 12", "Chief", "FaultMessage"]
RED, YELLOW = "FFFFC7CE", "FFFFEB9C"


def text(path, *rows, header=HEADER):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def own(path, *rows):
    """A workbook as somebody keeps it: a title above the header, looks, a list, a hidden sheet, a note, a formula."""
    book = openpyxl.Workbook()
    page = book.active
    page.title = "Staff"
    page["A1"] = "Our people"
    page["A1"].font = Font(bold=True, size=20)
    page.merge_cells("A1:E1")
    for number, row in enumerate([HEADER, *rows], 3):
        for place, cell in enumerate(row, 1):
            page.cell(number, place).value = cell or None
            page.cell(number, place).data_type = "s"
    page["C3"].fill = PatternFill("solid", fgColor="FF00FF00")
    page["B4"].comment = Comment("ask her", "Ann")
    page.column_dimensions["B"].width = 33
    page.freeze_panes = "B4"
    page.auto_filter.ref = f"A3:E{3 + len(rows)}"
    page.add_data_validation(DataValidation(type="list", formula1='"CEO,Other"', sqref="D4:D99"))
    notes = book.create_sheet("Notes")
    notes["A1"] = 3
    notes["A2"] = "=A1*2"
    notes.sheet_state = "hidden"
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet2.xml"]
    parts["xl/worksheets/sheet2.xml"] = sheet.replace(b"<f>A1*2</f><v />", b"<f>A1*2</f><v>6</v>").replace(
        b"<f>A1*2</f><v/>", b"<f>A1*2</f><v>6</v>"
    )
    assert parts["xl/worksheets/sheet2.xml"] != sheet
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def reported(file, to):
    """The checkup of a file and what its report told."""
    target = Target.of(to, str(file))
    found = check(file, load())
    return found, target.write(found.report)


# -- lists of findings


def test_a_csv_lists_each_finding_and_no_cell_of_it_is_evaluated(tmp_path):
    found, _ = reported(text(tmp_path / "in.csv", GOOD, BAD), tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == LISTED
    assert len(rows) == found.findings.height >= 4
    cells = {row["cell"]: row["value"] for row in rows}
    assert cells["B3"] == "'=1+1@nowhere"
    assert cells["C3"] == "'+86 12"
    assert not any(value[:1] in "=+-@" for row in rows for value in row.values() if value)


def test_json_lines_list_each_finding_as_it_is(tmp_path):
    found, _ = reported(text(tmp_path / "in.csv", BAD), tmp_path / "out.JSONL")
    rows = [json.loads(line) for line in (tmp_path / "out.JSONL").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == found.findings.height
    assert {row["value"] for row in rows} >= {"=1+1@nowhere", "+86 12"}


def test_a_page_of_html_is_written(tmp_path):
    reported(text(tmp_path / "in.csv", BAD), tmp_path / "out.html")
    assert "email-syntax" in (tmp_path / "out.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "html", "xlsx"])
def test_a_report_is_for_its_owner_alone_and_leaves_nothing_beside_it(tmp_path, kind):
    to = tmp_path / f"out.{kind}"
    to.write_text("an earlier one")
    reported(text(tmp_path / "in.csv", BAD), to)
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", to.name}


def test_a_report_that_breaks_off_leaves_the_earlier_one(tmp_path):
    to = tmp_path / "out.csv"
    to.write_text("an earlier one")

    def broken(part):
        part.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(FixCommand, match="No space left"):
        whole(to, broken)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["an earlier one"]


@pytest.mark.parametrize("name", ["out.pdf", "out", "out.xls", "nowhere/out.csv", "folder.csv"])
def test_a_place_that_will_not_do_is_refused_before_anything_is_done(tmp_path, name):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FixCommand):
        Target.of(tmp_path / name, "in.csv")


def test_the_file_itself_is_never_written_over_whatever_it_is_called(tmp_path):
    file = text(tmp_path / "in.csv", GOOD)
    (tmp_path / "link.csv").symlink_to(file)
    for to in (file, tmp_path / "link.csv", tmp_path / "." / "in.csv"):
        with pytest.raises(FixCommand, match="is the file itself"):
            Target.of(to, str(file))


# -- the user's own workbook


def test_ones_own_workbook_comes_back_marked_up(tmp_path):
    file = own(tmp_path / "in.xlsx", GOOD, BAD)
    _, told = reported(file, tmp_path / "out.xlsx")
    assert told == ()
    page = openpyxl.load_workbook(tmp_path / "out.xlsx")["Staff"]
    assert [page["F3"].value, page["G3"].value] == list(OURS)
    assert [page["F4"].value, page["F5"].value] == ["accepted", "rejected"]
    for cell in ("A5", "B5", "C5", "D5"):
        assert page[cell].fill.fgColor.rgb == RED
        assert page[cell].comment.author == "importer"
    assert "at least 2 are needed" in page["A5"].comment.text
    assert page["E5"].comment is None
    assert page["E5"].fill.fill_type is None
    for header in ("Name: ", "EmailAddress: ", "PhoneNumber: ", "Title: "):
        assert header in page["G5"].value
    assert page["B5"].value == "=1+1@nowhere"
    assert page["B5"].data_type == "s"


def test_a_suggestion_is_in_the_note_and_a_warning_is_yellow(tmp_path):
    row = ["Ann", "ann@gmial.com", "", "Techincal Director", "FaultMessage"]
    reported(own(tmp_path / "in.xlsx", GOOD, row), tmp_path / "out.xlsx")
    page = openpyxl.load_workbook(tmp_path / "out.xlsx")["Staff"]
    assert page["B5"].fill.fgColor.rgb == YELLOW
    assert "Suggested: ann@gmail.com" in page["B5"].comment.text
    assert "Suggested: TechnicalDirector" in page["D5"].comment.text


def test_sheets_layout_and_looks_stay_as_they_were(tmp_path):
    file = own(tmp_path / "in.xlsx", GOOD, BAD)
    reported(file, tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    page = book["Staff"]
    assert [(sheet.title, sheet.sheet_state) for sheet in book] == [("Staff", "visible"), ("Notes", "hidden")]
    assert page["A1"].value == "Our people"
    assert (page["A1"].font.bold, page["A1"].font.size) == (True, 20)
    assert [str(area) for area in page.merged_cells.ranges] == ["A1:E1"]
    assert page["C3"].fill.fgColor.rgb == "FF00FF00"
    assert page["B4"].comment.text == "ask her"
    assert page.column_dimensions["B"].width == 33
    assert page.freeze_panes == "B4"
    assert page.auto_filter.ref == "A3:G5"  # our columns are filtered and sorted together with theirs
    assert [(one.formula1, str(one.sqref)) for one in page.data_validations.dataValidation] == [
        ('"CEO,Other"', "D4:D99")
    ]
    assert book["Notes"]["A2"].value == "=A1*2"


def test_what_a_formula_had_come_to_is_still_there(tmp_path):
    reported(own(tmp_path / "in.xlsx", GOOD, BAD), tmp_path / "out.xlsx")
    assert openpyxl.load_workbook(tmp_path / "out.xlsx", data_only=True)["Notes"]["A2"].value == 6


def formulas(path, results):
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, HEADER)
        for number, (formula, result) in enumerate(results, 1):
            page.write_row(number, 0, [f"N{chr(96 + number)}", f"n{number}@example.com", "", "CEO", "FaultMessage"])
            page.write_formula(number, 1, formula, None, result)
        page.write_row(len(results) + 1, 0, BAD)


def test_addresses_made_by_formulas_are_read_from_the_copy_as_from_the_file(tmp_path):
    file = tmp_path / "in.xlsx"
    formulas(
        file, [('=LOWER("A")&"@x.example"', "a@x.example"), ('="b"&"@y.example"', "b&b<b@y.example"), ("=1=1", True)]
    )
    reported(file, tmp_path / "out.xlsx")
    assert read(tmp_path / "out.xlsx").frame.equals(read(file).frame)
    assert openpyxl.load_workbook(tmp_path / "out.xlsx")["Sheet1"]["B2"].value == '=LOWER("A")&"@x.example"'


def test_a_note_of_the_owners_is_kept_above_ours_and_ours_goes_when_the_cell_is_right(tmp_path):
    rows = [["Ann", "broken", "", "CEO", "FaultMessage"]]
    reported(own(tmp_path / "in.xlsx", *rows), tmp_path / "once.xlsx")
    book = openpyxl.load_workbook(tmp_path / "once.xlsx")
    note = book["Staff"]["B4"].comment
    assert note.text.startswith("ask her\n")
    assert "not an e-mail address" in note.text
    assert note.author == "Ann"
    book["Staff"]["B4"].value = "ann@example.com"
    book.save(tmp_path / "once.xlsx")
    reported(tmp_path / "once.xlsx", tmp_path / "twice.xlsx")
    cell = openpyxl.load_workbook(tmp_path / "twice.xlsx")["Staff"]["B4"]
    assert cell.comment.text == "ask her"
    assert cell.fill.fill_type is None


def test_marking_up_a_marked_file_uses_the_same_two_columns(tmp_path):
    reported(own(tmp_path / "in.xlsx", GOOD, BAD), tmp_path / "once.xlsx")
    book = openpyxl.load_workbook(tmp_path / "once.xlsx")
    for cell, value in {"A5": "Xu", "B5": "xu@example.com", "C5": None, "D5": "CEO"}.items():
        book["Staff"][cell].value = value
    book.save(tmp_path / "once.xlsx")
    found, _ = reported(tmp_path / "once.xlsx", tmp_path / "twice.xlsx")
    assert found.rows["accepted"] == 2
    page = openpyxl.load_workbook(tmp_path / "twice.xlsx")["Staff"]
    assert [cell.value for cell in page[3]] == [*HEADER, *OURS]
    assert [page["F5"].value, page["G5"].value] == ["accepted", None]
    assert page["F5"].fill.fill_type is None
    assert page["A5"].comment is None
    assert page["A5"].fill.fill_type is None


def test_our_columns_stand_beyond_what_is_beside_the_table(tmp_path):
    file = own(tmp_path / "in.xlsx", GOOD, BAD)
    book = openpyxl.load_workbook(file)
    book["Staff"]["H40"] = "a remark far to the right"
    book["Staff"].row_dimensions[40].hidden = True
    book.save(file)
    reported(file, tmp_path / "out.xlsx")
    page = openpyxl.load_workbook(tmp_path / "out.xlsx")["Staff"]
    assert [page["I3"].value, page["J3"].value] == list(OURS)
    assert page["H40"].value == "a remark far to the right"


def test_a_row_that_its_owner_empties_is_gone_though_our_columns_speak_of_it(tmp_path):
    reported(own(tmp_path / "in.xlsx", GOOD, BAD), tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    for cell in ("A5", "B5", "C5", "D5", "E5"):
        book["Staff"][cell].value = None
    book.save(tmp_path / "out.xlsx")
    assert check(tmp_path / "out.xlsx", load()).rows == {"read": 1, "rejected": 0, "duplicate": 0, "accepted": 1}


def test_pictures_that_the_copy_lacks_are_told(tmp_path):
    file = own(tmp_path / "in.xlsx", GOOD)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("xl/media/image1.png", b"no matter what")
    _, (told,) = reported(file, tmp_path / "out.xlsx")
    assert "pictures" in told


@pytest.mark.parametrize(
    "part",
    [
        b'<mergeCells count="1"><mergeCell ref="G1:XFD1048576"/></mergeCells>',
        b'<hyperlinks><hyperlink ref="G1:XFD1048576" location="A1"/></hyperlinks>',
    ],
)
def test_a_workbook_that_would_fill_the_memory_is_written_anew(tmp_path, part, capfd):
    file = own(tmp_path / "in.xlsx", GOOD, BAD)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    start = sheet.index(b"<mergeCells")
    end = sheet.index(b"</mergeCells>") + len(b"</mergeCells>")
    parts["xl/worksheets/sheet1.xml"] = sheet[:start] + part + sheet[end:]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    _, (told,) = reported(file, tmp_path / "out.xlsx")
    assert "could not be marked up as it is" in told
    assert read(tmp_path / "out.xlsx").frame.equals(read(file).frame)


# -- other files, as a new workbook


def test_text_becomes_a_workbook_with_its_own_columns_in_their_places_and_ours(tmp_path):
    header = ["No.", *HEADER, "Remark"]
    rows = [["1", *GOOD, "=HYPERLINK(1)"], ["2", *BAD, " "]]
    file = text(tmp_path / "in.csv", *rows, header=header)
    found, told = reported(file, tmp_path / "out.xlsx")
    assert told == ()
    page = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    assert [cell.value for cell in page[1]] == [*header, *OURS]
    assert page["G2"].value == "=HYPERLINK(1)"
    assert page["G2"].data_type == "s"
    assert page["D3"].value == "+86 12"
    assert page["D3"].number_format == "@"
    assert page["D3"].fill.fgColor.rgb == RED
    assert "Write it like 86-13900001234" in page["D3"].comment.text
    assert [page["H2"].value, page["H3"].value] == ["accepted", "rejected"]
    again = read(tmp_path / "out.xlsx")
    assert again.columns == tuple(header)
    assert again.frame.equals(read(file).frame)
    assert check(tmp_path / "out.xlsx", load()).rows == found.rows


def test_a_row_stays_on_its_line(tmp_path):
    file = tmp_path / "in.csv"
    file.write_text(
        "Our people\n\nName,EmailAddress,Title,MessageTypes\n\nTom,tom@example.com,CEO,FaultMessage\n", encoding="utf-8"
    )
    reported(file, tmp_path / "out.xlsx")
    page = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    assert [page["A3"].value, page["A5"].value] == ["Name", "Tom"]


def test_a_row_with_a_field_too_many_never_passes_for_a_sound_one(tmp_path):
    """Cut into cells it would be: Tom, with one message type instead of two."""
    file = tmp_path / "in.csv"
    file.write_text(
        "Name,EmailAddress,PhoneNumber,Title,MessageTypes\n"
        "Tom,tom@example.com,,CEO,FaultMessage,ServiceMessage\n"
        "Ann,ann@example.com,,CEO,FaultMessage\n",
        encoding="utf-8",
    )
    found, _ = reported(file, tmp_path / "out.xlsx")
    page = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    assert page["A2"].value == "Tom,tom@example.com,,CEO,FaultMessage,ServiceMessage"
    assert page["A2"].fill.fgColor.rgb == RED
    assert check(tmp_path / "out.xlsx", load()).rows == found.rows == {
        "read": 2, "rejected": 1, "duplicate": 0, "accepted": 1,
    }  # fmt: skip


def test_a_large_workbook_is_written_anew_and_that_is_said(tmp_path):
    file = tmp_path / "in.xlsx"
    many = workbook.ROWS_MAX + 1
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        page = book.add_worksheet("Staff")
        page.write_row(0, 0, HEADER)
        for number in range(1, many):
            page.write_row(number, 0, ["X", "x", "", "CEO", "FaultMessage"])
        page.write_boolean(many, 0, True)
        page.write_row(many, 1, ["t@example.com", "", "CEO", "FaultMessage"])
    found, (told,) = reported(file, tmp_path / "out.xlsx")
    assert "large" in told
    again = check(tmp_path / "out.xlsx", load())
    assert again.rows == found.rows
    assert again.report.sheet.name == "Staff"
    last = pl.col("line") == many + 1
    assert found.findings.filter(last)["rule"].to_list() == again.findings.filter(last)["rule"].to_list() != []


def test_more_than_a_worksheet_holds_is_refused_with_what_to_do(tmp_path):
    file = tmp_path / "in.csv"
    file.write_text("Name,EmailAddress,Title,MessageTypes\n" + "\n" * (1 << 20) + "X,x,CEO,Other\n", encoding="utf-8")
    with pytest.raises(FixCommand, match="more rows or columns than a workbook"):
        reported(file, tmp_path / "out.xlsx")
    assert not (tmp_path / "out.xlsx").exists()
