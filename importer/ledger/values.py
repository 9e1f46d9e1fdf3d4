"""What goes into the ledger's verbs and comes out of them, and how it is written down where stores do alike."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from importer.model.contact import Contact, fold
from importer.model.operation import Attempt, Kind, State, Status, Wanted

if TYPE_CHECKING:
    import polars as pl

# The columns of `Ledger.known`: the contact's number, what it holds, and the newest row that asks for it.
KNOWN = {
    "contact": "Int64",
    "key": "String",
    "name": "String",
    "email_address": "String",
    "phone_number": "String",
    "title": "String",
    "message_types": "String",
    "state": "String",
    "contact_id": "String",
    "file": "String",
    "line": "Int64",
    "missing_since": "Float64",  # of the first sync in which no file asked for it any more; null: one does
    "stranger": "Int64",  # 1: met in the directory, and neither added nor asked for by a file
}


DELETING = "Deleting"  # the code of a delete that waits because the directory is carrying it out: it is not claimed
UNDER_WAY = 120.0  # seconds before a moment in which a call that is under way then has begun


def told(wanted: Wanted) -> str | None:
    """What an update changes, as JSON; a name brings the key with it."""
    if not wanted:
        return None
    pairs = {name: list(pair) for name, pair in wanted.items()}
    if "name" in wanted:
        pairs["key"] = [name and fold(name) for name in wanted["name"]]
    return json.dumps(pairs, ensure_ascii=False)


def changes(text: str | None) -> Wanted:
    """The same read back."""
    found = json.loads(text) if text else {}
    return {name: (old, new) for name, (old, new) in found.items() if name != "key"}


# What a ledger holds, whatever its store: each table with its key, in an order in which references find what they name.
TABLES = {
    "directories": ("id",),
    "runs": ("id",),
    "sheets": ("id",),
    "contacts": ("id",),
    "rows": ("sheet", "line"),
    "operations": ("id",),
    "attempts": ("id",),
    "deferrals": ("directory", "kind"),
    "shares": ("name",),
    "tallies": ("directory", "what", "word"),
}
Cells = tuple[str | int | None, ...]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act on a directory; every write carries it, and a stale ``token`` is refused.

    ``expires_at`` is by the clock of whoever was given the lease; by the store's clock where it was only looked at.
    """

    directory: int
    owner: str
    token: int
    expires_at: float


@dataclass(frozen=True, slots=True)
class Table:
    """A table's content: names of columns, and rows in the order of its key."""

    name: str
    columns: tuple[str, ...]
    rows: Iterable[Cells]


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a command."""

    id: str
    directory: int
    command: str
    file: str
    digest: str
    started_at: float


@dataclass(frozen=True, slots=True)
class Staging:
    """What a file asks for, ready to be written down; three frames that together hold each row of the sheet once.

    ``contacts``: line, key, name, email_address, phone_number (null: none), title, message_types, state of the ledger's
    contact or null, was (the key under which the ledger holds it, null: its own), cells, findings: the accepted rows.
    ``rejected``: line, cells, findings. ``duplicates``: line, key, cells, findings.
    ``cells`` is the row as written, a JSON object by header, null where the contact's values say the same;
    ``findings`` a JSON list of findings, null where there are none.
    """

    file: str
    sheet: str | None
    digest: str
    options: str  # JSON of every setting that decides how the file is read and checked
    clashes: int  # rows refused only because of what the ledger or the directory held
    contacts: "pl.DataFrame"
    rejected: "pl.DataFrame"
    duplicates: "pl.DataFrame"
    headers: Mapping[str, str] = field(default_factory=dict)  # field → its header, where it is not the API's name
    modified: float | None = None  # when the file was last written, at a sync; none: as it was
    synced: int | None = None  # rows of the last sync whose file was trusted; none: as it was


@dataclass(frozen=True, slots=True)
class Staged:
    """A file as it was last staged for a directory."""

    id: int
    digest: str
    options: str
    clashes: int
    modified: float | None = None  # as in `Staging`, of its last sync
    synced: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """An operation to plan for the contact that the ledger holds under ``key``, in the order of ``line``.

    ``wanted``: what an update changes. Without a ``kind`` the directory shows it already, and only the ledger learns.
    """

    key: str
    kind: Kind | None
    wanted: Wanted = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True)
class Stranger:
    """A contact of the directory that the ledger neither added nor adopted."""

    values: Contact
    contact_id: str
    state: State


@dataclass(frozen=True, slots=True)
class Observed:
    """What a look at file and directory showed of the ledger's contacts.

    ``states``: those, by number, that stand otherwise than the ledger says. ``strangers``: to be kept in mind, where
    the ledger holds nobody of their name who is there. ``missing``: keys of those that no file asks for any more.
    """

    states: Mapping[int, State] = field(default_factory=dict)
    strangers: Sequence[Stranger] = ()
    missing: Collection[str] = ()


class Change(NamedTuple):
    """One change of an operation, made only while the operation is still in ``leaves``.

    ``state`` is the contact's new state (``None``: as it was); ``then`` plans a further operation for the contact.
    ``code``, ``message`` and ``request_id`` are those of the attempt, or of the look that settled it. ``at`` is when it
    was decided, in seconds; without it the attempt's end counts, and without an attempt no time is touched.
    Once an update is done its contact has the wanted values; once a contact is deleted nothing waits for it any more.
    """

    operation: int
    leaves: Status
    status: Status
    state: State | None = None
    attempt: Attempt | None = None
    contact_id: str | None = None
    then: Kind | None = None
    adopted: bool = False
    code: str | None = None
    message: str | None = None
    not_before: float | None = None
    reason: str | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Deferral:
    """Why a kind of operation waits in a directory; ``until`` ``None``: until a setting or the directory changes."""

    kind: Kind
    reason: str  # the setting's name: daily-sends, max-contacts
    until: float | None


@dataclass(frozen=True, slots=True)
class Chase:
    """A wish to send to a contact once more: ``after`` is the newest send of that kind, ``None`` if there is none."""

    contact: int
    kind: Kind
    after: int | None
