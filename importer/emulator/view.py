"""A directory's state as plain values, for the controls, the page and the Python API."""

from collections.abc import Iterable
from dataclasses import fields
from itertools import islice
from typing import Any

from importer.emulator.contact import EMAIL, PHONE, Contact, Mail
from importer.emulator.directory import Directory


def snapshot(directory: Directory, link: str) -> dict[str, Any]:
    """Contacts with every field, the outbox, counters and limits. ``link`` begins the links of the mails."""
    limits = directory.limits
    return {
        "directory": directory.name,
        "now": directory.date(directory.now()),
        "contacts": [contact(directory, found) for found in directory.contacts.values()],
        "outbox": outbox(directory, link),
        "counters": summary(directory),
        "limits": {field.name: getattr(limits, field.name) for field in fields(limits)},
    }


def summary(directory: Directory) -> dict[str, int]:
    """What is used of the limits, and what is left."""
    limits = directory.limits
    emails, messages = directory.sent_today(EMAIL), directory.sent_today(PHONE)
    return {
        "contacts": len(directory.contacts),
        "contacts_left": max(0, limits.max_contacts - len(directory.contacts)),
        "emails_sent_today": emails,
        "emails_left_today": max(0, limits.daily_sends - emails),
        "messages_sent_today": messages,
        "messages_left_today": max(0, limits.daily_sends - messages),
    }


def contact(directory: Directory, found: Contact) -> dict[str, Any]:
    """Every field, named as in the API; ``Pending`` holds what waits to be verified, by channel."""
    view = found.view(directory.date)
    view.setdefault("PhoneNumber", None)
    return {**view, "Pending": dict(found.pending)}


def outbox(directory: Directory, link: str, last: int | None = None) -> list[dict[str, Any]]:
    """The mails and messages that were sent, oldest first."""
    mails: Iterable[Mail] = directory.mails.values()
    if last is not None:
        mails = islice(mails, max(0, len(directory.mails) - last), None)
    return [
        {
            "Channel": mail.channel,
            "ContactId": mail.contact,
            "To": mail.target,
            "SentAt": directory.date(mail.sent_at),
            "ExpiresAt": directory.date(mail.expires_at),
            "FollowedAt": None if mail.followed_at is None else directory.date(mail.followed_at),
            "Link": f"{link}{mail.token}",
        }
        for mail in mails
    ]
