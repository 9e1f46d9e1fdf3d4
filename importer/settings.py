"""Settings: flags over environment over profile over file over defaults, checked once and then frozen."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from importer.model.contact import EMAIL_MAX, Rules
from importer.model.errors import FixCommand

CONFIG = "importer.toml"
PREFIX = "IMPORTER_"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name!r}; use an IANA name such as Asia/Shanghai") from None
    return name


def _seconds(value: object) -> object:
    """``3d``, ``45m``, ``1h30m``, ``90s`` or a number, in seconds."""
    if not isinstance(value, str) or not (text := value.strip()):
        return value
    parts = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    if parts is None:
        return value
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return float(days * 86_400 + hours * 3600 + minutes * 60 + seconds)


class Settings(BaseSettings):
    """Everything that can be set; the limits have the names and defaults of the API's own documentation."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    ledger: str = "importer.db"
    profile: str = "default"
    endpoint: str = "resourcedirectory.aliyuncs.com"
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
    until: str | None = Field(None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="time of day to end at")
    duration: Annotated[float | None, BeforeValidator(_seconds)] = Field(None, description="seconds to run for")
    call_timeout: float = Field(30.0, gt=0, description="seconds that one call may take in all")
    lease_margin: float = Field(30.0, gt=0, description="seconds that a hold outlasts a call begun at its renewal")
    give_up_after: float = Field(120.0, ge=0, description="seconds without one good answer after which a run stops")

    @field_validator("now")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        return value.astimezone() if value is not None and value.tzinfo is None else value

    @property
    def rules(self) -> Rules:
        return Rules(self.chinese_names, self.email_max, strict=self.strict, fix_names=self.fix_names)

    def ends_at(self, now: float) -> float | None:
        """When a run that begins ``now`` is to end (seconds since the epoch): ``until`` is this machine's time."""
        ends = [] if self.duration is None else [now + self.duration]
        if self.until is not None:
            hour, minute = map(int, self.until.split(":"))
            begins = datetime.fromtimestamp(now).astimezone()
            at = begins.replace(hour=hour, minute=minute, second=0, microsecond=0)
            ends.append((at if at > begins else at + timedelta(days=1)).timestamp())
        return min(ends, default=None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags and the file both come as arguments of `load`, which lays them over each other."""
        del settings_cls, dotenv_settings, file_secret_settings
        return init_settings, env_settings


def load(flags: Mapping[str, Any] | None = None, *, config: str | Path | None = None) -> Settings:
    """Read every source once. ``flags``: settings by name, ``None`` meaning not given. Raises `FixCommand`."""
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    file = _read_file(config)
    _refuse_unknown_environment()
    profile = given.get("profile") or os.environ.get(PREFIX + "PROFILE") or file.get("profile") or "default"
    layers = {**_profile(file, str(profile), config), "profile": str(profile)}
    from_environment = {name for name in Settings.model_fields if os.environ.get(PREFIX + name.upper())}
    layers = {name: value for name, value in layers.items() if name not in from_environment}
    try:
        return Settings(**{**layers, **given})
    except ValidationError as error:
        raise _explained(error) from None


def _read_file(config: str | Path | None) -> dict[str, Any]:
    path = Path(config or CONFIG)
    if config is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FixCommand(
            f"{path}: cannot be read: {error.strerror}", hint="name a settings file with --config"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FixCommand(f"{path}: is no TOML: {error}", hint="samples/importer.toml shows the form") from None


def _profile(file: dict[str, Any], name: str, config: str | Path | None) -> dict[str, Any]:
    """The file's settings with those of one profile laid over them."""
    profiles = file.get("profiles", {})
    common = {key: value for key, value in file.items() if key != "profiles"}
    if name in profiles and isinstance(profiles[name], dict):
        return {**common, **profiles[name]}
    if name == "default":
        return common
    known = sorted({"default", *profiles})
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"profiles here: {', '.join(known)}"
    raise FixCommand(f"no profile is called {name} in {config or CONFIG}", hint=hint)


def _refuse_unknown_environment() -> None:
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable.removeprefix(PREFIX).lower() not in Settings.model_fields:
            raise FixCommand(f"unknown setting in the environment: {variable}", hint=_nearest(variable))


def _nearest(name: str) -> str:
    prefix = PREFIX if name.startswith(PREFIX) else ""
    near = difflib.get_close_matches(name.removeprefix(prefix).lower(), Settings.model_fields, 1)
    if not near:
        return f"settings: {', '.join(Settings.model_fields)}"
    return f"did you mean {prefix}{near[0].upper() if prefix else near[0]}?"


def _explained(error: ValidationError) -> FixCommand:
    """Every mistake at once, the first as the message and each with what to do."""
    lines = []
    for fault in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            lines.append(f"unknown setting: {name}; {_nearest(name)}")
        else:
            lines.append(f"{name.replace('_', '-')}: {fault['msg'].removeprefix('Value error, ')}")
    return FixCommand(
        "; ".join(lines),
        hint="importer run --help lists the settings; files and variables use the same names",
    )
