"""`read` on workbooks made here: sheets, cells of every kind, hidden rows, merged cells, other formats."""

import datetime as dt
import re
import zipfile

import pytest
import xlsxwriter

from importer.model.errors import FixFile
from importer.sheet import read

HEAD = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")
TOM = ("Tom", "tom@example.com", "86-13900001234", "CEO", "FaultMessage")
ANN = ("Ann", "ann@example.com", "86-13900001235", "Other", "ServiceMessage")

DAY = dt.datetime(2024, 5, 6)  # noqa: DTZ001 - a spreadsheet's dates have no zone


def make(tmp_path, fill, name="contacts.xlsx", **options):
    path = tmp_path / name
    with xlsxwriter.Workbook(path, options) as book:
        fill(book)
    return path


def rules(sheet):
    return sheet.findings["rule"].to_list()


def table(ws, rows, top=0, left=0):
    for number, row in enumerate(rows):
        ws.write_row(top + number, left, row)


def test_a_plain_workbook_is_read_as_it_is(tmp_path):
    sheet = read(make(tmp_path, lambda book: table(book.add_worksheet("People"), [HEAD, TOM, ANN])))
    assert (sheet.name, sheet.format, sheet.columns) == ("People", "xlsx", HEAD)
    assert sheet.frame.rows() == [TOM, ANN]
    assert sheet.lines.to_list() == [2, 3]
    assert sheet.findings.is_empty()


def test_a_table_away_from_the_corner_keeps_its_row_numbers_and_columns(tmp_path):
    def fill(book):
        ws = book.add_worksheet()
        ws.write(0, 0, "Our contacts")
        table(ws, [HEAD, TOM], top=3, left=2)
        table(ws, [ANN], top=7, left=2)

    sheet = read(make(tmp_path, fill))
    assert sheet.columns == HEAD
    assert sheet.lines.to_list() == [5, 8]
    assert sheet.header_line == 4
    assert sheet.positions == (2, 3, 4, 5, 6)
    assert rules(sheet) == ["lines-above-header"]


def sheets(book):
    table(book.add_worksheet("Hidden one"), [("a", "b"), ("1", "2")])
    book.get_worksheet_by_name("Hidden one").hide()
    book.add_worksheet("Empty")
    table(book.add_worksheet("人员"), [HEAD, TOM])
    table(book.add_worksheet("Later"), [HEAD, ANN])
    book.get_worksheet_by_name("人员").activate()
    book.get_worksheet_by_name("人员").set_first_sheet()


def test_the_first_visible_sheet_with_data_is_read_and_the_others_are_named(tmp_path):
    sheet = read(make(tmp_path, sheets))
    assert sheet.name == "人员"
    (note,) = sheet.findings.to_dicts()
    assert note["rule"] == "other-sheets"
    assert "Hidden one (hidden), Empty, Later" in note["message"]


@pytest.mark.parametrize(
    ("wanted", "name"), [("Later", "Later"), (4, "Later"), ("4", "Later"), ("later ", "Later"), (1, "Hidden one")]
)
def test_a_sheet_is_chosen_by_name_or_number_even_a_hidden_one(tmp_path, wanted, name):
    assert read(make(tmp_path, sheets), sheet=wanted).name == name


def test_a_sheet_that_is_not_there_or_empty_is_refused_with_those_that_are(tmp_path):
    path = make(tmp_path, sheets)
    with pytest.raises(FixFile, match="there is no sheet Nobody") as caught:
        read(path, sheet="Nobody")
    assert "1 Hidden one, 2 Empty, 3 人员, 4 Later" in caught.value.hint
    with pytest.raises(FixFile, match="the sheet Empty is empty"):
        read(path, sheet="Empty")


def test_a_workbook_of_empty_or_hidden_sheets_has_no_data(tmp_path):
    def fill(book):
        book.add_worksheet("Empty")
        table(book.add_worksheet("Hidden"), [HEAD, TOM])
        book.get_worksheet_by_name("Hidden").hide()

    with pytest.raises(FixFile, match="no visible sheet has data"):
        read(make(tmp_path, fill))


def numbers(book):
    ws = book.add_worksheet()
    table(ws, [HEAD])
    for row, number in enumerate((13900001234, 1.3900001234e10, 0.5, -3, 1e15 - 1), 1):
        table(ws, [("Tom", "t@x.cn")], top=row)
        ws.write_number(row, 2, number)
    ws.write_string(6, 2, "1234567890123456789")
    ws.write_number(7, 2, 1234567890123456789)
    ws.write_number(8, 2, 1e15)
    ws.write_string(9, 2, "007")


