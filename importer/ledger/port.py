"""The ledger's verbs and promises; every store keeps them, and one contract suite holds each store to them.

Verbs are synchronous and belong to one thread (`scribe.Scribe` gives them to async code). Each verb is one unit of
work: it happens whole or not at all. Times are seconds since the epoch, UTC.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from importer.ledger.values import Change, Chase, Deferral, Lease, Observed, Run, Staged, Staging, Step, Table
from importer.ledger.views import Calls, DirectoryStatus, Due, ExportRow, Marked, Story, Totals
from importer.model.errors import ComeBack, FixLedger, ImporterError
from importer.model.operation import Kind, Operation, Status
from importer.model.standing import Followed

if TYPE_CHECKING:
    import polars as pl


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
