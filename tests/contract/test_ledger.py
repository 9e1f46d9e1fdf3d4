"""Every promise of every verb of the ledger, held against each store."""

import json
import re
from dataclasses import replace
from datetime import datetime
from functools import partial

import polars as pl
import psycopg
import pytest
from ledgers import CLOCK, NOON, TTL, Book, Dated, added, attempt, doubtful, failed, names, row, sent, sheet

from importer.ledger.port import LeaseHeld, LeaseLost
from importer.ledger.sqlite import open_sqlite
from importer.ledger.values import DELETING, KNOWN, Change, Chase, Deferral, Lease, Observed, Run, Step, Stranger
from importer.ledger.views import Calls
from importer.model.contact import Contact
from importer.model.errors import FixLedger
from importer.model.operation import Kind, Outcome, State, Status


@pytest.fixture(scope="session")
def clockwork(server, template):
    """The address of a database with a clock that shows what it is told."""
    url = server.url(server.database(template))
    with psycopg.connect(url) as connection:
        connection.execute(CLOCK)
    return url


@pytest.fixture
def postgres(server, clockwork):
    """Opens the store in PostgreSQL."""
    server.empty(clockwork)
    return partial(Dated.opened, clockwork)


@pytest.fixture
def sqlite(tmp_path):
    return partial(open_sqlite, tmp_path / "importer.db")


@pytest.fixture(params=["sqlite", "postgres"])
def connect(request):
    """Opens the store; each call is a further connection to the same one."""
    another, opened = request.getfixturevalue(request.param), []

    def connect():
        opened.append(another())
        return opened[-1]

    yield connect
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(connect):
    return connect()


@pytest.fixture
def book(ledger):
    return Book(ledger)


# -- directories


def test_a_directory_keeps_its_number(ledger):
    first = ledger.directory("default", "a.example.com")
    assert ledger.directory("default", "a.example.com") == first
    assert ledger.directory("other", "a.example.com") != first


def test_only_a_directory_that_was_met_is_found(ledger):
    assert ledger.find("default", "loopback") is None
    number = ledger.directory("default", "loopback")
    assert ledger.find("default", "loopback") == number
    assert ledger.find("default", "a.example.com") is None


def test_a_profile_with_another_host_is_refused_and_both_hosts_are_named(ledger):
    ledger.directory("default", "a.example.com")
    with pytest.raises(FixLedger, match=r"a\.example\.com.*b\.example\.com") as refusal:
        ledger.directory("default", "b.example.com")
    assert refusal.value.hint


def test_a_rehearsal_stands_beside_the_real_directory(ledger):
    rehearsal = ledger.directory("default", "loopback")
    assert ledger.directory("default", "a.example.com") != rehearsal
    assert ledger.directory("default", "loopback") == rehearsal


# -- leases


def test_a_lease_is_held_by_one_owner_and_the_refusal_says_who_since_when_and_until_when(ledger):
    number = ledger.directory("default", "loopback")
    ledger.acquire(number, "host pid 7 run a", now=NOON, ttl=TTL)
    with pytest.raises(LeaseHeld) as refusal:
        ledger.acquire(number, "host pid 8 run b", now=NOON + 1, ttl=TTL)
    told = refusal.value.message
    assert "default" in told
    assert "host pid 7 run a" in told
    times = [datetime.fromisoformat(text).timestamp() for text in re.findall(r"\d{4}-\S+T\S+[+-]\d\d:\d\d", told)]
    assert times == [NOON, NOON + TTL]
    assert refusal.value.hint
    assert refusal.value.exit_code == 75


def test_a_lease_is_free_once_it_has_expired_and_not_before(ledger):
    number = ledger.directory("default", "loopback")
    first = ledger.acquire(number, "a", now=NOON, ttl=TTL)
    with pytest.raises(LeaseHeld):
        ledger.acquire(number, "b", now=NOON + TTL - 0.001, ttl=TTL)
    second = ledger.acquire(number, "b", now=NOON + TTL, ttl=TTL)
    assert second.token > first.token


def test_a_lease_of_a_dead_owner_can_be_taken_at_once_and_of_nobody_else(ledger):
    number = ledger.directory("default", "loopback")
    first = ledger.acquire(number, "a", now=NOON, ttl=TTL)
    with pytest.raises(LeaseHeld):
        ledger.acquire(number, "b", now=NOON, ttl=TTL, dead="c")
    second = ledger.acquire(number, "b", now=NOON, ttl=TTL, dead="a")
    assert second.token > first.token


def test_tokens_grow_over_releases_too(ledger):
    number = ledger.directory("default", "loopback")
    tokens = []
    for owner in ("a", "a", "b"):
        lease = ledger.acquire(number, owner, now=NOON, ttl=TTL)
        tokens.append(lease.token)
        ledger.release(lease)
    assert tokens == sorted(set(tokens))


def test_the_holder_is_the_lease_as_it_stands(ledger):
    number = ledger.directory("default", "loopback")
    assert ledger.holder(number) is None
    lease = ledger.acquire(number, "a", now=NOON, ttl=TTL)
    assert ledger.holder(number) == lease
    ledger.release(lease)
    assert ledger.holder(number) is None


def test_renewing_pushes_the_expiry_back(ledger):
    number = ledger.directory("default", "loopback")
    lease = ledger.acquire(number, "a", now=NOON, ttl=TTL)
    renewed = ledger.renew(lease, now=NOON + 50, ttl=TTL)
    assert renewed == Lease(number, "a", lease.token, NOON + 50 + TTL)
    assert ledger.holder(number) == renewed
    with pytest.raises(LeaseHeld):
        ledger.acquire(number, "b", now=NOON + TTL, ttl=TTL)


def test_an_expired_lease_that_nobody_took_can_be_renewed(ledger):
    number = ledger.directory("default", "loopback")
    lease = ledger.acquire(number, "a", now=NOON, ttl=TTL)
    assert ledger.renew(lease, now=NOON + 10 * TTL, ttl=TTL).token == lease.token


def test_releasing_a_lost_lease_leaves_the_new_owner_alone(ledger):
    number = ledger.directory("default", "loopback")
    old = ledger.acquire(number, "a", now=NOON, ttl=TTL)
    new = ledger.acquire(number, "b", now=NOON + TTL, ttl=TTL)
    ledger.release(old)
    assert ledger.holder(number) == new


WRITES = {
    "renew": lambda book: book.ledger.renew(book.lease, now=NOON, ttl=TTL),
    "start_run": lambda book: book.ledger.start_run(book.lease, Run("r", book.directory, "run", "f", "d", NOON)),
    "stage": lambda book: book.stage(row(2, "bob")),
    "recover": lambda book: book.ledger.recover(book.lease, now=NOON),
    "claim": lambda book: book.claim(),
    "record": lambda book: book.record(),
    "defer": lambda book: book.ledger.defer(book.lease, Kind.ADD, "max-contacts"),
    "saw": lambda book: book.ledger.saw(book.lease, [1], now=NOON),
    "chase": lambda book: book.ledger.chase(book.lease, [Chase(1, Kind.SEND_EMAIL, 1)], now=NOON),
}


@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize("how", ["taken over", "given back", "taken over and given back"])
def test_no_verb_writes_for_a_lost_lease(book, verb, how):
    book.stage(row(2, "anna"))
    if "taken" in how:
        other = book.ledger.acquire(book.directory, "b", now=NOON + TTL, ttl=TTL)
    if "back" in how:
        book.ledger.release(other if "taken" in how else book.lease)
    before = book.counts(), book.ledger.holder(book.directory), book.ledger.status()
    with pytest.raises(LeaseLost) as refusal:
        WRITES[verb](book)
    assert refusal.value.exit_code == 75
    assert (book.counts(), book.ledger.holder(book.directory), book.ledger.status()) == before


def test_the_same_owner_with_an_older_token_is_refused(book):
    book.ledger.release(book.lease)
    book.ledger.acquire(book.directory, book.owner, now=NOON, ttl=TTL)
    with pytest.raises(LeaseLost):
        book.claim()


def test_a_lease_of_one_directory_changes_nothing_in_another(book):
    book.stage(row(2, "anna"))
    (operation,) = book.claim()
    other = Book(book.ledger, profile="other", run="run-2", owner="b")
    assert other.record(added(operation)) == [False]
    assert book.states() == {"anna": "waiting"}
    assert book.counts()[1] == {("add", "in_flight"): 1}


# -- runs


def test_the_last_run_is_shown_with_what_it_printed(book):
    assert book.ledger.status()[0].last_run == {
        "id": "run-1",
        "command": "run",
        "file": "contacts.csv",
        "started_at": NOON,
        "ended_at": None,
        "exit_code": None,
        "totals": None,
    }
    book.ledger.finish_run("run-1", ended_at=NOON + 9, exit_code=3, totals='{"adopted": 0}')
    last = book.ledger.status()[0].last_run
    assert (last["ended_at"], last["exit_code"], last["totals"]) == (NOON + 9, 3, {"adopted": 0})
    book.ledger.finish_run("run-1", ended_at=NOON + 99, exit_code=0, totals="{}")
    assert book.ledger.status()[0].last_run == last, "a run ends once"
    book.ledger.start_run(book.lease, Run("run-0", book.directory, "sync", "b.csv", "d", NOON + 100))
    assert book.ledger.status()[0].last_run["id"] == "run-0"


# -- staging


def test_a_new_file_makes_each_contact_wait_with_one_pending_add(book):
    number = book.stage(row(2, "anna"), row(3, "bob"))
    assert book.states() == {"anna": "waiting", "bob": "waiting"}
    assert book.counts(number) == ({"waiting": 2}, {("add", "pending"): 2})


def test_known_contacts_come_with_every_column_of_the_port(book):
    assert dict(zip(*_schema(book), strict=True)) == KNOWN
    book.stage(row(2, "Anna", phone_number=None, title="CEO"), file="a.csv")
    assert dict(zip(*_schema(book), strict=True)) == KNOWN
    (anna,) = book.ledger.known(book.directory).to_dicts()
    assert anna.pop("contact") > 0
    assert anna == {
        "key": "anna",
        "name": "Anna",
        "email_address": "anna@example.com",
        "phone_number": None,
        "title": "CEO",
        "message_types": "ServiceMessage;FaultMessage",
        "state": "waiting",
        "contact_id": None,
        "file": "a.csv",
        "line": 2,
        "missing_since": None,
        "stranger": 0,
    }


