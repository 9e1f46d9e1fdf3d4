"""`read` on XLS and XLSB, whose records are written here one by one."""

import struct
import zipfile
from contextlib import suppress

import pytest

from importer.model.errors import FixFile
from importer.sheet import read

HEAD = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")
TOM = ("Tom", "tom@example.com", "86-13900001234", "CEO", "FaultMessage")
ANN = ("Ann", "ann@example.com", "", "Other", "ServiceMessage")
FOUND = [
    ("hidden-rows", None, None),
    ("merged-cells", None, None),
    ("error-cell", 1, "Name"),
    ("date-cell", 2, "Name"),
    ("boolean-cell", 1, "Title"),
    ("long-number", 1, "PhoneNumber"),
]
SHOWN = [
    TOM,
    ("#N/A", "a@x.cn", "1234567890123456768", "TRUE", "FaultMessage"),
    ("2024-05-06", "b@x.cn", "13900001234", "CEO", None),
]


def record(kind, data=b""):
    return struct.pack("<HH", kind, len(data)) + data


def label(row, column, text):
    return record(0x204, struct.pack("<HHHHB", row, column, 0, len(text), 1) + text.encode("utf-16-le"))


def labels(row, cells):
    return b"".join(label(row, column, cell) for column, cell in enumerate(cells) if cell)


def number(row, column, value, style=0):
    return record(0x203, struct.pack("<HHHd", row, column, style, value))


def boolean_or_error(row, column, value, is_error):
    return record(0x205, struct.pack("<HHHBB", row, column, 0, value, is_error))


def row_of(row, hidden):
    return record(0x208, struct.pack("<HHHHHHHH", row, 0, 5, 255, 0, 0, 0x20 if hidden else 0, 15))


def begin(kind):
    return record(0x809, struct.pack("<HHHHII", 0x600, kind, 0x0DBB, 0x07CC, 0, 0x06000000))


def xls(path, *, locked=False):
    sheet = begin(0x10)
    sheet += row_of(2, hidden=True) + labels(0, HEAD) + labels(1, TOM) + labels(2, ANN)
    sheet += boolean_or_error(3, 0, 0x2A, 1) + label(3, 1, "a@x.cn") + number(3, 2, 1234567890123456789)
    sheet += boolean_or_error(3, 3, 1, 0) + label(3, 4, "FaultMessage")
    sheet += number(4, 0, 45418, style=1) + labels(4, ("", "b@x.cn"))
    sheet += number(4, 2, 13900001234) + label(4, 3, "CEO")
    sheet += record(0xE5, struct.pack("<HHHHH", 1, 3, 4, 4, 4)) + record(0x0A)
    styles = b"".join(record(0xE0, struct.pack("<HH16x", 0, one)) for one in (0, 14))
    password = record(0x2F, struct.pack("<H52x", 1)) if locked else b""
    name = "人员".encode("utf-16-le")
    size = len(begin(5)) + len(password) + len(styles) + 4 + 8 + len(name) + 4
    listed = record(0x85, struct.pack("<IBBBB", size, 0, 0, 2, 1) + name)
    path.write_bytes(compound(begin(5) + password + styles + listed + record(0x0A) + sheet))
    return path


def compound(stream):
    """A compound file of one stream: a table of sectors, a directory, and the stream's sectors."""
    stream = stream.ljust(4096, b"\0")
    count = -(-len(stream) // 512)
    table = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, 2 + count), 0xFFFFFFFE]
    table += [0xFFFFFFFF] * (128 - len(table))
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
        0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0,
    ) + struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)  # fmt: skip
    entries = [("Root Entry", 5, 1, 0xFFFFFFFE, 0), ("Workbook", 2, 0xFFFFFFFF, 2, len(stream))]
    directory = b""
    for name, kind, child, start, size in entries:
        directory += struct.pack(
            "<64sHBBIII16xIQQIQ", name.encode("utf-16-le"), 2 * len(name) + 2, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child,
            0, 0, 0, start, size,
        )  # fmt: skip
    return header + struct.pack("<128I", *table) + directory.ljust(512, b"\0") + stream.ljust(count * 512, b"\0")


def small(kind, data=b""):
    """A record of XLSB: kind and size seven bits a byte."""
    first = struct.pack("<B", kind) if kind < 128 else struct.pack("<BB", kind & 0x7F | 0x80, kind >> 7)
    size = b""
    left = len(data)
    while True:
        size += bytes([left & 0x7F | (0x80 if left > 0x7F else 0)])
        left >>= 7
        if not left:
            return first + size + data


def wide(text):
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def cell(column, kind, value, style=0):
    return small(kind, struct.pack("<II", column, style) + value)


def texts(cells):
    return b"".join(cell(column, 6, wide(text)) for column, text in enumerate(cells) if text)


def row_header(row, hidden=False):
    return small(0, struct.pack("<IIHBBBI", row, 0, 300, 0, 0x10 if hidden else 0, 0, 0))


