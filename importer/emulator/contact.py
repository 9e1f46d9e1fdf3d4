"""What a directory holds: contacts, the mails and messages sent to them, and their forms as JSON."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

EMAIL, PHONE = "email", "phone"
VERIFYING, ACTIVE, DELETING = "Verifying", "Active", "Deleting"


@dataclass(slots=True)
class Contact:
    """A contact; times are seconds since the epoch.

    ``pending`` holds what still waits to be verified, by channel: the first address, or the new one of an update,
    which takes the place of the old one only then. ``members`` maps each bound member to the time of its binding.
    """

    id: str
    seq: int
    name: str
    email: str
    phone: str | None
    title: str
    message_types: tuple[str, ...]
    created: float
    status: str = VERIFYING
    pending: dict[str, str] = field(default_factory=dict)
    members: dict[str, float] = field(default_factory=dict)
    deleted_at: float | None = None  # when the asynchronous deletion is over
    failures: tuple[str, ...] = ()  # members from which the last deletion could not remove it

    def record(self) -> dict[str, Any]:
        """Every field, for the state's file."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def restore(cls, record: dict[str, Any]) -> "Contact":
        found = dict(record)
        found["message_types"] = tuple(found["message_types"])
        found["failures"] = tuple(found["failures"])
        return cls(**found)

    def retarget(self, channel: str, target: str) -> None:
        """Another address or number, in force once it is verified."""
        current = self.email if channel == EMAIL else self.phone
        unverified = self.pending.get(channel) == current
        if target == current:
            if not unverified:
                self.pending.pop(channel, None)
            return
        self.pending[channel] = target
        if not unverified and current is not None:
            return
        if channel == EMAIL:  # what was never verified never took effect: there is nothing to keep
            self.email = target
        else:
            self.phone = target

    def view(self, date: Callable[[float], str]) -> dict[str, Any]:
        """As GetMessageContact shows it; a phone number that there is not is left out."""
        found: dict[str, Any] = {
            "ContactId": self.id,
            "Name": self.name,
            "EmailAddress": self.email,
            "PhoneNumber": self.phone,
            "Title": self.title,
            "MessageTypes": list(self.message_types),
            "Members": list(self.members),
            "Status": self.status,
            "CreateDate": date(self.created),
        }
        if self.phone is None:
            del found["PhoneNumber"]
        return found


@dataclass(slots=True)
class Mail:
    """A mail or short message that was sent, with the token of its link."""

    token: str
    seq: int
    channel: str
    contact: str
    target: str
    sent_at: float
    expires_at: float
    followed_at: float | None = None

    def record(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def restore(cls, record: dict[str, Any]) -> "Mail":
        return cls(**record)
