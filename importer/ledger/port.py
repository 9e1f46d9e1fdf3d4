"""The ledger's verbs and promises; every store keeps them, and one contract suite holds each store to them.

Verbs are synchronous and belong to one thread (`scribe.Scribe` gives them to async code). Each verb is one unit of
work: it happens whole or not at all. Times are seconds since the epoch, UTC.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from importer.model.contact import Contact, fold
from importer.model.errors import ComeBack, FixLedger, ImporterError
from importer.model.operation import (
    Attempt,
    Kind,
    Operation,
    Outcome,
    State,
    Status,
    Wanted,
)
from importer.model.standing import (
    Followed,
)

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


class LeaseHeld(ComeBack):
    """Another run holds the directory; the message says who, since when and until when."""


class LeaseLost(ImporterError):
    """This run's lease was taken over: it may start no call, and its writes are refused."""

    exit_code = 75


class LedgerFailed(FixLedger):
    """The store failed (disk full, I/O error, locked by others): nothing of the unit under way counts as written."""

    exit_code = 4


class LedgerAway(LedgerFailed):
    """The store is out of reach, or gave up on the unit under way: doing it again in a while may work."""


class NoLedger(FixLedger):
    """There is no ledger where one was to be found."""


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


@dataclass(frozen=True, slots=True)
class Change:
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


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals of one staged file, or of a directory: the rows balance, and so do the contacts."""

    read: int = 0
    rejected: int = 0
    duplicate: int = 0
    accepted: int = 0
    adopted: int = 0
    contacts: dict[State, int] = field(default_factory=dict)
    operations: dict[Kind, dict[Status, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Due:
    """A directory with work that may be done now, and who holds it (``None``: nobody, or nobody any more).

    ``dropped``: its last run never ended, and the one before did.
    """

    directory: int
    profile: str
    endpoint: str
    owner: str | None
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class DirectoryStatus:
    """What the ledger holds of one directory; ``endpoint`` is ``loopback`` for a rehearsal."""

    id: int
    profile: str
    endpoint: str
    totals: Totals
    deferrals: tuple[Deferral, ...]
    lease: Lease | None
    last_run: dict[str, Any] | None
    refusal: tuple[float, float | None] | None  # as `Ledger.refusal`
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One row of a file, as DESIGN's export shows it; ``state`` is also ``rejected`` or ``duplicate``."""

    file: str
    sheet: str | None
    row: int
    directory: str
    name: str | None
    email_address: str | None
    phone_number: str | None
    title: str | None
    message_types: str | None
    state: str
    contact_id: str | None
    code: str | None
    message: str | None
    attempts: int
    request_id: str | None
    updated_at: float | None


@dataclass(frozen=True, slots=True)
class Calls:
    """Attempts of one outcome that began in one span of time, which begins ``at`` (seconds)."""

    at: float
    outcome: Outcome
    count: int


