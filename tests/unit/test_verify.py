"""Who is verified, who waits, who is sent to once more, and who is left to a person."""

from dataclasses import replace

import pytest

from importer.directory import Listed
from importer.ledger.values import Chase
from importer.model.operation import Kind, State, Status
from importer.model.standing import Followed, Place, Way
from importer.submit.reconcile import Listing
from importer.submit.verify import Policy, Sight, affordable, answered, arrived, due, standing

DAY = 86_400.0
NOW = 100 * DAY
POLICY = Policy(3 * DAY, 2)
PHONE = "86-13900001234"


def mailed(days, *, reminder=0, status=Status.DONE, operation=7):
    """A way whose last send went out so many days ago, and whose first one did three days earlier each."""
    last = NOW - days * DAY
    return Way(operation, status, reminder, "ok", None, last - reminder * 3 * DAY, last, reminder)


def person(number=1, **others):
    values = {"state": State.SENT, "mail": mailed(1), "phone": None, "phone_number": None} | others
    return Followed(number, f"n{number}", f"n{number}@example.com", contact_id=f"c-{number}", **values)


def seen(*people, status="Verifying", targets=None, now=NOW, **changes):
    """A directory that lists them all so, and waits for those targets; by default for every address and number."""
    listed = [
        replace(
            Listed(one.contact_id, one.name, one.email_address, one.phone_number, "CEO", ("FaultMessage",), status),
            **changes,
        )
        for one in people
    ]
    if targets is None:
        pairs = [(one.contact_id, target) for one in people for target in (one.email_address, one.phone_number)]
        targets = [pair for pair in pairs if pair[1]]
    return Sight.of(Listing(listed), targets, now)


def place(one, sight, policy=POLICY):
    return standing(one, sight, policy).place


# -- verified


@pytest.mark.parametrize("state", [State.ADDED, State.SENT, State.FAILED])
def test_a_contact_that_the_directory_calls_active_has_arrived(state):
    one = person(state=state)
    assert arrived([one], seen(one, status="Active")) == [1]
    assert arrived([one], seen(one)) == []


def test_one_that_is_known_to_be_verified_arrives_only_to_learn_when():
    one = person(state=State.VERIFIED)
    assert arrived([one], seen(one, status="Active")) == [1]
    assert arrived([replace(one, verified_at=NOW - DAY)], seen(one, status="Active")) == []


def test_active_with_another_address_is_not_our_contacts_verification():
    one = person()
    sight = seen(one, status="Active", email_address="new@example.com")
    assert arrived([one], sight) == []
    assert place(one, sight) is Place.WAITING, "the address of the ledger still waits to be verified"
    sight = seen(one, status="Active", email_address="new@example.com", targets=[])
    assert place(one, sight) is Place.PERSON


def test_a_verified_contact_shows_since_when():
    told = standing(person(state=State.VERIFIED, verified_at=NOW - DAY), seen(person(), status="Active"), POLICY)
    assert (told.place, told.since, told.next_at) == (Place.VERIFIED, NOW - DAY, None)


# -- silent


@pytest.mark.parametrize(("days", "is_due"), [(2.999, False), (3, True), (30, True)])
def test_one_more_mail_is_due_after_the_silence_and_not_before(days, is_due):
    one = person(mail=mailed(days))
    assert due([one], seen(one), POLICY) == ([Chase(1, Kind.SEND_EMAIL, 7)] if is_due else [])


def test_after_the_last_reminder_a_person_is_asked_and_nobody_is_mailed():
    waiting, silent = person(mail=mailed(2.9, reminder=2)), person(mail=mailed(3, reminder=2))
    assert due([waiting, silent], seen(waiting), POLICY) == []
    assert place(waiting, seen(waiting)) is Place.WAITING
    told = standing(silent, seen(silent), POLICY)
    assert (told.place, told.reason) == (Place.PERSON, "silent: 3 mails and no answer")
    assert told.next_at is None


def test_without_reminders_the_first_silence_is_a_persons():
    one = person(mail=mailed(3))
    assert due([one], seen(one), Policy(3 * DAY, 0)) == []
    assert place(one, seen(one), Policy(3 * DAY, 0)) is Place.PERSON


def test_the_longest_silent_come_first_and_the_day_decides_how_many():
    people = [person(1, mail=mailed(4)), person(2, mail=mailed(9)), person(3, mail=mailed(5))]
    chases = due(people, seen(*people), POLICY)
    assert [chase.contact for chase in chases] == [2, 3, 1]
    assert [chase.contact for chase in affordable(chases, {Kind.SEND_EMAIL: 2})] == [2, 3]
    assert affordable(chases, {Kind.SEND_EMAIL: 0, Kind.SEND_PHONE: 9}) == []
    assert affordable(chases, {Kind.SEND_EMAIL: -3}) == []


@pytest.mark.parametrize("status", [Status.PENDING, Status.IN_FLIGHT, Status.IN_DOUBT, Status.FAILED])
def test_a_mail_that_did_not_go_out_is_not_followed_by_another(status):
    one = person(mail=mailed(9, reminder=1, status=status))
    assert due([one], seen(one), POLICY) == []


