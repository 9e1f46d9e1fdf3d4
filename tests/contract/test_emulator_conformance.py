"""Clients that nobody here wrote call every operation and are given every documented code."""

import asyncio
import importlib
import json
import re
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from importer.emulator import Emulator, Key, Limits
from importer.emulator.faults import Fault

DOMAIN = "alibabacloud_resourcedirectorymaster20220419"
SECRET = "conformance"
ROOMY = Limits(max_contacts=300, calls_per_second=0, known_members=("fd-one", "fd-two", "1234567890"))

CONTACT_ID = ["MissingParameter.ContactId", "InvalidParameter.ContactId", "EntityNotExists.Contact"]
FIELDS = [
    "InvalidParameter.Name",
    "InvalidParameter.Name.Length",
    "InvalidParameter.Name.AlreadyUsed",
    "InvalidParameter.EmailAddress",
    "InvalidParameter.EmailAddress.Length",
    "InvalidParameter.PhoneNumber",
    "InvalidParameter.MobileCountryCode",
    "InvalidParameter.Title",
    "InvalidParameter.MessageTypes",
]
MEMBERS = [
    "InvalidParameter.Members",
    "InvalidParameter.Members.Duplicate",
    "InvalidParameter.Members.Length",
    "InvalidMember",
    "ContactStatusMismatchAction",
]
DOCUMENTED = {
    "AddMessageContact": [
        *(f"MissingParameter.{f}" for f in ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")),
        *FIELDS,
        "LimitExceeded.Contacts",
        "ConcurrentCallNotSupported",
    ],
    "SendEmailVerificationForMessageContact": [
        *CONTACT_ID,
        "MissingParameter.EmailAddress",
        "InvalidParameter.EmailAddress",
        "EntityNotExists.Contact.Verification",
        "SendValidateCodeExceedsLimitForAccount",
    ],
    "SendPhoneVerificationForMessageContact": [
        *CONTACT_ID,
        "MissingParameter.PhoneNumber",
        "InvalidParameter.PhoneNumber",
        "InvalidParameter.MobileCountryCode",
        "EntityNotExists.Contact.Verification",
        "SendValidateCodeExceedsLimitForAccount",
    ],
    "ListMessageContacts": ["InvalidParameter.ContactId", "InvalidParameter.Member", "EntityNotExists.Member"],
    "GetMessageContact": CONTACT_ID,
    "ListMessageContactVerifications": ["InvalidParameter.ContactId"],
    "UpdateMessageContact": [
        *CONTACT_ID,
        *FIELDS,
        "ContactStatusMismatchAction",
        "ConcurrentCallNotSupported",
    ],
    "CancelMessageContactUpdate": [
        *CONTACT_ID,
        "InvalidParameter.EmailAddress",
        "InvalidParameter.PhoneNumber",
        "InvalidParameter.MobileCountryCode",
        "ContactStatusMismatchAction",
    ],
    "DeleteMessageContact": [*CONTACT_ID, "ConcurrentCallNotSupported"],
    "GetMessageContactDeletionStatus": CONTACT_ID,
    "AssociateMembers": [
        *CONTACT_ID,
        *MEMBERS,
        "LimitExceeded.ContactMembers",
        "QuotaExceeded.Members",
        "ConcurrentCallNotSupported",
    ],
    "DisassociateMembers": [*CONTACT_ID, *MEMBERS],
}
ANY = {  # codes of the gateway, and those that are played as faults
    "InvalidAccessKeyId.NotFound": 404,
    "InvalidAccessKeyId.Inactive": 400,
    "InvalidSecurityToken.MismatchWithAccessKey": 400,
    "InvalidTimeStamp.Expired": 400,
    "NoPermission": 403,
    "EntityNotExists.ResourceDirectory": 404,
    "ResourceDirectoryNotInUse": 404,
    "InvalidProtocol.NeedSsl": 400,
    "Throttling.User": 400,
    "InternalError": 500,
    "ServiceUnavailable": 503,
}
STATUS = {"ConcurrentCallNotSupported": 429, "SendValidateCodeExceedsLimitForAccount": 409}
MESSAGES = {
    "MissingParameter.Name": "You must specify Name.",
    "InvalidParameter.Name": "The Name is invalid.",
    "InvalidParameter.Name.Length": "The Name exceeds the length limit.",
    "InvalidParameter.Name.AlreadyUsed": "The Name already exists. Please change to another name.",
    "InvalidParameter.MobileCountryCode": "The current site does not support the country code.",
    "LimitExceeded.Contacts": "The maximum number of contacts in a resource directory exceeds the limit.",
    "ConcurrentCallNotSupported": "The operation conflicts with other operations. Please try again later.",
    "EntityNotExists.Contact": "This Contact does not exist.",
    "EntityNotExists.Contact.Verification": "This contact verification does not exist.",
    "SendValidateCodeExceedsLimitForAccount": (
        "For the same account, the number of verification codes sent exceeds the limit."
    ),
}


@dataclass
class Answer:
    """What a client made of one call: ``ok`` or the code of its exception."""

    code: str
    status: int = 200
    message: str = ""
    body: dict | None = None


class Sdk:
    """The official SDK of this API, sync or async."""

    def __init__(self, emulator, *, sync):
        self._emulator, self._sync = emulator, sync
        self._models = importlib.import_module(f"{DOMAIN}.models")

    async def call(self, action, values, key=None):
        from alibabacloud_tea_openapi.exceptions import AlibabaCloudException

        request = getattr(self._models, f"{action}Request")().from_map(dict(values))
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
        client = self._client(key)
        try:
            if self._sync:
                response = await asyncio.to_thread(getattr(client, method), request)
            else:
                response = await getattr(client, f"{method}_async")(request)
        except AlibabaCloudException as error:
            return Answer(error.code, error.status_code, error.message, error.data)
        assert response.headers["x-acs-request-id"] == response.body.request_id
        return Answer("ok", response.status_code, body=response.body.to_map())

    def _client(self, key):
        from alibabacloud_tea_openapi.models import Config

        key = key or self._emulator.keys[0]
        config = Config(
            endpoint=f"127.0.0.1:{self._emulator.port}",
            protocol="HTTP",
            access_key_id=key.id,
            access_key_secret=key.secret,
            security_token=key.security_token,
        )
        return importlib.import_module(f"{DOMAIN}.client").Client(config)


class Core:
    """The older SDK, whose signature is HMAC-SHA1 over the parameters."""

    def __init__(self, emulator):
        self._emulator = emulator

    async def call(self, action, values, key=None):
        return await asyncio.to_thread(self._call, action, values, key or self._emulator.keys[0])

    def _call(self, action, values, key):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its vendored parts are older than this Python
            return self._ask(action, values, key)

    def _ask(self, action, values, key):
        from aliyunsdkcore.acs_exception.exceptions import ServerException
        from aliyunsdkcore.auth.credentials import StsTokenCredential
        from aliyunsdkcore.client import AcsClient
        from aliyunsdkcore.request import CommonRequest

        if key.security_token:
            credential = StsTokenCredential(key.id, key.secret, key.security_token)
            client = AcsClient(region_id="cn-hangzhou", auto_retry=False, credential=credential)
        else:
            client = AcsClient(key.id, key.secret, "cn-hangzhou", auto_retry=False)
        request = CommonRequest(f"127.0.0.1:{self._emulator.port}", "2022-04-19", action)
        request.set_protocol_type("http")
        request.set_method("POST")
        for name, value in values.items():
            rows = {f"{name}.{n}": v for n, v in enumerate(value, 1)} if isinstance(value, list) else {name: value}
            for row, text in rows.items():
                request.add_query_param(row, text)
        try:
            return Answer("ok", body=json.loads(client.do_action_with_exception(request)))
        except ServerException as error:
            return Answer(error.get_error_code(), error.get_http_status(), error.get_error_msg())


DRIVERS: dict[str, Callable] = {
    "sdk-sync": lambda emulator: Sdk(emulator, sync=True),
    "sdk-async": lambda emulator: Sdk(emulator, sync=False),
    "core": Core,
}


class World:
    """An emulator and a client; ``covered`` holds each code that the client was given."""

    def __init__(self, emulator, client):
        self.emulator, self._client = emulator, client
        self.covered = set()

    @property
    def directory(self):
        return self.emulator.directories["default"]

    async def ok(self, action, **values):
        answer = await self._client.call(action, values)
        assert answer.code == "ok", (action, values, answer)
        assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", answer.body["RequestId"])
        self.covered.add((action, "ok"))
        return answer.body

    async def refused(self, action, code, key=None, **values):
        answer = await self._client.call(action, values, key)
        assert answer.code == code, (action, values, answer)
        default = 404 if code.startswith("EntityNotExists") else 400
        assert answer.status == ANY.get(code, STATUS.get(code, default)), (action, answer)
        assert MESSAGES.get(code, "") in answer.message
        self.covered.add((action, code))

    async def add(self, name="tom", email="tom@example.com", **more):
        values = {"Title": "CEO", "MessageTypes": ["FaultMessage"], **more}
        body = await self.ok("AddMessageContact", Name=name, EmailAddress=email, **values)
        return body["Contact"]["ContactId"]

    async def active(self, name="tom", email="tom@example.com", **more):
        contact_id = await self.add(name, email, **more)
        mail = self.directory.send(contact_id, "email", email)
        self.directory.follow(mail.token)
        return contact_id

    def limit(self, **changes):
        self.directory.adjust(replace(self.directory.limits, **changes))

    async def busy(self, action, **values):
        """Another write is under way while the call is made."""
        self.limit(service_time=5.0)
        other = {"Name": "other", "EmailAddress": "o@example.com", "Title": "CEO", "MessageTypes": "FaultMessage"}
        task = asyncio.create_task(self.emulator.service.call("AddMessageContact", other))
        await asyncio.sleep(0)
        await self.refused(action, "ConcurrentCallNotSupported", **values)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.limit(service_time=0.0)


ADD = "AddMessageContact"
GOOD = {
    "Name": "tom",
    "EmailAddress": "tom@example.com",
    "PhoneNumber": "86-13900001234",
    "Title": "CEO",
    "MessageTypes": ["FaultMessage"],
}
BAD_FIELDS = [
    ("Name", "tom2", "InvalidParameter.Name"),
    ("Name", "t o m", "InvalidParameter.Name"),
    ("Name", "Ｔｏｍ", "InvalidParameter.Name"),
    ("Name", "x", "InvalidParameter.Name.Length"),
    ("Name", "名" * 13, "InvalidParameter.Name.Length"),
    ("EmailAddress", "tom@example", "InvalidParameter.EmailAddress"),
    ("EmailAddress", "t" * 120 + "@example.com", "InvalidParameter.EmailAddress.Length"),
    ("PhoneNumber", "13900001234", "InvalidParameter.PhoneNumber"),
    ("PhoneNumber", "86-23900001234", "InvalidParameter.PhoneNumber"),
    ("PhoneNumber", "1-2025550123", "InvalidParameter.MobileCountryCode"),
    ("Title", "ceo", "InvalidParameter.Title"),
    ("MessageTypes", ["FaultMessage", "Fault"], "InvalidParameter.MessageTypes"),
    ("MessageTypes", ["FaultMessage", "FaultMessage"], "InvalidParameter.MessageTypes"),
]
ABSENT = "c-0000000000000000"


async def contact_ids(world, action, **more):
    await world.refused(action, "MissingParameter.ContactId", **more)
    await world.refused(action, "InvalidParameter.ContactId", ContactId="tom!", **more)
    await world.refused(action, "EntityNotExists.Contact", ContactId=ABSENT, **more)


async def adding(world):
    for field in GOOD:
        without = {name: value for name, value in GOOD.items() if name != field}
        if field == "PhoneNumber":
            await world.refused(ADD, "MissingParameter.PhoneNumber", **{**GOOD, "PhoneNumber": ""})
        else:
            await world.refused(ADD, f"MissingParameter.{field}", **without)
    for field, value, code in BAD_FIELDS:
        await world.refused(ADD, code, **{**GOOD, field: value})
    await world.busy(ADD, **GOOD)
    await world.ok(ADD, **GOOD)
    await world.refused(ADD, "InvalidParameter.Name.AlreadyUsed", **GOOD)
    world.limit(max_contacts=1)
    await world.refused(ADD, "LimitExceeded.Contacts", **{**GOOD, "Name": "tim"})


async def sending_email(world):
    send = "SendEmailVerificationForMessageContact"
    await contact_ids(world, send, EmailAddress="tom@example.com")
    contact_id = await world.add()
    await world.refused(send, "MissingParameter.EmailAddress", ContactId=contact_id)
    await world.refused(send, "InvalidParameter.EmailAddress", ContactId=contact_id, EmailAddress="tom")
    await world.refused(
        send, "EntityNotExists.Contact.Verification", ContactId=contact_id, EmailAddress="tim@example.com"
    )
    await world.ok(send, ContactId=contact_id, EmailAddress="tom@example.com")
    world.limit(daily_sends=1)
    await world.refused(
        send, "SendValidateCodeExceedsLimitForAccount", ContactId=contact_id, EmailAddress="tom@example.com"
    )


async def sending_phone(world):
    send = "SendPhoneVerificationForMessageContact"
    await contact_ids(world, send, PhoneNumber="86-13900001234")
    contact_id = await world.add(PhoneNumber="86-13900001234")
    await world.refused(send, "MissingParameter.PhoneNumber", ContactId=contact_id)
    await world.refused(send, "InvalidParameter.PhoneNumber", ContactId=contact_id, PhoneNumber="139")
    await world.refused(send, "InvalidParameter.MobileCountryCode", ContactId=contact_id, PhoneNumber="44-7700900123")
    await world.refused(
        send, "EntityNotExists.Contact.Verification", ContactId=contact_id, PhoneNumber="86-13900000000"
    )
    await world.ok(send, ContactId=contact_id, PhoneNumber="86-13900001234")
    world.limit(daily_sends=1)
    await world.refused(
        send, "SendValidateCodeExceedsLimitForAccount", ContactId=contact_id, PhoneNumber="86-13900001234"
    )


async def looking(world):
    await contact_ids(world, "GetMessageContact")
    emails = ["o'neil+tag%2B@example.com", "a.b-c@mail.example.com", '"quoted@x"@example.com']
    for name, email in zip(("张三", "欧阳小明", "Tom"), emails, strict=True):
        contact_id = await world.add(name, email, PhoneNumber="86-13900001234")
        contact = (await world.ok("GetMessageContact", ContactId=contact_id))["Contact"]
        assert (contact["Name"], contact["EmailAddress"]) == (name, email)
        assert (contact["Status"], contact["Title"], contact["Members"]) == ("Verifying", "CEO", [])
        assert contact["MessageTypes"] == ["FaultMessage"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", contact["CreateDate"])
    found = await world.ok("ListMessageContacts", ContactId=contact_id)
    assert [row["EmailAddress"] for row in found["Contacts"]] == [emails[-1]]
    assert (await world.ok("ListMessageContacts", ContactId=ABSENT))["TotalCount"] == 0
    await world.refused("ListMessageContacts", "InvalidParameter.ContactId", ContactId="x")
    await world.refused("ListMessageContacts", "InvalidParameter.Member", Member="!")
    await world.refused("ListMessageContacts", "EntityNotExists.Member", Member="fd-three")
    found = await world.ok("ListMessageContactVerifications", ContactId=contact_id)
    assert [row["Target"] for row in found["ContactVerifications"]] == [emails[-1], "86-13900001234"]
    await world.refused("ListMessageContactVerifications", "InvalidParameter.ContactId", ContactId="x")


async def updating(world):
    update, cancel = "UpdateMessageContact", "CancelMessageContactUpdate"
    await contact_ids(world, update)
    await contact_ids(world, cancel)
    contact_id = await world.active()
    await world.add("tim")
    for field, value, code in BAD_FIELDS:
        await world.refused(update, code, ContactId=contact_id, **{field: value})
    await world.refused(update, "InvalidParameter.Name.AlreadyUsed", ContactId=contact_id, Name="tim")
    await world.busy(update, ContactId=contact_id)
    change = {"Name": "tam", "Title": "Other", "MessageTypes": ["ServiceMessage", "AccountExpenses"]}
    await world.ok(update, ContactId=contact_id, EmailAddress="new@example.com", **change)
    contact = (await world.ok("GetMessageContact", ContactId=contact_id))["Contact"]
    assert {name: contact[name] for name in change} == change
    assert (contact["EmailAddress"], contact["Status"]) == ("tom@example.com", "Active")
    for field, value, code in BAD_FIELDS[5:10]:
        if not code.endswith(".Length"):
            await world.refused(cancel, code, ContactId=contact_id, **{field: value})
    await world.ok(cancel, ContactId=contact_id, EmailAddress="new@example.com")
    assert (await world.ok("ListMessageContactVerifications", ContactId=contact_id))["TotalCount"] == 0
    await world.refused(cancel, "ContactStatusMismatchAction", ContactId=contact_id)
    await world.ok("DeleteMessageContact", ContactId=contact_id, RetainContactInMembers="False")
    await world.refused(update, "ContactStatusMismatchAction", ContactId=contact_id, Title="CEO")


async def deleting(world):
    delete, status = "DeleteMessageContact", "GetMessageContactDeletionStatus"
    await contact_ids(world, delete)
    await contact_ids(world, status)
    contact_id = await world.active()
    await world.busy(delete, ContactId=contact_id)
    await world.ok("AssociateMembers", ContactId=contact_id, Members=["fd-one", "1234567890"])
    world.limit(clinging_members=("1234567890",))
    world.emulator.clock.freeze()
    later = await world.ok(delete, ContactId=contact_id, RetainContactInMembers="false")
    assert later["Status"] == "Deleting"
    deletion = (await world.ok(status, ContactId=contact_id))["ContactDeletionStatus"]
    assert deletion["Status"] == "Deleting"
    world.emulator.clock.advance(1)
    deletion = (await world.ok(status, ContactId=contact_id))["ContactDeletionStatus"]
    assert deletion["Status"] == "Failed"
    assert deletion["FailReasonList"] == [{"AccountId": "1234567890", "MessageTypes": ["FaultMessage"]}]
    assert (await world.ok(delete, ContactId=contact_id))["Status"] == "Deleted"
    await world.refused("GetMessageContact", "EntityNotExists.Contact", ContactId=contact_id)


async def members(world):
    bind, unbind = "AssociateMembers", "DisassociateMembers"
    await contact_ids(world, bind, Members=["fd-one"])
    await contact_ids(world, unbind, Members=["fd-one"])
    waiting = await world.add("waiting")
    contact_id = await world.active()
    for action in (bind, unbind):
        for values, code in [
            (["no!"], "InvalidParameter.Members"),
            (["fd-one", "fd-one"], "InvalidParameter.Members.Duplicate"),
            ([f"fd-{n}" for n in range(6)], "InvalidParameter.Members.Length"),
            (["fd-three"], "InvalidMember"),
        ]:
            await world.refused(action, code, ContactId=contact_id, Members=values)
    await world.refused(bind, "ContactStatusMismatchAction", ContactId=waiting, Members=["fd-one"])
    await world.busy(bind, ContactId=contact_id, Members=["fd-one"])
    rows = (await world.ok(bind, ContactId=contact_id, Members=["fd-one", "fd-two"]))["Members"]
    assert [(row["ContactId"], row["MemberId"]) for row in rows] == [(contact_id, "fd-one"), (contact_id, "fd-two")]
    listed = (await world.ok("ListMessageContacts", Member="fd-two"))["Contacts"]
    assert [row["Members"] for row in listed] == [["fd-one", "fd-two"]]
    assert listed[0]["AssociatedDate"] == rows[0]["ModifyDate"]
    await world.ok(unbind, ContactId=contact_id, Members=["fd-one"])
    world.limit(members_per_contact=1)
    await world.refused(bind, "LimitExceeded.ContactMembers", ContactId=contact_id, Members=["fd-one"])
    world.limit(members_per_contact=10, contacts_per_member=1)
    other = await world.active("other")
    await world.refused(bind, "QuotaExceeded.Members", ContactId=other, Members=["fd-two"])
    await world.ok("DeleteMessageContact", ContactId=contact_id, RetainContactInMembers="FALSE")
    await world.refused(unbind, "ContactStatusMismatchAction", ContactId=contact_id, Members=["fd-two"])


async def gateway(world):
    """What any operation may answer, shown on one that is harmless."""
    get, keys = "ListMessageContacts", world.emulator.keys
    wrong = Key("nobody", SECRET)
    await world.refused(get, "InvalidAccessKeyId.NotFound", key=wrong)
    await world.refused(get, "InvalidAccessKeyId.Inactive", key=keys[1])
    await world.refused(get, "NoPermission", key=keys[2])
    await world.refused(get, "EntityNotExists.ResourceDirectory", key=keys[3])
    await world.refused(get, "InvalidSecurityToken.MismatchWithAccessKey", key=replace(keys[4], security_token=None))
    faults = world.emulator.faults
    faults.replace([Fault("500")])
    await world.refused(get, "InternalError")
    faults.replace([Fault("503")])
    await world.refused(get, "ServiceUnavailable")
    faults.replace([Fault("error", code="ResourceDirectoryNotInUse")])
    await world.refused(get, "ResourceDirectoryNotInUse")
    faults.replace(())
    world.limit(calls_per_second=1)
    await world.ok(get)
    await world.refused(get, "Throttling.User")
    world.limit(calls_per_second=0)
    world.emulator.wall_offset[0] = 1000.0
    await world.refused(get, "InvalidTimeStamp.Expired")
    world.emulator.wall_offset[0] = 0.0
    world.emulator.gateway.need_ssl = True
    await world.refused(get, "InvalidProtocol.NeedSsl")
    world.emulator.gateway.need_ssl = False


SCENES = [adding, sending_email, sending_phone, looking, updating, deleting, members, gateway]
KEYS = [
    Key("conformance", SECRET),
    Key("asleep", SECRET, active=False),
    Key("reader", SECRET, actions=("Get*",)),
    Key("homeless", SECRET, directory=""),
    Key("guest", SECRET, security_token="a-token"),
]


@pytest.fixture
async def emulator():
    offset = [0.0]
    async with Emulator(limits=ROOMY, keys=KEYS, wall=lambda: time.time() + offset[0]) as emulator:
        emulator.wall_offset = offset
        yield emulator


@pytest.mark.parametrize("driver", DRIVERS)
async def test_every_operation_and_every_documented_code_reach_the_client(emulator, driver, capsys):
    world = World(emulator, DRIVERS[driver](emulator))
    for scene in SCENES:
        await scene(world)
        await emulator.reset()
        for directory in emulator.directories.values():
            directory.adjust(ROOMY)
    wanted = {(action, code) for action, codes in DOCUMENTED.items() for code in [*codes, "ok"]}
    wanted |= {("ListMessageContacts", code) for code in ANY}
    missing = sorted(wanted - world.covered)
    with capsys.disabled():
        print(f"\n{driver}: {len(wanted) - len(missing)} of {len(wanted)} operations × codes")
    assert not missing


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_wrong_secret_is_told_as_such(emulator, driver):
    """The message shows the string to sign, so that a client can compare it with its own."""
    answer = await DRIVERS[driver](emulator).call("ListMessageContacts", {}, Key("conformance", "wrong"))
    assert answer.code == "SignatureDoesNotMatch"
    shown = "POST&%2F&AccessKeyId%3Dconformance%26Action" if driver == "core" else "ACS3-HMAC-SHA256\n"
    assert f"server string to sign is:{shown}" in answer.message


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_security_token_is_part_of_the_signature(emulator, driver):
    answer = await DRIVERS[driver](emulator).call("ListMessageContacts", {}, KEYS[4])
    assert answer.code == "ok"
    other = replace(KEYS[4], security_token="another-token")
    answer = await DRIVERS[driver](emulator).call("ListMessageContacts", {}, other)
    assert answer.code == "InvalidSecurityToken.Malformed"


@pytest.mark.parametrize("driver", DRIVERS)
async def test_250_contacts_are_listed_page_by_page_in_the_order_of_their_making(emulator, driver):
    world = World(emulator, DRIVERS[driver](emulator))
    names = [f"{a}{b}{c}" for a in "甲乙丙丁戊" for b in "abcdefghij" for c in "vwxyz"]
    for name in names:
        world.directory.add(name, "x@example.com", None, "CEO", ("FaultMessage",))
    listed = []
    for page in (1, 2, 3, 4):
        body = await world.ok("ListMessageContacts", PageNumber=page, PageSize=100)
        assert (body["TotalCount"], body["PageSize"], body["PageNumber"]) == (250, 100, page)
        listed += [row["Name"] for row in body["Contacts"]]
    assert listed == names
    assert len((await world.ok("ListMessageContacts"))["Contacts"]) == 10


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_key_sees_its_own_directory_alone(driver):
    keys = [Key("one", SECRET, directory="one"), Key("two", SECRET, directory="two")]
    async with Emulator(keys=keys) as emulator:
        client = DRIVERS[driver](emulator)
        for key in keys:  # the same name in both
            assert (await client.call("AddMessageContact", GOOD, key)).code == "ok"
        answer = await client.call("ListMessageContacts", {}, keys[1])
        assert answer.body["TotalCount"] == 1
        assert [contact.name for contact in emulator.contacts("one")] == ["tom"]