@dataclass(frozen=True, slots=True)
class Marked:
    """A row that somebody should look at, and what was found in it: the findings as `Staging` has them."""

    row: ExportRow
    findings: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Doing:
    """An operation as it stands, with each of its attempts and the run that made it (``None``: an earlier one)."""

    kind: Kind
    status: Status
    not_before: float | None
    reason: str | None
    code: str | None
    message: str | None
    updated_at: float
    attempts: tuple[tuple[str | None, Attempt], ...]


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one row of a file, or of a contact that no row asks for: then ``row.file`` is empty.

    ``cells`` is the row as written, by header; ``None`` where the contact's values say the same.
    """

    directory: int
    endpoint: str
    row: ExportRow
    cells: dict[str, str | None] | None
    findings: tuple[dict[str, Any], ...]
    digest: str | None  # of the file, as it was staged last
    options: str | None
    staged_at: float | None
    adopted: bool
    operations: tuple[Doing, ...]


class Ledger(Protocol):
    """A store of the ledger."""

    def close(self) -> None:
        """Leave the store; what was written stays."""

    def group(self) -> AbstractContextManager[None]:
        """One durable commit for all verbs inside; a verb that raises undoes itself alone."""

    # -- directories, leases, runs

    def find(self, profile: str, endpoint: str) -> int | None:
        """The number of a directory that the ledger has met; ``None`` when it has not."""

    def directory(self, profile: str, endpoint: str) -> int:
        """The number of a directory, made at first sight. ``endpoint``: the host, or ``loopback``.

        Raises `FixLedger` when ``profile`` is known with another host: then it would be another directory.
        """

    def acquire(self, directory: int, owner: str, *, now: float, ttl: float, dead: str | None = None) -> Lease:
        """Take the lease when it is free, expired, or held by ``dead``; the token grows. Raises `LeaseHeld`.

        A store that several machines share goes by its own clock; ``now`` is the caller's, taken before the call, by
        which the lease is safe until ``now + ttl``.
        """

    def holder(self, directory: int) -> Lease | None:
        """The lease as it stands, expired or not; ``None`` when released."""

    def renew(self, lease: Lease, *, now: float, ttl: float) -> Lease:
        """Push the expiry back, by the clock that `acquire` goes by. Raises `LeaseLost`."""

    def release(self, lease: Lease) -> None:
        """Give the lease back; one that was lost already is nobody's business."""

    def start_run(self, lease: Lease, run: Run) -> None: ...

    def finish_run(self, run: str, *, ended_at: float, exit_code: int, totals: str) -> None:
        """``totals`` is the JSON object that the command printed."""

    # -- staging

    def known(self, directory: int) -> "pl.DataFrame":
        """Every contact, with the columns of `KNOWN`."""

    def staged(self, directory: int, file: str) -> Staged | None: ...

    def stage(self, lease: Lease, run: str, staging: Staging, *, now: float) -> int:
        """Write a file's rows down in place of those of its last version, with a pending add for each new contact.

        A contact that waits, failed or was deleted takes the row's values and waits again; one that is, or may be, in
        the directory keeps its own. Waiting contacts that only the last version asked for are withdrawn. Returns the
        number of the staged file.
        """

    # -- keeping in step

    def observe(self, lease: Lease, observed: Observed, *, now: float) -> None:
        """Write down what a look showed. Who is missing anew is missing since ``now``; who is not, is not any more."""

    def intend(self, lease: Lease, sheet: int | None, steps: Sequence[Step], *, now: float) -> None:
        """Plan ``steps`` for the rows of ``sheet``, in place of the updates and deletes that wait so far.

        What is under way, in doubt or being deleted goes on; a send that waits already is not planned twice.
        """

    def added(self, directory: int, run: str) -> list[tuple[int, bool]] | None:
        """Contacts that a run added (not adopted) and that were not deleted since: number, whether it was updated
        since. ``None``: the directory had no such run."""

    # -- submitting

    def recover(self, lease: Lease, *, now: float) -> int:
        """What is found in flight is in doubt, its unfinished attempt written down; how many there were.

        So is the contact, but for a message to a phone, an update or a delete: it stands as it stood until the look
        that settles it.
        """

    def claim(self, lease: Lease, kind: Kind, limit: int, *, now: float, reminders: bool = False) -> list[Operation]:
        """Up to ``limit`` pending operations that are due, in the order of the file, now in flight.

        With ``reminders`` only those, in the order of their planning; without, none of them.
        """

    def record(self, lease: Lease, run: str, changes: Sequence[Change]) -> list[bool]:
        """Apply each change if its operation is still in the status that it leaves; which were applied.

        Attempts are kept either way: what was observed is never dropped. Raises `LeaseLost`, attempts kept.
        """

    def defer(self, lease: Lease, kind: Kind, reason: str | None, until: float | None = None) -> None:
        """Write down why a kind of operation waits; without a reason it waits no longer."""

    def deferrals(self, directory: int) -> list[Deferral]: ...

    def concurrency(self, directory: int) -> int | None:
        """The writes at once that the directory bore when it was last used; ``None`` before its first use."""

    def remember(self, lease: Lease, concurrency: int) -> None:
        """Write down how many writes at once the directory bears."""

    def unsettled(self, directory: int, keys: Sequence[str] = ()) -> list[tuple[Operation, Status, str | None]]:
        """What a look may settle: operations in doubt, deletes that the directory still carries out (`DELETING`), and
        pending adds whose contact's key is among ``keys``: operation, status, last code."""

    def sends_since(
        self, directory: int, since: float, until: float | None = None, kind: Kind = Kind.SEND_EMAIL
    ) -> int:
        """Verifications that were, or may have been, sent at or after ``since`` and before ``until``.

        One whose call was under way at either moment counts, if it began at most `UNDER_WAY` before.
        """

    def mailed(self, directory: int, since: float) -> list[tuple[float, str]]:
        """When at the latest, and to which address, each mail after ``since`` was or may have been sent; oldest first.

        One whose call began more than `UNDER_WAY` before ``since`` is left out.
        """

    def refusal(self, directory: int, kind: Kind = Kind.SEND_EMAIL) -> tuple[float, float | None] | None:
        """When the directory last said that the day's sends are used up, and when the first one after it went out."""

    # -- seeing contacts through to verified

    def followed(self, directory: int) -> list[Followed]:
        """Every contact that has an id of the directory's, waits for no add, and is neither deleted nor a stranger."""

    def saw(self, lease: Lease, contacts: Sequence[int], *, now: float) -> int:
        """Write down that the directory lists these as verified; how many were not known to be.

        One in doubt is left to whoever settles it. A mail that still waits for such a contact is not sent any more.
        """

    def chase(self, lease: Lease, chases: Sequence[Chase], *, now: float) -> int:
        """Plan one more send for each contact, in this order; how many were planned.

        Only while ``after`` is still the newest of its kind and done, and the contact waits to be verified (a message
        to a phone may also go to one whose address is verified): the same wish again plans nothing.
        """

    # -- dispatching

    def due(self, *, now: float) -> list[Due]:
        """Directories in which something may be done now, or whose last run never ended; least recently served first.

        What is deferred, its kind or itself, to later than ``now`` waits; so does what only a setting can free.
        """

    def lease_calls(self, name: str, seconds: float, *, now: float) -> float:
        """Lease the next ``seconds`` of a limit that directories share: how long until they begin.

        Slices of one name follow each other and never overlap, by the store's own clock where it has one.
        """

    # -- reporting

    def totals(self, directory: int, sheet: int | None = None) -> Totals:
        """Of one staged file, or of the whole directory."""

    def status(self) -> list[DirectoryStatus]: ...

    def in_doubt(self, directory: int) -> list[ExportRow]: ...

    def calls(self, run: str, width: float) -> list[Calls]:
        """A run's attempts by outcome, and by the multiple of ``width`` seconds since the epoch that they began after.

        Only those that were: a span without any is left out. In order of time, then of the outcome's name.
        """

    def marked(self, directory: int, file: str) -> Iterator[Marked]:
        """The rows of one file that have findings, or are rejected, duplicate or failed; in their order."""

    def export(self, directory: int | None = None) -> Iterator[ExportRow]:
        """Every row of every file, in the order of files and rows."""

    def stories(self, file: str, line: int) -> list[Story]:
        """What is known of a line of a file, one for each directory that has it."""

    def called(self, name: str) -> list[Story]:
        """What is known of whoever is called so, whatever the letter case: rows of every file and directory, rejected
        ones too, and contacts that no row asks for any more."""

    # -- moving

    def contents(self) -> Iterator[Table]:
        """Every table of `TABLES`, all of one moment; the rows of one are to be read before the next is asked for."""

    def fill(self, tables: Iterable[Table]) -> None:
        """Take over the contents of another ledger. Raises `FixLedger` when this one holds something."""
