"""The books of a history: what the emulated directory truly holds and sent, against what the ledger says."""

import json
import sqlite3
import urllib.request
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from importer.submit.decide import RESENDS

DOUBTS = """
select contacts.contact_id, count(*) from attempts
join operations on operations.id = attempts.operation join contacts on contacts.id = operations.contact
where attempts.kind = 'send_email_verification' and attempts.outcome = 'doubt' group by 1"""
HELD = "select name, contact_id, state from contacts where state not in ('failed', 'deleted')"


@dataclass(frozen=True)
class Books:
    """The figures of one history; ``extra``: mails beyond one for each contact; ``left``: to people, as in doubt."""

    contacts: int
    mails: int
    add_doubts: int
    send_doubts: int
    extra: int
    left: int


def ask(server, method, control, body=None):
    """What a control of the served emulator answers."""
    url = f"{server.banner['url']}/_emulator/{control}"
    data = None if body is None else json.dumps(body).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, data, method=method), timeout=30) as response:
        return json.load(response)


def rows(ledger, sql, *bindings):
    """Rows of a ledger that others may be writing to."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(sql, bindings).fetchall()


def added(ledger):
    """Contacts that the ledger knows to be in the directory; 0 while there is no ledger yet."""
    try:
        return rows(ledger, "select count(*) from contacts where contact_id is not null")[0][0]
    except sqlite3.OperationalError:
        return 0


def attempts(ledger):
    """Calls that the ledger knows of."""
    try:
        return rows(ledger, "select count(*) from attempts")[0][0]
    except sqlite3.OperationalError:
        return 0


def doubts(ledger):
    """Attempts at a mail whose outcome was never learned, by the contact's id."""
    return Counter(dict(rows(ledger, DOUBTS)))


def balanced(state, ledger, count, *, lies=0):
    """Every contact once in directory and ledger, mailed once, and once more at most for each attempt in doubt.

    ``lies``: mails of which the server said that they surely were not sent. Only what stayed in doubt after every
    resend that is allowed may be left to people, mailed or not.
    """
    names = Counter(contact["Name"] for contact in state["contacts"])
    assert [name for name, times in names.items() if times > 1] == []
    assert len(names) == count
    held = {name: (contact_id, stands) for name, contact_id, stands in rows(ledger, HELD)}
    assert {name: held[name][0] for name in held} == {c["Name"]: c["ContactId"] for c in state["contacts"]}
    mails, doubted = Counter(mail["ContactId"] for mail in state["outbox"]), doubts(ledger)
    left = {contact_id for contact_id, stands in held.values() if stands == "in_doubt"}
    assert {contact_id: doubted[contact_id] for contact_id in left if doubted[contact_id] <= RESENDS} == {}
    sent = {contact_id: stands for contact_id, stands in held.values() if contact_id not in left}
    assert set(sent.values()) <= {"sent", "verified"}
    assert [contact_id for contact_id in sent if not mails[contact_id]] == []
    too_many = {c: mails[c] - 1 - doubted[c] for c in mails if mails[c] > 1 + doubted[c]}
    assert sum(too_many.values()) <= lies, f"mails too many, and no doubt about them: {too_many}"
    assert rows(ledger, "pragma integrity_check") == [("ok",)]
    adds = rows(ledger, "select count(*) from attempts where kind = 'add' and outcome = 'doubt'")[0][0]
    extra = sum(times - 1 for times in mails.values())
    return Books(count, mails.total(), adds, doubted.total(), extra, len(left))


def private(path: Path):
    """Whether nobody but its owner may read or write the file."""
    return path.stat().st_mode & 0o077 == 0
