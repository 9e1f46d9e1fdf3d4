"""What each answer means: the table against the documented codes, and any garbage against the promise not to raise."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.directory.outcome import TABLE, classify, fault, find, plain, refusal
from importer.model.operation import Outcome

NOW = 1_790_000_000.0
ADD = "AddMessageContact"
SEND = "SendEmailVerificationForMessageContact"
PHONE = "SendPhoneVerificationForMessageContact"
LIST = "ListMessageContacts"
GET = "GetMessageContact"
UPDATE = "UpdateMessageContact"
DELETE = "DeleteMessageContact"
ASSOCIATE = "AssociateMembers"
ACTIONS = (ADD, SEND, PHONE, LIST, GET, UPDATE, DELETE, ASSOCIATE)
REFERENCE = Path(__file__).resolve().parents[2].parent / "shared" / "reference"

ID = "2DFCE4C9-04A9-4C83-BB14-FE791275EC53"
CONTACT = {"ContactId": "c-qL4HqKONzOM7abcd", "CreateDate": "2023-03-27 17:19:21"}
SUCCESS = {
    ADD: {"RequestId": ID, "Contact": CONTACT},
    GET: {"RequestId": ID, "Contact": CONTACT},
    SEND: {"RequestId": ID},
    PHONE: {"RequestId": ID},
    UPDATE: {"RequestId": ID},
    LIST: {"RequestId": ID, "TotalCount": 1, "PageSize": 10, "PageNumber": 1, "Contacts": [CONTACT]},
    DELETE: {"RequestId": ID, "Status": "Deleted"},
    ASSOCIATE: {"RequestId": ID, "Members": []},
}

# code, status, action, outcome: what the API's documentation and the house's facts say of each.
DOCUMENTED = [
    *[
        (f"{kind}.{field}", 400, ADD, Outcome.ROW)
        for kind in ("MissingParameter", "InvalidParameter")
        for field in ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")
    ],
    ("InvalidParameter.Name.Length", 400, ADD, Outcome.ROW),
    ("InvalidParameter.EmailAddress.Length", 400, ADD, Outcome.ROW),
    ("InvalidParameter.MobileCountryCode", 400, ADD, Outcome.ROW),
    ("InvalidParameter.MobileCountryCode", 400, UPDATE, Outcome.ROW),
    ("InvalidParameter.Name.AlreadyUsed", 400, ADD, Outcome.LOOK),
    ("InvalidParameter.Name.AlreadyUsed", 400, UPDATE, Outcome.LOOK),
    ("LimitExceeded.Contacts", 400, ADD, Outcome.FULL),
    *[("ConcurrentCallNotSupported", 429, action, Outcome.CONFLICT) for action in (ADD, UPDATE, DELETE, ASSOCIATE)],
    *[
        (f"{kind}.{field}", 400, SEND, Outcome.ROW)
        for kind in ("MissingParameter", "InvalidParameter")
        for field in ("ContactId", "EmailAddress")
    ],
    ("EntityNotExists.Contact", 404, SEND, Outcome.LOOK),
    ("EntityNotExists.Contact", 404, GET, Outcome.ROW),
    ("EntityNotExists.Contact", 404, UPDATE, Outcome.ROW),
    ("EntityNotExists.Contact", 404, DELETE, Outcome.ROW),
    ("EntityNotExists.Contact.Verification", 404, SEND, Outcome.LOOK),
    ("SendValidateCodeExceedsLimitForAccount", 409, SEND, Outcome.DAILY),
    ("SendValidateCodeTooFrequently", 400, SEND, Outcome.THROTTLE),
    ("ContactStatusMismatchAction", 400, UPDATE, Outcome.ROW),
    *[
        (code, 400, ASSOCIATE, Outcome.ROW)
        for code in (
            "InvalidParameter.Members",
            "InvalidParameter.Members.Duplicate",
            "InvalidParameter.Members.Length",
            "InvalidMember",
            "LimitExceeded.ContactMembers",
            "QuotaExceeded.Members",
        )
    ],
    ("InvalidParameter.Member", 400, LIST, Outcome.ROW),
    ("EntityNotExists.Member", 404, LIST, Outcome.ROW),
    *[
        (code, status, action, Outcome.STOP)
        for action in (ADD, SEND, LIST)
        for code, status in (
            ("EntityNotExists.ResourceDirectory", 404),
            ("ResourceDirectoryNotInUse", 404),
            ("NoPermission", 403),
            ("NoPermission.SomethingElse", 400),
            ("Forbidden.RAM", 403),
            ("MemberAccountNotAllowed", 409),
            ("InvalidAccessKeyId.NotFound", 404),
            ("InvalidAccessKeyId.Inactive", 400),
            ("SignatureDoesNotMatch", 400),
            ("IncompleteSignature", 400),
            ("InvalidSecurityToken.Expired", 403),
            ("InvalidSecurityToken", 400),
            ("InvalidTimeStamp.Expired", 400),
            ("InvalidApi.NotFound", 404),
            ("InvalidAction.NotFound", 404),
            ("InvalidVersion", 400),
            ("InvalidProtocol.NeedSsl", 400),
            ("UnsupportedHTTPMethod", 400),
        )
    ],
    ("SignatureNonceUsed", 400, ADD, Outcome.DOUBT),
    ("SignatureNonceUsed", 400, SEND, Outcome.DOUBT),
    ("SignatureNonceUsed", 400, LIST, Outcome.RESEND),
    *[
        (code, status, action, Outcome.THROTTLE)
        for action in ACTIONS
        for code, status in (
            ("Throttling", 400),
            ("Throttling.User", 429),
            ("Throttling.Api", 503),
            ("Throttling.NeverHeardOf", 409),
            ("Rejected.Throttling", 400),
        )
    ],
]


def answer(action, status=200, body=None, headers=None):
    raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return classify(action, status=status, headers=headers or {}, body=raw, now=NOW)


def failed(action, status, code, headers=None):
    return answer(action, status, {"RequestId": ID, "Code": code, "Message": "It says why."}, headers)


@pytest.mark.parametrize(("code", "status", "action", "outcome"), DOCUMENTED)
def test_a_documented_code_has_its_outcome(code, status, action, outcome):
    found = failed(action, status, code)
    assert (found.outcome, found.code, found.status, found.request_id) == (outcome, code, status, ID)
    assert found.sent


@pytest.mark.parametrize(("code", "status", "action", "outcome"), DOCUMENTED)
def test_the_status_says_nothing_where_the_code_does(code, status, action, outcome):
    assert {failed(action, other, code).outcome for other in (400, 404, 409, 429, 500, 503)} == {outcome}


@pytest.mark.parametrize("action", [ADD, SEND])
def test_every_code_of_the_reference_is_in_the_table_by_name(action):
    file = REFERENCE / f"{action}.txt"
    if not file.exists():
        pytest.skip("the reference is not beside this checkout")
    codes = re.findall(r"^(\d{3})([A-Z][A-Za-z.]+?)(?=The |You |This |For )", file.read_text("utf-8"), re.MULTILINE)
    assert len(codes) == {ADD: 16, SEND: 7}[action]
    for status, code in codes:
        entry = find(code, action)
        assert entry is not None, code
        assert entry.code == code, f"{code} is known only by a prefix"
        assert int(status) in entry.statuses, code
        assert not entry.actions or action in entry.actions, code
        assert code in {known for known, *_ in DOCUMENTED}, code


@pytest.mark.parametrize("action", ACTIONS)
def test_success_is_a_200_with_the_fields_of_its_action(action):
    found = answer(action, 200, SUCCESS[action])
    assert (found.outcome, found.code, found.request_id, found.body) == (Outcome.DONE, "ok", ID, SUCCESS[action])


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("status", [201, 202, 204, 206])
def test_another_2xx_is_no_success(action, status):
    assert answer(action, status, SUCCESS[action]).outcome in (Outcome.DOUBT, Outcome.RESEND)


def test_an_empty_directory_may_leave_its_list_out():
    assert answer(LIST, 200, {"TotalCount": 0, "RequestId": ID}).outcome is Outcome.DONE
    assert answer(LIST, 200, {"TotalCount": 3, "RequestId": ID}).code == "BadResponse"


WITHOUT_FIELDS = [b"", b"null", b"[]", b"1", b'"x"', b"{}", b"{", b"<html>", b"\xff\xfe", b"[" * 200_000, b"1" * 9000]


@pytest.mark.parametrize("body", [*WITHOUT_FIELDS, b'{"Contact": 1}', b'{"Contact": {"ContactId": ""}}'], ids=repr)
@pytest.mark.parametrize("status", [200, 500, 502, 504])
def test_an_interrupted_call_is_doubt_for_writes_and_resend_for_the_rest(body, status):
    for action in (ADD, UPDATE, DELETE, ASSOCIATE):
        assert answer(action, status, body).outcome is Outcome.DOUBT
    for action in (SEND, PHONE, LIST, GET):
        assert answer(action, status, body).outcome is Outcome.RESEND


@pytest.mark.parametrize("code", ["InternalError", "ServiceUnavailable", "SomethingNew"])
@pytest.mark.parametrize("status", [500, 503, 599])
def test_a_5xx_with_a_code_is_interrupted_too(code, status):
    assert failed(ADD, status, code).outcome is Outcome.DOUBT
    assert failed(SEND, status, code).outcome is Outcome.RESEND
    assert failed(LIST, status, code).code == code


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_stops(status):
    assert answer(ADD, status, b"").outcome is Outcome.STOP
    assert answer(ADD, status, b"").code == "Redirect"


def test_an_unknown_code_of_a_4xx_is_the_rows():
    found = failed(ADD, 418, "TeapotRefuses.Contact")
    assert (found.outcome, found.code, found.message) == (Outcome.ROW, "TeapotRefuses.Contact", "It says why.")


@pytest.mark.parametrize(
    ("status", "outcome"), [(400, Outcome.ROW), (413, Outcome.ROW), (429, Outcome.THROTTLE), (408, Outcome.DOUBT)]
)
def test_a_4xx_without_a_code_goes_by_its_status(status, outcome):
    assert answer(ADD, status, b"<html>").outcome is outcome


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407, 421])
def test_a_page_of_somebody_else_stops_instead_of_failing_every_row(status):
    assert answer(ADD, status, b"<html>Sign in to the network</html>").outcome is Outcome.STOP


def test_a_200_with_an_error_code_is_judged_by_the_code():
    assert failed(SEND, 200, "Throttling.User").outcome is Outcome.THROTTLE
    assert failed(SEND, 200, "NeverHeardOf").outcome is Outcome.RESEND
    assert failed(ADD, 200, "NeverHeardOf").outcome is Outcome.DOUBT


class TestWaits:
    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            ({"x-acs-retry-after": "1500"}, 1.5),
            ({"X-Acs-Retry-After": " 200 "}, 0.2),
            ({"Retry-After": "3"}, 3.0),
            ({"retry-after": "0"}, 0.0),
            ({"x-acs-retry-after": "250", "Retry-After": "9"}, 0.25),
            ({"x-acs-retry-after": "soon", "Retry-After": "9"}, 9.0),
            ({"x-acs-retry-after": "0", "Retry-After": "9"}, 9.0),
            ({"Retry-After": "Mon, 21 Sep 2026 14:13:30 GMT"}, 10.0),
            ({"Retry-After": "Mon, 21 Sep 2020 14:13:30 GMT"}, 0.0),
        ],
    )
    def test_a_named_wait_is_kept_in_seconds(self, headers, wait):
        found = failed(ADD, 400, "Throttling.User", headers)
        assert (found.outcome, found.wait) == (Outcome.THROTTLE, wait)

    @pytest.mark.parametrize("text", ["", "-3", "nan", "inf", "1e9", "9" * 400, "later", "Mon, 99 Foo", "٣", "\udcff"])
    @pytest.mark.parametrize("name", ["Retry-After", "x-acs-retry-after"])
    def test_a_wait_that_is_none_is_no_wait(self, name, text):
        assert failed(ADD, 400, "Throttling.User", {name: text}).wait is None

    @pytest.mark.parametrize("header", [{"x-acs-retry-after": "2000"}, {"Retry-After": "2"}])
    @pytest.mark.parametrize("code", ["Throttling", "InvalidParameter.Name", "NeverHeardOf", "EntityNotExists.Contact"])
    def test_a_wait_on_any_refusal_makes_a_throttle_of_it(self, header, code):
        found = failed(SEND, 400, code, header)
        assert (found.outcome, found.wait) == (Outcome.THROTTLE, 2.0)

    @pytest.mark.parametrize("action", [ADD, SEND, LIST])
    @pytest.mark.parametrize("body", [b"", b'{"Code": "ServiceUnavailable"}'])
    def test_a_503_that_names_a_wait_never_began(self, action, body):
        found = answer(action, 503, body, {"Retry-After": "7"})
        assert (found.outcome, found.wait) == (Outcome.THROTTLE, 7.0)

    def test_the_gateways_own_header_says_so_for_any_5xx(self):
        assert failed(ADD, 500, "InternalError", {"x-acs-retry-after": "100"}).outcome is Outcome.THROTTLE

    def test_another_5xx_stays_in_doubt_with_its_wait(self):
        found = answer(ADD, 502, b"", {"Retry-After": "7"})
        assert (found.outcome, found.wait) == (Outcome.DOUBT, 7.0)
        assert failed(ADD, 400, "SignatureNonceUsed", {"Retry-After": "7"}).outcome is Outcome.DOUBT

    @pytest.mark.parametrize(
        ("code", "outcome"),
        [
            ("SendValidateCodeExceedsLimitForAccount", Outcome.DAILY),
            ("LimitExceeded.Contacts", Outcome.FULL),
            ("ConcurrentCallNotSupported", Outcome.CONFLICT),
            ("NoPermission", Outcome.STOP),
        ],
    )
    def test_what_outlasts_a_pause_stays_what_it_is(self, code, outcome):
        found = failed(ADD, 400, code, {"Retry-After": "7"})
        assert (found.outcome, found.wait) == (outcome, 7.0)

    def test_a_success_needs_no_wait(self):
        found = answer(ADD, 200, SUCCESS[ADD], {"Retry-After": "7"})
        assert (found.outcome, found.wait) == (Outcome.DONE, None)


class TestWords:
    """Texts of the answer as they are kept."""

    def test_the_request_id_may_come_in_the_header(self):
        assert answer(ADD, 502, b"<html>", {"x-acs-request-id": ID}).request_id == ID
        assert answer(ADD, 502, b"<html>", {"X-Acs-Request-Id": "no id\n"}).request_id is None

    def test_a_message_is_cut_and_cleaned(self):
        body = {"Code": "NeverHeardOf", "Message": "a\x1b[2J\ud800b" + "x" * 10_000}
        message = answer(ADD, 400, body).message
        assert len(message) <= 500
        assert message.isprintable()
        message.encode("utf-8")

    def test_a_code_that_is_no_code_is_not_kept(self):
        for code in ("some one@example.com", "x" * 200, 7, None, ["a"], {"a": 1}, "\n", ""):
            assert answer(ADD, 400, {"Code": code}).code == "BadRequest"

    def test_a_signatures_refusal_is_not_quoted_for_it_repeats_the_request(self):
        body = {"Code": "SignatureDoesNotMatch", "Message": "server string is x-acs-security-token:CANARY"}
        assert "CANARY" not in answer(ADD, 400, body).message

    def test_error_text_in_another_encoding_still_gives_its_code(self):
        body = '{"Code": "InvalidParameter.Name", "Message": "名称无效"}'.encode("gb18030")
        assert answer(ADD, 400, body).code == "InvalidParameter.Name"

    def test_plain_keeps_what_is_printable(self):
        assert plain("负责人 Tom") == "负责人 Tom"
        assert plain(None) == ""


class TestTable:
    def test_every_entry_says_what_it_means_and_what_to_do(self):
        for entry in TABLE:
            assert entry.meaning.endswith("."), entry
            assert entry.advice.endswith("."), entry
            assert entry.outcome is not Outcome.DONE, entry

    def test_no_code_stands_twice_for_one_action(self):
        seen = {(entry.code, action) for entry in TABLE for action in entry.actions or ("*",)}
        assert len(seen) == sum(len(entry.actions or ("*",)) for entry in TABLE)

    @pytest.mark.parametrize(
        "word",
        ["ConnectFailed", "ConnectTimeout", "DNSFailed", "TLSFailed", "ProxyFailed"],
    )
    def test_what_was_not_sent_is_resent_whatever_it_was(self, word):
        for action in ACTIONS:
            found = fault(action, word, sent=False)
            assert (found.outcome, found.code, found.sent) == (Outcome.RESEND, word, False)

    @pytest.mark.parametrize("word", ["Timeout", "Disconnected", "BadResponse", "ResponseTooLarge", "ServerError"])
    def test_what_may_have_been_sent_is_doubt_for_writes(self, word):
        assert fault(ADD, word, sent=True).outcome is Outcome.DOUBT
        assert fault(SEND, word, sent=True).outcome is Outcome.RESEND
        assert fault(LIST, word, sent=True).outcome is Outcome.RESEND

    def test_a_refusal_says_what_to_do_and_quotes_nothing(self):
        found = failed(ADD, 403, "NoPermission")
        error = refusal(ADD, found)
        assert (error.exit_code, error.code) == (4, "NoPermission")
        assert ID in error.message
        assert error.hint
        assert "It says why" not in f"{error} {error.hint}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["Code", "Message", "RequestId", "Contact", "ContactId", "Contacts", "TotalCount", "Status", "Members"]
)
SHAPED = st.dictionaries(FIELDS, JSON | st.dictionaries(FIELDS, JSON, max_size=3), max_size=6)
BODIES = st.binary() | (JSON | SHAPED).map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "x-acs-retry-after", "x-acs-request-id", "Date"]) | st.text(), st.text()
)


@given(st.sampled_from([*ACTIONS, "NoSuchAction"]), st.integers(0, 999), HEADERS, BODIES)
def test_any_answer_has_an_outcome_and_nothing_raises(action, status, headers, body):
    found = classify(action, status=status, headers=headers, body=body, now=NOW)
    assert isinstance(found.outcome, Outcome)
    assert found.code.isascii()
    assert found.code.isprintable()
    assert found.code
    f"{found.message}{found.request_id}".encode()
    assert found.wait is None or 0 <= found.wait < 1e15
    assert (found.outcome is Outcome.DONE) == (found.code == "ok") == (found.body is not None)
    if status != 200:
        assert found.outcome is not Outcome.DONE
