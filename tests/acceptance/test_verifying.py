"""Seeing contacts through to verified, from outside: links that are followed, silence, the day's limit, a kill."""

import csv
import sqlite3
import urllib.request
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from books import ask, private
from conftest import wait_until

SEND = "SendEmailVerificationForMessageContact"
PHONE = "SendPhoneVerificationForMessageContact"
BEGIN = datetime(2026, 11, 23, 10, tzinfo=ZoneInfo("Asia/Shanghai"))


class Office:
    """A file of contacts, a directory in a process of its own, and a calendar that both go by."""

    def __init__(self, shell, serve, count, *limits):
        self.shell, self.days, self.limits = shell, 0.0, limits
        self.server = serve("--now", BEGIN.isoformat(), *limits)
        shell.contacts(count)

    def __call__(self, command, *words, code=0):
        return self.shell.json(command, *self.words(*words), code=code)

    def words(self, *words):
        now = (BEGIN + timedelta(days=self.days)).isoformat()
        return (*words, "--endpoint", self.server.banner["url"], "--now", now, *self.limits)

    def later(self, days):
        self.days += days
        ask(self.server, "POST", "clock", {"advance": days * 86_400})

    def mails(self, channel="email"):
        """How many went to each."""
        return Counter(mail["To"] for mail in self.server.get("outbox") if mail["Channel"] == channel)

    def follow(self, *targets):
        """The people behind these addresses and numbers follow the newest link that they have."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        links = {mail["To"]: mail["Link"] for mail in self.server.get("outbox")}
        for target in targets:
            with opener.open(links[target], timeout=30) as page:
                assert page.status == 200

    def report(self):
        with (self.shell.folder / "waiting.csv").open(encoding="utf-8-sig", newline="") as file:
            return {row["name"]: row for row in csv.DictReader(file)}


@pytest.fixture
def office(shell, serve):
    return lambda count, *limits: Office(shell, serve, count, *limits)


def test_from_the_first_mail_to_verified_or_to_a_person(office):
    """One answers the first mail, one the first reminder, one never; one has a phone and answers there."""
    place = office(3)
    with (place.shell.folder / "contacts.csv").open("a", encoding="utf-8") as file:
        file.write("anna,anna@example.com,86-13900001201,CEO,FaultMessage\n")
    place("run", "contacts.csv")
    place.follow("aaaaa@example.com", "anna@example.com")
    told = place("verify", "--report", "waiting.csv")
    assert told["verification"] == {"verified": 2, "waiting": 2, "reminded": 0, "for_a_person": 0}
    assert told["contacts"]["verified"] == 2
    assert {name: sum(codes.values()) for name, codes in told["calls"].items()} == {
        "ListMessageContacts": 1,
        "ListMessageContactVerifications": 1,
        PHONE: 1,
    }
    rows = place.report()
    first, second = rows["aaaaa"], rows["aaaab"]
    assert (first["verification"], first["since"][:10], first["reminded"]) == ("verified", "2026-11-23", "0")
    assert (second["verification"], second["next_at"][:10]) == ("waiting", "2026-11-26")
    assert (rows["anna"]["phone"], first["phone"]) == ("waiting", "")
    assert private(place.shell.folder / "waiting.csv")

    place.follow("86-13900001201")
    place.later(3.1)
    assert place("verify")["calls"][SEND] == {"ok": 2}
    place.follow("aaaab@example.com")
    place.later(3.1)
    assert place("verify")["calls"][SEND] == {"ok": 1}
    place.later(3.1)
    done = place.shell("verify", *place.words("--report", "waiting.csv"))
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[:4] == [["verified", "3"], ["waiting", "0"], ["reminded", "2"], ["for", "a", "person", "1"]]
    assert "waiting.csv says who and why" in done.stdout
    rows = place.report()
    assert (rows["aaaac"]["verification"], rows["aaaac"]["reminded"]) == ("for_a_person", "2")
    assert rows["aaaac"]["reason"] == "silent: 3 mails and no answer"
    assert rows["aaaab"]["since"][:10] == "2026-11-29", "when it was seen"
    assert rows["anna"]["phone"] == "verified"
    assert place.mails() == {
        f"{name}@example.com": n for name, n in (("aaaaa", 1), ("aaaab", 2), ("aaaac", 3), ("anna", 1))
    }
    assert place.mails("phone") == {"86-13900001201": 1}
    assert [row["state"] for row in place.shell.export()] == ["verified", "verified", "sent", "verified"]


def test_what_the_day_does_not_allow_waits_and_the_exit_code_says_so(office):
    place = office(4, "--daily-sends", 4)
    place("run", "contacts.csv")
    place.later(3.1)
    told = place("verify", "--reserve", 1, code=3)
    assert told["calls"][SEND] == {"ok": 3}
    assert told["deferred"] == {"count": 1, "reason": "daily-sends", "until": "2026-11-27T00:00:00+08:00"}
    assert told["next_action_at"] == "2026-11-27T00:00:00+08:00"
    assert SEND not in place("verify", "--reserve", 1, code=3)["calls"]
    place.later(1)
    assert place("verify", "--reserve", 1)["calls"][SEND] == {"ok": 1}
    assert set(place.mails().values()) == {2}


def test_a_kill_amid_the_reminders_leaves_each_planned_once_and_sent_once(office):
    place = office(20)
    place("run", "contacts.csv")
    place.later(3.1)
    process = place.shell.start("verify", *place.words("--calls-per-second", 4))
    wait_until(lambda: sum(place.mails().values()) >= 23)
    process.kill()
    process.communicate()
    assert reminders(place.shell.folder) == {1: 20}
    assert sum(place.mails().values()) < 40
    told = place("verify")
    assert told["verification"]["reminded"] == 20
    assert reminders(place.shell.folder) == {1: 20}
    mails = place.mails()
    assert min(mails.values()) == 2
    assert sum(mails.values()) <= 40 + 4, "one more, at most, for each that was under way"


def reminders(folder):
    """Planned reminders by number."""
    with sqlite3.connect(f"file:{folder}/importer.db?mode=ro", uri=True) as ledger:
        return dict(ledger.execute("select reminder, count(*) from operations where reminder > 0 group by 1"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--report", "waiting.xlsx"), "ends in .csv"),
        (("--remind-after", "soon", "--reminders", "-1"), "remind-after"),
        ((), "there is no ledger"),
    ],
)
def test_mistakes_get_one_line_and_nothing_is_sent(shell, words, says):
    done = shell("verify", "--emulator", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""


def test_a_ledger_that_does_not_know_the_directory_says_so(shell):
    shell.contacts(1)
    shell.json("run", "contacts.csv", "--emulator")
    (shell.folder / "importer.toml").write_text("[profiles.other]\nmax_contacts = 5\n", encoding="utf-8")
    done = shell("verify", "--emulator", "--profile", "other")
    assert done.returncode == 2
    assert "importer.db knows no directory of profile other at loopback" in done.stderr
    assert "importer run FILE" in done.stderr