def xlsb(path):
    sheet = small(129) + small(148, struct.pack("<4I", 0, 4, 0, 4)) + small(145)
    sheet += row_header(0) + texts(HEAD) + row_header(1) + texts(TOM) + row_header(2, hidden=True) + texts(ANN)
    sheet += row_header(3) + cell(0, 3, b"\x2a") + cell(1, 6, wide("a@x.cn"))
    sheet += cell(2, 5, struct.pack("<d", 1234567890123456789)) + cell(3, 4, b"\1") + cell(4, 6, wide("FaultMessage"))
    sheet += row_header(4) + cell(0, 5, struct.pack("<d", 45418), style=1) + cell(1, 6, wide("b@x.cn"))
    sheet += cell(2, 5, struct.pack("<d", 13900001234)) + cell(3, 6, wide("CEO"))
    sheet += (
        small(146)
        + small(177, struct.pack("<I", 1))
        + small(176, struct.pack("<4I", 3, 4, 4, 4))
        + small(178)
        + small(130)
    )
    styles = small(278) + small(617, struct.pack("<I", 2))
    styles += (
        b"".join(small(47, struct.pack("<HHHHHBBHH", 0, one, 0, 0, 0, 0, 0, 0, 0)) for one in (0, 14))
        + small(618)
        + small(279)
    )
    book = (
        small(131)
        + small(143)
        + small(156, struct.pack("<II", 0, 1) + wide("rId1") + wide("人员"))
        + small(144)
        + small(132)
    )
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<?xml version="1.0"?><Types xmlns="{package}/content-types">'
            '<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            "</Types>",
        )
        archive.writestr(
            "_rels/.rels",
            f'<?xml version="1.0"?><Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.bin"/></Relationships>',
        )
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            f'<?xml version="1.0"?><Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.bin"/>'
            f'<Relationship Id="rId2" Type="{office}/styles" Target="styles.bin"/></Relationships>',
        )
        for name, data in (("workbook", book), ("worksheets/sheet1", sheet), ("styles", styles)):
            archive.writestr(f"xl/{name}.bin", data)
    return path


@pytest.mark.parametrize(("kind", "write"), [("xls", xls), ("xlsb", xlsb)])
def test_binary_workbooks_are_read_with_hidden_rows_merged_cells_and_kinds_of_cells(tmp_path, kind, write):
    path = write(tmp_path / f"contacts.{kind}")
    sheet = read(path)
    assert (sheet.name, sheet.format, sheet.columns) == ("人员", kind, HEAD)
    assert sheet.frame.rows() == SHOWN
    assert sheet.lines.to_list() == [2, 4, 5]
    found = sheet.findings.select("rule", "row", "column").rows()
    assert sorted(found, key=str) == sorted(FOUND, key=str)
    assert read(path, hidden="include").frame["Name"].to_list() == ["Tom", "Ann", "#N/A", "2024-05-06"]


def test_an_old_workbook_with_a_password_says_so(tmp_path):
    with pytest.raises(FixFile, match="is protected by a password") as refusal:
        read(xls(tmp_path / "locked.xls", locked=True))
    assert "save a copy without the password as .xlsx; so too if it opens without asking" in refusal.value.hint


def before_unicode(path, page):
    """A workbook as Excel 95 wrote it, with its letters in a code page."""

    def start(kind):
        return record(0x809, struct.pack("<HHHH", 0x500, kind, 0x0DBB, 0x07CC))

    def text(row, column, cell):
        return record(0x204, struct.pack("<HHHH", row, column, 0, len(cell)) + cell.encode("ascii"))

    begun = start(5) + record(0x42, struct.pack("<H", page))
    cells = b"".join(
        text(row, column, cell) for row, line in enumerate((HEAD, TOM)) for column, cell in enumerate(line)
    )
    listed = record(0x85, struct.pack("<IBBB", len(begun) + 4 + 7 + 6 + 4, 0, 0, 6) + b"Sheet1")
    whole = compound(begun + listed + record(0x0A) + start(0x10) + cells + record(0x0A))
    new, old = (struct.pack("<64sH", name.encode("utf-16-le"), 2 * len(name) + 2) for name in ("Workbook", "Book"))
    path.write_bytes(whole.replace(new, old))
    return path


def test_a_workbook_from_before_unicode_is_read_in_western_letters_and_refused_in_chinese_ones(tmp_path):
    assert read(before_unicode(tmp_path / "west.xls", 1252)).frame.rows() == [TOM]
    for page in (932, 936, 949, 950, 10008):
        with pytest.raises(FixFile, match="is a workbook from before Excel 97") as refusal:
            read(before_unicode(tmp_path / "east.xls", page))
        assert "save it as .xlsx" in refusal.value.hint


def test_an_old_workbook_under_a_new_name_is_recognised(tmp_path):
    sheet = read(xls(tmp_path / "contacts.xlsx"))
    assert sheet.format == "xls"
    assert sheet.findings["rule"][0] == "format-recognised"


@pytest.mark.parametrize(("kind", "write"), [("xls", xls), ("xlsb", xlsb)])
def test_binary_workbooks_cut_short_are_refused_or_read_in_part(tmp_path, kind, write):
    whole = write(tmp_path / f"whole.{kind}").read_bytes()
    path = tmp_path / f"cut.{kind}"
    for size in range(600, len(whole), len(whole) // 12):
        path.write_bytes(whole[:size])
        with suppress(FixFile):
            assert read(path).columns[0] == "Name"
