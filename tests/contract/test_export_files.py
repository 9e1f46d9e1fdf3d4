"""Exports as files: workbooks and tables that hold the ledger's values as they are, whole or not at all."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from ledgers import Book, row

from importer import check, load, sheet
from importer.jobs.export import FORMATS, _write, export
from importer.jobs.files import whole
from importer.ledger.sqlite import open_sqlite
from importer.ledger.views import ExportRow
from importer.model.errors import FixCommand
from importer.report.export import COLUMNS, FILES, NUMBERS, values, write_parquet, write_xlsx

PLAIN = ExportRow(
    "f.csv", None, 2, "default", "Tom", "tom@example.com", None, "CEO", "FaultMessage", "sent", "c-1", "ok", None, 1,
    "R", 0.5,
)  # fmt: skip
ODD = [
    *(
        "=1+1@example.com",
        "+86-1",
        "-1",
        "@x",
        "'=1",
        "http://example.com/",
        "0012",
        "1e5",
        "TRUE",
        "#N/A",
        "  blanks  ",
    ),
    *(
        "line\nbreak",
        "tab\there",
        "_x0041_",
        "\x01",
        "\x0b\x1f",
        "2026-11-24",
        "王小明",
        "😀",
        "{=1}",
        "</t>&amp;",
        '"',
    ),
]


@pytest.fixture
def settings(tmp_path):
    found = load({"ledger": str(tmp_path / "importer.db")})
    ledger = open_sqlite(found.ledger)
    book = Book(ledger)
    book.stage(row(2, "Tom", "=tom@example.com"), row(3, "Ann", phone_number=None), row(4, "Bob"))
    book.add_all()
    ledger.close()
    return found


def odd():
    """Rows with every odd text in a cell of its own."""
    return [replace(PLAIN, row=number, email_address=text, message=text) for number, text in enumerate(ODD, 2)]


@pytest.mark.parametrize("form", FILES)
def test_every_value_of_a_file_is_the_ledgers(tmp_path, form):
    path = tmp_path / f"export.{form}"
    assert FILES[form](odd(), path) == len(ODD)
    if form == "parquet":
        table = pl.read_parquet(path)
        assert table.schema == {name: pl.Int64 if name in NUMBERS else pl.String for name in COLUMNS}
        assert table.to_dicts() == [values(one) for one in odd()]
        return
    read = sheet.read(path)
    assert read.frame.columns == list(COLUMNS)
    for number, (one, cells) in enumerate(zip(odd(), read.frame.to_dicts(), strict=True)):
        for name, value in values(one).items():
            assert cells[name] == (None if value is None else str(value)), (number, name)


def test_no_cell_of_a_workbook_is_a_formula_a_link_or_a_number_but_the_two_columns_that_count(tmp_path):
    write_xlsx(odd(), tmp_path / "export.xlsx")
    page = openpyxl.load_workbook(tmp_path / "export.xlsx").active
    for cells in page.iter_rows():
        for name, cell in zip(COLUMNS, cells, strict=True):
            kinds = "n" if cell.value is None or (cell.row > 1 and name in NUMBERS) else "s"
            assert cell.data_type == kinds, cell
            assert cell.hyperlink is None


@pytest.mark.parametrize(("rows", "sheets"), [(0, 1), (3, 1), (4, 2), (6, 2), (7, 3)])
def test_what_one_worksheet_does_not_hold_goes_on_in_the_next_under_the_same_header(tmp_path, rows, sheets):
    path = tmp_path / "export.xlsx"
    assert write_xlsx((replace(PLAIN, row=n) for n in range(rows)), path, most=3) == rows
    book = openpyxl.load_workbook(path)
    assert len(book.sheetnames) == sheets
    lines = [list(page.iter_rows(values_only=True)) for page in book]
    assert all(page[0] == COLUMNS for page in lines)
    assert [cells[2] for page in lines for cells in page[1:]] == list(range(rows))


def test_a_cell_longer_than_excel_allows_is_cut_and_a_table_keeps_all_of_it(tmp_path):
    long = replace(PLAIN, message="x" * 40_000)
    write_xlsx([long], tmp_path / "export.xlsx")
    assert len(sheet.read(tmp_path / "export.xlsx").frame["message"][0]) == 32_767
    write_parquet([long], tmp_path / "export.parquet")
    assert len(pl.read_parquet(tmp_path / "export.parquet")["message"][0]) == 40_000


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_for_its_owner_alone_and_nothing_is_left_beside_it(tmp_path, settings, form):
    to = tmp_path / "out" / f"export.{form}"
    to.parent.mkdir()
    assert export(settings, to=to).rows == 3
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert [path.name for path in to.parent.iterdir()] == [to.name]


@pytest.mark.parametrize("form", FORMATS)
def test_a_disk_that_is_full_leaves_the_last_export_as_it_was(tmp_path, form):
    to = tmp_path / "export"
    to.write_text("the last one")

    def endless():
        yield from odd()
        raise OSError(28, "No space left on device")

    with pytest.raises(FixCommand, match="cannot be written: No space left"):
        whole(to, lambda part: _write(form, endless(), part))
    assert to.read_text() == "the last one"
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_a_failing_disk_is_told_as_one_by_the_tables_writer_too():
    with pytest.raises(OSError, match="the disk is full, or fails"):
        write_parquet(odd(), Path("/dev/full"))


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_an_export_that_is_read_back_is_the_same_contacts(tmp_path, settings, form):
    to = tmp_path / f"back.{form}"
    export(settings, to=to)
    checked = check(to, settings)
    assert checked.rows == {"read": 3, "rejected": 0, "duplicate": 0, "accepted": 3}
    cells = sheet.read(to).frame
    held = [json.loads(line) for line in _lines(tmp_path, settings)]
    assert [cell.removeprefix("'") for cell in cells["email_address"]] == [row["email_address"] for row in held]


def _lines(tmp_path, settings):
    export(settings, to=tmp_path / "back.jsonl")
    return (tmp_path / "back.jsonl").read_text(encoding="utf-8").splitlines()


def test_the_name_of_the_file_says_the_format_unless_it_is_said(tmp_path, settings):
    export(settings, to=tmp_path / "a.xlsx")
    export(settings, to=tmp_path / "a.PARQUET")
    export(settings, to=tmp_path / "a.txt")
    export(settings, to=tmp_path / "b.txt", format="jsonl")
    starts = [(tmp_path / name).read_bytes()[:4] for name in ("a.xlsx", "a.PARQUET", "a.txt", "b.txt")]
    assert starts == [b"PK\x03\x04", b"PAR1", b"\xef\xbb\xbff", b'{"fi']


@pytest.mark.parametrize("form", FILES)
def test_what_cannot_be_printed_asks_for_a_file(settings, form):
    with pytest.raises(FixCommand) as refusal:
        export(settings, format=form)
    assert f"--out contacts.{form}" in refusal.value.hint


def test_a_place_that_is_no_file_is_left_alone(tmp_path, settings):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place, what in ((pipe, "no ordinary file"), (tmp_path, "a folder")):
        with pytest.raises(FixCommand, match=what):
            export(settings, to=place)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