def _schema(book):
    frame = book.ledger.known(book.directory)
    return frame.columns, [str(dtype) for dtype in frame.dtypes]


def test_known_names_the_newest_row_that_asks(book):
    book.stage(row(2, "anna"), file="a.csv", now=NOON + 1)
    book.stage(row(7, "anna"), file="b.csv", now=NOON + 2)
    assert (book.value("anna", "file"), book.value("anna", "line")) == ("b.csv", 7)
    book.stage(row(5, "anna"), file="a.csv", now=NOON + 3)
    assert (book.value("anna", "file"), book.value("anna", "line")) == ("a.csv", 5)


def test_known_holds_the_contacts_of_one_directory_only(book):
    book.stage(row(2, "anna"))
    other = Book(book.ledger, profile="other", run="run-2", owner="b")
    other.stage(*(row(line, name) for line, name in enumerate(names(50), 2)))
    assert book.states() == {"anna": "waiting"}
    assert set(other.states()) == set(names(50))


def test_the_staged_file_is_found_by_its_name_and_directory(book):
    assert book.ledger.staged(book.directory, "contacts.csv") is None
    number = book.stage(row(2, "anna"), digest="abc", clashes=4)
    staged = book.ledger.staged(book.directory, "contacts.csv")
    assert (staged.id, staged.digest, staged.options, staged.clashes) == (number, "abc", "{}", 4)
    assert book.ledger.staged(book.directory, "other.csv") is None
    assert book.stage(row(2, "anna"), digest="abd") == number
    assert book.ledger.staged(book.directory, "contacts.csv").digest == "abd"


def test_every_row_of_the_file_is_in_exactly_one_place(book):
    number = book.stage(
        row(2, "anna"),
        row(5, "bob"),
        rejected=[{"line": 3, "cells": '{"Name": "x"}', "findings": "[]"}],
        duplicates=[{"line": 4, "key": "anna", "cells": None, "findings": None}],
    )
    totals = book.ledger.totals(book.directory, number)
    assert (totals.read, totals.rejected, totals.duplicate, totals.accepted) == (4, 1, 1, 2)
    assert [exported.row for exported in book.ledger.export()] == [2, 3, 4, 5]


def test_staging_the_same_file_again_changes_nothing(book):
    rows = [row(2, "anna"), row(3, "bob")]
    number = book.stage(*rows)
    before = book.counts(number), book.ledger.known(book.directory).rows(), list(book.ledger.export())
    assert book.stage(*rows, now=NOON + 1) == number
    assert (book.counts(number), book.ledger.known(book.directory).rows(), list(book.ledger.export())) == before


def test_a_waiting_contact_takes_the_corrected_row(book):
    number = book.stage(row(2, "anna", "wrong@example.com"))
    book.stage(row(2, "Anna", "right@example.com"))
    (operation,) = book.claim()
    assert (operation.values.name, operation.values.email_address) == ("Anna", "right@example.com")
    assert book.counts(number) == ({"waiting": 1}, {("add", "in_flight"): 1})


@pytest.mark.parametrize("state", [State.ADDED, State.SENT, State.VERIFIED, State.IN_DOUBT])
def test_a_contact_that_is_or_may_be_in_the_directory_keeps_its_values(book, state):
    number = book.stage(row(2, "anna", "first@example.com"))
    (operation,) = book.claim()
    change = doubtful(operation) if state is State.IN_DOUBT else added(operation, state=state, then=None)
    book.record(change)
    before = book.counts(number)
    book.stage(row(9, "anna", "second@example.com"))
    assert book.value("anna") == "first@example.com"
    assert book.value("anna", "line") == 9, "the row is linked to it all the same"
    assert book.counts(number) == before
    assert book.claim() == []


def test_a_contact_whose_add_is_in_flight_keeps_its_values(book):
    book.stage(row(2, "anna", "first@example.com"))
    book.claim()
    book.stage(row(2, "anna", "second@example.com"))
    assert book.value("anna") == "first@example.com"
    assert book.counts() == ({"waiting": 1}, {("add", "in_flight"): 1})


def test_a_contact_whose_add_was_once_in_doubt_keeps_its_values(book):
    book.stage(row(2, "anna", "first@example.com"))
    (operation,) = book.claim()
    book.record(doubtful(operation))
    book.record(Change(operation.id, Status.IN_DOUBT, Status.PENDING, State.WAITING))
    book.stage(row(2, "anna", "second@example.com"))
    (again,) = book.claim()
    assert again.id == operation.id
    assert again.values.email_address == "first@example.com"


def test_a_failed_contact_takes_the_corrected_row_and_waits_with_a_new_add(book):
    number = book.stage(row(2, "anna", "wrong@example.com"), row(3, "bob"))
    anna, bob = book.claim()
    book.record(failed(anna), added(bob))
    book.stage(row(2, "anna", "right@example.com"), row(3, "bob"))
    assert book.states() == {"anna": "waiting", "bob": "added"}
    (again,) = book.claim()
    assert again.id != anna.id
    assert (again.values.email_address, again.tries) == ("right@example.com", 0)
    assert book.counts(number)[1] == {
        ("add", "failed"): 1,
        ("add", "in_flight"): 1,
        ("add", "done"): 1,
        ("send_email_verification", "pending"): 1,
    }


def test_a_deleted_contact_waits_again_when_a_row_asks_for_it(book):
    book.stage(row(2, "anna"))
    (operation,) = book.claim()
    book.record(added(operation, state=State.DELETED, then=None))
    book.stage(row(2, "anna"))
    assert book.states() == {"anna": "waiting"}
    assert len(book.claim()) == 1


def test_a_contact_that_was_adopted_and_waits_again_is_not_adopted_any_more(book):
    book.stage(row(2, "anna"))
    (operation,) = book.claim()
    book.record(added(operation, state=State.DELETED, then=None, adopted=True))
    assert book.ledger.totals(book.directory).adopted == 1
    book.stage(row(2, "anna"))
    assert book.ledger.totals(book.directory).adopted == 0


def test_a_waiting_contact_that_no_row_asks_for_any_more_is_withdrawn(book):
    number = book.stage(row(2, "anna"), row(3, "bob"))
    book.stage(row(2, "bob"))
    assert book.states() == {"bob": "waiting"}
    assert book.counts(number) == book.counts() == ({"waiting": 1}, {("add", "pending"): 1})
    assert [operation.values.name for operation in book.claim()] == ["bob"]


def test_an_empty_version_of_the_file_withdraws_all_that_waited(book):
    number = book.stage(row(2, "anna"), row(3, "bob"))
    assert book.stage() == number
    assert book.states() == {}
    assert book.counts() == ({}, {})
    book.stage(row(2, "carl"))
    assert book.states() == {"carl": "waiting"}


@pytest.mark.parametrize("change", [added, failed, doubtful])
def test_a_contact_that_was_tried_outlives_its_row(book, change):
    book.stage(row(2, "anna"), row(3, "bob"))
    anna, bob = book.claim()
    book.record(change(anna), Change(bob.id, Status.IN_FLIGHT, Status.PENDING, attempt=attempt(bob, Outcome.CONFLICT)))
    before = book.counts()
    book.stage()
    assert book.counts() == before
    assert set(book.states()) == {"anna", "bob"}


def test_a_withdrawn_contact_that_had_failed_before_is_failed_again(book):
    book.stage(row(2, "anna"))
    book.record(*map(failed, book.claim()))
    book.stage(row(2, "anna", "better@example.com"))
    book.stage()
    assert book.states() == {"anna": "failed"}
    assert book.counts() == ({"failed": 1}, {("add", "failed"): 1})


def test_a_contact_that_two_files_ask_for_is_one_and_stays_while_one_of_them_asks(book):
    first = book.stage(row(2, "anna"), row(3, "bob"), file="a.csv")
    second = book.stage(row(2, "anna"), row(3, "carl"), file="b.csv")
    assert book.counts() == ({"waiting": 3}, {("add", "pending"): 3})
    book.stage(row(3, "carl"), file="b.csv")
    assert set(book.states()) == {"anna", "bob", "carl"}
    book.stage(file="a.csv")
    assert set(book.states()) == {"carl"}
    assert book.counts(first) == ({}, {})
    assert book.counts(second) == ({"waiting": 1}, {("add", "pending"): 1})


def test_a_duplicate_row_keeps_no_contact_alive_and_loses_its_link(book):
    book.stage(row(2, "anna"), file="a.csv")
    book.stage(duplicates=[{"line": 2, "key": "anna", "cells": None, "findings": None}], file="b.csv")
    (duplicate,) = [exported for exported in book.ledger.export() if exported.file == "b.csv"]
    assert (duplicate.state, duplicate.name) == ("duplicate", "anna")
    book.stage(file="a.csv")
    assert book.states() == {}
    (duplicate,) = book.ledger.export()
    assert (duplicate.file, duplicate.state, duplicate.name) == ("b.csv", "duplicate", None)


def test_moved_added_corrected_and_removed_rows_are_recognised_together(book):
    number = book.stage(row(2, "anna"), row(3, "bob"), row(4, "carl"), row(5, "dora"), row(6, "emil"))
    anna, bob = book.claim(limit=2)
    book.record(added(anna), failed(bob))
    book.stage(row(2, "frida"), row(3, "dora"), row(4, "bob"), row(5, "carl", "c@example.com"), row(6, "anna"))
    assert book.states() == {
        "anna": "added",
        "bob": "waiting",
        "carl": "waiting",
        "dora": "waiting",
        "frida": "waiting",
    }
    totals = book.ledger.totals(book.directory, number)
    assert totals.accepted == sum(totals.contacts.values()) == 5
    assert [operation.values.name for operation in book.claim()] == ["frida", "dora", "bob", "carl"]
    assert book.value("carl") == "c@example.com"


