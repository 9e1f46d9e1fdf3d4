"""The client on the wire: what it sends, that the emulator takes it, and that its signature is the documented one."""

import asyncio
import contextlib
import hashlib
import hmac
import json
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from importer.directory.client import Client
from importer.directory.credentials import Keys, StaticCredentials
from importer.directory.listing import contact, listing, verifications
from importer.emulator import Emulator, Limits
from importer.model.errors import FixAccess
from importer.model.operation import Outcome

ADD = "AddMessageContact"
SEND = "SendEmailVerificationForMessageContact"
TOM = {
    "Name": "tom",
    "EmailAddress": "some.one+tag@example.com",
    "PhoneNumber": "86-13900001234",
    "Title": "TechnicalDirector",
    "MessageTypes": ("AccountExpenses", "FaultMessage"),
}
NOW = 1_795_326_793.9  # 2026-11-22T05:53:13Z
KEYS = StaticCredentials("id", "secret")


class Wire:
    """A server that keeps what it is sent and answers each request with the next of ``answers``, then the last."""

    def __init__(self, *answers, status=200, headers=""):
        self.answers = [json.dumps(answer).encode() for answer in answers] or [b'{"RequestId": "A"}']
        self.status = status
        self.headers = headers
        self.heads = []
        self.connections = 0

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def serve(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                head = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(body)}\r\n{self.headers}\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        writer.close()

    def request(self, number=-1):
        """Method, target and headers of a request; header names in lower case."""
        line, *rest = self.heads[number].rstrip().split("\r\n")
        method, target, _ = line.split(" ")
        return method, target, {name.lower(): value for name, _, value in (item.partition(": ") for item in rest)}


def signature(secret, method, target, headers):
    """ACS3-HMAC-SHA256 as its documentation tells it, from what arrived."""
    names = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    pairs = sorted(parse_qsl(urlsplit(target).query, keep_blank_values=True, strict_parsing=True))
    query = "&".join(f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in pairs)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    canonical = f"{method}\n/\n{query}\n{lines}\n{';'.join(names)}\n{hashlib.sha256(b'').hexdigest()}"
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


