"""What a look at the directory settles, for each thing that it may show."""

import pytest

from importer.directory import Listed
from importer.model.contact import Contact
from importer.model.operation import Kind, Operation, State, Status
from importer.submit.reconcile import LOOKS, Listing, absent, settle

TOM = Contact("Tom", "tom@example.com", None, "CEO", ("FaultMessage",))
USED, GONE, NONE = (
    "InvalidParameter.Name.AlreadyUsed",
    "EntityNotExists.Contact",
    "EntityNotExists.Contact.Verification",
)


def listed(name="Tom", address="tom@example.com", status="Verifying", number="c-1"):
    return Listed(number, name, address, None, "CEO", ("FaultMessage",), status)


def settled(kind, status, listing, *, code=None, doubts=0, tries=1, reminder=0):
    number = None if kind is Kind.ADD else "c-1"
    operation = Operation(7, kind, 1, TOM, number, tries, doubts, reminder=reminder)
    changes = settle([(operation, status, code)], Listing(listing), now=9.0)
    assert all(change.leaves is status and change.at == 9.0 for change in changes)
    return changes[0] if changes else None


@pytest.mark.parametrize("status", [Status.PENDING, Status.IN_DOUBT])
def test_a_contact_that_is_there_with_its_address_is_done_and_mailed_if_it_waits(status):
    change = settled(Kind.ADD, status, [listed()])
    assert (change.status, change.state, change.contact_id, change.then) == (
        Status.DONE,
        State.ADDED,
        "c-1",
        Kind.SEND_EMAIL,
    )


def test_one_that_is_active_is_verified_and_gets_no_mail():
    change = settled(Kind.ADD, Status.PENDING, [listed(status="Active")])
    assert (change.state, change.then) == (State.VERIFIED, None)


def test_adopted_is_what_no_attempt_of_ours_may_have_added():
    assert settled(Kind.ADD, Status.PENDING, [listed()]).adopted
    assert not settled(Kind.ADD, Status.IN_DOUBT, [listed()], doubts=1).adopted


def test_the_same_name_with_another_address_fails_with_both_addresses():
    change = settled(Kind.ADD, Status.IN_DOUBT, [listed(address="other@example.com")], doubts=1)
    assert (change.status, change.state) == (Status.FAILED, State.FAILED)
    assert "other@example.com" in change.message
    assert "tom@example.com" in change.message


def test_a_name_is_found_whatever_its_letter_case_and_the_same_spelling_first():
    assert settled(Kind.ADD, Status.PENDING, [listed("TOM")]).contact_id == "c-1"
    both = [listed("TOM", number="c-2"), listed("Tom", number="c-3")]
    assert settled(Kind.ADD, Status.PENDING, both).contact_id == "c-3"


def test_an_address_is_the_same_whatever_its_letter_case():
    assert settled(Kind.ADD, Status.PENDING, [listed(address="Tom@Example.com")]).status is Status.DONE


def test_a_doubtful_add_that_is_absent_waits_to_be_done_again():
    change = settled(Kind.ADD, Status.IN_DOUBT, [], doubts=1)
    assert (change.status, change.state) == (Status.PENDING, State.WAITING)


def test_a_pending_add_that_is_absent_is_left_alone():
    assert settled(Kind.ADD, Status.PENDING, []) is None


def test_a_name_taken_yet_not_listed_fails_unless_an_attempt_of_ours_may_have_taken_it():
    assert settled(Kind.ADD, Status.IN_DOUBT, [], code=USED).status is Status.FAILED
    assert settled(Kind.ADD, Status.IN_DOUBT, [], code=USED, doubts=1) is None


def test_a_contact_that_is_being_deleted_is_no_contact():
    assert settled(Kind.ADD, Status.PENDING, [listed(status="Deleting")]).status is Status.FAILED