def test_operations_are_claimed_in_the_order_of_the_frame_whatever_the_lines(book):
    book.stage(row(9, "anna"), row(2, "bob"), row(5, "carl"))
    assert [operation.values.name for operation in book.claim()] == ["anna", "bob", "carl"]


def test_sends_keep_the_order_of_the_file_whatever_the_order_of_adds(book):
    book.stage(*(row(line, name) for line, name in enumerate(names(6), 2)))
    book.record(*map(added, reversed(book.claim())))
    assert [operation.values.name for operation in book.claim(Kind.SEND_EMAIL)] == names(6)


def test_sends_that_wait_follow_the_order_of_the_new_version(book):
    book.stage(row(2, "anna"), row(3, "bob"))
    book.add_all()
    book.stage(row(2, "bob"), row(3, "anna"))
    assert [operation.values.name for operation in book.claim(Kind.SEND_EMAIL)] == ["bob", "anna"]


def test_one_contact_cannot_be_asked_for_by_two_accepted_rows(book):
    with pytest.raises(ValueError, match="more than one"):
        book.stage(row(2, "anna"), row(3, "Anna"))
    assert book.states() == {}


def test_a_staging_that_fails_on_the_way_leaves_the_last_version(book):
    book.stage(row(2, "anna"), digest="d1")
    before = list(book.ledger.export())
    broken = sheet(row(2, "bob"), rejected=[{"line": 2, "cells": None, "findings": None}], digest="d2")
    with pytest.raises(Exception, match=r"(?i)unique"):
        book.ledger.stage(book.lease, book.run, broken, now=NOON + 2)
    assert list(book.ledger.export()) == before
    assert book.states() == {"anna": "waiting"}
    assert book.ledger.staged(book.directory, "contacts.csv").digest == "d1"


def test_files_of_several_directories_do_not_meet(book):
    book.stage(row(2, "anna"), row(3, "bob"))
    other = Book(book.ledger, profile="other", run="run-2", owner="b")
    other.stage(row(2, "anna"))
    other.stage()
    assert other.states() == {}
    assert set(book.states()) == {"anna", "bob"}
    assert other.claim() == []


ODD = {5: "a\x1fb", 6000: "a\nb", 9000: "a\rb", 11_000: "", 11_999: "\x1e"}


@pytest.mark.parametrize("texts", [{}, {11_000: "", 11_500: '"quoted", \\'}, *({n: text} for n, text in ODD.items())])
def test_many_contacts_come_back_as_they_went_in_whatever_they_hold(book, texts):
    """Thousands are read in another way than a few are."""
    rows = [
        row(n + 2, name, texts.get(n, f"{name}@example.com"), phone_number=None if n % 3 else "86-1")
        for n, name in enumerate(names(12_000))
    ]
    for one in rows:
        one["email_address"] = texts.get(one["line"] - 2, one["email_address"])
    book.stage(*rows)
    columns = ("line", "key", "email_address", "phone_number", "state", "contact_id")
    wanted = [(one["line"], one["key"], one["email_address"], one["phone_number"], "waiting", None) for one in rows]
    assert book.ledger.known(book.directory).select(columns).rows() == wanted


def test_thousands_of_moved_rows_are_claimed_in_their_new_order(book):
    rows = [row(n, name) for n, name in enumerate(names(12_000), 2)]
    book.stage(*rows)
    number = book.stage(*reversed(rows[2000:]), digest="d2")
    assert [operation.values.name for operation in book.claim(limit=3)] == names(12_000)[:-4:-1]
    assert (
        book.counts(number)
        == book.counts()
        == ({"waiting": 10_000}, {("add", "pending"): 9_997, ("add", "in_flight"): 3})
    )


# -- claiming


def test_a_claim_takes_no_more_than_it_asks_for_and_nothing_twice(book):
    book.stage(*(row(line, name) for line, name in enumerate(names(5), 2)))
    first, second, third = book.claim(limit=2), book.claim(limit=2), book.claim(limit=2)
    taken = [operation.values.name for operation in [*first, *second, *third]]
    assert taken == names(5)
    assert book.claim() == []
    assert book.claim(limit=-1) == []
    assert book.counts() == ({"waiting": 5}, {("add", "in_flight"): 5})


def test_a_claimed_operation_carries_what_a_call_needs(book):
    book.stage(row(2, "Anna", "anna@example.com", phone_number=None, title="CEO", message_types="FaultMessage"))
    (operation,) = book.claim()
    assert operation.kind is Kind.ADD
    assert operation.values.key == "anna"
    assert operation.values.phone_number is None
    assert operation.values.message_types == ("FaultMessage",)
    assert (operation.contact_id, operation.tries, operation.doubts) == (None, 0, 0)
    book.record(added(operation, contact_id="c-77"))
    (send,) = book.claim(Kind.SEND_EMAIL)
    assert (send.contact_id, send.values.email_address, send.contact) == ("c-77", "anna@example.com", operation.contact)


def test_an_operation_that_is_put_off_is_claimed_when_it_is_due(book):
    book.stage(row(2, "anna"), row(3, "bob"))
    anna, bob = book.claim()
    book.record(
        Change(anna.id, Status.IN_FLIGHT, Status.PENDING, not_before=NOON + 100, reason="list-lag"),
        Change(bob.id, Status.IN_FLIGHT, Status.PENDING),
    )
    assert [operation.id for operation in book.claim(now=NOON + 99)] == [bob.id]
    assert [operation.id for operation in book.claim(now=NOON + 100)] == [anna.id]


# -- recording


def test_a_done_add_plans_its_send_once(book):
    book.stage(row(2, "anna"))
    (operation,) = book.claim()
    assert book.record(added(operation)) == [True]
    assert book.record(added(operation)) == [False]
    assert book.counts() == ({"added": 1}, {("add", "done"): 1, ("send_email_verification", "pending"): 1})
    assert book.value("anna", "contact_id") == f"c-{operation.id}"


def test_a_change_is_made_only_while_the_operation_is_in_the_status_it_leaves(book):
    book.stage(row(2, "anna"))
    (operation,) = book.claim()
    stale = Change(operation.id, Status.IN_DOUBT, Status.FAILED, State.FAILED, attempt(operation, Outcome.ROW, "late"))
    assert book.record(stale) == [False]
    assert book.states() == {"anna": "waiting"}
    assert book.record(added(operation)) == [True]


def test_some_changes_of_a_batch_may_be_stale_and_the_others_are_made(book):
    book.stage(row(2, "anna"), row(3, "bob"))
    anna, bob = book.claim()
    book.record(failed(anna))
    assert book.record(added(anna), added(bob)) == [False, True]
    assert book.states() == {"anna": "failed", "bob": "added"}


def test_an_attempt_that_comes_too_late_is_kept_as_an_observation(book):
    """It counts as a mail that went out, and changes nothing else."""
    book.stage(row(2, "anna"))
    book.add_all()
    (send,) = book.claim(Kind.SEND_EMAIL)
    book.record(failed(send))
    assert book.ledger.sends_since(book.directory, NOON) == 0
    assert book.record(sent(send)) == [False]
    assert book.states() == {"anna": "failed"}
    assert book.ledger.sends_since(book.directory, NOON) == 1


def test_a_mail_under_way_at_midnight_counts_for_both_days(book):
    book.stage(row(2, "anna"))
    book.add_all()
    (send,) = book.claim(Kind.SEND_EMAIL)
    book.record(sent(send, at=NOON + 10))  # its call began a second before
    count = partial(book.ledger.sends_since, book.directory)
    assert (count(NOON + 9.5), count(0.0, NOON + 9.5), count(NOON + 10), count(NOON + 10.5)) == (1, 1, 1, 0)


def test_the_mails_of_the_last_minute_are_told_with_their_address(book):
    book.stage(row(2, "anna"), row(3, "bob"), row(4, "carl"))
    book.add_all()
    anna, bob, carl = book.claim(Kind.SEND_EMAIL)
    book.record(sent(anna, at=NOON + 10), doubtful(bob, at=NOON + 20), failed(carl, at=NOON + 30))
    assert book.ledger.mailed(book.directory, NOON) == [
        (NOON + 10, anna.values.email_address),
        (NOON + 20, bob.values.email_address),
    ], "a mail may have gone out as late as its call ended"
    assert book.ledger.mailed(book.directory, NOON + 10) == [(NOON + 20, bob.values.email_address)]


def test_a_mail_that_is_found_under_way_may_have_gone_out_until_then(book):
    book.stage(row(2, "anna"))
    book.add_all()
    (send,) = book.claim(Kind.SEND_EMAIL, now=NOON + 10)
    book.ledger.recover(book.lease, now=NOON + 90)
    assert book.ledger.mailed(book.directory, NOON + 30) == [(NOON + 90, send.values.email_address)]


def test_a_run_that_lost_its_lease_leaves_its_attempts_and_nothing_else(book):
    book.stage(row(2, "anna"))
    book.add_all()
    (send,) = book.claim(Kind.SEND_EMAIL)
    book.ledger.acquire(book.directory, "b", now=NOON + TTL, ttl=TTL)
    before = book.counts()
    with pytest.raises(LeaseLost, match="taken over by b"):
        book.record(sent(send), sent(send))
    assert book.counts() == before
    assert book.ledger.sends_since(book.directory, NOON) == 2


def test_attempts_are_counted_as_tries_and_doubtful_ones_as_doubts(book):
    book.stage(row(2, "anna"))
    (operation,) = book.claim()
    again = Change(operation.id, Status.IN_FLIGHT, Status.IN_FLIGHT, attempt=attempt(operation, Outcome.CONFLICT, "C"))
    book.record(again, again, doubtful(operation))
    ((settled, status, code),) = book.ledger.unsettled(book.directory)
    assert (settled.tries, settled.doubts, status, code) == (3, 1, Status.IN_DOUBT, "ReadTimeout")
    book.record(Change(operation.id, Status.IN_DOUBT, Status.PENDING, State.WAITING))
    (claimed,) = book.claim()
    assert (claimed.tries, claimed.doubts) == (3, 1), "a look is no attempt"


