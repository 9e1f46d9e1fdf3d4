"""What follows from each outcome, for an add and for a mail."""

import pytest

from importer.model.contact import Contact
from importer.model.operation import Answer, Attempt, Kind, Operation, Outcome, State, Status
from importer.submit.decide import Next, decide, put_back

TOM = Contact("Tom", "tom@example.com", None, "CEO", ("FaultMessage",))


def decided(kind, outcome, *, doubts=0, sent=True, body=None):
    operation = Operation(7, kind, 1, TOM, "c-1" if kind is Kind.SEND_EMAIL else None)
    attempt = Attempt(7, 0.0, 1.0, outcome, "Code", "words")
    return decide(operation, Answer(outcome, "Code", sent=sent, body=body), attempt, doubts=doubts)


def test_an_added_contact_keeps_its_id_and_is_mailed_next():
    decision = decided(Kind.ADD, Outcome.DONE, body={"Contact": {"ContactId": "c-9"}})
    assert decision.next is Next.ON
    change = decision.change
    assert (change.status, change.state, change.contact_id, change.then) == (
        Status.DONE,
        State.ADDED,
        "c-9",
        Kind.SEND_EMAIL,
    )


def test_a_sent_mail_ends_the_contacts_way():
    change = decided(Kind.SEND_EMAIL, Outcome.DONE).change
    assert (change.status, change.state, change.then) == (Status.DONE, State.SENT, None)


@pytest.mark.parametrize(
    ("kind", "outcome", "status", "state", "next_"),
    [
        (Kind.ADD, Outcome.ROW, Status.FAILED, State.FAILED, Next.ON),
        (Kind.ADD, Outcome.DOUBT, Status.IN_DOUBT, State.IN_DOUBT, Next.ON),
        (Kind.ADD, Outcome.LOOK, Status.IN_DOUBT, State.IN_DOUBT, Next.ON),
        (Kind.ADD, Outcome.STOP, Status.PENDING, None, Next.STOP),
        (Kind.ADD, Outcome.FULL, Status.PENDING, None, Next.CLOSE),
        (Kind.ADD, Outcome.CONFLICT, Status.IN_FLIGHT, None, Next.AGAIN),
        (Kind.ADD, Outcome.THROTTLE, Status.IN_FLIGHT, None, Next.AGAIN),
        (Kind.ADD, Outcome.RESEND, Status.IN_FLIGHT, None, Next.AGAIN),
        (Kind.SEND_EMAIL, Outcome.DAILY, Status.PENDING, None, Next.CLOSE),
        (Kind.SEND_EMAIL, Outcome.ROW, Status.FAILED, State.FAILED, Next.ON),
    ],
)
def test_each_outcome_has_one_consequence(kind, outcome, status, state, next_):
    decision = decided(kind, outcome)
    assert (decision.change.status, decision.change.state, decision.next) == (status, state, next_)
    assert decision.change.leaves is Status.IN_FLIGHT
    assert decision.change.attempt is not None


def test_every_outcome_is_decided_for_every_kind():
    for kind in Kind:
        for outcome in Outcome:
            assert decided(kind, outcome).change.operation == 7


def test_a_mail_in_doubt_is_sent_again_at_most_twice():
    again = [decided(Kind.SEND_EMAIL, Outcome.RESEND, doubts=doubts).next for doubts in (0, 1, 2)]
    assert again == [Next.AGAIN, Next.AGAIN, Next.ON]
    assert decided(Kind.SEND_EMAIL, Outcome.RESEND, doubts=2).change.status is Status.IN_DOUBT


def test_a_mail_that_surely_was_not_sent_may_be_tried_on():
    assert decided(Kind.SEND_EMAIL, Outcome.RESEND, doubts=9, sent=False).next is Next.AGAIN


def test_the_reason_of_a_wait_is_the_settings_name():
    assert decided(Kind.ADD, Outcome.FULL).change.reason == "max-contacts"
    assert decided(Kind.SEND_EMAIL, Outcome.DAILY).change.reason == "daily-sends"


@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.ROW, Outcome.DOUBT, Outcome.LOOK, Outcome.DAILY])
def test_whatever_becomes_of_a_message_to_a_phone_its_contact_stands_as_it_stood(outcome):
    assert decided(Kind.SEND_PHONE, outcome).change.state is None
    assert decided(Kind.SEND_PHONE, Outcome.RESEND, doubts=2).change.state is None
    message = Operation(7, Kind.SEND_PHONE, 1, TOM, "c-1")
    assert put_back(message, at=1.0, doubtful=True).state is None


def test_what_was_claimed_and_not_called_waits_again_unless_it_may_have_been_done():
    operation = Operation(7, Kind.ADD, 1, TOM, None)
    assert put_back(operation, at=1.0).status is Status.PENDING
    assert put_back(operation, at=1.0, doubtful=True).status is Status.IN_DOUBT
