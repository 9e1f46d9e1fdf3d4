"""Reading the whole directory, although it answers badly and moves meanwhile."""

import pytest

from importer.directory import Listed
from importer.directory.listing import PASSES, contact, listing, verifications
from importer.directory.outcome import classify, fault
from importer.model.errors import FixAccess, TryLater
from importer.model.operation import Answer, Outcome

LIST = "ListMessageContacts"
GET = "GetMessageContact"


def row(number, **fields):
    return {
        "ContactId": f"c-{number:016}",
        "Name": f"name{number}",
        "EmailAddress": f"person{number}@example.com",
        "PhoneNumber": "",
        "Title": "CEO",
        "MessageTypes": ["FaultMessage"],
        "Status": "Verifying",
        **fields,
    }


class Directory:
    """A caller whose directory is a list; ``before`` runs ahead of each call and may change it or answer instead."""

    def __init__(self, rows, before=None, cap=100):
        self.rows = list(rows)
        self.before = before or (lambda _directory, _call: None)
        self.cap = cap
        self.calls = []
        self.slept = []

    async def call(self, action, parameters):
        self.calls.append((action, dict(parameters)))
        answer = self.before(self, len(self.calls))
        if answer is not None:
            return answer
        if action == GET:
            found = next((row for row in self.rows if row["ContactId"] == parameters["ContactId"]), None)
            body = {"Contact": found} if found else {"Code": "EntityNotExists.Contact"}
            return self.answer(action, body, 200 if found else 404)
        size = min(parameters["PageSize"], self.cap)
        start = (parameters["PageNumber"] - 1) * size
        body = {"TotalCount": len(self.rows), "Contacts": self.rows[start : start + size], "RequestId": "A"}
        return self.answer(action, body, 200)

    def answer(self, action, body, status):
        import json

        return classify(action, status=status, headers={}, body=json.dumps(body).encode(), now=0.0)

    async def sleep(self, seconds):
        self.slept.append(seconds)

    async def listing(self, **options):
        return await listing(self, sleep=self.sleep, random=lambda: 0.5, **options)


def names(found):
    return [contact.name for contact in found]


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (1, 1), (9, 1), (10, 1), (11, 2), (100, 10), (101, 11)])
async def test_every_page_is_read_once(count, calls):
    directory = Directory(row(number) for number in range(count))
    assert names(await directory.listing(page_size=10)) == [f"name{number}" for number in range(count)]
    assert len(directory.calls) == calls
    assert directory.slept == []


async def test_a_server_that_gives_smaller_pages_is_read_to_the_end():
    directory = Directory([row(number) for number in range(250)], cap=20)
    assert len(await directory.listing()) == 250


async def test_a_contact_is_told_with_all_its_fields():
    directory = Directory([row(1, PhoneNumber="86-13900001234", MessageTypes=["FaultMessage", "ServiceMessage"])])
    (found,) = await directory.listing()
    assert found == Listed(
        contact_id="c-0000000000000001",
        name="name1",
        email_address="person1@example.com",
        phone_number="86-13900001234",
        title="CEO",
        message_types=("FaultMessage", "ServiceMessage"),
        status="Verifying",
    )


async def test_missing_and_odd_fields_are_empty_and_harm_nothing():
    directory = Directory([{"ContactId": "c-1"}, row(2, Name=7, MessageTypes="x", PhoneNumber=None, Status=[])])
    bare, odd = await directory.listing()
    assert (bare.name, bare.email_address, bare.phone_number, bare.message_types, bare.status) == ("", "", None, (), "")
    assert (odd.name, odd.message_types, odd.phone_number, odd.status) == ("", (), None, "")


@pytest.mark.parametrize("where", [0, 99])
async def test_a_contact_added_while_paging_shifts_others_but_hides_none(where):
    def add(directory, call):
        if call == 2:
            directory.rows.insert(where, row(1000))

    directory = Directory([row(number) for number in range(100)], add)
    found = await directory.listing(page_size=10)
    assert {f"name{number}" for number in range(100)} <= set(names(found))
    assert len(found) == len(set(names(found)))


async def test_a_contact_deleted_while_paging_makes_it_read_again():
    def delete(directory, call):
        if call == 2:
            del directory.rows[0]

    directory = Directory([row(number) for number in range(30)], delete)
    assert names(await directory.listing(page_size=10)) == [f"name{number}" for number in range(1, 30)]
    assert len(directory.calls) == 6


async def test_one_added_for_one_deleted_is_noticed_where_a_contact_shows_twice():
    def swap(directory, call):
        if call == 2:
            directory.rows.pop()
            directory.rows.insert(0, row(1000))

    directory = Directory([row(number) for number in range(30)], swap)
    assert set(names(await directory.listing(page_size=10))) == {f"name{number}" for number in [*range(29), 1000]}


async def test_a_directory_that_never_holds_still_is_given_up_after_bounded_work():
    def churn(directory, call):
        directory.rows.pop(0)

    directory = Directory([row(number) for number in range(1000)], churn)
    with pytest.raises(TryLater) as caught:
        await directory.listing(page_size=10, attempts=3)
    assert caught.value.exit_code == 4
    assert caught.value.hint
    assert caught.value.code == "ListingUnstable"
    assert len(directory.slept) == PASSES - 1