def test_a_doubt_is_counted_where_the_operation_stays_in_flight(book):
    book.stage(row(2, "anna"))
    (operation,) = book.claim()
    tried = attempt(operation, Outcome.DOUBT, "InternalError")
    book.record(
        Change(operation.id, Status.IN_FLIGHT, Status.IN_FLIGHT, attempt=tried),
        Change(operation.id, Status.IN_FLIGHT, Status.PENDING),
    )
    (claimed,) = book.claim()
    assert (claimed.tries, claimed.doubts) == (1, 1)


def test_code_message_and_request_id_are_those_of_the_attempt_or_of_the_look(book):
    book.stage(row(2, "anna"))
    (operation,) = book.claim()
    tried = attempt(operation, Outcome.DOUBT, "ServerError", message="try again", request_id="R-1", http_status=500)
    book.record(Change(operation.id, Status.IN_FLIGHT, Status.IN_DOUBT, State.IN_DOUBT, tried))
    (exported,) = book.ledger.export()
    assert (exported.code, exported.message, exported.request_id) == ("ServerError", "try again", "R-1")
    taken = Change(operation.id, Status.IN_DOUBT, Status.FAILED, State.FAILED, code="NameTaken", message="of another")
    book.record(taken)
    (exported,) = book.ledger.export()
    assert (exported.code, exported.message, exported.attempts) == ("NameTaken", "of another", 1)


def test_a_look_leaves_the_time_alone_unless_it_says_when(book):
    book.stage(row(2, "anna"))
    (operation,) = book.claim()
    book.record(doubtful(operation, at=NOON + 10))
    book.record(Change(operation.id, Status.IN_DOUBT, Status.PENDING, State.WAITING))
    assert next(book.ledger.export()).updated_at == NOON + 10
    book.claim()
    book.record(Change(operation.id, Status.IN_FLIGHT, Status.FAILED, State.FAILED, code="x", at=NOON + 30))
    assert next(book.ledger.export()).updated_at == NOON + 30


def test_a_contact_is_adopted_once_and_stays_so(book):
    number = book.stage(row(2, "anna"), row(3, "bob"))
    anna, bob = book.claim()
    look = Change(anna.id, Status.IN_FLIGHT, Status.DONE, State.ADDED, contact_id="c-1", adopted=True, code="ok")
    book.record(look, added(bob))
    assert book.ledger.totals(book.directory, number).adopted == book.ledger.totals(book.directory).adopted == 1
    send = next(send for send in book.claim(Kind.SEND_EMAIL) if send.contact == bob.contact)
    book.record(sent(send))
    assert book.ledger.totals(book.directory).adopted == 1


def test_an_open_operation_of_the_same_kind_is_not_planned_twice(book):
    book.stage(row(2, "anna"))
    book.add_all()
    (send,) = book.claim(Kind.SEND_EMAIL)
    book.record(Change(send.id, Status.IN_FLIGHT, Status.PENDING, then=Kind.SEND_EMAIL))
    assert book.counts()[1] == {("add", "done"): 1, ("send_email_verification", "pending"): 1}


# -- recovering


def test_what_is_found_in_flight_is_in_doubt_with_its_attempt_written_down(book):
    number = book.stage(row(2, "anna"), row(3, "bob"), row(4, "carl"))
    book.claim(limit=2, now=NOON + 5)
    assert book.ledger.recover(book.lease, now=NOON + 50) == 2
    assert book.states() == {"anna": "in_doubt", "bob": "in_doubt", "carl": "waiting"}
    assert book.counts(number)[1] == {("add", "in_doubt"): 2, ("add", "pending"): 1}
    for operation, status, code in book.ledger.unsettled(book.directory):
        assert (operation.tries, operation.doubts, status, code) == (1, 1, Status.IN_DOUBT, "Interrupted")
    assert book.ledger.recover(book.lease, now=NOON + 51) == 0
    assert {exported.code for exported in book.ledger.in_doubt(book.directory)} == {"Interrupted"}


def test_an_interrupted_send_may_have_gone_out_when_it_was_claimed(book):
    book.stage(row(2, "anna"))
    book.add_all()
    book.claim(Kind.SEND_EMAIL, now=NOON + 30)
    book.ledger.recover(book.lease, now=NOON + 50)
    assert book.ledger.sends_since(book.directory, NOON + 30) == 1
    assert book.ledger.sends_since(book.directory, NOON + 50) == 1, "nobody knows when its call ended"
    assert book.ledger.sends_since(book.directory, NOON + 51) == 0


def test_an_interrupted_retry_began_after_the_attempt_before_it(book):
    book.stage(row(2, "anna"))
    book.add_all()
    (send,) = book.claim(Kind.SEND_EMAIL, now=NOON + 30)
    conflict = attempt(send, Outcome.CONFLICT, "ConcurrentCallNotSupported", at=NOON + 40)
    book.record(Change(send.id, Status.IN_FLIGHT, Status.IN_FLIGHT, attempt=conflict))
    book.ledger.recover(book.lease, now=NOON + 50)
    assert book.ledger.sends_since(book.directory, NOON + 40) == 1


def test_what_is_in_flight_in_another_directory_is_left_alone(book):
    book.stage(row(2, "anna"))
    book.claim()
    other = Book(book.ledger, profile="other", run="run-2", owner="b")
    assert other.ledger.recover(other.lease, now=NOON + 50) == 0
    assert book.counts()[1] == {("add", "in_flight"): 1}


# -- deferrals and the day's sends


def test_a_kind_waits_for_a_reason_until_it_waits_no_longer(book):
    ledger, number = book.ledger, book.directory
    ledger.defer(book.lease, Kind.ADD, "max-contacts")
    ledger.defer(book.lease, Kind.SEND_EMAIL, "daily-sends", NOON + 0.5)
    deferrals = [Deferral(Kind.ADD, "max-contacts", None), Deferral(Kind.SEND_EMAIL, "daily-sends", NOON + 0.5)]
    assert ledger.deferrals(number) == deferrals
    assert ledger.status()[0].deferrals == tuple(deferrals)
    ledger.defer(book.lease, Kind.SEND_EMAIL, "daily-sends", NOON + 9)
    assert ledger.deferrals(number)[1].until == NOON + 9
    ledger.defer(book.lease, Kind.ADD, None)
    assert [deferral.kind for deferral in ledger.deferrals(number)] == [Kind.SEND_EMAIL]


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (Outcome.DONE, 1),
        (Outcome.DOUBT, 1),
        (Outcome.RESEND, 0),
        (Outcome.CONFLICT, 0),
        (Outcome.THROTTLE, 0),
        (Outcome.DAILY, 0),
        (Outcome.ROW, 0),
    ],
)
def test_mails_that_went_out_or_may_have_are_counted(book, outcome, counts):
    book.stage(row(2, "anna"))
    book.add_all()
    assert book.ledger.sends_since(book.directory, 0) == 0, "an add sends no mail"
    (send,) = book.claim(Kind.SEND_EMAIL)
    book.record(Change(send.id, Status.IN_FLIGHT, Status.PENDING, attempt=attempt(send, outcome, "c", NOON + 20)))
    assert book.ledger.sends_since(book.directory, NOON + 20) == counts
    assert book.ledger.sends_since(book.directory, NOON + 20.001) == 0
    other = book.ledger.directory("other", "loopback")
    assert book.ledger.sends_since(other, 0) == 0


# -- dispatching


def profiles_due(book, now=NOON + 1):
    return [one.profile for one in book.ledger.due(now=now)]


def finished(book):
    book.ledger.finish_run(book.run, ended_at=NOON, exit_code=3, totals="{}")


def test_a_directory_is_due_while_something_of_it_may_be_done(book):
    finished(book)
    assert profiles_due(book) == []
    book.stage(row(2, "anna"))
    assert profiles_due(book) == [book.profile]
    assert book.ledger.due(now=NOON + 1)[0].owner == book.owner, "and who holds it is told"
    book.ledger.defer(book.lease, Kind.ADD, "max-contacts")
    assert profiles_due(book) == [], "only a setting can end it"
    book.ledger.defer(book.lease, Kind.ADD, "stopped", NOON + 60)
    assert profiles_due(book) == []
    book.ledger.release(book.lease)
    (one,) = book.ledger.due(now=NOON + 60)
    assert (one.profile, one.owner) == (book.profile, None)


def test_a_directory_is_not_due_for_what_only_a_sync_carries_out(book):
    book.stage(row(2, "anna"))
    book.add_all()
    (send,) = book.claim(Kind.SEND_EMAIL)
    book.record(sent(send, at=NOON + 10))
    finished(book)
    wanted = {"title": ("CEO", "Other")}
    book.ledger.intend(book.lease, None, [Step(key="anna", kind=Kind.UPDATE, wanted=wanted)], now=NOON + 20)
    assert profiles_due(book, NOON + 30) == []


def test_a_directory_whose_last_run_never_ended_is_due_and_nobody_holds_it_once_its_lease_is_over(book):
    (one,) = book.ledger.due(now=NOON + TTL - 1)
    assert one.owner == book.owner
    (one,) = book.ledger.due(now=NOON + TTL)
    assert one.owner is None
    finished(book)
    assert profiles_due(book, NOON + TTL) == []


def test_a_directory_was_dropped_when_its_last_run_never_ended_but_not_when_the_one_before_had_not_either(book):
    def dropped():
        (one,) = book.ledger.due(now=NOON + 60)
        return one.dropped

    def begin(name, at):
        book.ledger.start_run(book.lease, Run(name, book.directory, "drain", "", "", at))

    assert dropped(), "the first one of all"
    begin("second", NOON + 1)
    assert not dropped()
    book.ledger.finish_run("second", ended_at=NOON + 2, exit_code=0, totals="{}")
    begin("third", NOON + 3)
    assert dropped()
    book.stage(row(2, "anna"))
    book.ledger.finish_run("third", ended_at=NOON + 4, exit_code=0, totals="{}")
    assert not dropped()


