"""The emulator as a whole: directories, gateway, service, state's file and a socket, opened and closed together."""

import asyncio
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from anyio import CancelScope

from importer.emulator import view
from importer.emulator.aside import Aside
from importer.emulator.clock import Clock
from importer.emulator.contact import Contact, Mail
from importer.emulator.control import Parts
from importer.emulator.directory import Directory
from importer.emulator.errors import EmulatorError
from importer.emulator.faults import Faults, read
from importer.emulator.gateway import Gateway, Key
from importer.emulator.journal import Journal
from importer.emulator.limits import Limits
from importer.emulator.service import CALLS_KEPT, Service
from importer.emulator.state import State
from importer.emulator.wire import Wire

if TYPE_CHECKING:
    from importer.emulator.tls import Authority


@dataclass(frozen=True, slots=True)
class Clocks:
    """``now`` governs days, links and dates; ``wall`` judges signatures; ``monotonic`` measures rates."""

    now: Callable[[], float] = time.time
    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep


class Emulator:
    """The API on a socket, from ``async with`` to its end; ``port`` 0 takes a free one.

    Without keys it makes one, and keeps it in the ``state`` file if there is one. ``faults`` may be a TOML file.
    With ``tls`` it serves HTTPS, with a certificate that ``ca_file`` vouches for. Raises `EmulatorError`.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        limits: Limits | None = None,
        state: Path | str | None = None,
        access_key_id: str | None = None,
        access_key_secret: str | None = None,
        keys: Sequence[Key] = (),
        now: Callable[[], float] = time.time,
        wall: Callable[[], float] = time.time,
        faults: Faults | Path | str | None = None,
        tls: bool = False,
        clocks: Clocks | None = None,
        random: Random | None = None,
        calls_kept: int = CALLS_KEPT,
    ) -> None:
        self.host, self.port = host, port
        self.limits = limits or Limits()
        self.keys = tuple(keys)
        self.journal = Journal(durable=state is not None)
        self.directories: dict[str, Directory] = {}
        self.faults = faults if isinstance(faults, Faults) else Faults() if faults is None else read(Path(faults))
        self._tls = tls
        self._authority: Authority | None = None
        self._clocks = clocks or Clocks(now=now, wall=wall)
        self.clock = Clock(self._clocks.now)
        self._calls_kept = calls_kept
        self._random = random or Random()  # noqa: S311 - ids of an emulator are no secrets
        self._path = None if state is None else Path(state)
        self._own = (access_key_id, access_key_secret)
        self._state: State | None = None
        self._runner: web.ServerRunner | None = None
        self._wire: Wire | None = None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self._tls else ''}://{host}:{self.port}"

    @property
    def ca_file(self) -> Path | None:
        """The certificate (PEM) that vouches for the server's; gone when the emulator is closed."""
        return None if self._authority is None else self._authority.ca_file

    def banner(self) -> dict[str, str]:
        """What somebody needs to call: url, access_key_id, access_key_secret, and ca_file with HTTPS."""
        found = {"url": self.url, "access_key_id": self.access_key_id, "access_key_secret": self.access_key_secret}
        return found if self.ca_file is None else {**found, "ca_file": str(self.ca_file)}

    @property
    def access_key_id(self) -> str:
        return self.keys[0].id

    @property
    def access_key_secret(self) -> str:
        return self.keys[0].secret

    async def __aenter__(self) -> Self:
        if self._path is not None:
            self._state = State(self._path)
        try:
            self._load()
            await self._listen()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish the calls under way, write what is left, and leave the socket and the file, cancelled or not."""
        with CancelScope(shield=True):
            await self._close()

    async def _close(self) -> None:
        if self._wire is not None:
            self._wire.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._authority is not None:
            self._authority.close()
            self._authority = None
        if self._state is not None:
            state, self._state = self._state, None
            await state.close(self.journal.drain())

    # -- looking

    def contacts(self, directory: str = "default") -> list[Contact]:
        return list(self.directories[directory].contacts.values())

    def outbox(self, directory: str = "default") -> list[Mail]:
        return list(self.directories[directory].mails.values())

    def log(self) -> list[dict[str, Any]]:
        """What was really done, in order, whatever the callers were told."""
        return list(self.journal.log)

    def calls(self) -> dict[tuple[str, str], int]:
        """Answers since the start, by operation and code (``ok`` or the API's)."""
        return dict(self.service.calls)

    def snapshot(self, directory: str = "default") -> dict[str, Any]:
        """What ``GET /_emulator/state`` answers."""
        return view.snapshot(self.directories[directory], self._link())

    # -- starting

    def _load(self) -> None:
        self.journal.clear()
        self.directories.clear()
        self.keys = self._make_keys()
        names = {key.directory for key in self.keys} - {""}
        if self._state is not None:
            names |= set(self._state.directories()) - {""}
            self.journal.seq, self.journal.noted = self._state.seq(), self._state.noted()
            self.journal.log.extend(self._state.log(self.journal.log.maxlen or 0))
        for name in sorted(names):
            self.directories[name] = self._make_directory(name)
        self.service = Service(
            self.directories,
            random=self._random,
            faults=self.faults,
            sleep=self._clocks.sleep,
            monotonic=self._clocks.monotonic,
            settle=None if self._state is None else self._settle,
            kept=self._calls_kept,
        )

    def _make_directory(self, name: str) -> Directory:
        directory = Directory(self.limits, now=self.clock, random=self._random, journal=self.journal, name=name)
        if self._state is not None:
            contacts = map(Contact.restore, self._state.records(name, "contact"))
            directory.restore(contacts, map(Mail.restore, self._state.records(name, "mail")))
        return directory

    def _make_keys(self) -> tuple[Key, ...]:
        if self.keys:
            return self.keys
        key_id, secret = self._own
        if (key_id is None) != (secret is None):
            raise EmulatorError("An access key needs both parts: give access_key_id and access_key_secret.")
        kept = self._state.setting("key") if self._state is not None else None
        if key_id is None or secret is None:
            key_id, secret = kept or (f"EMULATOR{secrets.token_hex(8).upper()}", secrets.token_hex(15))
        if self._state is not None:
            self._state.keep("key", [key_id, secret])
        return (Key(key_id, secret),)

    async def _listen(self) -> None:
        self.gateway = Gateway(self.keys, self._clocks.wall, need_ssl=self.limits.need_ssl)
        self.parts = Parts(
            directories=self.directories,
            journal=self.journal,
            service=self.service,
            gateway=self.gateway,
            clock=self.clock,
            faults=self.faults,
            link=self._link,
            reset=self.reset,
        )
        self._wire = Wire(self.gateway, self.service, Aside(self.parts, self.host, self._settle).answer)
        self._runner = web.ServerRunner(self._wire.server(), shutdown_timeout=2.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self._context())
        try:
            await site.start()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise EmulatorError(f"The emulator cannot listen on {self.host}:{self.port}: {reason}.") from None
        self.port = self._runner.addresses[0][1]

    def _context(self) -> ssl.SSLContext | None:
        if not self._tls:
            return None
        from importer.emulator.tls import Authority

        self._authority = Authority()
        return self._authority.context(self.host, self.faults.spoils_handshake)

    def _link(self) -> str:
        return f"{self.url}/link/"

    # -- the state

    async def reset(self) -> None:
        """Forget contacts, mails, counts, log and faults, and let the clock go; keys and limits stay."""
        for directory in self.directories.values():
            directory.restore((), ())
        self.journal.clear()
        self.service.calls.clear()
        self.service.last.clear()
        self.faults.replace(())
        self.clock.reset()
        if self._state is not None:
            await self._state.clear()

    async def _settle(self) -> None:
        if self._state is not None:
            await self._state.write(self.journal.drain())


async def serve(emulator: Emulator, started: Callable[[Emulator], None] = lambda _: None) -> None:
    """Serve until cancelled; ``started`` is called once the socket is open."""
    async with emulator:
        started(emulator)
        await asyncio.Event().wait()
