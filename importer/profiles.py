"""The settings file: a table for each profile, laid over what stands above them all; it may hold no secret."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

CONFIG = "importer.toml"
DEFAULT = "default"  # the profile of what stands above the tables
OWN = ("file",)  # what a profile does not take from above
HEADERS = ("columns", "map")  # tables whose keys are somebody's headers
SECRET = re.compile(r"secret|access[_-]?key|password|passwd|token|private[_-]?key|^ak$|^sk$", re.IGNORECASE)
KEY_ID = re.compile(r"\s*(LTAI[A-Za-z0-9]{8,}|STS\.[A-Za-z0-9]{8,})\s*")
PASSWORD = re.compile(r"\w+://[^/@\s]*:[^/@\s]+@|[?&](ssl)?password=", re.IGNORECASE)  # of the address of a ledger
SERVERS = "leave it out: PGPASSWORD or ~/.pgpass has the ledger's"
WORD = r"A-Za-z0-9_.\-"  # of the names in an account; \w has all alphabets, and takes 30 ms to compile
REFERENCE = 'name where they are instead: credentials = {environment = "ACME_"} or {profile = "acme"}'


class Reference(BaseModel):
    """Where credentials are, never what they are; without any of it the official chain finds them.

    ``environment``: the prefix that stands for ``ALIBABA_CLOUD_`` in the official names. ``profile``: one of
    ~/.aliyun/config.json. ``role``: assumed with what these give, at the ``sts`` host.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9_]*_$", description="such as ACME_")
    profile: str | None = Field(default=None, min_length=1)
    role: str | None = Field(default=None, pattern=rf"^acs:ram::[0-9]+:role/[{WORD}/]+$", description="the role's ARN")
    session: str = Field(default="importer", pattern=rf"^[{WORD}@]{{2,64}}$")
    sts: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9.\-]+(:[0-9]+)?$", description="host that gives the role's keys"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.environment and self.profile:
            raise ValueError("environment and profile are two places: name one")
        return self


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in the settings, and what to do about it."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A settings file as read; ``faults``: what is wrong with it as a file, whoever uses it."""

    path: str
    common: Mapping[str, Any] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of all profiles, that of what stands above them too."""
        return tuple(sorted({DEFAULT, *self.profiles}))

    def layers(self, name: str) -> dict[str, Any] | Fault:
        """What the file says to a profile."""
        if name in self.profiles:
            above = {key: value for key, value in self.common.items() if key not in OWN}
            return {**above, **self.profiles[name]}
        if name == DEFAULT:
            return dict(self.common)
        return Fault(f"no profile is called {name} in {self.path}", nearest(name, self.names, "profiles here"))

    def says(self, name: str, key: str) -> bool:
        """Whether the profile's own table has the setting."""
        return key in self.profiles.get(name, {})


def nearest(name: str, known: Iterable[str], what: str) -> str:
    """The name that was likely meant, or all there are."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"did you mean {near[0]}?" if near else f"{what}: {', '.join(names)}"


def read(config: str | Path | None) -> File:
    """The file that is named, or the one of this folder if there is one."""
    path = Path(config or CONFIG)
    if config is None and not path.exists():
        return File(str(path))
    import tomllib

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        return _none(path, f"cannot be read: {error.strerror}", "name a settings file with --config")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return _none(path, f"is no TOML: {error}", "samples/importer.toml shows the form")
    return _sorted(path, document)


def _none(path: Path, what: str, hint: str) -> File:
    return File(str(path), faults=(Fault(f"{path}: {what}", hint),))


def _sorted(path: Path, document: dict[str, Any]) -> File:
    faults = [Fault(f"{path}: {where} {what}", hint) for where, what, hint in _secrets(document)]
    tables = document.pop("profiles", {})
    if not isinstance(tables, dict):
        faults.append(Fault(f"{path}: profiles is no table", "write [profiles.acme] above the settings of acme"))
        tables = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            faults.append(Fault(f"{path}: profiles.{name} is no table", f"write [profiles.{name}] above its settings"))
        elif not name.strip() or not name.isprintable():
            faults.append(Fault(f"{path}: a profile has no name", "write [profiles.acme]"))
    good = {name: table for name, table in tables.items() if isinstance(table, dict)}
    return File(str(path), document, good, tuple(faults))


def _secrets(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str, str]]:
    """Settings that look like a secret, by key or by value: full name, what is wrong, what to do; never the value."""
    for key, value in table.items():
        where = f"{above}{key}"
        if isinstance(value, dict):
            if key not in HEADERS:
                yield from _secrets(value, f"{where}.")
        elif SECRET.search(key) or (isinstance(value, str) and KEY_ID.fullmatch(value)):
            yield where, "looks like a secret", REFERENCE
        elif isinstance(value, str) and PASSWORD.search(value):
            yield where, "holds a password", SERVERS