def test_whoever_was_served_last_is_due_last_and_to_stage_a_file_is_no_service(book):
    book.ledger.release(book.lease)
    began = {"recently": NOON + 20, "never": None, "long ago": NOON - 60}
    for profile, at in began.items():
        directory = book.ledger.directory(profile, "loopback")
        lease = book.ledger.acquire(directory, "somebody", now=NOON, ttl=TTL)
        for command, start in {"drain": at, "enqueue": NOON + 40}.items():
            if start is not None:  # no run of these ever ends, so each is due
                book.ledger.start_run(lease, Run(f"{profile} {command}", directory, command, "", "", start))
        book.ledger.release(lease)
    finished(book)
    assert profiles_due(book, NOON + 60) == ["never", "long ago", "recently"]


def test_slices_of_a_shared_limit_follow_each_other_and_never_overlap(book):
    lease = book.ledger.lease_calls
    assert [lease("acme", 0.5, now=NOON) for _ in range(3)] == [0.0, 0.5, 1.0]
    assert lease("other", 0.5, now=NOON) == 0.0, "each limit by itself"
    assert lease("acme", 0.5, now=NOON + 1.2) == pytest.approx(0.3)
    assert lease("acme", 0.5, now=NOON + 9) == 0.0, "what nobody leased is gone"


# -- unsettled


def test_unsettled_are_the_doubts_and_the_pending_adds_of_the_names_asked_for(book):
    book.stage(row(2, "Anna"), row(3, "bob"), row(4, "carl"), row(5, "dora"))
    anna, bob = book.claim(limit=2)
    book.record(doubtful(anna), added(bob))
    found = book.ledger.unsettled(book.directory, ["carl", "bob", "nobody", "anna"])
    assert [(o.values.name, o.kind, status) for o, status, _ in found] == [
        ("Anna", Kind.ADD, Status.IN_DOUBT),
        ("carl", Kind.ADD, Status.PENDING),
    ]
    assert [o.values.name for o, _, _ in book.ledger.unsettled(book.directory)] == ["Anna"]


# -- keeping in step


def update(key, kind=Kind.UPDATE, line=2, **wanted):
    return Step(key, kind, wanted, line)


def changed(operation, **others):
    """An update or delete that worked."""
    tried = attempt(operation)
    return Change(operation.id, Status.IN_FLIGHT, Status.DONE, attempt=tried)._replace(**others)


def intend(book, *steps, sheet=1, now=NOON + 30):
    book.ledger.intend(book.lease, sheet, steps, now=now)


def known(book, name):
    return book.ledger.known(book.directory).row(by_predicate=pl.col("name") == name, named=True)


def test_a_done_update_gives_its_contact_the_wanted_values_and_the_key_of_a_new_name(book):
    book.stage(row(2, "anna"), row(3, "bob"))
    book.add_all()
    wanted = {"name": ("anna", "Änne"), "title": ("Other", "CEO"), "message_types": ("A;B", "FaultMessage")}
    intend(book, update("anna", **wanted), update("bob", line=3, email_address=("bob@example.com", "b@example.com")))
    anna, bob = book.claim(Kind.UPDATE)
    assert (anna.wanted, bob.wanted) == (wanted, {"email_address": ("bob@example.com", "b@example.com")})
    assert anna.values.name == "anna", "as it was until then"
    number = known(book, "anna")["contact"]
    book.record(changed(anna), changed(bob, state=State.ADDED, then=Kind.SEND_EMAIL))
    held = known(book, "Änne")
    assert (held["contact"], held["key"], held["title"], held["message_types"]) == (
        number,
        "änne",
        "CEO",
        "FaultMessage",
    )
    assert (held["email_address"], held["phone_number"]) == ("anna@example.com", "86-13900001234"), "not asked for"
    assert known(book, "bob")["email_address"] == "b@example.com"
    sends = book.claim(Kind.SEND_EMAIL)
    assert {send.values.email_address for send in sends} == {"anna@example.com", "b@example.com"}


@pytest.mark.parametrize("status", [Status.FAILED, Status.IN_DOUBT, Status.PENDING])
def test_an_update_that_is_not_done_changes_no_contact(book, status):
    book.stage(row(2, "anna"))
    book.add_all()
    intend(book, update("anna", title=("Other", "CEO")))
    (operation,) = book.claim(Kind.UPDATE)
    book.record(Change(operation.id, Status.IN_FLIGHT, status, attempt=attempt(operation, Outcome.ROW, "c")))
    assert known(book, "anna")["title"] == "Other"
    assert book.states() == {"anna": "added"}


def test_a_row_may_be_for_a_contact_that_the_ledger_holds_under_another_key(book):
    book.stage(row(2, "anna"))
    book.add_all()
    number = known(book, "anna")["contact"]
    book.stage(row(2, "hanna", was="anna"), digest="d2")
    assert known(book, "anna")["contact"] == number, "the name is taken when the update is done"
    assert book.states() == {"anna": "added"}
    assert known(book, "anna")["line"] == 2
    assert book.counts(sheet=1)[0] == {"added": 1}


def test_what_is_intended_takes_the_place_of_the_updates_and_deletes_that_wait(book):
    book.stage(row(2, "anna"), row(3, "bob"), row(4, "carl"), row(5, "dora"))
    book.add_all()
    book.claim(Kind.SEND_EMAIL)
    intend(book, update("anna", title=("Other", "CEO")), Step("bob", Kind.DELETE), update("carl", title=("a", "b")))
    (tried,) = book.claim(Kind.DELETE)
    book.record(Change(tried.id, Status.IN_FLIGHT, Status.PENDING, attempt=attempt(tried, Outcome.THROTTLE, "t")))
    intend(book, update("anna", title=("Other", "Other")), Step("dora", Kind.DELETE))
    assert [(one.values.name, one.wanted) for one in book.claim(Kind.UPDATE)] == [
        ("anna", {"title": ("Other", "Other")})
    ]
    assert [one.values.name for one in book.claim(Kind.DELETE)] == ["dora"]
    _, operations = book.counts()
    assert operations["delete", "failed"] == 1, "what was tried is kept, and withdrawn"
    assert ("update", "failed") not in operations


def test_what_is_under_way_in_doubt_or_being_deleted_is_not_planned_twice_and_goes_on(book):
    book.stage(row(2, "anna"), row(3, "bob"), row(4, "carl"))
    book.add_all()
    everyone = [Step(name, Kind.DELETE, {}, line) for line, name in enumerate(("anna", "bob", "carl"), 2)]
    intend(book, *everyone)
    anna, bob, carl = book.claim(Kind.DELETE)
    book.record(
        doubtful(anna),
        Change(bob.id, Status.IN_FLIGHT, Status.PENDING, attempt=attempt(bob), code=DELETING, reason="deleting"),
    )
    intend(book, *everyone)
    intend(book)
    assert book.claim(Kind.DELETE) == []
    found = book.ledger.unsettled(book.directory)
    assert [(operation.id, status, code) for operation, status, code in found] == [
        (anna.id, Status.IN_DOUBT, "ReadTimeout"),
        (bob.id, Status.PENDING, DELETING),
    ]
    assert book.record(changed(carl, state=State.DELETED)) == [True]


def test_a_contact_that_was_deleted_has_nothing_waiting_any_more(book):
    book.stage(row(2, "anna"), row(3, "bob"))
    book.add_all()
    intend(book, Step("anna", Kind.DELETE))
    (delete,) = book.claim(Kind.DELETE)
    book.record(changed(delete, state=State.DELETED))
    assert book.states() == {"anna": "deleted", "bob": "added"}
    assert [send.values.name for send in book.claim(Kind.SEND_EMAIL)] == ["bob"]
    _, operations = book.counts()
    assert operations["send_email_verification", "failed"] == 1


def test_a_send_is_intended_once(book):
    book.stage(row(2, "anna"))
    book.add_all()
    intend(book, Step("anna", Kind.SEND_EMAIL))
    assert len(book.claim(Kind.SEND_EMAIL)) == 1
    intend(book, Step("anna", Kind.SEND_EMAIL))
    assert book.claim(Kind.SEND_EMAIL) == []


def test_what_the_directory_shows_already_is_learned_without_an_operation(book):
    book.stage(row(2, "anna"))
    book.add_all()
    intend(book, Step("anna", None, {"title": ("Other", "CEO")}))
    assert known(book, "anna")["title"] == "CEO"
    assert book.claim(Kind.UPDATE) == []


def test_an_update_found_in_flight_is_in_doubt_and_its_contact_stands_as_it_stood(book):
    book.stage(row(2, "anna"))
    book.add_all()
    intend(book, update("anna", title=("Other", "CEO")))
    book.claim(Kind.UPDATE)
    assert book.ledger.recover(book.lease, now=NOON + 60) == 1
    ((operation, status, _),) = book.ledger.unsettled(book.directory)
    assert (operation.kind, status, book.states()) == (Kind.UPDATE, Status.IN_DOUBT, {"anna": "added"})


def test_who_is_missing_is_so_since_the_first_time_and_until_it_is_there_again(book):
    book.stage(row(2, "anna"), row(3, "bob"))

    def since(now, *missing):
        book.ledger.observe(book.lease, Observed(missing=missing), now=now)
        return dict(book.ledger.known(book.directory).select("key", "missing_since").iter_rows())

    assert since(NOON, "anna") == {"anna": NOON, "bob": None}
    assert since(NOON + 5, "anna", "bob") == {"anna": NOON, "bob": NOON + 5}
    assert since(NOON + 9, "bob") == {"anna": None, "bob": NOON + 5}
    assert since(NOON + 12, "anna") == {"anna": NOON + 12, "bob": None}


def test_a_look_corrects_where_contacts_stand(book):
    book.stage(row(2, "anna"), row(3, "bob"))
    book.add_all()
    book.ledger.observe(book.lease, Observed(states={known(book, "anna")["contact"]: State.DELETED}), now=NOON)
    assert book.states() == {"anna": "deleted", "bob": "added"}
    assert book.counts()[0] == {"deleted": 1, "added": 1}


