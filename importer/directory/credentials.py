"""Credentials from the official chain, read again when they expire; nothing here ever shows a secret."""

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import anyio

from importer.model.errors import FixAccess

PREFIX = "ALIBABA_CLOUD_"
FRESH = 60.0  # seconds that keys are used before the chain is asked again; its providers know when theirs expire
WAYS = (
    "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET (ALIBABA_CLOUD_SECURITY_TOKEN too "
    "for temporary keys), or configure a profile in ~/.aliyun/config.json (ALIBABA_CLOUD_PROFILE names "
    "another than the current one). On an ECS instance name its role in ALIBABA_CLOUD_ECS_METADATA. "
    "To rehearse without any, use --emulator."
)


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs a call; temporary keys have a token."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


class CredentialSource(Protocol):
    """Whoever gives keys; both verbs raise `FixAccess` when there are none."""

    async def get(self) -> Keys:
        """Keys that are good now; cheap, for it is asked before each call."""

    async def renew(self, refused: Keys) -> Keys:
        """The service refused these: look for others. The same ones come back when there are no others."""


@dataclass(frozen=True, slots=True)
class StaticCredentials:
    """Keys that are known beforehand, such as the emulator's."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)

    async def get(self) -> Keys:
        return Keys(self.access_key_id, self.access_key_secret, self.security_token)

    async def renew(self, refused: Keys) -> Keys:  # noqa: ARG002 - there are no others
        return await self.get()


Provider = Callable[[], Keys]
Way = tuple[str, Callable[[], Provider]]  # its name for people, and what makes its provider


class Credentials:
    """The official chain: environment, OIDC, the profiles of the command line, ECS role, credentials URI.

    The metadata address of ECS is asked only when ``ALIBABA_CLOUD_ECS_METADATA`` names a role or
    ``ALIBABA_CLOUD_ECS_METADATA_DISABLED`` is ``false``: elsewhere it answers slowly, or is somebody else.
    ``chain`` makes the ways from the environment, the first that gives keys is kept.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        chain: "Callable[[Mapping[str, str]], Iterator[Way]] | None" = None,
        ticks: Callable[[], float] = time.monotonic,
        hint: str = WAYS,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._chain = chain or official
        self._ticks = ticks
        self._hint = hint
        self._lock = anyio.Lock()
        self._provider: Provider | None = None
        self._keys: Keys | None = None
        self._until = 0.0

    async def get(self) -> Keys:
        """Keys that are good now. Raises `FixAccess`, saying which ways there are."""
        keys = self._keys
        if keys is not None and self._ticks() < self._until:
            return keys
        async with self._lock:
            if self._keys is None or self._ticks() >= self._until:
                self._keys = await self._read()
            return self._keys

    async def renew(self, refused: Keys) -> Keys:
        """Go through the chain from its start, unless somebody has done so since; raises as `get` does."""
        async with self._lock:
            if self._keys == refused or self._keys is None:
                self._provider = None
                self._keys = await self._read()
            return self._keys

    async def _read(self) -> Keys:
        # Providers block on files, sub-processes and sockets.
        keys = await anyio.to_thread.run_sync(self._ask, abandon_on_cancel=True)
        self._until = self._ticks() + FRESH
        return keys

    def _ask(self) -> Keys:
        if self._provider is not None:
            try:
                return self._provider()
            except Exception:  # noqa: BLE001 - what worked before does not any more: the whole chain says why
                self._provider = None
        failures = []
        for name, make in self._chain(self._environ):
            try:
                provider = make()
                keys = provider()
            except Exception as error:  # noqa: BLE001 - each provider raises what it likes
                failures.append(f"{name}: {reason(error)}")
            else:
                self._provider = provider
                return keys
        raise FixAccess("no usable credentials: " + "; ".join(failures), hint=self._hint, code="NoCredentials")


def official(environ: Mapping[str, str]) -> Iterator[Way]:
    """The official providers in the official order, told by argument what they would read at import."""
    value, home = prefixed(environ, PREFIX), home_of(environ)
    yield "environment", lambda: environment(value)
    if {"ROLE_ARN", "OIDC_PROVIDER_ARN", "OIDC_TOKEN_FILE"} <= value.keys():
        yield "OIDC role", lambda: _oidc(value)
    if value.get("CLI_PROFILE_DISABLED", "").lower() != "true":
        yield "profile of the command line", lambda: configured(value.get("PROFILE"), home)
    ini = Path(value.get("CREDENTIALS_FILE") or home / ".alibabacloud" / "credentials.ini")
    yield "credentials file", lambda: _ini(value, ini)
    disabled = value.get("ECS_METADATA_DISABLED", "").lower()
    if disabled != "true" and ("ECS_METADATA" in value or disabled == "false"):
        yield "ECS role", lambda: _ecs(value)
    if "CREDENTIALS_URI" in value:
        yield "credentials URI", lambda: _uri(value)


