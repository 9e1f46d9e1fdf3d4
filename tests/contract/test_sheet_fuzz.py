"""Arbitrary bytes and mutated workbooks: an ordinary error or a sound sheet, never a traceback, a hang or a flood.

IMPORTER_FUZZ sets how many inputs are tried, a fifth of them workbooks; the figures are printed.
"""

import gzip
import io
import os
import random
import resource
import time
import zipfile

import xlsxwriter

from importer.model.errors import FixFile
from importer.sheet import read

INPUTS = int(os.environ.get("IMPORTER_FUZZ", "1000"))
SEED = int(os.environ.get("IMPORTER_FUZZ_SEED", "1"))
TEXT = (
    "sep=,\n联系人名单\nName,EmailAddress,PhoneNumber,Title,MessageTypes\nTom,tom@example.com,86-13900001234,CEO,"
    '"FaultMessage;\nServiceMessage"\n张三,z@example.cn,,Other,服务消息\n\n"a ""b""",x,y,z,w\nTotal,2,,,\n'
)
PIECES = [
    *(bytes([code]) for code in b'",\n\r\\\t;|= \0\x01\x81\x85\xfe\xff'),
    *(b"\r\n", b"\xef\xbb\xbf", b"sep=", b"\x1f\x8b", b"PK\x03\x04", b"<table>", b"\xe5\xbc", b"\xe2\x80\xa8"),
]
TAGS = [
    *(b"<c r=", b't="s"', b't="e"', b't="b"', b"<v>", b"</v>", b"<row ", b"</row>", b"<f>", b'r="A1"', b's="1"'),
    *(b'r="XFD1048576"', b'hidden="1"', b'<mergeCell ref="A1:XFD1048576"/>', b'r="0"', b'r=""', b"</sheetData>"),
    *(b"&#x0;", b"&amp;", b"99999999999999999999", b"<!--", b"]]>", b"<![CDATA[", b"-1", b"1e999", b"NaN"),
]


def spoil(data, chance, pieces, most=8):
    """A few random cuts, repeats, flips and insertions."""
    raw = bytearray(data)
    for _ in range(chance.randint(1, most)):
        place = chance.randrange(len(raw) + 1)
        match chance.randrange(5):
            case 0:
                del raw[place : place + chance.choice((chance.randint(1, 20), chance.randint(1, 1 + len(raw) // 4)))]
            case 1:
                raw[place:place] = raw[place : place + chance.randint(1, 200)] * chance.randint(1, 20)
            case 2 if place < len(raw):
                raw[place] = chance.randrange(256)
            case 3:
                raw[place:place] = b"".join(chance.choices(pieces, k=chance.randint(1, 6)))
            case _:
                raw[place:place] = chance.randbytes(chance.randint(1, 40))
    return bytes(raw)


def texts(chance):
    encoding = chance.choice(["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
    kind = chance.randrange(6)
    if kind == 0:
        return chance.randbytes(chance.randint(1, 3000))
    if kind == 1:
        return b"".join(chance.choices(PIECES, k=chance.randint(1, 300)))
    data = spoil((TEXT * chance.randint(1, 4)).encode(encoding), chance, PIECES)
    return gzip.compress(data) if kind == 2 else data


def seed_workbook():
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream) as book:
        ws = book.add_worksheet("People")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        ws.write_row(0, 0, ["Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes"])
        for row in range(1, 12):
            ws.write_row(row, 0, [f"n{row}", f"n{row}@example.com", 13900000000 + row, "CEO", "FaultMessage"])
        ws.write_formula(3, 0, "=NA()", None, "#N/A")
        ws.write_boolean(4, 3, True)
        ws.write_number(5, 3, 45000, day)
        ws.merge_range("E7:E9", "ServiceMessage")
        ws.set_row(9, options={"hidden": True})
        book.add_worksheet("Other").hide()
    return stream.getvalue()


def workbooks(chance, seed):
    if chance.randrange(3) == 0:
        return spoil(seed, chance, PIECES)
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(seed)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        chosen = set(
            chance.choices(
                [n for n in names if "sheet1" in n or "workbook" in n or "shared" in n or "styles" in n], k=2
            )
        )
        for name in names:
            data = old.read(name)
            new.writestr(name, spoil(data, chance, TAGS, most=chance.choice((1, 1, 6))) if name in chosen else data)
    return stream.getvalue()


def tried(path, data):
    """Read a file; its outcome, and how long that took."""
    path.write_bytes(data)
    start = time.monotonic()
    try:
        sheet = read(path)
    except FixFile as error:
        if "\n" in error.message:
            raise AssertionError(data) from error
        return "refused", time.monotonic() - start
    assert sheet.frame.height == len(sheet.lines), data
    assert len(sheet.columns) == sheet.frame.width == len(sheet.positions), data
    assert sheet.lines.is_sorted(), data
    rows = sheet.findings["row"].drop_nulls()
    assert rows.is_empty() or rows.max() < sheet.frame.height, data
    return "read", time.monotonic() - start


def report(capsys, name, outcomes):
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) >> 10
    kinds = [outcome for outcome, _ in outcomes]
    slowest = max(seconds for _, seconds in outcomes)
    with capsys.disabled():
        print(
            f"\n{len(outcomes)} {name}: {kinds.count('read')} read, {kinds.count('refused')} refused, "
            f"slowest {slowest:.2f} s, peak {peak} MB"
        )
    assert slowest < 10
    assert "read" in kinds
    assert "refused" in kinds
    assert peak < 1024


def test_arbitrary_bytes_as_csv(tmp_path, capsys):
    chance = random.Random(SEED)
    path = tmp_path / "any.csv"
    report(capsys, "texts", [tried(path, texts(chance)) for _ in range(INPUTS * 4 // 5)])


def test_mutated_workbooks(tmp_path, capsys):
    chance = random.Random(SEED)
    path, seed = tmp_path / "any.xlsx", seed_workbook()
    report(capsys, "workbooks", [tried(path, workbooks(chance, seed)) for _ in range(INPUTS // 5)])