def test_a_stranger_is_kept_in_mind_until_a_file_asks_for_it(book):
    values = Contact("Eve", "eve@example.com", None, "CEO", ("FaultMessage",))
    book.ledger.observe(book.lease, Observed(strangers=[Stranger(values, "c-9", State.VERIFIED)]), now=NOON)
    held = known(book, "Eve")
    assert (held["stranger"], held["contact_id"], held["state"], held["key"]) == (1, "c-9", "verified", "eve")
    assert book.counts() == ({"verified": 1}, {})
    book.stage(row(2, "Eve"))
    assert (known(book, "Eve")["stranger"], book.claim()) == (0, [])


def test_a_stranger_takes_the_place_of_one_of_its_name_that_is_gone(book):
    book.stage(row(2, "eve"))
    book.record(failed(*book.claim()))
    values = Contact("Eve", "new@example.com", None, "CEO", ("FaultMessage",))
    book.ledger.observe(book.lease, Observed(strangers=[Stranger(values, "c-9", State.ADDED)]), now=NOON)
    assert (known(book, "Eve")["email_address"], book.counts()[0]) == ("new@example.com", {"added": 1})


def test_what_a_run_added_is_told_with_what_was_updated_since(book):
    book.stage(row(2, "anna"), row(3, "bob"), row(4, "carl"), row(5, "dora"))
    anna, bob, carl, dora = book.claim()
    book.record(added(anna), added(bob), added(carl), added(dora)._replace(attempt=None, adopted=True))
    intend(book, update("bob", title=("Other", "CEO")), Step("carl", Kind.DELETE))
    book.record(changed(*book.claim(Kind.UPDATE)), changed(*book.claim(Kind.DELETE), state=State.DELETED))
    assert book.ledger.added(book.directory, "run-1") == [(anna.contact, False), (bob.contact, True)]
    assert book.ledger.added(book.directory, "run-2") is None


def test_an_add_that_a_crash_left_in_doubt_belongs_to_the_run_that_made_it(book):
    book.stage(row(2, "anna"))
    (anna,) = book.claim()
    book.lease = book.ledger.acquire(book.directory, "b", now=NOON + 2 * TTL, ttl=TTL)
    book.ledger.start_run(book.lease, Run("run-2", book.directory, "run", "contacts.csv", "d1", NOON + 2 * TTL))
    book.ledger.recover(book.lease, now=NOON + 2 * TTL)
    book.run = "run-2"
    book.record(added(anna)._replace(leaves=Status.IN_DOUBT, attempt=None, at=NOON + 2 * TTL))
    assert book.ledger.added(book.directory, "run-1") == [(anna.contact, False)]
    assert book.ledger.added(book.directory, "run-2") == []


def test_a_file_keeps_what_its_last_sync_knew_of_it(book):
    staging = replace(sheet(row(2, "anna")), modified=NOON - 5, synced=7)
    book.ledger.stage(book.lease, book.run, staging, now=NOON)
    book.stage(row(2, "anna"), digest="d2")
    staged = book.ledger.staged(book.directory, "contacts.csv")
    assert (staged.digest, staged.modified, staged.synced) == ("d2", NOON - 5, 7)


# -- seeing contacts through to verified


def mailed(book, *lines):
    """Contacts in the file of those names, each added and mailed: its mail's operation by name."""
    book.stage(*(row(number, name) for number, name in enumerate(lines, 2)))
    book.add_all()
    sends = {send.values.name: send for send in book.claim(Kind.SEND_EMAIL)}
    book.record(*map(sent, sends.values()))
    return sends


def reminder(send, kind=Kind.SEND_EMAIL):
    return Chase(send.contact, kind, send.id)


def chase(book, *chases, now=NOON + 100):
    return book.ledger.chase(book.lease, chases, now=now)


def followed(book):
    return {one.name: one for one in book.ledger.followed(book.directory)}


def test_followed_are_those_that_the_directory_has_with_when_their_mail_went_out_and_the_row_that_asks(book):
    book.stage(row(2, "anna"), row(3, "bob", phone_number=None), row(4, "carl"), row(5, "dora"), row(6, "eve"))
    anna, bob, carl, dora = book.claim(limit=4)
    book.record(added(anna), added(bob), failed(carl), doubtful(dora))
    (send,) = book.claim(Kind.SEND_EMAIL, limit=1)
    book.record(sent(send, at=NOON + 20))
    book.stage(row(9, "anna"), file="b.csv", now=NOON + 2)
    told = followed(book)
    assert set(told) == {"anna", "bob"}
    one, other = told["anna"], told["bob"]
    assert (one.contact, one.contact_id, one.state) == (anna.contact, f"c-{anna.id}", State.SENT)
    assert (one.email_address, one.phone_number) == ("anna@example.com", "86-13900001234")
    assert (one.file, one.line, one.verified_at, one.phone) == ("b.csv", 9, None, None)
    assert (one.mail.operation, one.mail.status, one.mail.reminder, one.mail.reminded) == (send.id, Status.DONE, 0, 0)
    assert (one.mail.first_at, one.mail.last_at, one.mail.code) == (NOON + 19, NOON + 20, "ok")
    assert (other.state, other.phone_number, other.mail.status, other.mail.last_at) == (
        State.ADDED,
        None,
        Status.PENDING,
        None,
    )
    stranger = Book(book.ledger, profile="other", run="run-2", owner="b")
    assert stranger.ledger.followed(stranger.directory) == []


def test_a_contact_seen_verified_is_so_since_it_was_first_seen(book):
    sends = mailed(book, "anna", "bob")
    anna = sends["anna"].contact
    assert book.ledger.saw(book.lease, [anna], now=NOON + 50) == 1
    assert book.ledger.saw(book.lease, [anna], now=NOON + 60) == 0
    assert book.states() == {"anna": "verified", "bob": "sent"}
    assert followed(book)["anna"].verified_at == NOON + 50
    assert followed(book)["bob"].verified_at is None
    assert book.counts()[0] == {"verified": 1, "sent": 1}


def test_when_it_was_verified_is_known_of_a_contact_that_another_change_found_so(book):
    book.stage(row(2, "anna"))
    (operation,) = book.claim()
    book.record(added(operation, state=State.VERIFIED, then=None, at=NOON + 30))
    assert followed(book)["anna"].verified_at == NOON + 30
    assert book.ledger.saw(book.lease, [operation.contact], now=NOON + 50) == 0
    assert followed(book)["anna"].verified_at == NOON + 30


def test_a_contact_that_is_verified_no_longer_forgets_when_it_was(book):
    (send,) = mailed(book, "anna").values()
    book.ledger.saw(book.lease, [send.contact], now=NOON + 50)
    book.record(Change(send.id, Status.DONE, Status.DONE, State.ADDED, then=Kind.SEND_EMAIL, at=NOON + 60))
    assert followed(book)["anna"].verified_at is None
    book.ledger.saw(book.lease, [send.contact], now=NOON + 70)
    assert followed(book)["anna"].verified_at == NOON + 70


def test_a_mail_that_waits_for_a_verified_contact_is_not_sent_any_more(book):
    book.stage(row(2, "anna"), row(3, "bob"))
    anna, _ = book.add_all()
    book.ledger.saw(book.lease, [anna.contact], now=NOON + 50)
    assert [send.values.name for send in book.claim(Kind.SEND_EMAIL)] == ["bob"]
    assert book.counts()[1] == {
        ("add", "done"): 2,
        ("send_email_verification", "done"): 1,
        ("send_email_verification", "in_flight"): 1,
    }
    assert book.ledger.sends_since(book.directory, 0) == 0, "no mail went out"


def test_what_is_in_doubt_or_of_another_directory_is_not_seen(book):
    (send,) = mailed(book, "anna").values()
    other = Book(book.ledger, profile="other", run="run-2", owner="b")
    assert other.ledger.saw(other.lease, [send.contact], now=NOON) == 0
    assert chase(other, reminder(send)) == 0
    assert chase(book, reminder(send)) == 1
    (again,) = book.claim(Kind.SEND_EMAIL, now=NOON + 100, reminders=True)
    book.record(doubtful(again))
    assert book.ledger.saw(book.lease, [send.contact], now=NOON) == 0
    assert book.states() == {"anna": "in_doubt"}


def test_a_reminder_is_planned_once_for_each_silence(book):
    """Whoever planned it and crashed plans nothing more; the next one needs the first to have gone out."""
    sends = mailed(book, "anna", "bob")
    wish = reminder(sends["bob"]), reminder(sends["anna"])
    assert chase(book, *wish) == 2
    assert chase(book, *wish) == 0
    assert book.counts()[1]["send_email_verification", "pending"] == 2
    first, second = book.claim(Kind.SEND_EMAIL, now=NOON + 101, reminders=True)
    assert [first.values.name, second.values.name] == ["bob", "anna"], "in the order of planning"
    assert chase(book, *wish, reminder(first)) == 0, "in flight"
    book.record(sent(first, at=NOON + 200), sent(second, at=NOON + 300))
    assert chase(book, *wish) == 0, "another one went out since"
    told = followed(book)["anna"].mail
    assert (told.operation, told.reminder, told.reminded) == (second.id, 1, 1)
    assert (told.first_at, told.last_at) == (NOON + 19, NOON + 300)
    assert chase(book, reminder(second)) == 1
    (third,) = book.claim(Kind.SEND_EMAIL, now=NOON + 400, reminders=True)
    book.record(sent(third, at=NOON + 400))
    assert (followed(book)["anna"].mail.reminder, followed(book)["anna"].mail.reminded) == (2, 2)


def test_a_reminder_waits_until_it_is_asked_for_and_counts_as_the_mail_that_it_is(book):
    (send,) = mailed(book, "anna").values()
    chase(book, reminder(send))
    assert book.claim(Kind.SEND_EMAIL, now=NOON + 100) == []
    (again,) = book.claim(Kind.SEND_EMAIL, now=NOON + 100, reminders=True)
    assert book.claim(Kind.SEND_EMAIL, now=NOON + 100, reminders=True) == []
    book.record(sent(again, at=NOON + 100))
    assert book.ledger.sends_since(book.directory, 0) == 2


