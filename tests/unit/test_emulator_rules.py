"""The emulator's rules, clocks and gates, driven directly in virtual time."""

import asyncio
from random import Random

import pytest

from importer.emulator import EmulatorError, Limits, Refusal
from importer.emulator.clock import Clock
from importer.emulator.directory import Directory
from importer.emulator.faults import Fault, Faults
from importer.emulator.gateway import Nonces
from importer.emulator.journal import Journal
from importer.emulator.limits import OFF
from importer.emulator.operations import OPERATIONS, perform
from importer.emulator.service import Rate, Service

SEND = "SendEmailVerificationForMessageContact"
NOON = 1_800_000_000.0  # 2027-01-15 16:00:00 in Shanghai


class Time:
    """A clock that only sleeping moves; sleepers wake in the order of their times."""

    def __init__(self, now=NOON):
        self.now = now
        self._waiting = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        woken = asyncio.Event()
        self._waiting.append((self.now + seconds, woken))
        await woken.wait()

    async def run(self, *tasks):
        tasks = [asyncio.ensure_future(task) for task in tasks]
        while not all(task.done() for task in tasks):
            for _ in range(5):
                await asyncio.sleep(0)
            if self._waiting:
                self._waiting.sort(key=lambda pair: pair[0])
                self.now, woken = self._waiting.pop(0)
                woken.set()
        return [task.result() for task in tasks]


@pytest.fixture
def time():
    return Time()


def make(time, **limits):
    return Directory(Limits(**{"calls_per_second": 0, **limits}), now=time, random=Random(1))


def contact(name="tom", email="t@example.com", **more):
    return {"Name": name, "EmailAddress": email, "Title": "CEO", "MessageTypes": ["FaultMessage"], **more}


def code(directory, action, **values):
    try:
        perform(directory, action, values)
    except Refusal as refusal:
        return refusal.code
    return "ok"


def added(directory, *args, **more):
    return perform(directory, "AddMessageContact", contact(*args, **more))["Contact"]["ContactId"]


def test_there_are_twelve_operations_of_which_four_are_writes_that_exclude_each_other():
    writes = {action for action, operation in OPERATIONS.items() if operation.writes}
    assert len(OPERATIONS) == 12
    assert writes == {"AddMessageContact", "UpdateMessageContact", "DeleteMessageContact", "AssociateMembers"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ab", "ok"),
        ("张三", "ok"),
        ("㐀䶿", "ok"),
        ("abcdefghijkl", "ok"),
        ("a", "InvalidParameter.Name.Length"),
        ("abcdefghijklm", "InvalidParameter.Name.Length"),
        ("a.bcdefghijklm", "InvalidParameter.Name"),
        ("Zoë", "InvalidParameter.Name"),
        ("ｔｏｍ", "InvalidParameter.Name"),
        ("𠀀𠀁", "InvalidParameter.Name"),
        (" tom", "InvalidParameter.Name"),
        ("tom\n", "InvalidParameter.Name"),
    ],
)
def test_names_are_2_to_12_english_or_chinese_letters_and_the_alphabet_is_checked_first(time, name, expected):
    assert code(make(time), "AddMessageContact", **contact(name)) == expected


def test_chinese_names_and_the_case_of_names_are_settings(time):
    strict = make(time, chinese_names=False, names_case_sensitive=False)
    assert code(strict, "AddMessageContact", **contact("张三")) == "InvalidParameter.Name"
    assert code(strict, "AddMessageContact", **contact("tom")) == "ok"
    assert code(strict, "AddMessageContact", **contact("TOM")) == "InvalidParameter.Name.AlreadyUsed"
    assert code(make(time), "AddMessageContact", **contact("TOM")) == "ok"


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("some.one+tag@example.com", "ok"),
        ("o'neil%x@mail.example.com", "ok"),
        ("a" * 116 + "@example.com", "ok"),
        ("a" * 117 + "@example.com", "InvalidParameter.EmailAddress.Length"),
        ("a@b", "InvalidParameter.EmailAddress"),
        ("a..b@example.com", "InvalidParameter.EmailAddress"),
        (".a@example.com", "InvalidParameter.EmailAddress"),
        ("a@-x.example.com", "InvalidParameter.EmailAddress"),
        ("a@example.com, b@example.com", "InvalidParameter.EmailAddress"),
        ("张@example.com", "InvalidParameter.EmailAddress"),
        ("a@" + "a." * 200_000, "InvalidParameter.EmailAddress"),
    ],
)
def test_addresses_are_plain_and_at_most_128_long(time, email, expected):
    assert code(make(time), "AddMessageContact", **contact(email=email)) == expected


