"""The one table of codes: what each means, for which actions, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass

from importer.model.operation import Outcome

ADD = "AddMessageContact"
UPDATE = "UpdateMessageContact"
DELETE = "DeleteMessageContact"
SEND_EMAIL = "SendEmailVerificationForMessageContact"
SEND_PHONE = "SendPhoneVerificationForMessageContact"
LIST = "ListMessageContacts"
GET = "GetMessageContact"
VERIFICATIONS = "ListMessageContactVerifications"
DELETION = "GetMessageContactDeletionStatus"
CANCEL = "CancelMessageContactUpdate"
ASSOCIATE = "AssociateMembers"
DISASSOCIATE = "DisassociateMembers"

WRITES = (ADD, UPDATE, DELETE, CANCEL, ASSOCIATE, DISASSOCIATE)  # to repeat one of these may do it twice
SENDS = (SEND_EMAIL, SEND_PHONE)
READS = (LIST, GET, VERIFICATIONS, DELETION)


@dataclass(frozen=True, slots=True)
class Entry:
    """A code, or with ``prefix`` the codes that begin with it.

    No ``actions`` means any, no ``statuses`` that the status says nothing. Where one code stands here more
    than once, the entry that names the action counts.
    """

    code: str
    outcome: Outcome
    meaning: str
    advice: str
    statuses: tuple[int, ...] = ()
    actions: tuple[str, ...] = ()
    prefix: bool = False


CORRECT = "Correct the cell in the spreadsheet and run again."
AGAIN = "Nothing to do: the importer tries again by itself."
SETTLED = "Nothing to do: the importer looks into the directory before it does anything again."
PERMIT = "Ask the account's administrator for the permissions that the README lists, then run again."
KEYS = "Check the access key (its id, its secret, and that it is enabled), then run again."
RENEW = "Get new temporary credentials, then run again; a role is renewed by itself where its source still works."
CLOCK = "Set this machine's clock (it must be within 15 minutes of the true time), then run again."
ENDPOINT = "Check --endpoint (or the profile's endpoint) and the proxy variables, then run again."
NETWORK = "The importer tries again by itself; if it lasts, check network, --endpoint and proxy variables."


def _interrupted(code: str, statuses: tuple[int, ...], meaning: str) -> Iterator[Entry]:
    """Nobody knows whether the call was carried out: writes are looked up, the rest is repeated."""
    yield Entry(code, Outcome.DOUBT, meaning, SETTLED, statuses, WRITES)
    yield Entry(code, Outcome.RESEND, meaning, AGAIN, statuses, (*SENDS, *READS))


def _fields() -> Iterator[Entry]:
    both = (ADD, UPDATE)
    for field in ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes"):
        actions = (*both, *SENDS) if field in ("EmailAddress", "PhoneNumber") else both
        yield Entry(f"MissingParameter.{field}", Outcome.ROW, f"{field} is missing.", CORRECT, (400,), actions)
        yield Entry(f"InvalidParameter.{field}", Outcome.ROW, f"{field} is not valid.", CORRECT, (400,), actions)
    yield Entry(
        "InvalidParameter.Name.Length",
        Outcome.ROW,
        "The name is not 2 to 12 letters long.",
        CORRECT,
        (400,),
        both,
    )
    yield Entry(
        "InvalidParameter.EmailAddress.Length",
        Outcome.ROW,
        "The e-mail address is too long.",
        CORRECT,
        (400,),
        both,
    )
    yield Entry(
        "InvalidParameter.MobileCountryCode",
        Outcome.ROW,
        "The site does not serve this country code.",
        "Use a mainland mobile number (86-…) or leave the number out, then run again.",
        (400,),
        both,
    )
    yield Entry(
        "InvalidParameter.Name.AlreadyUsed",
        Outcome.LOOK,
        "A contact of this name is in the directory already.",
        "The importer looks whether it is the same contact; if not, choose a free name and run again.",
        (400,),
        both,
    )
    for kind in ("MissingParameter", "InvalidParameter"):
        says = "The contact's id is missing." if kind == "MissingParameter" else "The contact's id is not valid."
        yield Entry(f"{kind}.ContactId", Outcome.ROW, says, "Run again; the contact is looked up anew.", (400,))


def _contacts() -> Iterator[Entry]:
    gone = "The contact does not exist."
    yield Entry("EntityNotExists.Contact", Outcome.LOOK, gone, SETTLED, (404,), SENDS)
    yield Entry("EntityNotExists.Contact", Outcome.ROW, gone, "Run again if it should exist.", (404,))
    yield Entry(
        "EntityNotExists.Contact.Verification",
        Outcome.LOOK,
        "No verification waits for this contact and address: it is verified already, or has another address.",
        SETTLED,
        (404,),
        SENDS,
    )
    yield Entry(
        "LimitExceeded.Contacts",
        Outcome.FULL,
        "The directory holds as many contacts as it may.",
        "Ask for a higher quota or delete contacts, raise --max-contacts to match, then run again.",
        (400,),
        (ADD,),
    )
    yield Entry(
        "ConcurrentCallNotSupported",
        Outcome.CONFLICT,
        "Another write to the directory was under way.",
        AGAIN,
        (429,),
        WRITES,
    )
    yield Entry(
        "SendValidateCodeExceedsLimitForAccount",
        Outcome.DAILY,
        "The account has sent as many verifications today as it may.",
        "Run again tomorrow; the sends that are left wait until then.",
        (409,),
        SENDS,
    )
    yield Entry(
        "ContactStatusMismatchAction",
        Outcome.ROW,
        "The contact's status does not allow this.",
        "Wait until the contact is verified or deleted, then run again.",
        (400,),
        (UPDATE, CANCEL, ASSOCIATE, DISASSOCIATE),
    )


def _members() -> Iterator[Entry]:
    pair = (ASSOCIATE, DISASSOCIATE)
    for code in (
        "InvalidParameter.Members",
        "InvalidParameter.Members.Duplicate",
        "InvalidParameter.Members.Length",
        "InvalidMember",
    ):
        yield Entry(code, Outcome.ROW, "The members are not valid.", CORRECT, (400,), pair)
    for code in ("LimitExceeded.ContactMembers", "QuotaExceeded.Members"):
        yield Entry(code, Outcome.ROW, "The contact has as many members as it may.", CORRECT, (400,), pair)
    yield Entry("InvalidParameter.Member", Outcome.ROW, "The member is not valid.", CORRECT, (400,), (LIST,))
    yield Entry("EntityNotExists.Member", Outcome.ROW, "The member does not exist.", CORRECT, (404,), (LIST,))


def _access() -> Iterator[Entry]:
    stop = Outcome.STOP
    absent = "The account has no resource directory in use."
    enable = "Enable the resource directory in the account, or use the management account's credentials."
    yield Entry("EntityNotExists.ResourceDirectory", stop, absent, enable, (404,))
    yield Entry("ResourceDirectoryNotInUse", stop, absent, enable, (404,))
    yield Entry("NoPermission", stop, "The credentials lack a permission.", PERMIT, (400, 403), prefix=True)
    yield Entry("Forbidden", stop, "The account may not do this.", PERMIT, (400, 403), prefix=True)
    yield Entry(
        "MemberAccount",
        stop,
        "The credentials belong to a member account.",
        "Use the management account's credentials, then run again.",
        (400, 403, 409),
        prefix=True,
    )
    yield Entry(
        "InvalidAccessKeyId",
        stop,
        "The access key is not known or not enabled.",
        KEYS,
        (400, 404),
        prefix=True,
    )
    yield Entry("SignatureDoesNotMatch", stop, "The signature is wrong: the secret does not match.", KEYS, (400, 403))
    yield Entry("IncompleteSignature", stop, "The signature is incomplete.", KEYS, (400,))
    yield Entry("InvalidSecurityToken", stop, "The temporary credentials are over.", RENEW, (400, 403), prefix=True)
    yield Entry("InvalidTimeStamp", stop, "This machine's clock is wrong.", CLOCK, (400,), prefix=True)
    used = "The service has seen this signed request before: an earlier copy may have been carried out."
    yield Entry("SignatureNonceUsed", Outcome.DOUBT, used, SETTLED, (400,), (*WRITES, *SENDS))
    yield Entry("SignatureNonceUsed", Outcome.RESEND, used, AGAIN, (400,), READS)
    for code in ("InvalidApi.NotFound", "InvalidAction.NotFound", "InvalidVersion", "UnsupportedHTTPMethod"):
        yield Entry(code, stop, "The endpoint does not offer this operation.", ENDPOINT, (400, 403, 404))
    yield Entry("InvalidProtocol.NeedSsl", stop, "The endpoint wants https://.", ENDPOINT, (400,))


def _pace() -> Iterator[Entry]:
    fast = "Calls came faster than the account may make them."
    yield Entry("Throttling", Outcome.THROTTLE, fast, AGAIN, (400, 429, 503, 409), prefix=True)
    yield Entry("Rejected.Throttling", Outcome.THROTTLE, fast, AGAIN, (400, 429, 503, 409))
    yield Entry(
        "SendValidateCode",
        Outcome.THROTTLE,
        "Verifications to this address, or of this account, went out too fast.",
        "Nothing to do: the importer waits at least a minute and tries again.",
        actions=SENDS,
        prefix=True,
    )


def _families() -> Iterator[Entry]:
    says = "The service does not accept a value of this row."
    for code in ("MissingParameter", "InvalidParameter", "LimitExceeded", "QuotaExceeded"):
        yield Entry(code, Outcome.ROW, says, CORRECT, (400,), prefix=True)


def _network() -> Iterator[Entry]:
    """Words of ours for what the network, a proxy or a server without manners did."""
    resend, stop = Outcome.RESEND, Outcome.STOP
    yield Entry("ConnectFailed", resend, "No connection could be made; nothing was sent.", NETWORK)
    yield Entry("ConnectTimeout", resend, "Connecting took too long; nothing was sent.", NETWORK)
    yield Entry("DNSFailed", resend, "The endpoint's name could not be resolved; nothing was sent.", NETWORK)
    yield Entry("TLSFailed", resend, "No secure connection could be made; nothing was sent.", NETWORK)
    yield Entry("ProxyFailed", resend, "The proxy could not make the connection; nothing was sent.", NETWORK)
    yield Entry(
        "ProxyRefused",
        stop,
        "The proxy refused to connect; nothing was sent.",
        "Check HTTPS_PROXY (its user and password too) or put the endpoint into NO_PROXY, then run again.",
    )
    yield Entry(
        "CertificateFailed",
        stop,
        "The endpoint's certificate could not be verified; nothing was sent.",
        "Check --endpoint and this machine's clock; name a private authority's file in SSL_CERT_FILE.",
    )
    yield Entry("NoCredentials", stop, "No usable credentials were found; nothing was sent.", KEYS)
    yield Entry(
        "ListingUnstable",
        resend,
        "The directory changed whenever it was listed: its count and its contacts differ.",
        "Something else changes the directory, or it lists with a delay: run again when it is quiet.",
        actions=(LIST,),
    )
    yield Entry("UnsendableText", Outcome.ROW, "A value holds text that cannot be encoded as UTF-8.", CORRECT)
    yield Entry("Redirect", stop, "The endpoint answered with a redirect, which is never followed.", ENDPOINT)
    yield Entry(
        "NotTheService",
        stop,
        "Something that is not the service answered for it.",
        ENDPOINT,
        (401, 403, 404, 405, 407, 421),
    )
    yield Entry("TooManyRequests", Outcome.THROTTLE, "The server asked for fewer calls.", AGAIN, (429,))
    yield Entry("BadRequest", Outcome.ROW, "The server refused the call without saying why.", CORRECT)
    yield from _interrupted("Timeout", (), "No whole answer came in time.")
    yield from _interrupted("Disconnected", (), "The connection ended before a whole answer came.")
    yield from _interrupted("BadResponse", (), "The answer is not one that the service gives.")
    yield from _interrupted("ResponseTooLarge", (), "The answer is larger than any that the service gives.")
    yield from _interrupted("ServerError", (), "The server failed without saying why.")


TABLE: tuple[Entry, ...] = (
    *_fields(),
    *_contacts(),
    *_members(),
    *_access(),
    *_pace(),
    *_interrupted("InternalError", (500,), "The service failed."),
    *_interrupted("ServiceUnavailable", (503,), "The service is not available."),
    *_families(),
    *_network(),
)

_EXACT: dict[str, list[Entry]] = {}
for _entry in TABLE:
    _EXACT.setdefault(_entry.code, []).append(_entry)
_PREFIXES = tuple(entry for entry in TABLE if entry.prefix)


def find(code: str, action: str) -> Entry | None:
    """The entry that counts: the exact code first, then prefixes; one that names the action before others.

    What is not a known action is taken for a write: the careful reading.
    """
    exact = _EXACT.get(code)
    if exact is None:
        return next((entry for entry in _PREFIXES if code.startswith(entry.code)), None)
    return next((entry for entry in exact if action in entry.actions), None) or next(
        (entry for entry in exact if not entry.actions), exact[0]
    )
