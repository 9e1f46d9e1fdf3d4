"""Settings: flags over environment over profile over file over defaults, checked once and then frozen."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from importer import profiles
from importer.model.contact import EMAIL_MAX, Rules
from importer.model.errors import FixCommand
from importer.profiles import DEFAULT, Fault, Reference, nearest

PREFIX = "IMPORTER_"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name!r}; use an IANA name such as Asia/Shanghai") from None
    return name


def _prom(name: object) -> object:
    if isinstance(name, str) and not name.endswith(".prom"):
        raise ValueError("name a file that ends in .prom: the node exporter reads no other")
    return name


def _seconds(value: object) -> object:
    """``3d``, ``45m``, ``1h30m``, ``90s`` or a number, in seconds."""
    if not isinstance(value, str) or not (text := value.strip()):
        return value
    parts = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    if parts is None:
        if re.fullmatch(r"-?\d+(\.\d*)?", text):
            return value
        raise ValueError(f"{text!r} is no span of time; write it as 1d, 12h, 45m or a number of seconds")
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return float(days * 86_400 + hours * 3600 + minutes * 60 + seconds)


def _cron(line: object) -> object:
    if not isinstance(line, str):
        return line
    if len(line.split()) != 5:
        raise ValueError("five fields say when: minute, hour, day, month, day of week, as 30 1 * * *")
    try:
        from croniter import croniter
    except ImportError:  # only a fleet goes by it, and says what it lacks
        return line
    if not croniter.is_valid(line):
        raise ValueError(f"cron cannot read {line!r}: minute, hour, day, month, day of week, as 30 1 * * *")
    return line


@dataclass(frozen=True, slots=True)
class Sources:
    """What settings were read from; kept, for the other profiles of the file may be asked for."""

    given: Mapping[str, Any] = field(default_factory=dict)
    file: profiles.File = field(default_factory=lambda: profiles.File(profiles.CONFIG))


class Notify(BaseModel):
    """Whom to tell when a directory stands otherwise than after its last run, by addresses that stand elsewhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: tuple[str, ...] = ()  # variables that hold an address as apprise writes them
    files: tuple[str, ...] = ()  # files that hold one each
    on: tuple[Literal["done", "deferred", "stopped", "doubt", "held"], ...] = (
        "done",
        "deferred",
        "stopped",
        "doubt",
        "held",
    )


