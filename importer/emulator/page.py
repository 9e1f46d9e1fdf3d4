"""Pages for a person, readable without scripts: what the directories hold, and what following a link did."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from importer.emulator import view
from importer.emulator.control import Parts
from importer.emulator.directory import Directory
from importer.emulator.errors import EmulatorError

_ROWS = 200
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0 2rem;width:100%}"
    "th,td{border-bottom:1px solid #ccc;padding:.25rem .6rem;text-align:left;vertical-align:top}"
    "caption{font-weight:600;text-align:left;padding:.25rem 0}code{font-size:.9em}"
)
_FIELDS = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes", "Status", "CreateDate", "ContactId")


def overview(parts: Parts) -> str:
    """Contacts, outbox with links to follow, limits and what is left of them, the last calls."""
    body = [f"<p>It is {escape(_now(parts))}. Reload this page to see what has changed.</p>"]
    for directory in parts.directories.values():
        body += _directory(directory, parts.link())
    calls = [(call["action"], call["code"], call["status"], call["request_id"]) for call in parts.service.last]
    body.append(_table("The last calls, newest first", ("Operation", "Code", "HTTP", "Request"), calls[::-1]))
    return document("Emulated directory", "".join(body))


def followed(name: str, status: str) -> str:
    return document("Verified", f"<p>{escape(name)} is verified; the contact is now {escape(status)}.</p>")


def unusable() -> str:
    text = "This link was never sent, has expired, or there is nothing left to verify with it."
    return document("Nothing to verify", f"<p>{text}</p>")


def document(title: str, body: str) -> str:
    """A whole page."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>{escape(title)}</h1>{body}</body></html>'


def _now(parts: Parts) -> str:
    directory = next(iter(parts.directories.values()), None)
    if directory is None:
        raise EmulatorError("There is no directory to show.")
    frozen = ", and the clock is frozen" if parts.clock.frozen else ""
    return f"{directory.date(parts.clock())} in {directory.limits.day_zone}{frozen}"


def _directory(directory: Directory, link: str) -> list[str]:
    state = view.summary(directory)
    contacts = [view.contact(directory, found) for found in list(directory.contacts.values())[-_ROWS:]]
    mails = [
        (mail["SentAt"], mail["To"], mail["ExpiresAt"], mail["FollowedAt"] or _Link(mail["Link"]))
        for mail in view.outbox(directory, link, _ROWS)
    ]
    name = escape(directory.name)
    return [
        f"<h2>Directory {name}</h2>",
        _table("Limits", ("What", "Used", "Left"), _usage(state)),
        _table(f"Contacts, the last {_ROWS}", _FIELDS, [[row[f] for f in _FIELDS] for row in contacts]),
        _table(f"Outbox, the last {_ROWS}", ("Sent", "To", "Link good until", "Followed"), mails),
    ]


def _usage(counters: dict[str, int]) -> list[tuple[str, int, int]]:
    return [
        ("Contacts", counters["contacts"], counters["contacts_left"]),
        ("Verification mails today", counters["emails_sent_today"], counters["emails_left_today"]),
        ("Verification messages today", counters["messages_sent_today"], counters["messages_left_today"]),
    ]


class _Link(str):
    """An address to be shown as a link."""

    __slots__ = ()


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    lines = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{lines}</table>"


def _cell(value: Any) -> str:
    if isinstance(value, _Link):
        return f'<a href="{escape(value)}">follow the link</a>'
    if isinstance(value, list):
        return escape(", ".join(value))
    return "" if value is None else escape(str(value))
