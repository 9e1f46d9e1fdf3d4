"""What a sync may do, and the words for what it does: an edit, a leaver, and who is spared."""

from dataclasses import dataclass

from importer.model.operation import Kind, Wanted
from importer.stage.guard import SHRINK

LEEWAY = 600.0  # seconds
BEING_DELETED = "the directory is deleting it already"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a sync may do, and when it is; times in seconds, ``max_shrink`` in percent."""

    now: float
    delete: bool = False
    foreign: bool = False  # also those that the ledger neither added nor adopted
    missing_for: float = 86_400.0
    max_deletes: int | None = None
    max_shrink: float = SHRINK
    renames: bool = True
    cased: bool = True  # the directory takes Tom beside tom
    zone: str = "UTC"

    @property
    def patience(self) -> float:
        """Seconds that a contact is missing before it may go: a little less, for no two nights begin at one second."""
        return self.missing_for - min(LEEWAY, self.missing_for / 100)


@dataclass(frozen=True, slots=True)
class Edit:
    """One update: of the contact that the ledger holds under ``key``, for the row at ``line``."""

    key: str
    name: str  # as the directory lists it
    contact_id: str
    line: int
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Leaver:
    """A contact that no row is for any more; ``since``: of the first sync that missed it."""

    key: str
    name: str
    email_address: str
    contact_id: str
    status: str
    since: float | None
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Spared:
    """What is not done, and why not."""

    operation: Kind
    name: str
    reason: str
