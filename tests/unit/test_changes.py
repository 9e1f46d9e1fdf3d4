"""Updates and deletes: what their calls say, what an answer means, what a look settles, how a delete is followed."""

import pytest

from importer.directory import Listed
from importer.ledger.values import DELETING
from importer.model.contact import Contact
from importer.model.operation import Answer, Attempt, Kind, Operation, Outcome, State, Status
from importer.submit.call import parameters
from importer.submit.decide import Next, decide, put_back
from importer.submit.follow import Fate, fate
from importer.submit.reconcile import ALREADY_USED, Listing, asks_for_targets, settle

TOM = Contact("Tom", "tom@example.com", None, "CEO", ("FaultMessage",))
TITLE = {"title": ("CEO", "Other")}
MAIL = {"email_address": ("tom@example.com", "new@example.com")}
GONE = "EntityNotExists.Contact"


def operation(kind, wanted=None, *, tries=1):
    return Operation(7, kind, 1, TOM, "c-1", tries, wanted=wanted or {})


def listed(**other):
    values = {"name": "Tom", "email_address": "tom@example.com", "phone_number": None, "title": "CEO"}
    found = values | {"message_types": ("FaultMessage",), "status": "Active"} | other
    return Listed("c-1", **found)


# -- calls


def test_an_update_says_only_what_it_changes_by_the_names_of_the_api():
    wanted = {"name": ("Tom", "Tim"), "message_types": ("A", "FaultMessage;SecurityMessage")}
    assert parameters(operation(Kind.UPDATE, wanted)) == {
        "ContactId": "c-1",
        "Name": "Tim",
        "MessageTypes": ("FaultMessage", "SecurityMessage"),
    }


def test_a_delete_leaves_member_accounts_alone_unless_they_are_asked_for():
    assert parameters(operation(Kind.DELETE)) == {"ContactId": "c-1"}
    asked = parameters(operation(Kind.DELETE), from_members=True)
    assert asked == {"ContactId": "c-1", "RetainContactInMembers": "false"}


# -- answers


def decided(kind, outcome, code="ok", *, wanted=None, body=None):
    answer = Answer(outcome, code, body=body)
    return decide(operation(kind, wanted), answer, Attempt(7, 1.0, 2.0, outcome, code), doubts=0)


@pytest.mark.parametrize(("wanted", "state", "then"), [(TITLE, None, None), (MAIL, State.ADDED, Kind.SEND_EMAIL)])
def test_a_done_update_asks_for_a_mail_only_when_the_address_is_new(wanted, state, then):
    change = decided(Kind.UPDATE, Outcome.DONE, wanted=wanted).change
    assert (change.status, change.state, change.then) == (Status.DONE, state, then)


@pytest.mark.parametrize("kind", [Kind.UPDATE, Kind.DELETE])
@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome.ROW, Status.FAILED), (Outcome.DOUBT, Status.IN_DOUBT), (Outcome.LOOK, Status.IN_DOUBT)],
)
def test_whatever_comes_of_it_the_contact_stands_as_it_stood(kind, outcome, status):
    change = decided(kind, outcome, "c", wanted=TITLE).change
    assert (change.status, change.state) == (status, None)
    assert put_back(operation(kind, TITLE), at=1.0, doubtful=True).state is None


def test_a_conflict_is_tried_again():
    assert decided(Kind.UPDATE, Outcome.CONFLICT, "ConcurrentCallNotSupported", wanted=TITLE).next is Next.AGAIN


def test_a_contact_that_is_gone_already_is_deleted():
    change = decided(Kind.DELETE, Outcome.ROW, GONE).change
    assert (change.status, change.state) == (Status.DONE, State.DELETED)


def test_a_delete_that_the_directory_carries_out_later_waits_and_is_not_done_again():
    change = decided(Kind.DELETE, Outcome.DONE, body={"Status": "Deleting"}).change
    assert (change.status, change.state, change.code, change.reason) == (Status.PENDING, None, DELETING, "deleting")
    change = decided(Kind.DELETE, Outcome.DONE, body={"Status": "Deleted"}).change
    assert (change.status, change.state) == (Status.DONE, State.DELETED)


# -- looks


def settled(kind, shown, wanted=None, *, status=Status.IN_DOUBT, code="ReadTimeout", tries=1):
    changes = settle([(operation(kind, wanted, tries=tries), status, code)], Listing(shown), now=9.0)
    return changes[0] if changes else None


def test_a_doubtful_update_is_done_when_the_directory_shows_what_was_wanted():
    change = settled(Kind.UPDATE, [listed(title="Other")], TITLE)
    assert (change.status, change.state, change.then) == (Status.DONE, None, None)


def test_it_waits_again_when_the_directory_shows_what_was():
    change = settled(Kind.UPDATE, [listed()], TITLE)
    assert (change.status, change.state) == (Status.PENDING, None)


