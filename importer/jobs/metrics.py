"""Metrics: what a command came to in each directory, and the mails of its day, as a file for Prometheus."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from importer.jobs import connect
from importer.jobs.stores import existing
from importer.ledger.port import Ledger
from importer.model.errors import ImporterError
from importer.model.operation import Kind
from importer.report.metrics import Ended, Sends, write
from importer.settings import Settings, others
from importer.submit.submit import allowed


def each(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What was told of each directory; ``told``: the JSON of a command, in one directory or in many."""
    return list(told.get("directories") or [told])


def leave(settings: Settings, command: str, told: Mapping[str, Any], *, now: float, seconds: float) -> None:
    """Write the file that the settings name. Raises `OSError`."""
    ends = []
    for one in each(told):
        profile = one.get("directory", settings.profile)
        sends = _sends(settings, profile, now)
        totals = one if "contacts" in one else None
        ends.append(Ended(profile, command, now, seconds, one["exit_code"], totals, sends))
    write(Path(settings.metrics or ""), ends)


def _sends(settings: Settings, profile: str, now: float) -> Sends | None:
    """The mails of the day; ``None`` where the ledger knows nothing of the directory, or cannot be asked."""
    with suppress(ImporterError):
        mine = settings if profile == settings.profile else others(settings, [profile])[profile]
        with existing(mine) as ledger:
            return _counted(ledger, mine, now)
    return None


def _counted(ledger: Ledger, settings: Settings, now: float) -> Sends | None:
    number = ledger.find(settings.profile, connect.place(settings))
    if number is None:
        return None
    daily, used = allowed(ledger, number, connect.limits(settings), Kind.SEND_EMAIL, now)
    return Sends(used, daily.left(now, used))
