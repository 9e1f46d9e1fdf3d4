"""Status: what the ledger holds, what waits and until when."""

from dataclasses import dataclass
from typing import Any

from importer.jobs.stores import existing
from importer.ledger.address import redacted
from importer.ledger.port import Ledger
from importer.ledger.views import DirectoryStatus, ExportRow
from importer.model.clock import iso
from importer.report.export import values
from importer.report.summary import balance
from importer.settings import Settings, load
from importer.submit.daily import Daily
from importer.submit.daily import seen as refusal


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
        return Standing(redacted(settings.ledger), directories, settings.day_zone, seen, doubts)


def day_seen(ledger: Ledger, directory: int, zone: str) -> dict[str, Any] | None:
    """What a refusal taught of the day's limit: mails before it, its time, and when mails went out again."""
    met = refusal(ledger, directory, zone)
    if met is None:
        return None
    return {"mails": met.mails, "refused_at": iso(met.at, zone), "again_at": iso(met.again, zone)}


def daily_told(daily: Daily, now: float) -> dict[str, Any]:
    """The mails of a day and the time at which one begins, each with where it comes from."""
    likely, set_to = daily.likely(now), max(0, daily.limit - daily.reserve)
    day = daily.day(now)
    return {
        "limit": likely,
        "limit_from": "setting" if likely == set_to else "refusal",
        "begins": iso(day.start, daily.zone),
        "begins_from": "refusal" if daily.opens else "setting",
        "refused_at": iso(daily.refusal.at, daily.zone) if daily.refusal else None,
    }


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