def test_the_day_ends_at_midnight_of_its_zone(time):
    directory = make(time, daily_sends=1)
    values = {"ContactId": added(directory), "EmailAddress": "t@example.com"}
    assert code(directory, SEND, **values) == "ok"
    time.now = NOON + 8 * 3600 - 1  # 23:59:59 in Shanghai
    assert code(directory, SEND, **values) == "SendValidateCodeExceedsLimitForAccount"
    time.now += 1
    assert code(directory, SEND, **values) == "ok"


def test_a_rolling_day_is_24_hours(time):
    directory = make(time, daily_sends=1, daily_window="rolling")
    values = {"ContactId": added(directory), "EmailAddress": "t@example.com"}
    assert code(directory, SEND, **values) == "ok"
    time.now += 86399
    assert code(directory, SEND, **values) == "SendValidateCodeExceedsLimitForAccount"
    time.now += 1
    assert code(directory, SEND, **values) == "ok"


def test_one_address_gets_so_many_a_minute_and_others_are_not_held_up(time):
    directory = make(time, sends_per_address_per_minute=2)
    tom = {"ContactId": added(directory), "EmailAddress": "t@example.com"}
    ann = {"ContactId": added(directory, "ann", "a@example.com"), "EmailAddress": "a@example.com"}
    assert [code(directory, SEND, **tom) for _ in range(3)] == ["ok", "ok", "SendValidateCodeTooFrequent"]
    assert code(directory, SEND, **ann) == "ok"
    time.now += 60
    assert code(directory, SEND, **tom) == "ok"


def test_a_new_contact_is_missing_from_listings_for_a_while(time):
    directory = make(time, list_lag=5)
    contact_id = added(directory)
    assert perform(directory, "ListMessageContacts", {})["TotalCount"] == 0
    assert perform(directory, "GetMessageContact", {"ContactId": contact_id})["Contact"]["Name"] == "tom"
    time.now += 5
    assert perform(directory, "ListMessageContacts", {})["TotalCount"] == 1


def test_a_deleted_contact_gives_its_place_and_name_back(time):
    directory = make(time, max_contacts=1)
    contact_id = added(directory)
    assert code(directory, "AddMessageContact", **contact("ann")) == "LimitExceeded.Contacts"
    assert code(directory, "DeleteMessageContact", ContactId=contact_id) == "ok"
    assert code(directory, "AddMessageContact", **contact()) == "ok"


def test_asking_again_does_not_put_a_deletion_off(time):
    directory = make(time, deletion_time=10)
    values = {"ContactId": added(directory), "RetainContactInMembers": "false"}
    assert code(directory, "DeleteMessageContact", **values) == "ok"
    time.now += 9
    assert code(directory, "DeleteMessageContact", **values) == "ok"
    time.now += 1
    assert code(directory, "DeleteMessageContact", **values) == "EntityNotExists.Contact"
    assert [entry["effect"] for entry in directory.journal.log][-1] == "DeletionFinished"


def test_a_changed_number_takes_effect_when_verified(time):
    directory = make(time)
    contact_id = added(directory, PhoneNumber="86-13900001234")
    found = directory.contacts[contact_id]
    directory.follow(directory.send(contact_id, "phone", "86-13900001234").token)
    assert (found.phone, found.status) == ("86-13900001234", "Verifying")  # only the mail makes it Active
    perform(directory, "UpdateMessageContact", {"ContactId": contact_id, "PhoneNumber": "86-13900009999"})
    assert found.phone == "86-13900001234"
    directory.follow(directory.send(contact_id, "phone", "86-13900009999").token)
    assert found.phone == "86-13900009999"


async def test_at_most_so_many_calls_in_any_second(time):
    directory = make(time, calls_per_second=20)
    service = Service({"default": directory}, random=Random(1), sleep=time.sleep, monotonic=time)

    async def client():
        """As fast as it may at nine tenths of the rate, then all at once."""
        steady = []
        for _ in range(90):
            steady.append((await service.call("ListMessageContacts", {})).code)
            await time.sleep(1 / 18)
        await time.sleep(1)
        return steady, [(await service.call("ListMessageContacts", {})).code for _ in range(25)]

    ((steady, burst),) = await time.run(client())
    assert set(steady) == {"ok"}
    assert burst == ["ok"] * 20 + ["Throttling.User"] * 5


def test_a_rate_below_one_is_one_call_in_several_seconds():
    rate = Rate()
    waits = [rate.take("default", "x", 0.5, at) for at in (0.0, 1.0, 2.0)]
    assert waits == [0.0, 1.0, 0.0]


