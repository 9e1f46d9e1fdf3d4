"""The doctor's judgement: what an observation means, and what to do about it."""

from io import StringIO

import pytest
from rich.console import Console

from importer.directory.client import ahead
from importer.directory.outcome import classify, fault
from importer.jobs import judge
from importer.model.operation import Answer, Outcome
from importer.report.health import Check, Health, Level, health

OK = Answer(Outcome.DONE, "ok", status=200)


def refused(action, code, status=400):
    body = f'{{"RequestId": "R", "Code": "{code}", "Message": "CANARY"}}'.encode()
    return classify(action, status=status, headers={}, body=body, now=0.0)


@pytest.mark.parametrize(
    ("skew", "level", "says"),
    [
        (0.4, Level.OK, "within 1 s"),
        (-59.0, Level.OK, "within 59 s"),
        (61.0, Level.WARNING, "61 s behind"),
        (-899.0, Level.WARNING, "899 s ahead of"),
        (900.0, Level.ERROR, "900 s behind"),
        (None, Level.WARNING, "does not say"),
    ],
)
def test_a_clock_is_judged_by_how_far_it_is_off(skew, level, says):
    check = judge.clock(skew)
    assert check.level is level
    assert says in check.says
    assert bool(check.to_do) is (level is not Level.OK)


def test_the_date_of_an_answer_tells_how_far_the_server_is_ahead():
    assert ahead("Tue, 24 Nov 2026 08:00:00 GMT", 1795507200.0) == pytest.approx(0.5)
    assert ahead("Tue, 24 Nov 2026 08:20:00 GMT", 1795507200.0) == pytest.approx(1200.5)
    assert ahead("soon", 0.0) is None


@pytest.mark.parametrize(
    "word",
    ["DNSFailed", "ConnectFailed", "ConnectTimeout", "CertificateFailed", "TLSFailed", "ProxyRefused", "Timeout"],
)
def test_an_endpoint_that_cannot_be_reached_is_an_error_that_says_which_and_what_to_do(word):
    check = judge.endpoint("https://x.example", fault("ListMessageContacts", word, sent=False), 0.1)
    assert check.level is Level.ERROR
    assert word in check.says
    assert check.to_do


def test_an_endpoint_that_refuses_the_key_does_answer_and_one_of_somebody_else_does_not():
    assert judge.endpoint("u", refused("ListMessageContacts", "NoPermission", 403), 0.03).level is Level.OK
    page = classify("ListMessageContacts", status=404, headers={}, body=b"<html>", now=0.0)
    assert judge.endpoint("u", page, 0.03).level is Level.ERROR


@pytest.mark.parametrize("action", [*judge.NEEDED, *judge.FOR_SYNC])
def test_a_right_is_there_when_only_parameters_are_missing_and_not_when_permission_is(action):
    assert judge.writing(action, refused(action, "MissingParameter.ContactId")).level is Level.OK
    denied = judge.writing(action, refused(action, "NoPermission", 403))
    assert denied.level is (Level.ERROR if action in judge.NEEDED else Level.WARNING)
    assert action in denied.says
    assert denied.to_do
    assert "CANARY" not in denied.says + denied.to_do


def test_an_unclear_answer_is_a_warning_and_no_verdict():
    check = judge.writing("AddMessageContact", fault("AddMessageContact", "Timeout", sent=True))
    assert check.level is Level.WARNING
    assert judge.reading(refused("ListMessageContacts", "Throttling.User")).level is Level.WARNING


@pytest.mark.parametrize(("listed", "level"), [(0, Level.OK), (19, Level.OK), (20, Level.WARNING), (25, Level.WARNING)])
def test_contacts_are_held_against_the_setting(listed, level):
    check = judge.places(listed, 20)
    assert check.level is level
    assert f"{listed} of max-contacts 20" in check.says


def test_mails_of_today_are_held_against_the_setting():
    assert judge.sends(99, 100).level is Level.OK
    assert judge.sends(100, 100).level is Level.WARNING


def test_a_ledger_wants_a_local_disk_with_room_that_may_be_written():
    assert judge.disk(judge.Disk("x.db", writable=True, kind="ext4", free=1 << 40)) == []
    assert judge.disk(judge.Disk("x.db", writable=True, kind=None, free=1 << 40)) == []
    bad = judge.disk(judge.Disk("x.db", writable=False, kind="nfs4", free=1 << 20))
    assert [check.level for check in bad] == [Level.ERROR, Level.WARNING, Level.ERROR]
    assert all(check.to_do for check in bad)


def test_the_exit_code_is_4_for_an_error_and_0_for_warnings():
    warning, error = Check("a", Level.WARNING, "x"), Check("b", Level.ERROR, "y", "mend it", "acme")
    assert Health((warning,)).exit_code == 0
    assert Health((warning, error)).exit_code == 4


def test_people_see_a_table_with_what_to_do_and_a_count():
    checks = (Check("clock", Level.OK, "fine"), Check("permission", Level.ERROR, "no", "grant it", "acme"))
    paper = Console(file=StringIO(), width=100)
    for part in health(Health(checks)):
        paper.print(part)
    text = paper.file.getvalue()
    assert "acme" in text
    assert "grant it" in text
    assert text.splitlines()[-1] == "1 error"
