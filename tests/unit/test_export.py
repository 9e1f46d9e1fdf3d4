"""Exported cells that no spreadsheet program evaluates, and that can be read back."""

import csv
import io
import json

import pytest

from importer.ledger.views import ExportRow
from importer.report.cells import neutral
from importer.report.export import COLUMNS, write_csv, write_jsonl

ROW = ExportRow(
    "f.csv",
    None,
    2,
    "default",
    "Tom",
    "=cmd@example.com",
    None,
    "CEO",
    "FaultMessage",
    "sent",
    "c-1",
    "ok",
    None,
    1,
    "R",
    0.0,
)


@pytest.mark.parametrize("text", ["=1+1", "+86", "-1", "@x", "\tx", "\rx", "'=1", "''=1"])
def test_what_would_be_evaluated_gets_one_apostrophe(text):
    assert neutral(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Tom", "86-139", "o'neil", "'quoted'", ""])
def test_what_would_not_is_left_as_it_is(text):
    assert neutral(text) == text


def test_the_columns_are_those_of_the_contract_and_the_values_come_back():
    file = io.StringIO()
    assert write_csv([ROW], file) == 1
    (row,) = csv.DictReader(io.StringIO(file.getvalue()))
    assert tuple(row) == COLUMNS
    assert ",".join(COLUMNS) == (
        "file,sheet,row,directory,name,email_address,phone_number,title,message_types,state,contact_id,"
        "code,message,attempts,request_id,updated_at"
    )
    assert row["email_address"] == "'=cmd@example.com"
    assert row["updated_at"] == "1970-01-01T00:00:00+00:00"


def test_json_lines_hold_the_values_as_they_are():
    file = io.StringIO()
    assert write_jsonl([ROW, ROW], file) == 2
    first = json.loads(file.getvalue().splitlines()[0])
    assert first["email_address"] == "=cmd@example.com"
    assert first["phone_number"] is None
