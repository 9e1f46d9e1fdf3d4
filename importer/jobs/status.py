"""Status: what the ledger holds, what waits and until when."""

from dataclasses import dataclass
from typing import Any

from importer.jobs.stores import existing
from importer.ledger.port import DirectoryStatus, ExportRow, Ledger
from importer.model.clock import Day, iso
from importer.report.export import values
from importer.report.summary import balance
from importer.settings import Settings, load


@dataclass(frozen=True, slots=True)
class Standing:
    """The ledger's directories, each with its totals."""

    ledger: str
    directories: tuple[DirectoryStatus, ...]
    day_zone: str
    seen: tuple[dict[str, Any] | None, ...]  # of each directory, what was learned of its day
    doubts: tuple[ExportRow, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "command": "status",
            "ledger": self.ledger,
            "directories": [
                {**_told(directory, self.day_zone), "daily_sends_seen": seen}
                for directory, seen in zip(self.directories, self.seen, strict=True)
            ],
            "in_doubt": [values(row) for row in self.doubts],
            "exit_code": 0,
        }


def status(settings: Settings | None = None) -> Standing:
    """Raises `FixLedger` when there is no ledger."""
    settings = settings or load()
    with existing(settings) as ledger:
        directories = tuple(ledger.status())
        doubts = tuple(row for directory in directories for row in ledger.in_doubt(directory.id))
        seen = tuple(day_seen(ledger, directory.id, settings.day_zone) for directory in directories)
        return Standing(settings.ledger, directories, settings.day_zone, seen, doubts)


def day_seen(ledger: Ledger, directory: int, zone: str) -> dict[str, Any] | None:
    """What a refusal taught of the day's limit: mails before it, its time, and when mails went out again."""
    refusal = ledger.refusal(directory)
    if refusal is None:
        return None
    refused, again = refusal
    mails = ledger.sends_since(directory, Day.of(refused, zone).start, refused)
    return {"mails": mails, "refused_at": iso(refused, zone), "again_at": iso(again, zone)}


def _told(directory: DirectoryStatus, zone: str) -> dict[str, Any]:
    rows, contacts, operations = balance(directory.totals)
    lease = directory.lease
    return {
        "profile": directory.profile,
        "endpoint": directory.endpoint,
        "files": list(directory.files),
        "rows": rows,
        "contacts": contacts,
        "adopted": directory.totals.adopted,
        "operations": operations,
        "deferrals": [
            {
                "operation": wait.kind.value,
                "count": operations.get(wait.kind.value, {}).get("pending", 0),
                "reason": wait.reason,
                "until": iso(wait.until, zone),
            }
            for wait in directory.deferrals
        ],
        "lease": {"owner": lease.owner, "until": iso(lease.expires_at, zone)} if lease else None,
        "last_run": directory.last_run,
    }