@pytest.mark.parametrize("state", [State.VERIFIED, State.FAILED, State.ADDED, State.IN_DOUBT, State.DELETED])
def test_nobody_is_mailed_again_who_does_not_wait_to_be_verified(book, state):
    (send,) = mailed(book, "anna").values()
    book.record(Change(send.id, Status.DONE, Status.DONE, state))
    assert chase(book, reminder(send)) == 0


@pytest.mark.parametrize("status", [Status.FAILED, Status.IN_DOUBT, Status.PENDING])
def test_nobody_is_reminded_of_a_mail_that_did_not_go_out(book, status):
    (send,) = mailed(book, "anna").values()
    book.record(Change(send.id, Status.DONE, status))
    assert chase(book, reminder(send)) == 0


def test_a_fresh_mail_begins_anew(book):
    (send,) = mailed(book, "anna").values()
    chase(book, reminder(send))
    (again,) = book.claim(Kind.SEND_EMAIL, now=NOON + 100, reminders=True)
    book.record(sent(again, at=NOON + 100, then=Kind.SEND_EMAIL, state=State.ADDED))
    (fresh,) = book.claim(Kind.SEND_EMAIL, now=NOON + 200)
    book.record(sent(fresh, at=NOON + 200))
    told = followed(book)["anna"].mail
    assert (told.operation, told.reminder, told.reminded, told.first_at) == (fresh.id, 0, 0, NOON + 199)


def test_a_message_to_a_phone_leaves_the_contact_where_it_is(book):
    """Whatever becomes of it: a contact is verified by its address."""
    (send,) = mailed(book, "anna").values()
    wish = Chase(send.contact, Kind.SEND_PHONE, None)
    assert chase(book, wish) == 1
    assert chase(book, wish) == 0
    book.ledger.saw(book.lease, [send.contact], now=NOON + 50)
    (message,) = book.claim(Kind.SEND_PHONE, now=NOON + 100)
    assert (message.values.phone_number, message.contact_id) == ("86-13900001234", followed(book)["anna"].contact_id)
    book.ledger.recover(book.lease, now=NOON + 110)
    assert book.states() == {"anna": "verified"}
    assert [(o.id, status) for o, status, _ in book.ledger.unsettled(book.directory)] == [(message.id, Status.IN_DOUBT)]
    book.record(Change(message.id, Status.IN_DOUBT, Status.PENDING))
    book.claim(Kind.SEND_PHONE, now=NOON + 120)
    book.record(sent(message, at=NOON + 120, state=None))
    assert book.states() == {"anna": "verified"}
    told = followed(book)["anna"].phone
    assert (told.status, told.first_at, told.last_at) == (Status.DONE, NOON + 100, NOON + 120)
    assert chase(book, reminder(message, Kind.SEND_PHONE)) == 1, "of a number, though the address is verified"
    assert book.claim(Kind.SEND_PHONE, now=NOON + 130) == []
    assert len(book.claim(Kind.SEND_PHONE, now=NOON + 130, reminders=True)) == 1


def test_mails_and_messages_are_counted_and_refused_each_by_themselves(book):
    (send,) = mailed(book, "anna").values()
    chase(book, Chase(send.contact, Kind.SEND_PHONE, None))
    (message,) = book.claim(Kind.SEND_PHONE, now=NOON + 100)
    count = partial(book.ledger.sends_since, book.directory, 0)
    assert (count(), count(kind=Kind.SEND_PHONE)) == (1, 0)
    refused = attempt(message, Outcome.DAILY, "SendValidateCodeExceedsLimitForAccount", NOON + 100)
    book.record(Change(message.id, Status.IN_FLIGHT, Status.PENDING, attempt=refused))
    assert book.ledger.refusal(book.directory) is None
    assert book.ledger.refusal(book.directory, Kind.SEND_PHONE) == (NOON + 99, None)
    (message,) = book.claim(Kind.SEND_PHONE, now=NOON + 200)
    book.record(sent(message, at=NOON + 200, state=None))
    assert (count(), count(kind=Kind.SEND_PHONE)) == (1, 1)
    assert book.ledger.refusal(book.directory, Kind.SEND_PHONE) == (NOON + 99, NOON + 199)


# -- totals, status, export


def test_totals_balance_for_every_file_whatever_happens(book):
    """Rows and contacts of each file add up, and the whole directory's are what counting them again gives."""
    first = book.stage(*(row(line, name) for line, name in enumerate(names(8), 2)), file="a.csv")
    second = book.stage(*(row(line, name) for line, name in enumerate(names(8, start=4), 2)), file="b.csv")
    claimed = book.claim(limit=6)
    book.record(*map(added, claimed[:3]), failed(claimed[3]), doubtful(claimed[4]))
    book.record(*map(sent, book.claim(Kind.SEND_EMAIL, limit=2)))
    book.ledger.recover(book.lease, now=NOON + 50)
    third = book.stage(row(2, names(1, start=5)[0]), row(3, "zoe"), file="c.csv")
    for number in (first, second, third):
        totals = book.ledger.totals(book.directory, number)
        assert totals.read == totals.rejected + totals.duplicate + totals.accepted
        assert totals.accepted == sum(totals.contacts.values())
    assert book.counts(first) == (
        {"sent": 2, "added": 1, "failed": 1, "in_doubt": 2, "waiting": 2},
        {
            ("add", "done"): 3,
            ("add", "failed"): 1,
            ("add", "in_doubt"): 2,
            ("add", "pending"): 2,
            ("send_email_verification", "done"): 2,
            ("send_email_verification", "pending"): 1,
        },
    )
    whole = book.counts()
    states = list(book.states().values())
    assert whole[0] == {state: states.count(state) for state in set(states)}
    assert sum(n for (kind, _), n in whole[1].items() if kind == "add") == len(states)


def test_the_totals_name_every_state_and_every_status(book):
    number = book.stage(row(2, "anna"))
    totals = book.ledger.totals(book.directory, number)
    assert set(totals.contacts) == set(State)
    assert set(totals.operations) == {Kind.ADD}
    assert set(totals.operations[Kind.ADD]) == set(Status)


def test_status_tells_of_every_directory(book):
    book.stage(row(2, "anna"), file="a.csv")
    book.stage(row(2, "bob"), file="b.csv")
    real = book.ledger.directory("default", "a.example.com")
    here, there = book.ledger.status()
    assert (here.id, here.profile, here.endpoint, here.files) == (
        book.directory,
        "default",
        "loopback",
        ("a.csv", "b.csv"),
    )
    assert here.lease == book.lease
    assert here.totals == book.ledger.totals(book.directory)
    assert (there.id, there.endpoint, there.lease, there.last_run, there.files) == (
        real,
        "a.example.com",
        None,
        None,
        (),
    )


def test_the_export_has_every_row_of_every_file_in_order(book):
    book.stage(row(3, "anna"), row(2, "bob"), file="b.csv")
    book.stage(row(2, "carl"), rejected=[{"line": 1, "cells": None, "findings": None}], file="a.csv")
    other = Book(book.ledger, profile="other", run="run-2", owner="b")
    other.stage(row(2, "dora"), file="b.csv")
    told = [(x.directory, x.file, x.row) for x in book.ledger.export()]
    assert told == [
        ("default", "b.csv", 2),
        ("default", "b.csv", 3),
        ("default", "a.csv", 1),
        ("default", "a.csv", 2),
        ("other", "b.csv", 2),
    ]
    assert [x.name for x in book.ledger.export(other.directory)] == ["dora"]


def test_an_exported_row_shows_where_its_contact_stands(book):
    book.stage(row(2, "anna"))
    book.add_all()
    (send,) = book.claim(Kind.SEND_EMAIL)
    tried = attempt(send, request_id="R-9", at=NOON + 20)
    book.record(Change(send.id, Status.IN_FLIGHT, Status.DONE, State.SENT, tried))
    (exported,) = book.ledger.export()
    assert (exported.state, exported.code, exported.request_id, exported.attempts) == ("sent", "ok", "R-9", 2)
    assert (exported.contact_id, exported.updated_at, exported.message) == (f"c-{send.id - 1}", NOON + 20, None)
    assert (type(exported.attempts), type(exported.row), type(exported.updated_at)) == (int, int, float)
    assert (exported.email_address, exported.phone_number) == ("anna@example.com", "86-13900001234")


def test_a_rejected_row_is_exported_as_written_with_its_first_error(book):
    cells = {"Name": "x1", "e-mail": "?", "EMAIL ADDRESS": "x@", "phone_number": None, "Title": "Boss"}
    findings = [
        {"rule": "title-case", "severity": "note", "message": "made upper"},
        {"rule": "name-letters", "severity": "error", "message": "only letters"},
        {"rule": "title-unknown", "severity": "error", "message": "no such title"},
    ]
    book.stage(rejected=[{"line": 2, "cells": json.dumps(cells), "findings": json.dumps(findings)}], now=NOON + 3)
    (exported,) = book.ledger.export()
    assert (exported.state, exported.code, exported.message) == ("rejected", "name-letters", "only letters")
    assert (exported.name, exported.email_address, exported.phone_number, exported.title) == ("x1", "x@", None, "Boss")
    assert (exported.contact_id, exported.attempts, exported.updated_at) == (None, 0, NOON + 3)


def test_the_export_is_of_one_moment_while_others_write(book):
    book.stage(*(row(line, name) for line, name in enumerate(names(300), 2)))
    rows = book.ledger.export()
    first = next(rows)
    book.add_all()
    book.stage()
    rest = list(rows)
    assert len(rest) == 299
    assert {exported.state for exported in [first, *rest]} == {"waiting"}


def test_contacts_in_doubt_are_shown_with_their_newest_row(book):
    book.stage(row(2, "anna"), row(3, "bob"), file="a.csv", now=NOON + 1)
    book.stage(row(8, "anna"), file="b.csv", now=NOON + 2)
    for operation in book.claim():
        book.record(doubtful(operation))
    told = [(x.name, x.file, x.row, x.state, x.code) for x in book.ledger.in_doubt(book.directory)]
    assert sorted(told) == [
        ("anna", "b.csv", 8, "in_doubt", "ReadTimeout"),
        ("bob", "a.csv", 3, "in_doubt", "ReadTimeout"),
    ]
    book.stage(file="a.csv", now=NOON + 3)
    assert ("bob", "", 0) in [(x.name, x.file, x.row) for x in book.ledger.in_doubt(book.directory)]


