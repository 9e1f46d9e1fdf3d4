"""What a ledger tells of its directories: totals, rows, calls, and what is under way."""

from dataclasses import dataclass, field
from typing import Any

from importer.ledger.values import Deferral, Lease
from importer.model.operation import Attempt, Kind, Outcome, State, Status


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
