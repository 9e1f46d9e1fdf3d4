"""The books of a history: what the emulated directory truly holds and sent, against what the ledger says."""

import json
import sqlite3
import urllib.request
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

DOUBTS = """
select contacts.contact_id, count(*) from attempts
join operations on operations.id = attempts.operation join contacts on contacts.id = operations.contact
where attempts.kind = 'send_email_verification' and attempts.outcome = 'doubt' group by 1"""
HELD = "select name, contact_id, state from contacts where state not in ('failed', 'deleted')"


@dataclass(frozen=True)
class Books:
    """The figures of one history; ``extra``: mails beyond one for each contact."""

    contacts: int
    mails: int
    add_doubts: int
    send_doubts: int
    extra: int


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


def doubts(ledger):
    """Attempts at a mail whose outcome was never learned, by the contact's id."""
    return Counter(dict(rows(ledger, DOUBTS)))


def balanced(state, ledger, count):
    """Every contact once in directory and ledger, mailed once, and once more at most for each attempt in doubt."""
    names = Counter(contact["Name"] for contact in state["contacts"])
    assert [name for name, times in names.items() if times > 1] == []
    assert len(names) == count
    held = {name: (contact_id, mailed) for name, contact_id, mailed in rows(ledger, HELD)}
    assert {name: held[name][0] for name in held} == {c["Name"]: c["ContactId"] for c in state["contacts"]}
    assert {mailed for _, mailed in held.values()} <= {"sent", "verified"}
    mails, doubted = Counter(mail["ContactId"] for mail in state["outbox"]), doubts(ledger)
    assert {contact_id: mails[contact_id] for contact_id, _ in held.values() if not mails[contact_id]} == {}
    assert {c: mails[c] for c in mails if mails[c] > 1 + doubted[c]} == {}, "a mail too many, and no doubt about it"
    assert rows(ledger, "pragma integrity_check") == [("ok",)]
    adds = rows(ledger, "select count(*) from attempts where kind = 'add' and outcome = 'doubt'")[0][0]
    return Books(count, mails.total(), adds, doubted.total(), mails.total() - count)


def private(path: Path):
    """Whether nobody but its owner may read or write the file."""
    return path.stat().st_mode & 0o077 == 0
