"""An operation: one thing to do to one contact, its attempts on the wire, and what each of them meant."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from importer.model.contact import Contact


class Kind(StrEnum):
    """What is done to the contact; the value is the word of exports and of the JSON."""

    ADD = "add"
    SEND_EMAIL = "send_email_verification"
    SEND_PHONE = "send_phone_verification"
    UPDATE = "update"
    DELETE = "delete"


ACTIONS = {
    Kind.ADD: "AddMessageContact",
    Kind.SEND_EMAIL: "SendEmailVerificationForMessageContact",
    Kind.SEND_PHONE: "SendPhoneVerificationForMessageContact",
    Kind.UPDATE: "UpdateMessageContact",
    Kind.DELETE: "DeleteMessageContact",
}


class Status(StrEnum):
    """Where an operation stands: pending → in_flight → done | failed | in_doubt → done | pending | failed."""

    PENDING = "pending"
    IN_FLIGHT = "in_flight"  # the intent is durable; found at start, it is in doubt
    DONE = "done"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"


class State(StrEnum):
    """Where a contact stands, derived from its operations."""

    WAITING = "waiting"
    IN_DOUBT = "in_doubt"
    ADDED = "added"
    SENT = "sent"
    VERIFIED = "verified"
    FAILED = "failed"
    DELETED = "deleted"


class Outcome(StrEnum):
    """What an attempt means, by what to do next."""

    DONE = "done"
    ROW = "row"  # this row is wrong; go on with the others
    STOP = "stop"  # nothing of this kind can succeed
    FULL = "full"  # the directory holds no more contacts: adds stop, sends go on
    CONFLICT = "conflict"  # not done: another write was under way
    THROTTLE = "throttle"  # not done: too fast
    DAILY = "daily"  # not done: no more sends today
    DOUBT = "doubt"  # it may have been done: look before doing it again
    RESEND = "resend"  # not done, or harmless to repeat
    LOOK = "look"  # refused because of the contact's state: look at the contact to learn which


class Answer(NamedTuple):
    """What came back for one call, classified.

    ``code`` is ``ok``, the API's code, or a word for what the network did; ``sent`` is false only when surely no byte
    of the request left; ``wait`` is the pause in seconds that the server named; ``body`` is the decoded JSON of a
    success. ``message`` may quote a contact: it belongs in the ledger and in reports, never in a log.
    """

    outcome: Outcome
    code: str
    message: str = ""
    status: int | None = None
    request_id: str | None = None
    wait: float | None = None
    sent: bool = True
    body: dict[str, object] | None = None


Wanted = Mapping[str, tuple[str | None, str | None]]  # field → what it was, what it shall be; types parted by ``;``


class Operation(NamedTuple):
    """An operation as claimed from the ledger, with what a call needs.

    ``tries`` counts the attempts of earlier claims; ``doubts`` those of them whose outcome was never learned.
    ``wanted`` is what an update changes; ``reminder`` how many sends went to a silent contact before this one.
    """

    id: int
    kind: Kind
    contact: int  # the ledger's number of the contact
    values: Contact
    contact_id: str | None
    tries: int = 0
    doubts: int = 0
    wanted: Wanted = MappingProxyType({})
    reminder: int = 0


class Attempt(NamedTuple):
    """One call on the wire; times are seconds since the epoch."""

    operation: int
    started_at: float
    ended_at: float
    outcome: Outcome
    code: str
    message: str = ""
    http_status: int | None = None
    request_id: str | None = None
