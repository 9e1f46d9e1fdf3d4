"""Files made to harm: one clear line each, the process survives, and memory stays small."""

import json
import struct
import subprocess
import sys
import zipfile
import zlib

import pytest

from importer.model.errors import FixFile
from importer.sheet import read
from importer.sheet.columns import letters

LOOK = r"""
import json, re, resource, sys, time
from pathlib import Path
from importer.model.errors import FixFile
from importer.sheet import read
from importer.sheet.columns import letters
start = time.monotonic()
try:
    read(sys.argv[1])
    said = None
except FixFile as error:
    said = [error.message, error.hint]
peak = [resource.getrusage(who).ru_maxrss >> 10 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
own = Path("/proc/self/status")
if own.exists():  # what getrusage tells counts the parent from before the start
    peak[0] = int(re.search(r"VmHWM:\s+(\d+)", own.read_text())[1]) >> 10
print(json.dumps({"said": said, "seconds": time.monotonic() - start, "peak_mb": peak}))
"""
CONTENT = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
)
RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{}" '
    'Target="{}"/></Relationships>'
)
BOOK = (
    '<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)


def xlsx(path, sheet, **others):
    """The least workbook there can be."""
    parts = {
        "[Content_Types].xml": CONTENT,
        "_rels/.rels": RELS.format("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": BOOK,
        "xl/_rels/workbook.xml.rels": RELS.format("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": sheet,
        **others,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def text(reference, value):
    return f'<c r="{reference}" t="inlineStr"><is><t>{value}</t></is></c>'


def rows(*lines):
    return SHEET.format("".join(f'<row r="{number}">{cells}</row>' for number, cells in lines))


def refused(path, capsys, name):
    """Read a file in a process of its own; what it says in one line, with its peak memory printed."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    seen = json.loads(done.stdout)
    with capsys.disabled():
        print(
            f"\n{name}: {path.stat().st_size} bytes, {seen['seconds']:.2f} s, peak {seen['peak_mb']} MB (self, child)"
        )
    assert seen["said"] is not None
    message, hint = seen["said"]
    assert "\n" not in message + hint
    assert hint
    assert max(seen["peak_mb"]) < 1024
    return message


def test_the_least_workbook_is_read(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", rows((1, text("A1", "Name") + text("B1", "Mail")), (2, text("A2", "x"))))
    assert read(path).frame.rows() == [("x", None)]


def test_a_cell_in_the_farthest_corner(tmp_path, capsys):
    path = xlsx(tmp_path / "far.xlsx", rows((1, text("A1", "Name")), (1_048_576, text("XFD1048576", "x"))))
    assert "memory" in refused(path, capsys, "far cell") or "claims" in refused(path, capsys, "far cell")


def test_a_bomb_of_a_gigabyte(tmp_path, capsys):
    path = xlsx(tmp_path / "bomb.xlsx", rows())
    squeezed = zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1)
    with squeezed, squeezed.open("xl/sharedStrings.xml", "w") as part:
        for _ in range(64):
            part.write(bytes(16 << 20))
    assert path.stat().st_size < 6 << 20
    assert "times when decompressed" in refused(path, capsys, "zip bomb")


def test_a_bomb_whose_directory_lies_about_its_size(tmp_path, capsys):
    path = xlsx(tmp_path / "lie.xlsx", SHEET.format("<row/>" * 6_000_000))
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        size = struct.pack("<I", archive.getinfo("xl/worksheets/sheet1.xml").file_size)
    assert data.count(size) >= 2
    path.write_bytes(bytes(data).replace(size, struct.pack("<I", 4000)))
    refused(path, capsys, "lying zip directory")


def test_entities_that_grow(tmp_path, capsys):
    kinds = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol" * 10}">' for n in range(10))
    shared = f'<?xml version="1.0"?><!DOCTYPE sst [{kinds}]><sst><si><t>&e9;</t></si></sst>'
    sheet = rows((1, '<c r="A1" t="s"><v>0</v></c>'))
    path = xlsx(tmp_path / "entities.xlsx", sheet, **{"xl/sharedStrings.xml": shared})
    assert "entities" in refused(path, capsys, "entity bomb")


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"])
def test_an_external_entity_is_never_fetched(tmp_path, capsys, part):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    document = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>' + SHEET.format(
        f'<row r="1">{text("A1", "&e;")}</row>'
    )
    path = xlsx(tmp_path / "fetch.xlsx", rows((1, text("A1", "Name"))), **{part: document})
    assert "the secret" not in refused(path, capsys, f"external entity in {part}")


def test_an_ods_that_repeats_for_ever(tmp_path, capsys):
    path = tmp_path / "repeat.ods"
    cell = (
        '<table:table-cell table:number-columns-repeated="16384" office:value-type="string">'
        "<text:p>x</text:p></table:table-cell>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml",
            '<?xml version="1.0"?><office:document-content '
            'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
            'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
            'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
            f'<table:table table:name="S"><table:table-row table:number-rows-repeated="1048576">{cell}'
            "</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>",
        )
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    refused(path, capsys, "endless ODS")


def ole(entries, *, chain=None):
    """A compound file of one sector for its table and one for its directory; ``chain`` overrides the table."""
    table = [0xFFFFFFFD, 0xFFFFFFFE] + [0xFFFFFFFF] * 126
    for index, value in (chain or {}).items():
        table[index] = value
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
        0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0,
    ) + struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)  # fmt: skip
    directory = b""
    for name, kind, start, size in entries:
        raw = name.encode("utf-16-le")
        directory += struct.pack(
            "<64sHBBIII16xIQQIQ", raw, len(raw) + 2, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, 1 if kind == 5 else 0xFFFFFFFF,
            0, 0, 0, start, size,
        )  # fmt: skip
    return header + struct.pack("<128I", *table) + directory.ljust(512, b"\0")


def test_a_compound_file_whose_sectors_go_in_a_circle(tmp_path, capsys):
    path = tmp_path / "loop.xls"
    path.write_bytes(ole([("Root Entry", 5, 1, 0), ("Workbook", 2, 1, 1 << 30)], chain={1: 1}))
    refused(path, capsys, "OLE loop")


def test_an_encrypted_workbook_says_so(tmp_path, capsys):
    path = tmp_path / "locked.xlsx"
    path.write_bytes(ole([("Root Entry", 5, 0xFFFFFFFE, 0), ("EncryptedPackage", 2, 0xFFFFFFFE, 0)]))
    assert "protected by a password" in refused(path, capsys, "encrypted workbook")


def test_a_zip_with_a_password_says_so(tmp_path):
    path = xlsx(tmp_path / "locked.xlsx", rows((1, text("A1", "Name"))))
    data = bytearray(path.read_bytes())
    place = data.find(b"PK\x01\x02")
    data[place + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(FixFile, match="protected by a password"):
        read(path)


def test_parts_outside_the_workbook_are_refused(tmp_path):
    for name in ("../../etc/passwd", "..\\evil.xml", "C:evil.xml"):
        with pytest.raises(FixFile, match="outside the workbook"):
            read(xlsx(tmp_path / "path.xlsx", rows((1, text("A1", "Name"))), **{name: "x"}))


def test_a_zip_of_too_many_parts_is_refused(tmp_path):
    parts = {f"xl/part{number}.bin": "" for number in range(10_001)}
    with pytest.raises(FixFile, match="parts, which no workbook does"):
        read(xlsx(tmp_path / "many.xlsx", rows((1, text("A1", "Name"))), **parts))


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ("word/document.xml", "a Word document"),
        ("ppt/presentation.xml", "a presentation"),
        ("notes.txt", "a zip archive"),
    ],
)
def test_other_zips_are_told_apart(tmp_path, part, what):
    path = tmp_path / "other.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(part, "x")
    with pytest.raises(FixFile, match=f"is {what}"):
        read(path)


def test_an_empty_row_at_the_far_end_costs_nothing(tmp_path):
    path = xlsx(tmp_path / "row.xlsx", rows((1, text("A1", "Name") + text("B1", "Mail")), (999_999_999, "")))
    assert read(path).frame.height == 0


def test_the_child_learns_no_credentials(tmp_path):
    code = (
        "import os; os.environ['ALIBABA_CLOUD_ACCESS_KEY_SECRET'] = 'x'; from importer.sheet import sandbox; "
        "import sys; sys.exit('ALIBABA_CLOUD_ACCESS_KEY_SECRET' in sandbox.environment())"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0


def test_a_gzip_bomb_inside_limits_is_told_by_its_ratio(tmp_path):
    squeeze = zlib.compressobj(9, wbits=31)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(b"".join(squeeze.compress(b"a," * (8 << 20)) for _ in range(6)) + squeeze.flush())
    with pytest.raises(FixFile, match="which no spreadsheet does"):
        read(path)


ERROR = '<c r="{}" t="e"><v>#N/A</v></c>'
TABLE = (1, text("A1", "Name") + text("B1", "EmailAddress")), (2, text("A2", "Tom") + text("B2", "t@x.cn"))


@pytest.mark.parametrize("reference", ["A99999999999", "ZZZ3", "A0", "A9999999", "XFD1048577", "B" + "9" * 5000])
def test_cells_beyond_any_sheet_are_an_ordinary_matter(tmp_path, reference):
    """Whatever the parser makes of them: a table or a refusal, with the process alive."""
    for cell in (
        ERROR.format(reference),
        f'<c r="{reference}"><f>A1</f></c>',
        f'<c r="{reference}" t="b"><v>1</v></c>',
    ):
        path = xlsx(tmp_path / "beyond.xlsx", rows(*TABLE, (3, cell)))
        try:
            sheet = read(path)
        except FixFile as refusal:
            found = refusal.message
        else:
            found = sheet.frame.row(0)[:2]
        assert found == ("Tom", "t@x.cn") or isinstance(found, str)


def test_formulas_without_values_far_away_are_not_filled_in_between(tmp_path, capsys):
    far = "".join(
        f'<row r="{row}"><c r="{column}{row}"><f>A1</f></c></row>' for row in (9, 1_048_576) for column in ("C", "XFD")
    )
    path = xlsx(tmp_path / "far.xlsx", rows(*TABLE).replace("</sheetData>", far + "</sheetData>"))
    sheet = read(path)
    assert sheet.frame.row(0)[:2] == ("Tom", "t@x.cn")
    wide = "".join(f'<c r="{letters(column)}1048576"><f>A1</f></c>' for column in range(16384))
    path = xlsx(tmp_path / "wide.xlsx", rows(*TABLE, (1_048_576, wide)))
    assert "memory" in refused(path, capsys, "formulas in the farthest row")


def test_merged_cells_and_hidden_rows_without_end_cost_nothing(tmp_path):
    merged = '<mergeCells><mergeCell ref="A2:XFD1048576"/><mergeCell ref="A1:ZZZ999999999"/></mergeCells></worksheet>'
    body = rows(*TABLE, (3, text("A3", "Ann"))).replace("</worksheet>", merged)
    body = body.replace('<row r="3">', '<row r="3" hidden="1">')
    sheet = read(xlsx(tmp_path / "merged.xlsx", body), fill=["Name", "EmailAddress"])
    assert sheet.frame.rows() == [("Tom", "Tom")]


def test_a_sheet_s_name_cannot_break_the_line(tmp_path):
    book = BOOK.replace('name="S"', 'name="S&#10;&#27;[31mred"')
    path = xlsx(tmp_path / "name.xlsx", rows((1, "")), **{"xl/workbook.xml": book})
    with pytest.raises(FixFile) as caught:
        read(path, sheet="1")
    assert (caught.value.message + caught.value.hint).isprintable()
