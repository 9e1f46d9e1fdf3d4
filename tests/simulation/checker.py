"""What must hold at the end, whatever happened: the truth of the directory against the ledger and the export."""

from collections import Counter

from importer.model.operation import Kind
from importer.submit.decide import RESENDS
from importer.submit.submit import SENDERS

ADD = "AddMessageContact"
SEND = "SendEmailVerificationForMessageContact"


def faults(universe, summary) -> list[str]:
    """Every broken promise, in words; none when all of them were kept."""
    found = [text for text in _places(universe) if text]
    # One row is wrong: 1. Mails whose sending stayed in doubt to the end are left to people: 5.
    if summary is None or summary.exit_code not in (1, 5) or summary.operations["add"]["in_doubt"]:
        found.append(f"unfinished: the last exit code is {summary and summary.exit_code}")
    return found + [text for part in (_truth, _mails, _limits) for text in part(universe)]


def _rows(universe):
    return list(universe.ledger.export())


def _places(universe):
    """Every row of the file in exactly one place."""
    rows = _rows(universe)
    states = Counter(row.state for row in rows)
    expected = universe.scenario.contacts
    if len(rows) != expected + 2 or states["rejected"] != 1 or states["duplicate"] != 1:
        yield f"rows: {dict(states)} of {expected} contacts, a duplicate and a rejected row"
    if len({row.row for row in rows}) != len(rows):
        yield "a row stands in two places"


def _truth(universe):
    """The directory holds exactly what was accepted, with every field, each added once; the ledger knows it."""
    rows = [row for row in _rows(universe) if row.state not in ("rejected", "duplicate")]
    held = {contact.id: contact for contact in universe.directory.contacts.values()}
    for row in rows:
        contact = held.pop(row.contact_id, None)
        if contact is None:
            yield f"lost: row {row.row} is {row.state} and not in the directory"
            continue
        said = (row.name, row.email_address, row.phone_number, row.title, row.message_types)
        have = (contact.name, contact.email, contact.phone, contact.title, ";".join(contact.message_types))
        if said != have:
            yield f"row {row.row} is in the directory with other values"
    for contact in held.values():
        yield f"{contact.id} is in the directory and in no row"
    added = Counter(entry["Name"] for entry in universe.journal.log if entry["effect"] == ADD)
    for name, times in added.items():
        if times > 1:
            yield f"{name} was added {times} times"


def _mails(universe):
    """One mail for each contact, and one more for each attempt whose outcome was in doubt."""
    sent = Counter(mail.contact for mail in universe.directory.mails.values())
    doubts = _doubts(universe)
    for row in _rows(universe):
        if row.state in ("rejected", "duplicate"):
            continue
        mails = sent[row.contact_id]
        if mails > 1 + doubts[row.contact_id]:
            yield f"row {row.row}: {mails} mails with {doubts[row.contact_id]} doubtful attempts"
        if doubts[row.contact_id] > RESENDS + 1 + universe.crashes + universe.stalls:
            yield f"row {row.row}: {doubts[row.contact_id]} doubtful attempts"
        if row.state == "in_doubt" and doubts[row.contact_id] <= RESENDS:
            yield f"row {row.row} is left in doubt after {doubts[row.contact_id]} doubtful attempts"
        if row.state == "sent" and mails == 0:
            yield f"row {row.row} is sent and no mail went out"


def _doubts(universe):
    sql = """select contacts.contact_id, count(*) from attempts
        join operations on operations.id = attempts.operation join contacts on contacts.id = operations.contact
        where attempts.kind = ? and attempts.outcome = 'doubt' group by 1"""
    return Counter(dict(universe.ledger._db.connection.execute(sql, (Kind.SEND_EMAIL.value,))))


def _limits(universe):
    """No limit was met knowingly: the server had to refuse nothing that could have been known."""
    refused = universe.refused
    if count := refused[SEND, "SendValidateCodeExceedsLimitForAccount"]:
        yield f"{count} mails were asked for beyond the day's limit"
    # A process stopped between its turn and its call calls when it wakes: later than it counted, so others may join it.
    if (count := refused[SEND, "SendValidateCodeTooFrequent"]) > SENDERS * universe.stalls:
        yield f"{count} mails were asked for beyond what an address gets in a minute"
    if (count := refused[ADD, "LimitExceeded.Contacts"]) and not universe.scenario.list_lag:
        yield f"{count} adds were asked for without a free place"
    calls = sum(universe.service.calls.values())
    if (count := refused[ADD, "Throttling.User"] + refused[SEND, "Throttling.User"]) > 3 + calls * _bunching(universe):
        yield f"{count} of {calls} calls came too fast, more than a wire that delays them can explain"
    if (count := refused[ADD, "ConcurrentCallNotSupported"]) > 3 * universe.lives + calls / 50 and not _overlaps(
        universe
    ):
        yield f"{count} of {calls} calls met another one: more than finding out how many may go at once takes"
    # A process stopped in the instant between looking at its lease and calling makes that one call when it wakes.
    late = universe.stalls
    if (count := refused[ADD, "InvalidParameter.Name.AlreadyUsed"]) > late and not universe.scenario.list_lag:
        yield f"{count} adds were asked for of names that the directory lists"


def _bunching(universe):
    """The share of evenly spaced calls that a wire may bring so close together that the server finds them too fast."""
    scenario = universe.scenario
    return 0.3 if scenario.latency * scenario.calls_per_second > 1 else 0.05


def _overlaps(universe):
    """Whether a call may have been under way still when its caller had given it up or was gone."""
    scenario = universe.scenario
    return scenario.trouble or scenario.crash or scenario.stall