class Settings(BaseModel):
    """Everything that can be set; the limits have the names and defaults of the API's own documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ledger: str = "importer.db"
    profile: str = "default"
    endpoint: str = "resourcedirectory.aliyuncs.com"
    credentials: Reference = Field(Reference(), description="where the profile's credentials are")
    file: str | None = Field(None, description="the profile's file of contacts")
    at_once: int = Field(64, ge=1, description="directories that are worked on at once")
    emulator: bool = False
    now: datetime | None = Field(None, description="pretend that it is this time (ISO 8601)")

    sheet: str | None = Field(None, description="worksheet, by name or by number from 1")
    encoding: str | None = Field(None, description="text encoding of a CSV file")
    delimiter: str | None = Field(None, description="what parts the fields of a CSV file")
    header_row: int | None = Field(None, ge=1, description="row that holds the headers, from 1")
    hidden: Literal["omit", "include"] = "omit"
    fill: tuple[str, ...] = Field((), description="columns in which merged cells are filled")
    columns: dict[str, str] = Field(default_factory=dict, description="header text → field, where a file has it")
    map: dict[str, str] = Field(default_factory=dict, description="header text → field, which the file must have")
    on_clash: Literal["reject", "first", "suffix"] = "reject"
    strict: bool = Field(False, description="warnings count as errors: their rows are rejected")
    fix_names: bool = Field(False, description="take the names that are proposed for those that do not fit")
    check_domains: bool = Field(False, description="ask the network whether the addresses' domains take mail")

    max_contacts: int = Field(20, ge=0, description="contacts that the directory holds at most")
    daily_sends: int = Field(100, ge=0, description="verification mails a day")
    day_zone: Annotated[str, BeforeValidator(_zone)] = Field("Asia/Shanghai", description="where the day rolls over")
    sends_per_address_per_minute: int = Field(10, ge=1, description="mails to one address a minute")
    calls_per_second: float = Field(20.0, gt=0, description="calls a second per operation; 90 % are used")
    page_size: int = Field(100, ge=1, le=100, description="contacts a page of the listing")
    list_lag: float = Field(0.0, ge=0, description="seconds that a new contact may be missing from the listing")
    link_lifetime: float = Field(86400.0, gt=0, description="seconds that a link of a mail can be followed")
    names_case_sensitive: bool = Field(True, description="whether the directory takes Tom beside tom")
    chinese_names: bool = Field(True, description="names may have Chinese characters")
    email_max: int = Field(EMAIL_MAX, ge=3, description="longest address, in characters")
    reserve: int = Field(0, ge=0, description="of the day's sends, kept for people")
    remind_after: Annotated[float, BeforeValidator(_seconds)] = Field(
        259_200.0, ge=0, description="seconds of silence after which a contact gets one more mail"
    )
    reminders: int = Field(2, ge=0, description="mails, at most, to a contact that stays silent after its first")
    wait: bool = Field(False, description="stay and go on when the next day's sends begin")
    wait_for_lease: bool = Field(False, description="wait while another run holds the directory")
    until: str | None = Field(None, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="time of day to end at")
    duration: Annotated[float | None, BeforeValidator(_seconds)] = Field(None, description="seconds to run for")
    delete: bool = Field(False, description="a sync deletes contacts that no file asks for any more")
    delete_foreign: bool = Field(False, description="and those that this ledger neither added nor adopted")
    missing_for: Annotated[float, BeforeValidator(_seconds)] = Field(
        86400.0, ge=0, description="seconds that a contact is missing before a sync deletes it"
    )
    max_deletes: int | None = Field(None, ge=0, description="contacts that one sync deletes at most")
    max_shrink: float = Field(30.0, ge=0, le=100, description="percent of its rows that a file may lose between syncs")
    renames: bool = Field(True, description="a new name with the address of one that is gone is the same contact")
    from_members: bool = Field(False, description="a deleted contact is taken from member accounts too")
    older: bool = Field(False, description="take a file that was written before the one last synced")
    emptied: bool = Field(False, description="the directory was emptied on purpose: begin anew")
    call_timeout: float = Field(30.0, gt=0, description="seconds that one call may take in all")
    lease_margin: float = Field(30.0, gt=0, description="seconds that a hold outlasts a call begun at its renewal")
    shares: dict[str, float] = Field(default_factory=dict, description="limits of several directories: calls a second")
    shared: tuple[str, ...] = Field((), description="the limits of several directories that this one keeps to")
    cron: Annotated[str | None, BeforeValidator(_cron)] = Field(
        None, description="when a fleet syncs the profile's file, as 30 1 * * *; in the zone of the day"
    )
    give_up_after: float = Field(120.0, ge=0, description="seconds without one good answer after which a run stops")

    events: str | None = Field(None, description="file that each event is appended to, as JSON lines")
    metrics: Annotated[str | None, BeforeValidator(_prom)] = Field(None, description="file of metrics for Prometheus")
    notify: Notify = Field(default_factory=Notify, description="whom to tell when a directory stands otherwise")

    @field_validator("now")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        return value.astimezone() if value is not None and value.tzinfo is None else value

    @field_validator("shares")
    @classmethod
    def _positive(cls, value: dict[str, float]) -> dict[str, float]:
        if wrong := [name for name, rate in value.items() if rate <= 0]:
            raise ValueError(f"calls a second are more than 0: {', '.join(wrong)}")
        return value

    @model_validator(mode="after")
    def _named(self) -> Self:
        if unknown := [name for name in self.shared if name not in self.shares]:
            raise ValueError(f"shared names {', '.join(unknown)}, of which shares says no rate")
        return self

    @property
    def rates(self) -> dict[str, float]:
        """Calls a second of each limit that the directory shares with others."""
        return {name: self.shares[name] for name in self.shared}

    @property
    def rules(self) -> Rules:
        return Rules(
            self.chinese_names,
            self.email_max,
            strict=self.strict,
            fix_names=self.fix_names,
            directories=self.directories,
        )

    _sources: Sources = PrivateAttr(default_factory=Sources)

    @property
    def directories(self) -> tuple[str, ...]:
        """The profiles that a row may name: all of the settings file."""
        return tuple(sorted({self.profile, *self._sources.file.names}))

    def ends_at(self, now: float) -> float | None:
        """When a run that begins ``now`` is to end (seconds since the epoch): ``until`` is this machine's time."""
        ends = [] if self.duration is None else [now + self.duration]
        if self.until is not None:
            hour, minute = map(int, self.until.split(":"))
            begins = datetime.fromtimestamp(now).astimezone()
            at = begins.replace(hour=hour, minute=minute, second=0, microsecond=0)
            ends.append((at if at > begins else at + timedelta(days=1)).timestamp())
        return min(ends, default=None)