class TestRequest:
    async def test_everything_travels_in_the_query_of_a_post_without_a_body(self):
        async with Wire() as wire, Client(wire.url, KEYS, wall=lambda: NOW, nonce=lambda: "f" * 32) as client:
            await client.call(ADD, TOM)
        method, target, headers = wire.request()
        assert method == "POST"
        assert target == (
            "/?EmailAddress=some.one%2Btag%40example.com&MessageTypes.1=AccountExpenses&MessageTypes.2=FaultMessage"
            "&Name=tom&PhoneNumber=86-13900001234&Title=TechnicalDirector"
        )
        assert headers["host"] == urlsplit(wire.url).netloc
        assert headers["x-acs-action"] == ADD
        assert headers["x-acs-version"] == "2022-04-19"
        assert headers["x-acs-date"] == "2026-11-22T05:53:13Z"
        assert headers["x-acs-signature-nonce"] == "f" * 32
        assert headers["x-acs-content-sha256"] == hashlib.sha256(b"").hexdigest()
        assert headers["accept"] == "application/json"
        assert headers["accept-encoding"] == "identity"
        assert headers["content-length"] == "0"
        assert "content-type" not in headers
        assert "cookie" not in headers

    @pytest.mark.parametrize(
        "value",
        ["tom", "张三", "a b", "a+b", "a/b?c=d&e#f%20;", "~*'()!,@:$", 'quo"te\\', "é\u0301", "😀", "%41", " pad "],
    )
    async def test_the_signature_is_the_documented_one_of_what_arrived(self, value):
        async with Wire() as wire, Client(wire.url, KEYS) as client:
            await client.call(ADD, {**TOM, "Name": value, "MessageTypes": tuple(f"{value}{n}" for n in range(12))})
        method, target, headers = wire.request()
        assert dict(parse_qsl(urlsplit(target).query))["Name"] == value
        assert headers["authorization"] == (
            f"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=accept;host;x-acs-action;x-acs-content-sha256;x-acs-date;"
            f"x-acs-signature-nonce;x-acs-version,Signature={signature('secret', method, target, headers)}"
        )

    async def test_a_temporary_keys_token_is_sent_and_signed(self):
        async with Wire() as wire, Client(wire.url, StaticCredentials("id", "secret", "token")) as client:
            await client.call(SEND, {})
        method, target, headers = wire.request()
        assert (headers["x-acs-accesskey-id"], headers["x-acs-security-token"]) == ("id", "token")
        assert "x-acs-accesskey-id" in headers["authorization"]
        assert "x-acs-security-token" in headers["authorization"]
        assert headers["authorization"].endswith(signature("secret", method, target, headers))

    async def test_what_is_none_or_an_empty_number_is_left_out(self):
        async with Wire() as wire, Client(wire.url, KEYS) as client:
            await client.call(ADD, {"Name": "tom", "PhoneNumber": "", "Title": None, "MessageTypes": ()})
            await client.call("ListMessageContacts", {"PageNumber": 2, "PageSize": 100})
        assert [wire.request(number)[1] for number in (0, 1)] == ["/?Name=tom", "/?PageNumber=2&PageSize=100"]

    async def test_every_call_has_a_nonce_of_its_own_and_shares_the_connection(self):
        async with Wire() as wire, Client(wire.url, KEYS) as client:
            for _ in range(5):
                await client.call(SEND, {})
        assert len({wire.request(number)[2]["x-acs-signature-nonce"] for number in range(5)}) == 5
        assert wire.connections == 1

    async def test_cookies_are_forgotten(self):
        async with Wire(headers="Set-Cookie: a=b\r\n") as wire, Client(wire.url, KEYS) as client:
            await client.call(SEND, {})
            await client.call(SEND, {})
        assert "cookie" not in wire.request()[2]

    async def test_a_netrc_file_is_not_read(self, tmp_path, monkeypatch):
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password word\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        async with Wire() as wire, Client(wire.url, KEYS) as client:
            assert (await client.call(SEND, {})).outcome is Outcome.DONE
        assert wire.request()[2]["authorization"].startswith("ACS3-HMAC-SHA256")

    async def test_text_that_cannot_be_encoded_is_the_rows_fault_and_not_sent(self):
        async with Wire() as wire, Client(wire.url, KEYS) as client:
            answer = await client.call(ADD, {**TOM, "Name": "a\ud800"})
        assert (answer.outcome, answer.sent, wire.heads) == (Outcome.ROW, False, [])


