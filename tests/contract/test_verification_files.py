"""The report of verify as a file: every contact once, those for a person first, nothing that a program evaluates."""

import csv
from dataclasses import replace

from importer.model.operation import State, Status
from importer.model.standing import Followed, Place, Standing, Way
from importer.report.verification import COLUMNS, write_csv

NOON = 1_700_000_000.0
ANNA = Followed(1, "anna", "anna@example.com", "86-13900001234", "c-1", State.SENT, file="a.csv", line=2)


def written(tmp_path, *standings):
    path = tmp_path / "waiting.csv"
    write_csv(standings, "Asia/Shanghai", path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_each_contact_has_a_line_and_those_for_a_person_come_first_the_longest_waiting_of_them_first(tmp_path):
    standings = [
        Standing(replace(ANNA, name="a"), Place.VERIFIED, since=NOON),
        Standing(replace(ANNA, name="b"), Place.WAITING, since=NOON),
        Standing(replace(ANNA, name="c"), Place.PERSON, since=NOON),
        Standing(replace(ANNA, name="d"), Place.PERSON, since=NOON - 60),
    ]
    assert [row["name"] for row in written(tmp_path, *standings)] == ["d", "c", "b", "a"]


def test_times_are_of_the_day_zone_and_what_there_is_not_is_empty(tmp_path):
    mail = Way(7, Status.DONE, 1, "ok", None, NOON, NOON + 86_400, 1)
    told = Standing(replace(ANNA, mail=mail), Place.WAITING, since=NOON, next_at=NOON + 3 * 86_400, phone="waiting")
    (row,) = written(tmp_path, told)
    assert tuple(row) == COLUMNS
    assert row == {
        "file": "a.csv",
        "row": "2",
        "name": "anna",
        "email_address": "anna@example.com",
        "phone_number": "86-13900001234",
        "contact_id": "c-1",
        "verification": "waiting",
        "since": "2023-11-15T06:13:20+08:00",
        "reminded": "1",
        "last_mail_at": "2023-11-16T06:13:20+08:00",
        "next_at": "2023-11-18T06:13:20+08:00",
        "reason": "",
        "phone": "waiting",
        "phone_reminded": "0",
        "last_message_at": "",
    }


def test_a_cell_that_a_spreadsheet_program_would_evaluate_is_neutral(tmp_path):
    """An address may begin so, and so may what a server says."""
    evil = Standing(replace(ANNA, email_address="=1+1@example.com"), Place.PERSON, "=cmd|' /C calc'!A0")
    (row,) = written(tmp_path, evil)
    assert (row["email_address"], row["reason"]) == ("'=1+1@example.com", "'=cmd|' /C calc'!A0")
