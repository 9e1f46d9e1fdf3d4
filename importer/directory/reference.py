"""Credentials that a profile names by where they are: a prefix, a profile of the command line, a role on top."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from importer.directory.credentials import (
    Credentials,
    Keys,
    Provider,
    Way,
    asking,
    configured,
    environment,
    home_of,
    official,
    prefixed,
    providers,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where keys are: ``prefix`` in place of ``ALIBABA_CLOUD_``, or a ``profile`` of ~/.aliyun/config.json, else the
    official chain; ``role`` (an ARN) is assumed with them, as ``session``, at the host ``sts``.
    """

    prefix: str | None = None
    profile: str | None = None
    role: str | None = None
    session: str = "importer"
    sts: str | None = None


def referred(place: Place, environ: Mapping[str, str] | None = None) -> Credentials:
    """The keys of a place; those of the official chain without one."""
    if place == Place():
        return Credentials(environ)
    return Credentials(environ, chain=partial(ways, place), hint=_hint(place))


def ways(place: Place, environ: Mapping[str, str]) -> Iterator[Way]:
    """As `credentials.official`; no other place is looked at than the one that is named."""
    for name, make in _ways(place, environ):
        if place.role is None:
            yield name, make
        else:
            yield f"the role by {name}", partial(_assumed, make, place, environ.get("SSL_CERT_FILE"))


def _ways(place: Place, environ: Mapping[str, str]) -> Iterator[Way]:
    if place.prefix is not None:
        yield "environment", partial(environment, prefixed(environ, place.prefix), place.prefix)
    elif place.profile is not None:
        yield f"profile {place.profile} of the command line", partial(configured, place.profile, home_of(environ))
    else:
        yield from official(environ)


def _assumed(make: Callable[[], Provider], place: Place, authorities: str | None) -> Provider:
    provider = providers().RamRoleArnCredentialsProvider(
        credentials_provider=_Base(make()),
        role_arn=place.role,
        role_session_name=place.session,
        sts_endpoint=place.sts,
    )
    if authorities:  # it has no argument for them, and asks its own package alone
        provider._runtime_options["ca"] = authorities  # noqa: SLF001
    return asking(provider)


class _Base:
    """One of our providers as the official package wants it."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def get_credentials(self) -> Any:
        from alibabacloud_credentials.provider.refreshable import Credentials as Official

        keys: Keys = self._provider()
        return Official(
            access_key_id=keys.access_key_id,
            access_key_secret=keys.access_key_secret,
            security_token=keys.security_token,
            provider_name="importer",
        )


def _hint(place: Place) -> str:
    if place.prefix is not None:
        what = f"Set {place.prefix}ACCESS_KEY_ID and {place.prefix}ACCESS_KEY_SECRET"
        what += f" ({place.prefix}SECURITY_TOKEN too for temporary keys)"
    elif place.profile is not None:
        what = f"Configure it: aliyun configure --profile {place.profile}"
    else:
        what = "Give the official chain keys that may assume the role"
    role = "; the keys need sts:AssumeRole, and the role has to trust them" if place.role else ""
    return f"{what}{role}."