def load(flags: Mapping[str, Any] | None = None, *, config: str | Path | None = None, every: bool = False) -> Settings:
    """Read every source once. ``flags``: settings by name, ``None`` meaning not given. Raises `FixCommand`.

    ``every``: the other profiles will be used too, so their mistakes are told with these.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    sources = Sources(given, profiles.read(config))
    file = sources.file
    profile = given.get("profile") or _environment().get("profile") or file.common.get("profile") or DEFAULT
    names = [str(profile), *(_everyone(file) if every else ())]
    return _loaded(sources, dict.fromkeys(names))[str(profile)]


def others(settings: Settings, names: Iterable[str]) -> dict[str, Settings]:
    """The settings of profiles by name, from what ``settings`` were read from; raises `FixCommand` for all of them."""
    wanted = [name for name in names if name != settings.profile]
    return {settings.profile: settings, **_loaded(settings._sources, wanted)}  # noqa: SLF001  they are ours


def everyone(settings: Settings) -> dict[str, Settings]:
    """The settings of every profile; of what stands above them too, if it is one. Raises as `filed` does."""
    sources = _of_all(settings)
    return _loaded(sources, _everyone(sources.file))


def filed(settings: Settings) -> dict[str, Settings]:
    """The settings of every profile that has a file. Raises `FixCommand`, with every mistake of all of them."""
    sources = _of_all(settings)
    file = sources.file
    if names := _with_files(file):
        return _loaded(sources, names)
    what = "no profile names a file" if file.profiles else "there are no profiles"
    raise FixCommand(f"{what} in {file.path}", hint='write [profiles.acme] and below it file = "acme.xlsx"')


def nightly(settings: Settings) -> list[str]:
    """The profiles that have a file and a cron line to sync it by."""
    file = settings._sources.file  # noqa: SLF001  they are ours
    return [name for name in _with_files(file) if file.profiles.get(name, {}).get("cron", file.common.get("cron"))]


def _of_all(settings: Settings) -> Sources:
    """Raises `FixCommand` when one profile was asked for beside all of them."""
    sources = settings._sources  # noqa: SLF001  they are ours
    if named := sources.given.get("profile"):
        raise FixCommand(f"--all takes every profile, and --profile {named} one", hint="leave one of them out")
    return sources


def _everyone(file: profiles.File) -> list[str]:
    above = DEFAULT not in file.profiles and (not file.profiles or file.common.get("file"))
    return [*([DEFAULT] if above else []), *file.profiles]


def _with_files(file: profiles.File) -> list[str]:
    return [name for name in _everyone(file) if file.profiles.get(name, file.common).get("file")]


def _loaded(sources: Sources, names: Iterable[str]) -> dict[str, Settings]:
    """Settings by profile; every mistake at once, each with the profile and the setting that it is in."""
    faults = [*sources.file.faults, *_unknown_environment()]
    found: dict[str, Settings] = {}
    for name in names:
        one = _one(sources, name)
        if isinstance(one, Settings):
            found[name] = one
        else:
            faults += one
    if faults:
        raise _refused(list(dict.fromkeys(faults)))
    return found


def _one(sources: Sources, name: str) -> Settings | list[Fault]:
    layers = sources.file.layers(name)
    if isinstance(layers, Fault):
        return [] if sources.file.faults else [layers]  # a file that cannot be read has no profiles
    environment, faults = _parsed(_environment())
    if faults:
        return faults
    try:
        settings = Settings(**{**layers, **environment, **sources.given, "profile": name})
    except ValidationError as error:
        return _explained(error, sources, name)
    settings._sources = sources  # noqa: SLF001  they are ours
    return settings


OF_PROFILES = ("file", "credentials")  # settings that stand in the file alone


def _environment() -> dict[str, str]:
    """What the environment says, by setting; a variable that is empty says nothing."""
    ours = {variable: text for variable, text in os.environ.items() if variable.startswith(PREFIX) and text}
    said = {variable.removeprefix(PREFIX).lower(): text for variable, text in ours.items()}
    return {name: said[name] for name in Settings.model_fields if name in said and name not in OF_PROFILES}


def _parsed(texts: Mapping[str, str]) -> tuple[dict[str, Any], list[Fault]]:
    """The values of settings, and what is wrong with them; those that have parts are written as JSON."""
    values: dict[str, Any] = dict(texts)
    faults = []
    for name in texts:
        if isinstance(Settings.model_fields[name].get_default(call_default_factory=True), tuple | dict | BaseModel):
            try:
                values[name] = json.loads(texts[name])
            except ValueError:
                what = f"{PREFIX}{name.upper()} is no JSON"
                faults.append(Fault(what, 'write a list as ["a", "b"], and a table as {"a": "b"}'))
    return values, faults


def _unknown_environment() -> list[Fault]:
    known = [name for name in Settings.model_fields if name not in OF_PROFILES]
    return [
        Fault(f"unknown setting in the environment: {variable}", _nearest(variable))
        for variable in os.environ
        if variable.startswith(PREFIX) and variable.removeprefix(PREFIX).lower() not in known
    ]


def _nearest(name: str) -> str:
    if not name.startswith(PREFIX):
        return nearest(name, Settings.model_fields, "settings")
    variables = [PREFIX + known.upper() for known in Settings.model_fields if known not in OF_PROFILES]
    return nearest(name.upper(), variables, "variables")


def _explained(error: ValidationError, sources: Sources, profile: str) -> list[Fault]:
    """Every mistake of one profile's settings; those of its own table say so."""
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        key = str(fault["loc"][0]) if fault["loc"] else ""
        path = [str(part) for part in fault["loc"]]
        own = key not in sources.given and sources.file.says(profile, key)
        where = f"profile {profile}: " if own else ""
        if fault["type"] == "extra_forbidden" and len(path) == 1:
            faults.append(Fault(f"{where}unknown setting: {key}", _nearest(key)))
        elif fault["type"] == "extra_forbidden":
            parts = Notify.model_fields if key == "notify" else Reference.model_fields
            hint = nearest(path[-1], parts, f"{key} has")
            faults.append(Fault(f"{where}unknown setting: {'.'.join(path)}", hint))
        else:
            name = ".".join(path).replace("_", "-")
            faults.append(Fault(f"{where}{name}: {fault['msg'].removeprefix('Value error, ')}"))
    return faults


def _refused(faults: list[Fault]) -> FixCommand:
    """All of them in one line, each with what to do."""
    if len(faults) == 1 and faults[0].hint:
        return FixCommand(faults[0].message, hint=faults[0].hint)
    told = [f"{fault.message}; {fault.hint}" if fault.hint else fault.message for fault in faults]
    return FixCommand(
        "; ".join(told),
        hint="importer run --help lists the settings; files and variables use the same names",
    )
