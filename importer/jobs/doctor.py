"""Doctor: looks at everything that a run needs, and changes nothing."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import ZoneInfo

import anyio

from importer.directory.client import Client
from importer.directory.codes import LIST
from importer.directory.credentials import CredentialSource
from importer.directory.endpoint import endpoint_url
from importer.jobs import connect, judge, many
from importer.jobs.stores import existing
from importer.ledger.address import redacted, scheme
from importer.ledger.port import Ledger, NoLedger
from importer.ledger.values import Lease
from importer.model.clock import Clock, Day, iso
from importer.model.errors import FixAccess, ImporterError
from importer.report.health import Check, Health, Level
from importer.settings import Settings, everyone, load

PATIENCE = 10.0  # seconds that a call may take here at most
MOUNTS = Path("/proc/self/mounts")


async def doctor(settings: Settings | None = None, *, every: bool = False) -> Health:
    """Credentials, endpoint, clock, permissions, limits, ledger and time zones of a profile, or of every one.

    Only calls that surely do nothing are made. Raises `FixCommand` when the settings are wrong.
    """
    settings = settings or load()
    family = list(everyone(settings).values()) if every else [settings]
    many.refuse(family)
    found: dict[int, list[Check]] = {}
    places = anyio.CapacityLimiter(settings.at_once)

    async def one(number: int, member: Settings) -> None:
        async with places:
            checks = await _directory(member)
            found[number] = [replace(check, directory=member.profile) for check in checks]

    async with anyio.create_task_group() as group:
        for number, member in enumerate(family):
            group.start_soon(one, number, member)
    shared = [*await anyio.to_thread.run_sync(_ledger, family[0]), *_zones(family)]
    return Health((*shared, *(check for number in sorted(found) for check in found[number])))


async def _directory(settings: Settings) -> list[Check]:
    checks = _file(settings)
    checks += await anyio.to_thread.run_sync(_known, settings)
    if settings.emulator:
        return [*checks, Check("endpoint", Level.OK, "a rehearsal: the directory is emulated")]
    try:
        credentials = await connect.admitted(settings)
        assert credentials is not None
        keys = await credentials.get()
    except FixAccess as error:
        return [*checks, Check("credentials", Level.ERROR, error.message, error.hint)]
    kind = "temporary keys" if keys.security_token else "a key"
    checks.append(Check("credentials", Level.OK, f"{kind} found"))
    try:
        return checks + await _called(settings, credentials)
    except ImporterError as error:
        return [*checks, Check("endpoint", Level.ERROR, error.message, error.hint)]


async def _called(settings: Settings, credentials: CredentialSource) -> list[Check]:
    """What the directory itself answers: a listing of one contact, then calls that lack their parameters."""
    url, clock = endpoint_url(settings.endpoint), Clock.starting(settings.now)
    async with Client(url, credentials, timeout=min(settings.call_timeout, PATIENCE)) as client:
        begun = clock.ticks()
        answer = await client.call(LIST, {"PageNumber": 1, "PageSize": 1})
        checks = [judge.endpoint(url, answer, clock.ticks() - begun)]
        if checks[0].level is not Level.OK:
            return checks
        checks += [judge.clock(client.skew), judge.reading(answer)]
        if answer.body is not None:
            total = answer.body["TotalCount"]
            assert isinstance(total, int)
            checks.append(judge.places(total, settings.max_contacts))
            for action in (*judge.NEEDED, *judge.FOR_SYNC):
                checks.append(judge.writing(action, await client.call(action, {})))
    return checks


def _file(settings: Settings) -> list[Check]:
    if settings.file is None:
        return []
    if os.access(settings.file, os.R_OK):
        return [Check("file", Level.OK, settings.file)]
    what = "cannot be read" if Path(settings.file).exists() else "does not exist"
    return [Check("file", Level.ERROR, f"{settings.file} {what}", "put it there, or name another in importer.toml")]


def _known(settings: Settings) -> list[Check]:
    """What the ledger knows of the directory: mails of this day, and who holds it."""
    now = Clock.starting(settings.now).now()
    since = Day.of(now, settings.day_zone).start

    def ask(ledger: Ledger) -> tuple[int, Lease | None]:
        number = ledger.find(settings.profile, connect.place(settings))
        return (0, None) if number is None else (ledger.sends_since(number, since), ledger.holder(number))

    try:
        with existing(settings) as ledger:
            used, lease = ask(ledger)
    except NoLedger:
        used, lease = 0, None
    except ImporterError:
        return []  # the check of the ledger says it
    checks = [judge.sends(used, settings.daily_sends)]
    if lease is not None and lease.expires_at > now:
        told = f"{lease.owner} holds it until {iso(lease.expires_at, settings.day_zone)}"
        checks.append(
            Check("lease", Level.WARNING, told, "a run is under way: others end with 75, or --wait-for-lease")
        )
    return checks


def _ledger(settings: Settings) -> list[Check]:
    name = redacted(settings.ledger)
    checks = [] if scheme(settings.ledger) else judge.disk(_disk(Path(settings.ledger)))
    try:
        with existing(settings) as ledger:
            count = len(ledger.status())
    except NoLedger:
        checks.append(Check("ledger", Level.OK, f"{name}: none yet; the first run makes it"))
    except ImporterError as error:
        checks.append(Check("ledger", Level.ERROR, error.message, error.hint))
    else:
        checks.append(
            Check("ledger", Level.OK, f"{name}: of this version, {count} director{'y' if count == 1 else 'ies'}")
        )
    return checks


def _disk(path: Path) -> judge.Disk:
    folder = path.absolute().parent
    there = next(place for place in (folder, *folder.parents) if place.exists())
    writable = there == folder and os.access(folder, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
    return judge.Disk(str(path), writable, _kind(there), shutil.disk_usage(there).free)


def _kind(folder: Path) -> str | None:
    """The kind of file system that a folder is on, where the system tells."""
    try:
        mounts = [line.split() for line in MOUNTS.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    inside = [(len(words[1]), words[2]) for words in mounts if folder.resolve().is_relative_to(words[1])]
    return max(inside, default=(0, None))[1]


def _zones(family: Iterable[Settings]) -> list[Check]:
    """Every zone of the settings exists, or they would not be settings; how each stands, for people to compare."""
    zones = sorted({settings.day_zone for settings in family})
    try:
        data = f"tzdata {version('tzdata')}"
    except PackageNotFoundError:
        data = "the system's data"
    told = [f"{zone} {datetime.now(UTC).astimezone(ZoneInfo(zone)):%H:%M %z}" for zone in zones]
    return [Check("time zones", Level.OK, f"{', '.join(told)} ({data})")]
