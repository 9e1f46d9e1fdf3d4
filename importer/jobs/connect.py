"""The outside of a run: its ledger, its directory (real, or emulated in this process), its lease."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import anyio

from importer.directory import Caller, Listed
from importer.directory.client import Client
from importer.directory.credentials import CredentialSource, StaticCredentials
from importer.directory.endpoint import endpoint_url, identity
from importer.directory.listing import listing
from importer.directory.reference import Place, referred
from importer.emulator import Emulator, EmulatorError
from importer.emulator import Limits as EmulatedLimits
from importer.jobs import stores
from importer.ledger.port import LeaseHeld, Ledger, LedgerFailed
from importer.ledger.scribe import Scribe
from importer.ledger.values import Lease
from importer.model.clock import Clock
from importer.model.errors import FixCommand
from importer.profiles import DEFAULT
from importer.settings import Settings
from importer.submit import owner
from importer.submit.course import Counted, Desk, Tally
from importer.submit.submit import Limits, World

LOOKS = 5  # at one page of the listing, some 10 seconds, before it is given up
LEASE_RENEWALS = 2  # within the margin: every 10 of 30 seconds, unless set otherwise
RELEASE = 5.0  # seconds to wait until a lease is given back
LEASE_LOOK = 1.0  # seconds between looks at a lease that another run holds
EMULATED = (
    "max_contacts",
    "daily_sends",
    "day_zone",
    "calls_per_second",
    "sends_per_address_per_minute",
    "list_lag",
    "link_lifetime",
    "names_case_sensitive",
    "chinese_names",
    "email_max",
)


def limits(settings: Settings) -> Limits:
    return Limits(
        max_contacts=settings.max_contacts,
        daily_sends=settings.daily_sends,
        day_zone=settings.day_zone,
        calls_per_second=settings.calls_per_second,
        list_lag=settings.list_lag,
        call_timeout=settings.call_timeout,
        give_up_after=settings.give_up_after,
        sends_per_address_per_minute=settings.sends_per_address_per_minute,
        reserve=settings.reserve,
        lease_ttl=settings.call_timeout + settings.lease_margin,
        lease_renewal=settings.lease_margin / LEASE_RENEWALS,
        from_members=settings.from_members,
    )


@asynccontextmanager
async def ledger(settings: Settings, *, create: bool = True) -> AsyncIterator[Scribe]:
    """The ledger, in a thread of its own. Raises `FixLedger`; verbs wait while its database is out of reach."""
    scribe = Scribe(lambda: stores.opened(settings, create=create, patience=settings.give_up_after, pause=scribe.pause))
    async with scribe:
        yield scribe


def place(settings: Settings) -> str:
    """What tells the directory apart in the ledger: the host, or ``loopback`` for a rehearsal. Raises `FixCommand`."""
    return "loopback" if settings.emulator else identity(endpoint_url(settings.endpoint))


async def admitted(settings: Settings) -> CredentialSource | None:
    """The credentials to call with, ``None`` for an emulator. Raises `FixAccess`, before anything else is done."""
    if settings.emulator:
        return None
    found = referred(reference(settings))
    await found.get()
    return found


def reference(settings: Settings) -> Place:
    """Where the settings say that the credentials are."""
    named = settings.credentials
    return Place(named.environment, named.profile, named.role, named.session, named.sts)


@asynccontextmanager
async def directory(settings: Settings, clock: Clock, credentials: CredentialSource | None) -> AsyncIterator[Caller]:
    """A caller of the directory; one that is emulated in this process when there are no credentials."""
    async with AsyncExitStack() as stack:
        url = endpoint_url(settings.endpoint) if credentials else ""
        if credentials is None:
            emulated = await stack.enter_async_context(emulator(settings, clock, Served(state=beside(settings))))
            url, credentials = emulated.url, StaticCredentials(emulated.access_key_id, emulated.access_key_secret)
        yield await stack.enter_async_context(Client(url, credentials, timeout=settings.call_timeout))


@dataclass(frozen=True, slots=True)
class Served:
    """Where and how an emulator serves: ``port`` 0 takes a free one, no ``state`` keeps everything in memory."""

    host: str = "127.0.0.1"
    port: int = 0
    state: Path | None = None
    faults: Path | None = None
    tls: bool = False


@asynccontextmanager
async def emulator(settings: Settings, clock: Clock, served: Served) -> AsyncIterator[Emulator]:
    """An emulated directory with the limits of the settings. Raises `FixCommand` when it cannot be served."""
    try:
        async with Emulator(
            served.host,
            served.port,
            limits=EmulatedLimits(**{name: getattr(settings, name) for name in EMULATED}),
            state=served.state,
            faults=served.faults,
            tls=served.tls,
            now=clock.now,
        ) as running:
            yield running
    except EmulatorError as error:
        raise FixCommand(str(error), hint="importer emulator --help lists what can be set") from None


def beside(settings: Settings) -> Path:
    """Where a rehearsal's directory is kept: beside the ledger, each profile's by itself."""
    own = "" if settings.profile == DEFAULT else f"-{quote(settings.profile, safe='')}"
    return stores.beside(settings, f"emulator{own}")


def world(caller: Caller, desk: Desk, settings: Settings, clock: Clock) -> World:
    tally = Tally()
    counted = Counted(caller, tally)
    return World(counted, desk, looker(counted, settings, clock), clock, _chance(), tally)


def looker(caller: Caller, settings: Settings, clock: Clock) -> Callable[[], Awaitable[list[Listed]]]:
    """What lists the directory when it is called."""
    chance = _chance().random
    return partial(listing, caller, page_size=settings.page_size, sleep=clock.sleep, random=chance, attempts=LOOKS)


def _chance() -> random.Random:
    return random.Random()  # noqa: S311  it spreads waits, it guards nothing


@asynccontextmanager
async def leased(desk: Desk, number: int, settings: Settings, clock: Clock) -> AsyncIterator[Lease]:
    """The lease on a directory for as long as it is used. Raises `LeaseHeld`, unless the settings say to wait."""
    lease = await _taken(desk, number, settings, clock)
    try:
        yield lease
    finally:
        with anyio.move_on_after(RELEASE, shield=True), suppress(LedgerFailed):  # else it expires by itself
            await desk.do(lambda ledger: ledger.release(lease))


async def _taken(desk: Desk, number: int, settings: Settings, clock: Clock) -> Lease:
    ttl, me = limits(settings).lease_ttl, owner.name()
    while True:
        holder = await desk.do(lambda ledger: ledger.holder(number))
        dead = holder.owner if holder is not None and owner.is_dead(holder.owner) else None
        try:
            return await desk.do(partial(_acquire, number, me, now=clock.now(), ttl=ttl, dead=dead))
        except LeaseHeld:
            if not settings.wait_for_lease:
                raise
            await clock.sleep(LEASE_LOOK)


def _acquire(number: int, me: str, ledger: Ledger, *, now: float, ttl: float, dead: str | None) -> Lease:
    return ledger.acquire(number, me, now=now, ttl=ttl, dead=dead)
