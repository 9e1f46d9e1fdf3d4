"""Where a contact stands on its way to verified: what went out to it, what came of it, who is to act next."""

from dataclasses import dataclass
from enum import StrEnum

from importer.model.operation import State, Status


@dataclass(frozen=True, slots=True)
class Way:
    """How far one channel (mail, phone) is with a contact: its newest send, and what went out since the first one.

    A first send begins a way; one that is sent once more because nobody answered is its ``reminder``, numbered from 1.
    Times are seconds; what may have gone out counts as gone out.
    """

    operation: int  # the newest
    status: Status
    reminder: int  # its number; 0: it is the first send
    code: str | None = None
    message: str | None = None
    first_at: float | None = None
    last_at: float | None = None
    reminded: int = 0  # reminders that went out


@dataclass(frozen=True, slots=True)
class Followed:
    """A contact that is, or may be, in the directory, and how its verification stands; ``file``: the newest asking."""

    contact: int
    name: str
    email_address: str
    phone_number: str | None
    contact_id: str
    state: State
    verified_at: float | None = None  # when the directory was first seen to say so
    file: str | None = None
    line: int | None = None
    mail: Way | None = None
    phone: Way | None = None


class Place(StrEnum):
    """Where a contact is on its way."""

    VERIFIED = "verified"
    WAITING = "waiting"
    PERSON = "for_a_person"  # nothing more happens by itself


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one contact is, and why; times in seconds since the epoch.

    ``since``: when it was first seen verified, or when its first mail went out. ``next_at``: when it will be sent to
    once more, or handed to a person, if it stays silent. ``phone``: where its number is, if it has one.
    """

    contact: Followed
    place: Place
    reason: str = ""
    since: float | None = None
    next_at: float | None = None
    phone: str = ""