def test_a_runs_calls_are_counted_by_the_span_that_they_began_in_and_by_outcome(book):
    book.stage(*(row(line, name) for line, name in enumerate(names(5), 2)))
    one, two, three, four, five = book.claim()
    book.record(added(one, at=NOON + 1), added(two, at=NOON + 2.999), doubtful(three, at=NOON + 2))
    refused = attempt(four, Outcome.CONFLICT, "ConcurrentCallNotSupported", at=NOON + 8.5)
    book.record(Change(four.id, Status.IN_FLIGHT, Status.PENDING, attempt=refused), added(five, at=NOON + 8.4))
    assert book.ledger.calls(book.run, 2.0) == [
        Calls(NOON, Outcome.DONE, 2),
        Calls(NOON, Outcome.DOUBT, 1),
        Calls(NOON + 6, Outcome.CONFLICT, 1),
        Calls(NOON + 6, Outcome.DONE, 1),
    ]
    assert book.ledger.calls(book.run, 0.001)[-1] == Calls(NOON + 7.5, Outcome.CONFLICT, 1), "a millisecond is a span"
    assert [one.count for one in book.ledger.calls(book.run, 3600.0)] == [1, 3, 1]


def test_calls_of_other_runs_and_directories_are_not_a_runs_own(book):
    book.stage(row(2, "anna"), row(3, "bob"))
    first, second = book.claim()
    book.record(added(first))
    book.ledger.start_run(book.lease, Run("run-2", book.directory, "run", "contacts.csv", "d1", NOON))
    book.ledger.record(book.lease, "run-2", [added(second, at=NOON + 40)])
    assert book.ledger.calls("run-1", 1.0) == [Calls(NOON + 9, Outcome.DONE, 1)]
    assert book.ledger.calls("run-2", 1.0) == [Calls(NOON + 39, Outcome.DONE, 1)]
    assert book.ledger.calls("run-3", 1.0) == []


def test_rows_that_somebody_should_look_at_are_told_with_their_findings_in_the_order_of_the_file(book):
    error = {"rule": "name-letters", "severity": "error", "message": "only letters", "column": "Name"}
    note = {"rule": "full-width", "severity": "note", "message": "made plain", "column": "Title"}
    same = {"rule": "duplicate-row", "severity": "note", "message": "as line 2"}
    book.stage(
        row(2, "anna"),
        row(5, "bob", findings=json.dumps([note]), cells=json.dumps({"Name": "bob"})),
        row(7, "carl"),
        rejected=[{"line": 3, "cells": json.dumps({"Name": "x1"}), "findings": json.dumps([note, error])}],
        duplicates=[{"line": 6, "key": "anna", "cells": None, "findings": json.dumps([same])}],
    )
    *others, carl = book.claim()
    book.record(*map(added, others), failed(carl))
    told = list(book.ledger.marked(book.directory, "contacts.csv"))
    assert [(one.row.row, one.row.state, one.row.name) for one in told] == [
        (3, "rejected", "x1"),
        (5, "added", "bob"),
        (6, "duplicate", "anna"),
        (7, "failed", "carl"),
    ]
    assert [one.findings for one in told] == [(note, error), (note,), (same,), ()]
    assert (told[-1].row.code, told[-1].row.message) == ("InvalidParameter.Name", "no such name")


def test_marked_rows_are_those_of_the_file_and_directory_asked_for(book):
    bad = [{"line": 3, "cells": None, "findings": "[]"}]
    book.stage(rejected=bad, file="a.csv")
    book.stage(rejected=[*bad, {"line": 4, "cells": None, "findings": None}], file="b.csv")
    other = Book(book.ledger, profile="other", run="run-2", owner="b")
    other.stage(rejected=bad, file="a.csv")
    told = [(one.row.directory, one.row.file, one.row.row) for one in book.ledger.marked(book.directory, "b.csv")]
    assert told == [("default", "b.csv", 3), ("default", "b.csv", 4)]
    assert [one.row.directory for one in book.ledger.marked(other.directory, "a.csv")] == ["other"]
    assert list(book.ledger.marked(book.directory, "c.csv")) == []


# -- units of work


def test_a_group_is_one_commit(connect):
    book, other = Book(connect()), connect()
    with book.ledger.group():
        book.stage(row(2, "anna"))
        assert book.states() == {"anna": "waiting"}, "verbs inside see each other"
        assert other.known(book.directory).is_empty(), "nobody else does"
    assert other.known(book.directory).height == 1


def test_a_verb_that_raises_in_a_group_undoes_itself_alone(book):
    stale = Lease(book.directory, "nobody", 99, NOON)
    with book.ledger.group():
        book.stage(row(2, "anna"))
        with pytest.raises(LeaseLost):
            book.ledger.stage(stale, "run-1", sheet(row(2, "bob")), now=NOON)
        with pytest.raises(LeaseLost):
            book.ledger.claim(stale, Kind.ADD, 1, now=NOON)
        (operation,) = book.claim()
        book.record(added(operation))
    assert book.states() == {"anna": "added"}
    assert book.counts() == ({"added": 1}, {("add", "done"): 1, ("send_email_verification", "pending"): 1})


def test_a_group_that_is_left_by_an_exception_never_happened(book):
    def leave():
        with book.ledger.group():
            book.stage(row(2, "anna"))
            raise KeyError

    with pytest.raises(KeyError):
        leave()
    assert book.states() == {}
    book.stage(row(2, "bob"))
    assert book.states() == {"bob": "waiting"}


def test_what_was_written_is_there_for_the_next_connection(connect):
    ledger = connect()
    book = Book(ledger)
    book.stage(row(2, "anna"))
    ledger.close()
    assert connect().known(book.directory)["name"].to_list() == ["anna"]


def test_two_connections_take_turns_and_never_the_same_operation(connect):
    book = Book(connect())
    book.stage(*(row(line, name) for line, name in enumerate(names(20), 2)))
    other = connect()
    taken = []
    for claimer in (book.ledger, other) * 5:
        taken += claimer.claim(book.lease, Kind.ADD, 2, now=NOON)
    assert [operation.values.name for operation in taken] == names(20)


# -- stories


def test_a_row_tells_its_cells_its_findings_and_every_attempt_with_its_run(book):
    cells, note = {"Name": "Ｔｏｍ", "Mail": "tom@example.com"}, {"rule": "full-width", "severity": "note"}
    told = {"cells": json.dumps(cells, ensure_ascii=False), "findings": json.dumps([note])}
    book.stage(row(7, "Tom", **told), row(8, "Ann"))
    book.ledger.recover(book.lease, now=NOON + 5)
    tom = next(operation for operation in book.claim() if operation.values.name == "Tom")
    refused = attempt(tom, Outcome.CONFLICT, "ConcurrentCallNotSupported", NOON + 6, request_id="R1", http_status=429)
    book.record(Change(tom.id, Status.IN_FLIGHT, Status.IN_FLIGHT, attempt=refused))
    book.record(added(tom, at=NOON + 9))
    (story,) = book.ledger.stories("contacts.csv", 7)
    assert (story.directory, story.endpoint, story.digest, story.adopted) == (book.directory, "loopback", "d1", False)
    assert (story.row.row, story.row.name, story.row.state, story.row.attempts) == (7, "Tom", "added", 2)
    assert (story.cells, story.findings, story.staged_at) == (cells, (note,), NOON + 1)
    add, send = story.operations
    assert (add.kind, add.status, send.kind, send.status) == (
        Kind.ADD,
        Status.DONE,
        Kind.SEND_EMAIL,
        Status.PENDING,
    )
    assert [(run, one.code, one.request_id, one.ended_at) for run, one in add.attempts] == [
        (book.run, "ConcurrentCallNotSupported", "R1", NOON + 6),
        (book.run, "ok", None, NOON + 9),
    ]
    assert add.attempts[0][1] == refused
    assert send.attempts == ()
    assert book.ledger.stories("contacts.csv", 8)[0].cells is None


def test_a_row_that_is_not_there_has_no_story(book):
    book.stage(row(2, "Tom"))
    assert book.ledger.stories("contacts.csv", 3) == []
    assert book.ledger.stories("other.csv", 2) == []
    assert book.ledger.called("Ann") == []


def test_a_name_finds_the_rows_of_every_directory_and_file_and_whoever_no_row_asks_for(book):
    other = Book(book.ledger, profile="other", run="run-2")
    book.stage(row(2, "Tom"))
    book.stage(row(5, "Tom"), file="more.csv")
    other.stage(row(3, "TOM"))
    book.stage(row(9, "Bob"))
    found = {(story.row.directory, story.row.file, story.row.row) for story in book.ledger.called("ｔom")}
    assert found == {("default", "more.csv", 5), ("other", "contacts.csv", 3)}
    book.add_all()
    book.stage(row(9, "Ann"), file="more.csv")
    forgotten = [story for story in book.ledger.called("tom") if story.row.directory == "default"]
    assert [(story.row.file, story.row.state, story.digest) for story in forgotten] == [("", "added", None)]


def test_a_name_finds_refused_rows_by_what_is_written_in_them_and_they_have_no_operations(book):
    cells = {"Name": "Tom", "EmailAddress": "nowhere"}
    error = {"rule": "email-invalid", "severity": "error", "message": "no address"}
    bad = {"line": 3, "cells": json.dumps(cells), "findings": json.dumps([error])}
    twin = {"line": 4, "key": "tom", "cells": None, "findings": None}
    book.stage(row(2, "Tom"), rejected=[bad], duplicates=[twin])
    book.add_all()
    found = {story.row.row: story for story in book.ledger.called("tom")}
    assert {line: story.row.state for line, story in found.items()} == {2: "added", 3: "rejected", 4: "duplicate"}
    assert (found[3].cells, found[3].findings, found[3].operations) == (cells, (error,), ())
    assert found[4].operations == ()
    assert book.ledger.stories("contacts.csv", 3) == [found[3]]
