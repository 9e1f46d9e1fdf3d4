"""How a fleet stands: its workers, the queue, who holds which directory, and who waits until when."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from importer.fleet.queue import DIRECTORIES, DRAIN, SILENT, App
from importer.jobs.drain import STOPPED
from importer.ledger.views import DirectoryStatus
from importer.model.clock import Clock, iso
from importer.report.summary import balance
from importer.settings import Settings
from importer.submit.course import Desk

WORKERS = """
select id, extract(epoch from last_heartbeat)::float8 as seen, extract(epoch from now() - last_heartbeat)::float8 as ago
from procrastinate_workers order by id"""
HOLDS = """
select worker_id, args ->> 'profile' as profile from procrastinate_jobs
where status = 'doing' and task_name = %(task)s"""
WAITING = """
select count(*) as n from procrastinate_jobs where status = 'todo' and queue_name = %(queue)s"""


@dataclass(frozen=True, slots=True)
class Standing:
    """``workers``: id, last seen, what each works on; ``directories``: each with its books, holder and next time."""

    workers: tuple[dict[str, Any], ...]
    waiting: int
    directories: tuple[dict[str, Any], ...]

    @property
    def states(self) -> dict[str, int]:
        """Directories by what they do: working, waiting for a time, ready, done."""
        return dict(Counter(one["state"] for one in self.directories))

    @property
    def reasons(self) -> dict[str, int]:
        """Directories by what keeps some of their work waiting; one may have several."""
        return dict(Counter(reason for one in self.directories for reason in one["reasons"]))

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "command": "fleet status",
            "workers": list(self.workers),
            "queue": self.waiting,
            "states": self.states,
            "reasons": self.reasons,
            "directories": list(self.directories),
            "exit_code": 0,
        }


async def standing(app: App, desk: Desk, settings: Settings, clock: Clock) -> Standing:
    found = await desk.do(lambda ledger: ledger.status())
    now = clock.now()
    due = {one.profile for one in await desk.do(lambda ledger: ledger.due(now=now))}
    rows = await app.connector.execute_query_all_async(WORKERS)
    held = await app.connector.execute_query_all_async(HOLDS, task=DRAIN)
    waiting = await app.connector.execute_query_one_async(WAITING, queue=DIRECTORIES)
    busy: dict[int, list[str]] = {}
    for row in held:
        busy.setdefault(row["worker_id"], []).append(row["profile"])
    workers = tuple(
        {
            "id": row["id"],
            "seen_at": iso(row["seen"]),
            "alive": row["ago"] < SILENT,
            "directories": busy.get(row["id"], []),
        }
        for row in rows
    )
    places = tuple(_told(one, due, now, settings.day_zone) for one in found)
    return Standing(workers, waiting["n"], places)


def _told(one: DirectoryStatus, due: set[str], now: float, zone: str) -> dict[str, Any]:
    _, contacts, operations = balance(one.totals)
    lease = one.lease if one.lease is not None and one.lease.expires_at > now else None
    until = min((wait.until for wait in one.deferrals if wait.until is not None and wait.until > now), default=None)
    left = sum(counts["pending"] + counts["in_doubt"] for counts in operations.values())
    reasons = sorted({wait.reason for wait in one.deferrals})
    state = "working" if lease else "ready" if one.profile in due else "waiting" if left else "done"
    return {
        "directory": one.profile,
        "state": state,
        "contacts": contacts,
        "left": left,
        "held_by": lease.owner if lease else None,
        "held_until": iso(lease.expires_at, zone) if lease else None,
        "reasons": reasons,
        "stopped": _stop(one) if STOPPED in reasons else None,
        "next_action_at": iso(until, zone) if until else None,
    }


def _stop(one: DirectoryStatus) -> dict[str, str] | None:
    """What stopped it: code and message, as its last run told them."""
    totals = (one.last_run or {}).get("totals") or {}
    stop: dict[str, str] | None = totals.get("stopped")
    return stop
