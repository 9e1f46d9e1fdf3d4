"""`read` on files: what it takes, what it refuses, and what it says of each."""

import gzip
import hashlib
import subprocess
import sys

import polars as pl
import pytest

from importer.model.errors import FixCommand, FixFile
from importer.model.finding import COLUMNS
from importer.sheet import Sheet, read

HEAD = "Name,EmailAddress,PhoneNumber,Title,MessageTypes\n"
ROWS = "Tom,tom@example.com,86-13900001234,CEO,FaultMessage\n张三,z@example.cn,,Other,ServiceMessage\n"
TEXT = HEAD + ROWS


def put(tmp_path, data, name="contacts.csv"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def rules(sheet: Sheet):
    return sheet.findings["rule"].to_list()


def test_a_sheet_has_text_cells_lines_a_digest_and_findings(tmp_path):
    path = put(tmp_path, TEXT)
    sheet = read(path)
    assert sheet.file == str(path)
    assert sheet.name is None
    assert sheet.columns == tuple(HEAD.strip().split(","))
    assert set(sheet.frame.dtypes) == {pl.String}
    assert sheet.frame.row(1) == ("张三", "z@example.cn", None, "Other", "ServiceMessage")
    assert sheet.lines.dtype == pl.UInt32
    assert sheet.lines.to_list() == [2, 3]
    assert sheet.digest == hashlib.sha256(TEXT.encode()).hexdigest()
    assert tuple(sheet.findings.columns) == COLUMNS
    assert sheet.findings.schema["row"] == pl.UInt32
    assert sheet.findings.is_empty()
    assert (sheet.encoding, sheet.guessed, sheet.delimiter, sheet.header_line) == ("utf-8", False, ",", 1)


def test_gzip_is_read_like_the_file_inside(tmp_path):
    data = gzip.compress(HEAD.encode()) + gzip.compress(ROWS.encode())
    sheet = read(put(tmp_path, data, "contacts.csv.gz"))
    assert sheet.frame.equals(read(put(tmp_path, TEXT)).frame)
    assert sheet.digest == hashlib.sha256(data).hexdigest()
    assert sheet.findings.is_empty()


def test_the_standard_input_is_read_for_a_dash():
    code = "from importer.sheet import read; s = read('-'); print(s.file, s.frame.height, s.lines.to_list())"
    done = subprocess.run([sys.executable, "-c", code], input=TEXT.encode(), capture_output=True, check=True)
    assert done.stdout.decode().split() == ["-", "2", "[2,", "3]"]


def test_a_guess_is_said_with_decoded_cells_and_can_be_overridden(tmp_path):
    path = put(tmp_path, TEXT.encode("gb18030"))
    sheet = read(path)
    (note,) = sheet.findings.to_dicts()
    assert sheet.guessed
    assert (note["rule"], note["severity"], note["row"]) == ("encoding-guessed", "note", None)
    assert "gb18030" in note["message"]
    assert "张三" in note["message"]
    assert "--encoding" in note["hint"]
    sure = read(path, encoding="gb18030")
    assert sure.frame["Name"][1] == "张三"
    assert sure.findings.is_empty()


def test_lines_above_the_header_are_left_out_and_said(tmp_path):
    sheet = read(put(tmp_path, "Our contacts\n\n" + TEXT))
    assert sheet.header_line == 3
    assert sheet.lines.to_list() == [4, 5]
    assert rules(sheet) == ["lines-above-header"]


def test_types_parted_by_semicolons_are_no_columns_where_a_header_is_misspelt(tmp_path):
    path = tmp_path / "people.csv"
    all_types = "ServiceMessage;FaultMessage;AccountExpenses;SecurityMessage;ActivityMessage;ProductMessage"
    rows = [f"Ann,a{n}@x.cn,,CEO,{types}" for n, types in enumerate(("ServiceMessage", all_types, ""))]
    path.write_text("\n".join(["Name,Whereabouts,PhoneNumber,Title,MessageTypes", *rows]), encoding="utf-8")
    sheet = read(path)
    assert (sheet.delimiter, sheet.header_line) == (",", 1)
    assert sheet.columns == ("Name", "Whereabouts", "PhoneNumber", "Title", "MessageTypes")


def test_findings_come_file_first_and_then_by_row(tmp_path):
    sheet = read(put(tmp_path, "Our contacts\n" + HEAD + "a,b\n" + ROWS + "c,d,e\n\nTotal,2,,,\n"))
    assert rules(sheet) == ["lines-above-header", "ragged-row", "ragged-row", "totals-row"]
    assert sheet.findings["row"].to_list() == [None, 0, 3, 4]
    assert sheet.findings["line"].to_list() == [None, 3, 6, 8]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (b"\n \n\r\n", "the file is empty"),
        (b",,\n,,\n", "no header row"),
        (b"%PDF-1.7 ...", "is a PDF document"),
        (b"\x89PNG\r\n\x1a\n....", "is a picture"),
        (b"\x1f\x8b\x08\x00damaged", "gzip data"),
        (gzip.compress(b"Name,Mail\n" * 100, mtime=0)[:-12], "gzip data ends too early"),
        (b"\x01\x02\x00\x00" * 99, "neither text nor a spreadsheet"),
        (b'Name,Mail\n"Tom,t@x.cn\nAnn,a@x.cn\n', "line 2 opens a quote that is never closed"),
        (b"PK\x03\x04 and no more", "damaged or cut off"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and no more", "cannot be read as a workbook"),
        (b"<html><body><p>Not found</p></body></html>", "an HTML page without a table"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line_with_a_hint(tmp_path, data, says):
    path = put(tmp_path, data)
    with pytest.raises(FixFile, match=says) as caught:
        read(path)
    assert caught.value.message.startswith(f"{path}: ")
    assert "\n" not in caught.value.message + caught.value.hint
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(FixFile, match="there is no such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(FixFile, match="is a folder"):
        read(tmp_path)
    with pytest.raises(FixFile):
        read("bad\0path.csv")


def test_a_gzip_bomb_is_refused_before_it_is_large(tmp_path):
    import zlib

    squeeze = zlib.compressobj(9, wbits=31)
    data = b"".join(squeeze.compress(bytes(16 << 20)) for _ in range(8)) + squeeze.flush()
    with pytest.raises(FixFile, match="grows to more than"):
        read(put(tmp_path, data, "bomb.csv.gz"))


@pytest.mark.parametrize(
    "options",
    [{"sheet": "Contacts"}, {"delimiter": "ab"}, {"encoding": "nonsense"}, {"header_row": 0}, {"hidden": "maybe"}],
)
def test_an_option_that_does_not_fit_is_the_command_s_fault(tmp_path, options):
    with pytest.raises(FixCommand):
        read(put(tmp_path, TEXT), **options)


def test_a_text_under_a_workbook_s_name_is_read_as_text_and_said(tmp_path):
    sheet = read(put(tmp_path, TEXT, "contacts.xls"))
    assert sheet.frame.height == 2
    (note,) = sheet.findings.to_dicts()
    assert note["rule"] == "format-recognised"
    assert ".xls" in note["message"]


def test_a_few_words_under_a_workbook_s_name_are_no_table(tmp_path):
    with pytest.raises(FixFile, match="a few lines of text"):
        read(put(tmp_path, "The attachment was removed by the mail gateway.", "contacts.xls"))


def test_an_html_table_is_read_with_its_spans_and_without_its_hidden_rows(tmp_path):
    page = """<html><head><meta charset="utf-8"><style>td {color: red}</style></head><body>
    <table><tr><td>menu</td></tr></table>
    <table><tr><th>姓名</th><th>Email</th><th>Title</th><th>Message&nbsp;Types</th></tr>
    <tr><td rowspan=2>Tom</td><td>t@x.cn</td><td>CEO</td><td>Fault<br>Message</td></tr>
    <tr><td>u@x.cn</td><td colspan=2>CEO</td></tr>
    <tr style="display: none"><td>Ann</td><td>a@x.cn</td><td>CEO</td><td>FaultMessage</td></tr>
    <tr><td>A &amp; B<td>b@x.cn<td>CEO<td>FaultMessage</table></body></html>"""
    path = put(tmp_path, page, "contacts.xls")
    sheet = read(path)
    assert sheet.columns == ("姓名", "Email", "Title", "Message Types")
    assert sheet.frame.rows() == [
        ("Tom", "t@x.cn", "CEO", "Fault\nMessage"),
        (None, "u@x.cn", "CEO", None),
        ("A & B", "b@x.cn", "CEO", "FaultMessage"),
    ]
    assert sheet.lines.to_list() == [2, 3, 5]
    assert rules(sheet) == ["format-recognised", "hidden-rows"]
    assert read(path, hidden="include").frame.height == 4
    assert sheet.format == "html"


def test_a_hundred_thousand_rows_are_read_whole(tmp_path):
    rows = "".join(f"n{i},n{i}@example.com,,CEO,FaultMessage\n" for i in range(100_000))
    plain = read(put(tmp_path, HEAD + rows))
    assert plain.frame.height == 100_000
    assert plain.lines.to_list() == list(range(2, 100_002))
    broken = read(put(tmp_path, HEAD + '"a\nb",x,,CEO,FaultMessage\n' + rows))
    assert broken.frame.slice(1).equals(plain.frame)
    assert broken.lines[1] == 4


def test_importing_the_room_does_not_import_polars():
    code = "import importer.sheet, importer.sheet.worker, sys; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