def test_numbers_become_their_exact_text(tmp_path):
    sheet = read(make(tmp_path, numbers))
    assert sheet.frame["PhoneNumber"].to_list()[:6] == [
        "13900001234", "13900001234", "0.5", "-3", "999999999999999", "1234567890123456789",
    ]  # fmt: skip
    assert sheet.frame["PhoneNumber"][8] == "007"


def test_sixteen_digits_are_refused_as_a_number_and_taken_as_text(tmp_path):
    sheet = read(make(tmp_path, numbers))
    found = sheet.findings.to_dicts()
    assert [(one["rule"], one["row"], one["line"], one["column"]) for one in found] == [
        ("long-number", 6, 8, "PhoneNumber"),
        ("long-number", 7, 9, "PhoneNumber"),
    ]
    assert found[0]["severity"] == "error"
    assert "text" in found[0]["hint"]


def test_a_number_written_with_an_exponent_becomes_its_digits(tmp_path):
    path = make(tmp_path, numbers)
    patch(path, "xl/worksheets/sheet1.xml", b"<v>13900001234</v>", b"<v>1.3900001234E10</v>")
    assert read(path).frame["PhoneNumber"][0] == "13900001234"


def patch(path, part, old, new):
    """Replace bytes in a part of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    assert old in parts[part]
    parts[part] = parts[part].replace(old, new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def kinds(book):
    ws = book.add_worksheet()
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    moment = book.add_format({"num_format": 22})
    plain = book.add_format({"num_format": '0.00 "days"'})
    table(ws, [(*HEAD, "Since", "FaultMessage"), TOM, TOM, TOM, TOM, TOM, TOM])
    ws.write_formula(1, 0, "=NA()", None, "#N/A")
    ws.write_formula(2, 1, "=1/0", None, "#DIV/0!")
    ws.write_datetime(3, 0, DAY, day)
    ws.write_datetime(4, 3, DAY + dt.timedelta(hours=7, minutes=8, seconds=9), moment)
    ws.write_boolean(5, 4, True)
    ws.write_number(6, 2, 13900001234, plain)
    ws.write_datetime(1, 5, DAY, day)
    ws.write_column(2, 5, ["long ago", "long ago"])
    ws.write_boolean(1, 6, True)
    ws.write_boolean(2, 6, False)
    ws.write_formula(3, 6, "=1=1", None, True)


def test_error_cells_are_findings_and_not_blanks(tmp_path):
    sheet = read(make(tmp_path, kinds))
    found = [one for one in sheet.findings.to_dicts() if one["rule"] == "error-cell"]
    assert [(one["row"], one["line"], one["column"], one["value"]) for one in found] == [
        (0, 2, "Name", "#N/A"),
        (1, 3, "EmailAddress", "#DIV/0!"),
    ]
    assert sheet.frame["Name"][0] == "#N/A"


def test_dates_and_booleans_are_findings_where_text_belongs_and_only_there(tmp_path):
    sheet = read(make(tmp_path, kinds))
    found = [one for one in sheet.findings.to_dicts() if one["rule"] in ("date-cell", "boolean-cell")]
    assert [(one["rule"], one["row"], one["column"]) for one in found] == [
        ("date-cell", 2, "Name"),
        ("date-cell", 3, "Title"),
        ("boolean-cell", 4, "MessageTypes"),
    ]
    assert sheet.frame["Name"][2] == "2024-05-06"
    assert sheet.frame["Title"][3] == "2024-05-06 07:08:09"
    assert sheet.frame["Since"][0] == "2024-05-06"
    assert sheet.frame["FaultMessage"].to_list()[:4] == ["TRUE", "FALSE", "TRUE", None]
    assert sheet.frame["PhoneNumber"][5] == "13900001234"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb'<c r="(\w+)"([^>]*?)(/?)>', rb'<c\2 r="\1"\3>'),
        (rb'<c r="(\w+)"', rb"<c  r = '\1'"),
        (rb'<c r="\w+"', rb"<c"),
        (rb"<(/?)(row|c|v|f|sheetData|sheetViews?|worksheet|dimension|sheetFormatPr|pageMargins)\b", rb"<\1x:\2"),
    ],
)
def test_the_kinds_of_cells_are_told_however_the_sheet_is_written(tmp_path, old, new):
    plain = read(make(tmp_path, kinds))
    path = make(tmp_path, kinds, "other.xlsx")
    part = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(path) as archive:
        before = archive.read(part)
    after = re.sub(old, new, before).replace(b"<x:worksheet xmlns=", b"<x:worksheet xmlns:x=")
    assert after != before
    patch(path, part, before, after)
    sheet = read(path)
    assert sheet.frame.equals(plain.frame)
    assert sheet.findings.equals(plain.findings)


def test_where_no_header_is_known_every_column_matters(tmp_path):
    def fill(book):
        ws = book.add_worksheet()
        table(ws, [("id", "what"), ("1", "x")])
        ws.write_formula(1, 1, "=NA()", None, "#N/A")

    assert rules(read(make(tmp_path, fill))) == ["error-cell"]


def test_formulas_give_their_cached_value_and_one_without_is_a_finding(tmp_path):
    def fill(book):
        ws = book.add_worksheet()
        table(ws, [HEAD, TOM, ANN])
        ws.write_formula(1, 0, '="T"&"om"', None, "Tomas")
        ws.write_formula(2, 1, "=A2&B2", None, 42)
        ws.write_formula(1, 2, '=""', None, "gone")

        ws.write_formula(2, 3, "=A2", None, 43)

    path = make(tmp_path, fill)
    patch(path, "xl/worksheets/sheet1.xml", b"<v>gone</v>", b"<v></v>")
    patch(path, "xl/worksheets/sheet1.xml", b"<f>A2</f><v>43</v>", b'<f t="shared" si="0"/>')
    patch(path, "xl/worksheets/sheet1.xml", b"<v>42</v>", b"<v></v>")
    sheet = read(path)
    assert sheet.frame["Name"][0] == "Tomas"
    found = sheet.findings.select("rule", "row", "column", "value").rows()
    assert found == [
        ("formula-without-value", 1, "EmailAddress", "=A2&B2"),
        ("formula-without-value", 1, "Title", "="),
    ]
    assert sheet.frame["PhoneNumber"][0] is None


def test_hidden_and_filtered_rows_are_left_out_and_said(tmp_path):
    def fill(book):
        ws = book.add_worksheet()
        table(ws, [HEAD, TOM, ANN, TOM, ANN, TOM])
        ws.autofilter("A1:E6")
        ws.filter_column("A", "x == Tom")
        ws.set_row(2, options={"hidden": True})
        ws.set_row(4, options={"hidden": True})
        ws.set_row(9, options={"hidden": True})

    path = make(tmp_path, fill)
    sheet = read(path)
    assert sheet.frame["Name"].to_list() == ["Tom", "Tom", "Tom"]
    assert sheet.lines.to_list() == [2, 4, 6]
    (note,) = sheet.findings.to_dicts()
    assert (note["rule"], note["severity"]) == ("hidden-rows", "note")
    assert "2 rows" in note["message"]
    assert note["message"].endswith("3, 5")
    assert "--hidden include" in note["hint"]
    everything = read(path, hidden="include")
    assert everything.lines.to_list() == [2, 3, 4, 5, 6]
    assert everything.findings.is_empty()


def test_merged_cells_are_filled_only_in_columns_named_for_it(tmp_path):
    def fill(book):
        ws = book.add_worksheet()
        table(ws, [HEAD, TOM[:3], TOM[:3], TOM[:3]])
        ws.merge_range("D2:D4", "CEO")
        ws.merge_range("E2:E3", "FaultMessage")
        ws.write(3, 4, "FaultMessage")

    path = make(tmp_path, fill)
    sheet = read(path)
    assert sheet.frame["Title"].to_list() == ["CEO", None, None]
    (warning,) = sheet.findings.to_dicts()
    assert (warning["rule"], warning["severity"]) == ("merged-cells", "warning")
    assert "D2:D4, E2:E3" in warning["message"]
    filled = read(path, fill=["title"])
    assert filled.frame["Title"].to_list() == ["CEO"] * 3
    assert filled.frame["MessageTypes"].to_list() == ["FaultMessage", None, "FaultMessage"]


def test_a_totals_row_and_a_second_table_are_found_in_workbooks_too(tmp_path):
    def fill(book):
        ws = book.add_worksheet()
        table(ws, [HEAD, TOM, ("Total", "1")])
        table(ws, [("Email", "Name"), ("a@x.cn", "Ann")], top=5)

    sheet = read(make(tmp_path, fill))
    assert list(zip(rules(sheet), sheet.findings["line"], strict=True)) == [
        ("totals-row", 3), ("second-table", 6), ("second-table", 7),
    ]  # fmt: skip


def test_a_header_row_that_is_given_is_taken_and_a_blank_one_refused(tmp_path):
    path = make(tmp_path, lambda book: table(book.add_worksheet(), [("a", "b"), ("c", "d"), ("1", "2")]))
    assert read(path, header_row=2).columns == ("c", "d")
    with pytest.raises(FixFile, match="row 7 is no header"):
        read(path, header_row=7)


def test_texts_with_line_breaks_blanks_and_every_alphabet_come_through(tmp_path):
    odd = (" a ", "x\ny", "名字🙂", "<&>\"'", "_x000D_?")
    sheet = read(make(tmp_path, lambda book: table(book.add_worksheet(), [HEAD, odd]), strings_to_urls=False))
    assert sheet.frame.row(0)[:4] == odd[:4]


@pytest.mark.parametrize("name", ["contacts.csv", "contacts.xls", "contacts.txt"])
def test_a_workbook_under_another_name_is_recognised_and_said(tmp_path, name):
    path = make(tmp_path, lambda book: table(book.add_worksheet(), [HEAD, TOM]))
    sheet = read(path.rename(tmp_path / name))
    assert sheet.frame.rows() == [TOM]
    assert rules(sheet) == ["format-recognised"]


def test_a_gzipped_workbook_is_read(tmp_path):
    import gzip

    path = make(tmp_path, lambda book: table(book.add_worksheet(), [HEAD, TOM]))
    packed = tmp_path / "contacts.xlsx.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read(packed).frame.rows() == [TOM]


def ods(tmp_path, *tables, styles=""):
    content = (
        '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" '
        f'office:version="1.3"><office:automatic-styles>{styles}</office:automatic-styles><office:body>'
        f"<office:spreadsheet>{''.join(tables)}</office:spreadsheet></office:body></office:document-content>"
    )
    path = tmp_path / "contacts.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr(
            "META-INF/manifest.xml",
            '<?xml version="1.0"?><manifest:manifest '
            'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            '<manifest:file-entry manifest:full-path="/" '
            'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/></manifest:manifest>',
        )
    return path


def cell(text, kind="string", more=""):
    return f'<table:table-cell office:value-type="{kind}" {more}><text:p>{text}</text:p></table:table-cell>'


def line(*cells, more=""):
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


def test_ods_is_read_with_its_repetitions_hidden_rows_and_kinds_of_cells(tmp_path):
    head = line(*map(cell, HEAD))
    tom = line(*map(cell, TOM))
    gap = line('<table:table-cell table:number-columns-repeated="5"/>', more='table:number-rows-repeated="3"')
    away = line(*map(cell, ANN), more='table:visibility="filter" table:number-rows-repeated="2"')
    odd = line(
        cell("6 May", "date", 'office:date-value="2024-05-06"'),
        cell("#N/A", more='calcext:value-type="error" table:formula="of:=NA()"'),
        cell("13900001234", "float", 'office:value="13900001234"'),
        cell("TRUE", "boolean", 'office:boolean-value="true"'),
        cell("FaultMessage"),
    )
    hidden = f'<table:table table:name="Old" table:style-name="ta2">{line(cell("x"))}</table:table>'
    styles = (
        '<style:style style:name="ta2" style:family="table">'
        '<style:table-properties table:display="false"/></style:style>'
    )
    main = f'<table:table table:name="People">{head}{tom}{gap}{away}{odd}</table:table>'
    sheet = read(ods(tmp_path, hidden, main, styles=styles))
    assert (sheet.name, sheet.format, sheet.columns) == ("People", "ods", HEAD)
    assert sheet.frame.row(0) == TOM
    assert sheet.lines.to_list() == [2, 8]
    assert sheet.frame["PhoneNumber"][1] == "13900001234"
    found = sheet.findings.select("rule", "row", "column").rows()
    assert found == [
        ("other-sheets", None, None), ("hidden-rows", None, None),
        ("error-cell", 1, "EmailAddress"), ("date-cell", 1, "Name"), ("boolean-cell", 1, "Title"),
    ]  # fmt: skip
    assert "Old (hidden)" in sheet.findings["message"][0]


def test_a_macro_workbook_is_read_like_any_other(tmp_path):
    path = make(tmp_path, lambda book: table(book.add_worksheet(), [HEAD, TOM]))
    patch(
        path, "[Content_Types].xml",
        b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
        b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
    )  # fmt: skip
    assert read(path.rename(tmp_path / "contacts.xlsm")).frame.rows() == [TOM]


def test_parts_with_backslashes_in_their_paths_are_found(tmp_path):
    path = make(tmp_path, lambda book: table(book.add_worksheet(), [HEAD, TOM]))
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename.replace("/", "\\"): archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    assert read(path).frame.rows() == [TOM]


def test_a_hundred_thousand_rows_come_out_of_the_sandbox_whole(tmp_path):
    rows = [(f"n{i}", f"n{i}@example.com", None, "CEO", "FaultMessage") for i in range(100_000)]
    path = make(tmp_path, lambda book: table(book.add_worksheet(), [HEAD, *rows]), constant_memory=True)
    sheet = read(path)
    assert sheet.frame.rows() == rows
    assert sheet.lines.to_list() == list(range(2, 100_002))
