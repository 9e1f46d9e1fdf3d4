"""An encoding that was guessed: names that nobody can have are a sign of a wrong guess."""

import polars as pl
import pytest

from importer.model.contact import Rules
from importer.sheet import Sheet, faults
from importer.sheet.columns import match
from importer.stage.check import check

HEADERS = ("Name", "EmailAddress", "Title", "MessageTypes")
MOJIBAKE = [name.encode("gb18030").decode("cp1252", errors="replace") for name in ("张伟", "李娜", "刘洋", "陈静")]


def checked(*names, guessed=True, headers=HEADERS, fix=False):
    cells = [(name, f"p{number}@example.com", "CEO", "FaultMessage") for number, name in enumerate(names)]
    frame = pl.DataFrame(cells, dict.fromkeys(headers, pl.String), orient="row")
    lines = pl.Series(range(2, len(names) + 2), dtype=pl.UInt32)
    sheet = Sheet(
        "new.csv", None, headers, frame, lines, "digest", faults.frame(), encoding="cp1252", guessed=guessed
    )  # fmt: skip
    return check(sheet, match(headers), Rules(fix_names=fix))


def doubts(result):
    return result.findings.filter(rule="encoding-doubtful").select("row", "severity").rows()


def test_names_that_are_all_refused_are_told_once_for_the_file_with_the_way_out():
    result = checked(*MOJIBAKE)
    assert doubts(result) == [(None, "error")]
    first = result.findings.row(0, named=True)
    assert first["message"] == (
        "4 of the 4 names with letters beyond ASCII are neither English nor Chinese: "
        "the encoding, which was guessed to be cp1252, is likely another."
    )
    assert "--encoding" in first["hint"]
    assert (first["line"], first["column"], first["value"]) == (None, None, None)


def test_a_row_that_happens_to_read_as_a_name_is_refused_with_them_and_ascii_is_not():
    result = checked(*MOJIBAKE * 3, "张伟", "Tom")
    assert doubts(result) == [(None, "error"), (12, "error")]
    assert result.contacts["name"].to_list() == ["Tom"]
    assert result.rejected.to_list() == [*range(13)]


def test_fix_names_takes_no_name_out_of_mojibake():
    assert checked(*MOJIBAKE, "ÑŠç÷", "ÕÅÎ°", fix=True).contacts.is_empty()


@pytest.mark.parametrize(
    ("why", "result"),
    [
        ("the encoding is known", lambda: checked(*MOJIBAKE, guessed=False)),
        ("most names are good", lambda: checked("张伟", "李娜", MOJIBAKE[0])),
        ("no name is beyond ASCII", lambda: checked("Tom", "T0m", "")),
        ("Chinese names with blanks between are Chinese names", lambda: checked("张 伟", "李 娜")),
        ("Chinese names that are too long are Chinese names", lambda: checked("张" * 13, "李" * 20)),
        ("full-width letters are English ones", lambda: checked("Ｔｏｍ　Ｌｅｅ")),
        ("a header reads right", lambda: checked(*MOJIBAKE, headers=("姓名", *HEADERS[1:]))),
    ],
)
def test_there_is_no_doubt_where(why, result):
    assert doubts(result()) == [], why


def test_mojibake_in_another_column_is_refused_too():
    headers = ("Name", "EmailAddress", "Title", "MessageTypes")
    cells = [(name, f"p{n}@example.com", "CEO", "FaultMessage") for n, name in enumerate(MOJIBAKE)]
    cells.append(("Tom", "ÕÅ@example.com", "CEO", "FaultMessage"))
    frame = pl.DataFrame(cells, dict.fromkeys(headers, pl.String), orient="row")
    lines = pl.Series(range(2, 7), dtype=pl.UInt32)
    sheet = Sheet("new.csv", None, headers, frame, lines, "digest", faults.frame(), encoding="cp1252", guessed=True)
    result = check(sheet, match(headers), Rules())
    assert doubts(result) == [(None, "error"), (4, "error")]
    assert result.contacts.is_empty()
