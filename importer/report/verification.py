"""What came of seeing contacts through: counts for the command, and each contact with where it stands as CSV."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from importer.model.clock import iso
from importer.model.standing import Standing
from importer.report.cells import neutral
from importer.report.summary import Waiting

COLUMNS = (
    *("file", "row", "name", "email_address", "phone_number", "contact_id"),
    *("verification", "since", "reminded", "last_mail_at", "next_at", "reason"),
    *("phone", "phone_reminded", "last_message_at"),
)
ORDER = {"for_a_person": 0, "waiting": 1, "verified": 2}


@dataclass(frozen=True, slots=True)
class Verification:
    """One seeing through of a directory; `as_json` is the contract of ``--json``."""

    run: str
    directory: str
    contacts: dict[str, int]
    operations: dict[str, dict[str, int]]
    calls: dict[str, dict[str, int]]
    verification: dict[str, int]
    standings: tuple[Standing, ...] = field(repr=False)
    zone: str
    now: float
    deferrals: tuple[Waiting, ...] = ()
    stopped: dict[str, str] | None = None
    signal: int | None = None
    lease_lost: bool = False

    @property
    def deferred(self) -> Waiting | None:
        """Of several waits the one that ends first."""
        timed = sorted((wait for wait in self.deferrals if wait.until), key=lambda wait: wait.until or "")
        return (*timed, *self.deferrals, None)[0]

    @property
    def next_action_at(self) -> str | None:
        """When the same command has something to do: a deferral ends, or somebody was silent for long enough."""
        if self.deferred:
            return self.deferred.until
        return iso(min((one.next_at for one in self.standings if one.next_at is not None), default=None), self.zone)

    @property
    def exit_code(self) -> int:
        """As DESIGN orders them; to wait for people is no work left, a mail that failed is."""
        sends = [counts for kind, counts in self.operations.items() if kind.startswith("send_")]
        meant = (
            (75 if self.lease_lost else 4, self.lease_lost or self.stopped is not None),
            (128 + (self.signal or 0), self.signal is not None),
            (5, self.contacts["in_doubt"] or any(counts["in_doubt"] for counts in sends)),
            (3, self.deferrals or any(counts["pending"] for counts in sends)),
            (1, any(one.contact.state == "failed" for one in self.standings)),
        )
        return next((code for code, holds in meant if holds), 0)

    def as_json(self) -> dict[str, Any]:
        deferred = self.deferred
        return {
            "schema": 1,
            "run": self.run,
            "command": "verify",
            "directory": self.directory,
            "contacts": self.contacts,
            "verification": self.verification,
            "operations": self.operations,
            "calls": self.calls,
            "deferred": asdict(deferred) if deferred else None,
            "deferrals": [asdict(wait) for wait in self.deferrals],
            "next_action_at": self.next_action_at,
            "stopped": self.stopped,
            "exit_code": self.exit_code,
        }


def together(waits: Iterable[Waiting]) -> tuple[Waiting, ...]:
    """Waits for the same reason until the same time as one."""
    counts: Counter[tuple[str, str | None]] = Counter()
    for wait in waits:
        counts[wait.reason, wait.until] += wait.count
    return tuple(Waiting(count, reason, until) for (reason, until), count in counts.items())


def write_csv(standings: Sequence[Standing], zone: str, to: Path) -> None:
    """One line a contact, those that need a person first; what a spreadsheet program would evaluate is neutralised."""
    with to.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in sorted(standings, key=_turn):
            writer.writerow("" if value is None else neutral(str(value)) for value in _row(one, zone))


def _turn(one: Standing) -> tuple[int, float]:
    return ORDER[one.place], one.since or 0.0


def _row(one: Standing, zone: str) -> Iterator[str | int | None]:
    contact, mail, phone = one.contact, one.contact.mail, one.contact.phone
    yield from (contact.file, contact.line, contact.name, contact.email_address, contact.phone_number)
    yield from (contact.contact_id, one.place.value, iso(one.since, zone), mail.reminded if mail else 0)
    yield from (iso(mail.last_at, zone) if mail else None, iso(one.next_at, zone), one.reason)
    yield from (one.phone, phone.reminded if phone else 0, iso(phone.last_at, zone) if phone else None)