@pytest.mark.parametrize(
    ("found", "code", "doubts", "tries", "status", "state"),
    [
        (listed(status="Active"), "Timeout", 1, 1, Status.DONE, State.VERIFIED),
        (listed(), "Timeout", 1, 1, Status.PENDING, State.ADDED),
        (listed(), "Timeout", 2, 2, Status.PENDING, State.ADDED),
        (listed(), "Timeout", 3, 3, None, None),
        (listed(status="Active"), NONE, 0, 1, Status.DONE, State.VERIFIED),
        (listed(), NONE, 0, 1, Status.FAILED, State.FAILED),
        (listed(), GONE, 0, 1, Status.PENDING, State.ADDED),
        (listed(), GONE, 0, LOOKS, Status.FAILED, State.FAILED),
        (None, GONE, 0, 1, Status.PENDING, State.ADDED),
        (None, GONE, 0, LOOKS, Status.FAILED, State.FAILED),
        (None, "Timeout", 1, 1, Status.FAILED, State.FAILED),
        (listed(address="new@example.com"), "Timeout", 1, 1, Status.FAILED, State.FAILED),
        (listed(status="Deleting"), "Timeout", 1, 1, Status.FAILED, State.FAILED),
    ],
)
def test_a_doubtful_mail_is_settled_by_the_contacts_status(found, code, doubts, tries, status, state):
    change = settled(Kind.SEND_EMAIL, Status.IN_DOUBT, [found] if found else [], code=code, doubts=doubts, tries=tries)
    assert (change and change.status, change and change.state) == (status, state)


def test_only_a_doubtful_add_that_is_missing_asks_for_a_second_look():
    add = Operation(7, Kind.ADD, 1, TOM, None)
    assert absent([(add, Status.IN_DOUBT, None)], Listing([]))
    assert not absent([(add, Status.IN_DOUBT, None)], Listing([listed()]))
    assert not absent([(add, Status.PENDING, None)], Listing([]))


# -- reminders, and messages to phones


def test_a_reminder_that_waits_again_leaves_its_contact_mailed():
    assert settled(Kind.SEND_EMAIL, Status.IN_DOUBT, [listed()], doubts=1, reminder=1).state is State.SENT
    assert settled(Kind.SEND_EMAIL, Status.IN_DOUBT, [listed()], doubts=1).state is State.ADDED


@pytest.mark.parametrize("status", ["Verifying", "Active"])
def test_a_message_in_doubt_is_sent_again_at_most_twice_whether_or_not_the_address_is_verified(status):
    states = [settled(Kind.SEND_PHONE, Status.IN_DOUBT, [listed(status=status)], doubts=n) for n in (1, 2, 3)]
    assert [change and (change.status, change.state) for change in states] == [(Status.PENDING, None)] * 2 + [None]


def test_a_message_for_which_no_verification_waits_is_done_if_the_number_is_the_contacts():
    same = settled(Kind.SEND_PHONE, Status.IN_DOUBT, [listed()], code=NONE)
    assert (same.status, same.state, same.code) == (Status.DONE, None, "ok")
    other = Listed("c-1", "Tom", "tom@example.com", "86-13900001234", "CEO", ("FaultMessage",), "Active")
    change = settled(Kind.SEND_PHONE, Status.IN_DOUBT, [other], code=NONE)
    assert (change.status, change.state) == (Status.FAILED, None)
    assert "no verification waiting for this number" in change.message


def test_a_message_to_a_contact_that_is_gone_fails_and_leaves_the_contact():
    change = settled(Kind.SEND_PHONE, Status.IN_DOUBT, [], doubts=1)
    assert (change.status, change.state, change.code) == (Status.FAILED, None, GONE)
    assert settled(Kind.SEND_PHONE, Status.IN_DOUBT, [], code=GONE, tries=1).status is Status.PENDING
    assert settled(Kind.SEND_PHONE, Status.IN_DOUBT, [], code=GONE, tries=LOOKS).status is Status.FAILED