def test_it_fails_with_both_values_when_the_directory_shows_neither():
    change = settled(Kind.UPDATE, [listed(title="ProjectDirector")], TITLE)
    assert change.status is Status.FAILED
    assert "was CEO, was to be Other" in change.message


def test_it_fails_when_the_contact_is_gone():
    assert (settled(Kind.UPDATE, [], TITLE).status, settled(Kind.UPDATE, [], TITLE).code) == (Status.FAILED, GONE)


def test_a_new_address_that_waits_to_be_verified_is_the_wanted_one():
    waiting = settled(Kind.UPDATE, [listed(pending=("new@example.com",))], MAIL)
    assert (waiting.status, waiting.state, waiting.then) == (Status.DONE, State.ADDED, Kind.SEND_EMAIL)
    assert settled(Kind.UPDATE, [listed()], MAIL).status is Status.PENDING


def test_a_change_to_be_taken_back_is_so_only_when_it_waits_no_more():
    back = {"email_address": ("new@example.com", "tom@example.com")}
    assert settled(Kind.UPDATE, [listed(pending=("new@example.com",))], back).status is Status.PENDING
    assert settled(Kind.UPDATE, [listed()], back).status is Status.DONE


@pytest.mark.parametrize(("tries", "status"), [(1, Status.PENDING), (9, Status.FAILED)])
def test_a_name_that_is_taken_is_tried_a_few_times_for_its_owner_may_be_leaving(tries, status):
    change = settled(Kind.UPDATE, [listed()], {"name": ("Tom", "Tim")}, code=ALREADY_USED, tries=tries)
    assert change.status is status


def test_a_doubtful_delete_is_settled_by_the_listing():
    gone = settled(Kind.DELETE, [])
    assert (gone.status, gone.state) == (Status.DONE, State.DELETED)
    assert (settled(Kind.DELETE, [listed()]).status, settled(Kind.DELETE, [listed()]).code) == (
        Status.PENDING,
        "ReadTimeout",
    )
    assert settled(Kind.DELETE, [listed(status="Deleting")]).code == DELETING


def test_a_delete_that_the_directory_carries_out_is_left_to_those_who_follow_it():
    assert settled(Kind.DELETE, [listed(status="Deleting")], status=Status.PENDING, code=DELETING) is None
    assert settled(Kind.DELETE, [listed()], status=Status.PENDING, code=DELETING) is None
    assert settled(Kind.DELETE, [], status=Status.PENDING, code=DELETING).state is State.DELETED


def test_a_mail_in_doubt_to_an_address_that_waits_is_sent_again_and_not_called_failed():
    moved = Operation(7, Kind.SEND_EMAIL, 1, Contact("Tom", "new@example.com", None, "CEO", ()), "c-1", 1)
    item = (moved, Status.IN_DOUBT, "ReadTimeout")
    waiting, verified = listed(pending=("new@example.com",)), listed(email_address="new@example.com")
    assert settle([item], Listing([waiting]), now=9.0)[0].status is Status.PENDING
    assert settle([item], Listing([verified]), now=9.0)[0].state is State.VERIFIED
    assert settle([item], Listing([listed()]), now=9.0)[0].status is Status.FAILED


@pytest.mark.parametrize(
    ("kind", "wanted", "asks"),
    [(Kind.UPDATE, TITLE, False), (Kind.UPDATE, MAIL, True), (Kind.DELETE, {}, False), (Kind.SEND_EMAIL, {}, False)],
)
def test_what_waits_to_be_verified_is_asked_for_where_it_matters(kind, wanted, asks):
    assert asks_for_targets([(operation(kind, wanted), Status.IN_DOUBT, None)], Listing([listed()])) == asks
    assert not asks_for_targets([(operation(kind, wanted), Status.IN_DOUBT, None)], Listing([]))


def test_targets_are_laid_beside_their_contacts():
    found = Listing([listed()]).with_targets({("c-1", "new@example.com"), ("c-2", "x@example.com")})
    assert found.known("c-1").pending == ("new@example.com",)


# -- following


def status(word, *members):
    reasons = [{"AccountId": member, "MessageTypes": ["FaultMessage"]} for member in members]
    return Answer(Outcome.DONE, "ok", body={"ContactDeletionStatus": {"Status": word, "FailReasonList": reasons}})


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(Outcome.ROW, GONE), Fate(done=True)),
        (status("Deleting"), Fate(done=None)),
        (Answer(Outcome.RESEND, "Timeout"), Fate(done=None)),
        (status("Failed", "111", "222"), Fate(done=False, message="the directory could not delete it in 111, 222")),
        (status("Failed"), Fate(done=False, message="the directory could not delete it")),
    ],
)
def test_how_far_a_delete_is_is_read_from_its_status(answer, told):
    assert fate(answer) == told