def prefixed(environ: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The variables that begin with a prefix and hold something, without it."""
    found = {key: text.strip() for key, text in environ.items() if key.startswith(prefix)}
    return {key.removeprefix(prefix): text for key, text in found.items() if text}


def home_of(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


class Missing(Exception):
    """Why a way gives no keys; the text is ours and safe to show."""


def reason(error: Exception) -> str:
    """Why a provider failed, without anything that could be a key: what it read may stand in its message."""
    if isinstance(error, Missing):
        return str(error)
    text = str(error)
    if text.startswith(("unable to get profile", "unsupported profile mode", "invalid profile name")):
        return text
    told = re.search(r'"Code"\s*:\s*"([A-Za-z][A-Za-z0-9_.]{0,80})"', text)
    status = re.search(r"(?:http_code|HttpCode)=(\d{3})\b", text)
    parts = [found.group(1) for found in (status, told) if found]
    return " ".join([type(error).__name__, *parts])


def environment(value: Mapping[str, str], prefix: str = PREFIX) -> Provider:
    """Keys that stand in variables; ``value``: those that begin with the prefix, without it. Raises `Missing`."""
    key, secret = value.get("ACCESS_KEY_ID"), value.get("ACCESS_KEY_SECRET")
    if not key or not secret:
        raise Missing(f"{prefix}{'ACCESS_KEY_SECRET' if key else 'ACCESS_KEY_ID'} is not set")
    keys = Keys(key, secret, value.get("SECURITY_TOKEN"))
    return lambda: keys


def _oidc(value: Mapping[str, str]) -> Provider:
    return asking(
        providers().OIDCRoleArnCredentialsProvider(
            role_arn=value["ROLE_ARN"],
            oidc_provider_arn=value["OIDC_PROVIDER_ARN"],
            oidc_token_file_path=value["OIDC_TOKEN_FILE"],
            role_session_name=value.get("ROLE_SESSION_NAME", "importer"),
        )
    )


def configured(name: str | None, home: Path) -> Provider:
    """A profile of the official command line, the current one without a name. Raises `Missing`."""
    path = home / ".aliyun" / "config.json"
    _readable(path)
    return asking(providers().CLIProfileCredentialsProvider(profile_name=name, profile_file=str(path)))


def _ini(value: Mapping[str, str], path: Path) -> Provider:
    _readable(path)
    name = value.get("PROFILE", "default")
    return asking(providers().ProfileCredentialsProvider(profile_name=name, profile_file=str(path)))


def _ecs(value: Mapping[str, str]) -> Provider:
    return asking(
        providers().EcsRamRoleCredentialsProvider(
            role_name=value.get("ECS_METADATA"),
            disable_imds_v1=value.get("IMDSV1_DISABLED", "").lower() == "true",
            async_update_enabled=False,  # no scheduler thread: keys are asked for once a minute anyway
        )
    )


def _uri(value: Mapping[str, str]) -> Provider:
    return asking(providers().URLCredentialsProvider(uri=value["CREDENTIALS_URI"]))


def asking(provider: Any) -> Provider:
    """What asks an official provider."""

    def ask() -> Keys:
        found = provider.get_credentials()
        key, secret = found.get_access_key_id(), found.get_access_key_secret()
        if not key or not secret:
            raise Missing("the key or its secret is empty")
        return Keys(key.strip(), secret.strip(), found.get_security_token() or None)

    return ask


def _readable(path: Path) -> None:
    if not path.is_file():
        raise Missing(f"{path} does not exist")


def providers() -> Any:
    """The official package, imported late (0.4 s) and without its own handlers on standard error."""
    from alibabacloud_credentials import provider

    hush("credentials", "alibabacloud-tea", "apscheduler")
    return provider


def hush(*names: str) -> None:
    """Loggers that would write to standard error by themselves, with what they read in their messages."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)