class Rotating:
    """Credentials of which the service has refused some."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.renewed = 0

    async def get(self):
        return self.keys[0]

    async def renew(self, refused):
        self.renewed += 1
        if self.keys[0] == refused and len(self.keys) > 1:
            self.keys.pop(0)
        if not self.keys[0].access_key_id:
            raise FixAccess("no usable credentials")
        return self.keys[0]


def refused(code):
    return {"Code": code, "Message": "no", "RequestId": "B"}


OLD, NEW = Keys("old", "secret", "oldtoken"), Keys("new", "secret", "newtoken")
DONE = {"RequestId": "A"}


class TestRefusals:
    """A refused signature is surely not carried out: cured once where new keys or a new time can."""

    @pytest.mark.parametrize(
        "code",
        [
            "InvalidSecurityToken.Expired",
            "InvalidSecurityToken",
            "InvalidAccessKeyId.NotFound",
            "SignatureDoesNotMatch",
        ],
    )
    async def test_a_temporary_key_is_renewed_once(self, code):
        source = Rotating(OLD, NEW)
        async with Wire(refused(code), DONE) as wire, Client(wire.url, source) as client:
            assert (await client.call(SEND, {})).outcome is Outcome.DONE
        assert len(wire.heads) == 2
        assert wire.request()[2]["x-acs-security-token"] == "newtoken"
        assert wire.request(0)[2]["x-acs-signature-nonce"] != wire.request(1)[2]["x-acs-signature-nonce"]

    async def test_keys_that_are_refused_again_stop(self):
        async with (
            Wire(refused("InvalidSecurityToken.Expired")) as wire,
            Client(wire.url, Rotating(OLD, NEW)) as client,
        ):
            answer = await client.call(SEND, {})
        assert (answer.outcome, answer.code, len(wire.heads)) == (Outcome.STOP, "InvalidSecurityToken.Expired", 2)

    async def test_without_other_keys_nothing_is_repeated(self):
        async with Wire(refused("InvalidSecurityToken.Expired")) as wire, Client(wire.url, Rotating(OLD)) as client:
            assert (await client.call(SEND, {})).outcome is Outcome.STOP
        assert len(wire.heads) == 1

    async def test_a_permanent_keys_refusal_is_final(self):
        source = Rotating(Keys("id", "secret"), NEW)
        async with Wire(refused("InvalidAccessKeyId.NotFound")) as wire, Client(wire.url, source) as client:
            assert (await client.call(SEND, {})).outcome is Outcome.STOP
        assert (len(wire.heads), source.renewed) == (1, 0)

    async def test_credentials_that_end_for_good_are_an_answer_and_no_exception(self):
        source = Rotating(OLD, Keys("", ""))
        async with Wire(refused("InvalidSecurityToken.Expired")) as wire, Client(wire.url, source) as client:
            answer = await client.call(SEND, {})
        assert (answer.outcome, answer.code) == (Outcome.STOP, "InvalidSecurityToken.Expired")
        assert answer.message == "no usable credentials"

    async def test_credentials_that_are_gone_before_a_call_send_nothing(self):
        source = Rotating(OLD)
        async with Wire() as wire, Client(wire.url, source) as client:

            async def gone():
                raise FixAccess("no usable credentials", code="NoCredentials")

            source.get = gone
            answer = await client.call(SEND, {})
        assert (answer.outcome, answer.code, answer.sent) == (Outcome.STOP, "NoCredentials", False)
        assert wire.heads == []

    async def test_a_wrong_time_is_signed_again_once(self):
        clock = iter([NOW, NOW, NOW + 5, NOW + 5])
        async with (
            Wire(refused("InvalidTimeStamp.Expired"), DONE) as wire,
            Client(wire.url, KEYS, wall=lambda: next(clock)) as client,
        ):
            assert (await client.call(SEND, {})).outcome is Outcome.DONE
        assert [wire.request(number)[2]["x-acs-date"][-3:-1] for number in (0, 1)] == ["13", "18"]

    async def test_a_clock_that_stays_wrong_stops(self):
        async with Wire(refused("InvalidTimeStamp.Expired")) as wire, Client(wire.url, KEYS) as client:
            answer = await client.call(SEND, {})
        assert (answer.outcome, len(wire.heads)) == (Outcome.STOP, 2)

    @pytest.mark.parametrize("code", ["Throttling.User", "NoPermission", "InternalError", "ConcurrentCallNotSupported"])
    async def test_nothing_else_is_repeated_below_the_caller(self, code):
        async with Wire(refused(code), status=500) as wire, Client(wire.url, Rotating(OLD, NEW)) as client:
            await client.call(ADD, TOM)
        assert len(wire.heads) == 1

    async def test_a_client_without_credentials_does_not_open(self):
        class Nothing:
            async def get(self):
                raise FixAccess("no usable credentials", code="NoCredentials")

        with pytest.raises(FixAccess):
            async with Client("http://127.0.0.1:9", Nothing()):
                pytest.fail("it opened")


def open_client(emulator, secret=None):
    return Client(emulator.url, StaticCredentials(emulator.access_key_id, secret or emulator.access_key_secret))


class TestEmulator:
    """The client and the emulator were written apart from one description of the API."""

    async def test_a_contact_goes_in_gets_its_mail_and_is_listed_as_sent(self):
        async with Emulator(limits=Limits()) as emulator, open_client(emulator) as client:
            added = await client.call(ADD, {**TOM, "Name": "张三"})
            ident = added.body["Contact"]["ContactId"]
            sent = await client.call(SEND, {"ContactId": ident, "EmailAddress": TOM["EmailAddress"]})
            (found,) = await listing(client)
            assert found == await contact(client, ident)
        assert (added.outcome, sent.outcome) == (Outcome.DONE, Outcome.DONE)
        assert (found.contact_id, found.name, found.status) == (ident, "张三", "Verifying")
        assert (found.email_address, found.phone_number, found.title, found.message_types) == (
            TOM["EmailAddress"],
            TOM["PhoneNumber"],
            TOM["Title"],
            TOM["MessageTypes"],
        )

    async def test_what_waits_to_be_verified_is_listed_until_somebody_answers(self):
        limits = Limits(max_contacts=120, calls_per_second=100_000)
        async with Emulator(limits=limits) as emulator, open_client(emulator) as client:
            ids = {}
            for first in "abcdefghijk":
                for second in "abcdefghij":
                    phone = TOM["PhoneNumber"] if first == "a" else None
                    answer = await client.call(ADD, {**TOM, "Name": f"x{first}{second}", "PhoneNumber": phone})
                    ids[first + second] = answer.body["Contact"]["ContactId"]
            waiting = await verifications(client)
            assert len(waiting) == 120, "an address each, and a number of ten"
            await client.call(SEND, {"ContactId": ids["aa"], "EmailAddress": TOM["EmailAddress"]})
            phone = {"ContactId": ids["ab"], "PhoneNumber": TOM["PhoneNumber"]}
            assert (await client.call("SendPhoneVerificationForMessageContact", phone)).outcome is Outcome.DONE
            for mail in emulator.outbox():
                emulator.directories["default"].follow(mail.token)
            left = waiting - await verifications(client)
        assert left == {(ids["aa"], TOM["EmailAddress"]), (ids["ab"], TOM["PhoneNumber"])}

    async def test_its_refusals_are_understood(self):
        async with Emulator(limits=Limits(max_contacts=2, daily_sends=1)) as emulator, open_client(emulator) as client:
            first = (await client.call(ADD, TOM)).body["Contact"]["ContactId"]
            outcomes = {
                "again": await client.call(ADD, TOM),
                "digits": await client.call(ADD, {**TOM, "Name": "tom1"}),
                "untitled": await client.call(ADD, {**TOM, "Name": "ann", "Title": None}),
                "second": await client.call(ADD, {**TOM, "Name": "ann"}),
                "third": await client.call(ADD, {**TOM, "Name": "bob"}),
                "sent": await client.call(SEND, {"ContactId": first, "EmailAddress": TOM["EmailAddress"]}),
                "too many": await client.call(SEND, {"ContactId": first, "EmailAddress": TOM["EmailAddress"]}),
                "nobody": await client.call("GetMessageContact", {"ContactId": "c-0123456789abcdef"}),
                "no action": await client.call("NoSuchAction", {}),
            }
        assert {name: (answer.outcome, answer.code) for name, answer in outcomes.items()} == {
            "again": (Outcome.LOOK, "InvalidParameter.Name.AlreadyUsed"),
            "digits": (Outcome.ROW, "InvalidParameter.Name"),
            "untitled": (Outcome.ROW, "MissingParameter.Title"),
            "second": (Outcome.DONE, "ok"),
            "third": (Outcome.FULL, "LimitExceeded.Contacts"),
            "sent": (Outcome.DONE, "ok"),
            "too many": (Outcome.DAILY, "SendValidateCodeExceedsLimitForAccount"),
            "nobody": (Outcome.ROW, "EntityNotExists.Contact"),
            "no action": (Outcome.STOP, outcomes["no action"].code),
        }

    async def test_a_wrong_secret_ends_the_listing_with_what_to_do(self):
        async with Emulator(limits=Limits()) as emulator, open_client(emulator, secret="wrong") as client:
            with pytest.raises(FixAccess) as caught:
                await listing(client)
        assert caught.value.code == "SignatureDoesNotMatch"
        assert "access key" in caught.value.hint

    async def test_a_listing_of_many_pages(self):
        limits = Limits(max_contacts=300, calls_per_second=100_000)
        letters = "abcdefghijklmnopqrst"
        async with Emulator(limits=limits) as emulator, open_client(emulator) as client:
            for first in letters:
                for second in letters[:12]:
                    answer = await client.call(ADD, {**TOM, "Name": f"x{first}{second}"})
                    assert answer.outcome is Outcome.DONE, answer
            found = await listing(client)
        assert len({one.name for one in found}) == len(found) == 240