async def test_a_server_that_miscounts_is_given_up_too():
    def lie(directory, call):
        return Answer(
            Outcome.DONE, "ok", body={"TotalCount": 10**9, "Contacts": [row(1)]} if call % 3 else {"TotalCount": 10**9}
        )

    with pytest.raises(TryLater):
        await Directory([], lie).listing()


async def test_what_passes_is_tried_again_with_growing_pauses():
    failing = [fault(LIST, "ConnectFailed", sent=False), fault(LIST, "Timeout", sent=True)] * 2

    def before(directory, call):
        return failing.pop() if failing else None

    directory = Directory([row(1)], before)
    assert len(await directory.listing()) == 1
    assert len(directory.calls) == 5
    assert directory.slept == sorted(directory.slept)
    assert len(set(directory.slept)) == 4


async def test_a_wait_that_the_server_names_is_obeyed():
    def throttle(directory, call):
        return Answer(Outcome.THROTTLE, "Throttling.User", wait=7.0) if call == 1 else None

    directory = Directory([row(1)], throttle)
    await directory.listing()
    assert len(directory.slept) == 1
    assert 7.0 <= directory.slept[0] < 9.0


async def test_a_wait_that_is_too_long_is_said_instead_of_slept():
    directory = Directory([], lambda *_: Answer(Outcome.THROTTLE, "Throttling.User", wait=3600.0))
    with pytest.raises(TryLater, match="wait 3600 s"):
        await directory.listing()
    assert directory.slept == []


async def test_silence_ends_after_the_attempts_with_the_cause_and_what_to_do():
    directory = Directory([], lambda *_: fault(LIST, "DNSFailed", sent=False))
    with pytest.raises(TryLater) as caught:
        await directory.listing(attempts=4)
    assert len(directory.calls) == 4
    assert caught.value.code == "DNSFailed"
    assert "--endpoint" in caught.value.hint


async def test_a_refusal_is_not_repeated_and_says_what_to_do():
    directory = Directory([], lambda *_: Answer(Outcome.STOP, "NoPermission", "CANARY may not"))
    with pytest.raises(FixAccess) as caught:
        await directory.listing()
    assert len(directory.calls) == 1
    assert (caught.value.code, caught.value.exit_code) == ("NoPermission", 4)
    assert "permission" in caught.value.hint
    assert "CANARY" not in f"{caught.value}"


async def test_an_unknown_refusal_of_the_listing_ends_the_command_too():
    directory = Directory([], lambda *_: Answer(Outcome.ROW, "NeverHeardOf"))
    with pytest.raises(FixAccess, match="NeverHeardOf"):
        await directory.listing()


class TestContact:
    async def test_a_contact_as_it_stands(self):
        directory = Directory([row(1, Status="Active")])
        found = await contact(directory, "c-0000000000000001")
        assert isinstance(found, Listed)
        assert (found.name, found.status) == ("name1", "Active")

    async def test_none_when_the_directory_does_not_know_it(self):
        assert await contact(Directory([]), "c-1") is None

    async def test_any_other_answer_as_it_came(self):
        refused = Answer(Outcome.STOP, "NoPermission")
        assert await contact(Directory([], lambda *_: refused), "c-1") is refused

    async def test_what_passes_is_tried_again(self):
        def before(directory, call):
            return fault(GET, "Timeout", sent=True) if call < 3 else None

        directory = Directory([row(1)], before)
        found = await contact(directory, "c-0000000000000001", sleep=directory.sleep, random=lambda: 0.5)
        assert isinstance(found, Listed)
        assert len(directory.slept) == 2


# -- what waits to be verified


class Waiting(Directory):
    """As `Directory`, of verifications."""

    async def call(self, action, parameters):
        self.calls.append((action, dict(parameters)))
        answer = self.before(self, len(self.calls))
        if answer is not None:
            return answer
        size = min(parameters["PageSize"], self.cap)
        page = self.rows[(parameters["PageNumber"] - 1) * size :][:size]
        body = {"TotalCount": len(self.rows), "ContactVerifications": page, "RequestId": "A"}
        return self.answer(action, body, 200)


def targets(count):
    return [{"ContactId": f"c-{n // 2}", "Target": f"target{n}"} for n in range(count)]


async def test_what_waits_is_read_page_by_page_with_two_targets_of_one_contact():
    directory = Waiting(targets(25), cap=10)
    found = await verifications(directory, sleep=directory.sleep, random=lambda: 0.5)
    assert found == {(f"c-{n // 2}", f"target{n}") for n in range(25)}
    assert [action for action, _ in directory.calls] == ["ListMessageContactVerifications"] * 3


async def test_what_waits_is_read_again_when_somebody_answers_meanwhile():
    def answered(directory, call):
        if call == 2:
            del directory.rows[0]

    directory = Waiting(targets(25), answered, cap=10)
    found = await verifications(directory, sleep=directory.sleep, random=lambda: 0.5)
    assert len(found) == 24
    assert ("c-5", "target10") in found, "that one had moved to the page before"


async def test_a_list_of_what_waits_that_is_refused_says_what_to_do():
    def refuses(directory, _call):
        return directory.answer("ListMessageContactVerifications", {"Code": "NoPermission"}, 403)

    directory = Waiting(targets(3), refuses)
    with pytest.raises(FixAccess):
        await verifications(directory, sleep=directory.sleep, random=lambda: 0.5)