@pytest.mark.parametrize("state", [State.ADDED, State.VERIFIED, State.FAILED, State.IN_DOUBT])
def test_only_those_who_were_mailed_and_are_not_verified_are_mailed_again(state):
    one = person(state=state, mail=mailed(9))
    assert due([one], seen(one), POLICY) == []


def test_nobody_is_mailed_whose_address_waits_for_no_verification():
    one = person(mail=mailed(9))
    assert due([one], seen(one, targets=[]), POLICY) == []
    assert due([one], seen(one, targets=[("c-1", "N1@Example.com")]), POLICY) != []


def test_a_waiting_contact_shows_since_when_and_when_it_is_mailed_again():
    told = standing(person(mail=mailed(1, reminder=1)), seen(person()), POLICY)
    assert (told.place, told.since, told.next_at) == (Place.WAITING, NOW - 4 * DAY, NOW + 2 * DAY)


# -- for a person


def test_a_contact_that_is_listed_no_longer_is_gone():
    for one in (person(), person(state=State.VERIFIED, verified_at=NOW)):
        told = standing(one, seen(), POLICY)
        assert (told.place, told.reason) == (Place.PERSON, "gone: the directory does not list it any more")
    assert due([person(mail=mailed(9))], seen(), POLICY) == []


def test_a_contact_that_the_listing_does_not_show_yet_is_not_gone():
    fresh = person(mail=replace(mailed(0), last_at=NOW - 1.0))
    assert place(fresh, seen(), replace(POLICY, lag=2.0)) is Place.WAITING
    assert place(fresh, seen(), POLICY) is Place.PERSON
    assert place(person(state=State.ADDED, mail=None), seen()) is Place.WAITING


def test_a_failed_mail_and_one_in_doubt_are_a_persons_with_the_reason():
    way = replace(mailed(1, status=Status.FAILED), code="InvalidParameter.EmailAddress", message="not valid")
    told = standing(person(state=State.FAILED, mail=way), seen(person()), POLICY)
    assert told.place is Place.PERSON
    assert told.reason == "the mail could not be sent: InvalidParameter.EmailAddress: not valid"
    assert "in doubt" in standing(person(state=State.IN_DOUBT), seen(person()), POLICY).reason


def test_a_verified_contact_that_the_directory_unsays_is_a_persons():
    told = standing(person(state=State.VERIFIED), seen(person()), POLICY)
    assert (told.place, told.reason) == (
        Place.PERSON,
        "changed: it was verified, and the directory calls it Verifying now",
    )
    assert "deleting" in standing(person(), seen(person(), status="Deleting"), POLICY).reason


# -- phones


def owner(**others):
    return person(**{"phone_number": PHONE} | others)


@pytest.mark.parametrize("state", [State.SENT, State.VERIFIED])
def test_a_number_that_waits_gets_one_message_at_once_whether_or_not_the_address_is_verified(state):
    one = owner(state=state)
    assert due([one], seen(one), POLICY) == [Chase(1, Kind.SEND_PHONE, None)]
    assert due([one], seen(one, targets=[("c-1", one.email_address)]), POLICY) == []


def test_a_silent_number_gets_one_more_message_as_an_address_does():
    one = owner(phone=mailed(3, operation=9))
    assert due([one], seen(one), POLICY) == [Chase(1, Kind.SEND_PHONE, 9)]
    for way in (mailed(2, operation=9), mailed(3, reminder=2, operation=9), mailed(3, status=Status.FAILED)):
        assert due([owner(phone=way)], seen(one), POLICY) == []


def test_nobody_is_called_before_the_mail_went_out():
    one = owner(state=State.ADDED, mail=None)
    assert due([one], seen(one), POLICY) == []


@pytest.mark.parametrize(
    ("way", "told"),
    [
        (None, "waiting"),
        (mailed(1), "waiting"),
        (mailed(3, reminder=2), "silent"),
        (mailed(3, status=Status.FAILED), "failed"),
        (mailed(3, status=Status.IN_DOUBT), "in_doubt"),
    ],
)
def test_where_a_number_is_that_waits(way, told):
    one = owner(phone=way)
    assert standing(one, seen(one), POLICY).phone == told


def test_a_number_that_waits_no_longer_is_verified_if_it_is_still_the_contacts():
    one = owner(phone=mailed(1))
    email = [("c-1", one.email_address)]
    assert standing(one, seen(one, targets=email), POLICY).phone == "verified"
    assert standing(one, seen(one, targets=email, phone_number=None), POLICY).phone == "unknown"
    assert standing(person(), seen(person()), POLICY).phone == ""


@pytest.mark.parametrize("status", [Status.PENDING, Status.IN_DOUBT])
def test_a_message_whose_number_is_verified_need_not_be_sent_and_is_in_doubt_no_longer(status):
    one = owner(phone=mailed(1, status=status, operation=9))
    (change,) = answered([one], seen(one, targets=[]))
    assert (change.operation, change.leaves, change.status, change.state, change.at) == (
        9,
        status,
        Status.DONE,
        None,
        NOW,
    )
    assert answered([one], seen(one)) == []
    assert answered([owner(phone=mailed(1))], seen(one, targets=[])) == []