async def test_rates_are_counted_for_each_operation(time):
    directory = make(time, calls_per_second=1)
    service = Service({"default": directory}, random=Random(1), sleep=time.sleep, monotonic=time)
    codes = [
        (await service.call(action, {})).code for action in ("ListMessageContacts", "ListMessageContactVerifications")
    ]
    assert codes == ["ok", "ok"]


async def test_writes_take_their_time_and_exclude_each_other_but_not_sends(time):
    directory = make(time, service_time=0.5)
    contact_id = directory.add("ann", "a@example.com", None, "CEO", ("FaultMessage",)).id
    service = Service({"default": directory}, random=Random(1), sleep=time.sleep, monotonic=time)
    start = time.now
    replies = await time.run(
        service.call("AddMessageContact", contact()),
        service.call("AddMessageContact", contact("tim")),
        service.call("DeleteMessageContact", {"ContactId": contact_id}),
        service.call(SEND, {"ContactId": contact_id, "EmailAddress": "a@example.com"}),
    )
    assert [reply.code for reply in replies] == ["ok", "ConcurrentCallNotSupported", "ConcurrentCallNotSupported", "ok"]
    assert time.now - start == 0.5


async def test_a_delay_and_a_fault_meet_in_one_call(time):
    directory = make(time)
    faults = Faults([Fault("delay", seconds=3), Fault("close", done=True)])
    service = Service({"default": directory}, random=Random(1), faults=faults, sleep=time.sleep, monotonic=time)
    start = time.now
    (reply,) = await time.run(service.call("AddMessageContact", contact()))
    assert (reply.fault.kind, time.now - start, len(directory.contacts)) == ("close", 3, 1)


@pytest.mark.parametrize("shape", ["fixed", "uniform", "exponential", "lognormal"])
def test_delays_have_the_mean_that_was_asked_for_whatever_their_shape(shape):
    faults = Faults([Fault("delay", seconds=0.2, shape=shape)], seed=3)
    draws = [faults.pick("x")[0] for _ in range(20_000)]
    assert sum(draws) / len(draws) == pytest.approx(0.2, rel=0.05)
    assert len(set(draws)) == 1 if shape == "fixed" else len(set(draws)) > 10_000


def test_a_clock_goes_on_from_where_it_was_set():
    source = [100.0]
    clock = Clock(lambda: source[0])
    clock.advance(50)
    source[0] += 1
    assert clock() == 151
    clock.freeze()
    source[0] += 1000
    clock.advance(9)
    assert clock() == 160
    clock.run()
    source[0] += 1
    assert clock() == 161
    clock.reset()
    assert clock() == source[0]


def test_nonces_are_remembered_for_half_an_hour_and_forgotten_later():
    nonces = Nonces()
    assert nonces.use("a", 10_000.0)
    assert not nonces.use("a", 10_000.0 + 1799)
    assert not nonces.use("a", 10_000.0 + 1801)  # its generation is the older one now
    assert nonces.use("a", 10_000.0 + 4 * 1800)


def test_nonces_take_bounded_memory():
    nonces = Nonces(most=100)
    for number in range(10_000):
        assert nonces.use(str(number), 1.0)
    assert len(nonces._new) + len(nonces._old) <= 200
    assert not nonces.use("9999", 1.0)


def test_log_and_outbox_are_bounded(time):
    directory = Directory(OFF, now=time, random=Random(1), journal=Journal(kept=10), mails_kept=5)
    contact_id = directory.add("tom", "t@example.com", None, "CEO", ("FaultMessage",)).id
    tokens = [directory.send(contact_id, "email", "t@example.com").token for _ in range(20)]
    assert (len(directory.journal.log), directory.journal.noted) == (10, 21)
    assert list(directory.mails) == tokens[-5:]
    assert directory.sent_today() == 20


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"max_contacts": -1}, "max_contacts is -1"),
        ({"service_time": float("nan")}, "service_time is nan"),
        ({"daily_window": "week"}, "'day' or 'rolling'"),
        ({"day_zone": "Mars/Olympus"}, "must be a zone"),
        ({"day_zone": "../etc/passwd"}, "must be a zone"),
        ({"throttle_status": 500}, "400 or 429"),
        ({"page_size_max": 0}, "1 or more"),
    ],
)
def test_a_limit_that_makes_no_sense_is_told(change, says):
    with pytest.raises(EmulatorError, match=says):
        Limits(**change)


def test_none_switches_a_limit_off():
    assert Limits(calls_per_second=None).calls_per_second == 0
