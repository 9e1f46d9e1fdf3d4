"""Strict: a warning counts as an error and rejects its row; a note never does."""

import polars as pl
import pytest

from importer.model.contact import Rules
from importer.model.finding import Finding, Severity
from importer.sheet import Sheet, faults
from importer.sheet.columns import match
from importer.stage.check import check
from importer.stage.delivery import Reach

HEADERS = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes", "Priority")
GOOD = dict(zip(HEADERS, ("Tom", "tom@example.com", None, "CEO", "FaultMessage", None), strict=True))


def checked(*rows, strict=True, headers=HEADERS, findings=(), ask=None):
    frame = pl.DataFrame(
        [tuple(row.get(header) for header in headers) for row in rows],
        dict.fromkeys(headers, pl.String),
        orient="row",
    )
    lines = pl.Series(range(2, len(rows) + 2), dtype=pl.UInt32)
    sheet = Sheet("contacts.csv", None, tuple(headers), frame, lines, "digest", faults.frame(findings))
    return check(sheet, match(headers), Rules(strict=strict), ask)


WARNED = [
    ("EmailAddress", "tom@gmial.com", "email-domain"),
    ("EmailAddress", "tom@ехаmple.com", "email-lookalike"),
    ("Priority", "soon", "priority-number"),
]


@pytest.mark.parametrize(("column", "cell", "rule"), WARNED)
def test_a_warning_rejects_its_row_and_is_told_as_an_error(column, cell, rule):
    ann = {**GOOD, "Name": "Ann", "EmailAddress": "ann@example.com"}
    lax, strict = (checked({**GOOD, column: cell}, ann, strict=strict) for strict in (False, True))
    assert lax.findings.select("rule", "severity").rows() == [(rule, "warning")]
    assert (lax.rejected.to_list(), lax.contacts["name"].to_list()) == ([], ["Tom", "Ann"])
    assert strict.findings.select("rule", "severity").rows() == [(rule, "error")]
    assert (strict.rejected.to_list(), strict.contacts["name"].to_list()) == ([0], ["Ann"])
    same = strict.findings.drop("severity")
    assert same.equals(lax.findings.drop("severity"))


def test_of_two_contacts_with_one_address_the_second_is_rejected():
    result = checked(GOOD, {**GOOD, "Name": "Ann"})
    assert result.findings.select("row", "rule", "severity").rows() == [(1, "email-shared", "error")]
    assert (result.contacts["row"].to_list(), result.rejected.to_list()) == ([0], [1])


def test_an_address_that_a_rejected_row_has_is_not_shared():
    result = checked({**GOOD, "Priority": "soon"}, {**GOOD, "Name": "Ann"})
    assert result.findings["rule"].to_list() == ["priority-number"]
    assert result.contacts["row"].to_list() == [1]


def test_notes_reject_nothing():
    result = checked({**GOOD, "Name": " Tom ", "Title": "ceo", "PhoneNumber": "13900001234"})
    assert set(result.findings["severity"]) == {"note"}
    assert result.rejected.is_empty()


def test_a_domain_that_takes_no_mail_rejects_its_rows():
    ann = {**GOOD, "Name": "Ann", "EmailAddress": "ann@nowhere.example"}
    result = checked(GOOD, ann, ask=lambda _: Reach({"nowhere.example": "there is no such domain"}))
    assert result.findings.select("row", "rule", "severity").rows() == [(1, "email-undeliverable", "error")]
    assert result.contacts["row"].to_list() == [0]


def test_rows_that_the_network_rejects_share_no_address():
    gone = {**GOOD, "EmailAddress": "both@nowhere.example"}
    result = checked(gone, {**gone, "Name": "Ann"}, ask=lambda _: Reach({"nowhere.example": "there is no such domain"}))
    assert result.findings.select("row", "rule").rows() == [(0, "email-undeliverable"), (1, "email-undeliverable")]


def test_a_warning_of_the_whole_file_rejects_every_row_that_nothing_else_does():
    headers = ("Name", "EmailAddress", "Phone Nmber", "Title", "MessageTypes")
    rows = ({**GOOD, "Phone Nmber": "86-13900001234"}, {**GOOD, "Name": "A", "EmailAddress": "a@example.com"})
    lax, strict = (checked(*rows, headers=headers, strict=strict) for strict in (False, True))
    assert lax.contacts["row"].to_list() == [0]
    assert strict.findings.select("row", "rule", "severity").rows() == [
        (None, "header-near-miss", "error"), (0, "file-refused", "error"), (1, "name-short", "error"),
    ]  # fmt: skip
    assert (strict.contacts.height, strict.rejected.to_list()) == (0, [0, 1])


def test_a_warning_of_reading_counts_as_well():
    told = Finding("merged-cells", Severity.WARNING, "told", row=0, line=2)
    result = checked(GOOD, findings=[told])
    assert result.rejected.to_list() == [0]
    assert checked(GOOD, findings=[told], strict=False).rejected.is_empty()


def test_a_finding_of_a_line_that_is_no_row_is_none_of_the_whole_file():
    told = Finding("merged-cells", Severity.WARNING, "told", line=9)
    assert checked(GOOD, findings=[told]).contacts.height == 1
