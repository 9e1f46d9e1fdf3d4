"""Everything that can be set, with its default and its limits; frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from importer import profiles
from importer.model.contact import EMAIL_MAX, Rules
from importer.profiles import Reference
from importer.settings.values import cron as told_cron
from importer.settings.values import prom, seconds, zone


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
    day_zone: Annotated[str, BeforeValidator(zone)] = Field("Asia/Shanghai", description="where the day rolls over")
    sends_per_address_per_minute: int = Field(10, ge=1, description="mails to one address a minute")
    calls_per_second: float = Field(20.0, gt=0, description="calls a second per operation; 90 % are used")
    page_size: int = Field(100, ge=1, le=100, description="contacts a page of the listing")
    list_lag: float = Field(0.0, ge=0, description="seconds that a new contact may be missing from the listing")
    link_lifetime: float = Field(86400.0, gt=0, description="seconds that a link of a mail can be followed")
    names_case_sensitive: bool = Field(True, description="whether the directory takes Tom beside tom")
    chinese_names: bool = Field(True, description="names may have Chinese characters")
    email_max: int = Field(EMAIL_MAX, ge=3, description="longest address, in characters")
    reserve: int = Field(0, ge=0, description="of the day's sends, kept for people")
    remind_after: Annotated[float, BeforeValidator(seconds)] = Field(
        259_200.0, ge=0, description="seconds of silence after which a contact gets one more mail"
    )
    reminders: int = Field(2, ge=0, description="mails, at most, to a contact that stays silent after its first")
    wait: bool = Field(False, description="stay and go on when the next day's sends begin")
    wait_for_lease: bool = Field(False, description="wait while another run holds the directory")
    until: str | None = Field(None, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="time of day to end at")
    duration: Annotated[float | None, BeforeValidator(seconds)] = Field(None, description="seconds to run for")
    delete: bool = Field(False, description="a sync deletes contacts that no file asks for any more")
    delete_foreign: bool = Field(False, description="and those that this ledger neither added nor adopted")
    missing_for: Annotated[float, BeforeValidator(seconds)] = Field(
        86400.0, ge=0, description="seconds that a contact is missing before a sync deletes it"
    )
    max_deletes: int | None = Field(None, ge=0, description="contacts that one sync deletes at most")
    max_shrink: float = Field(30.0, ge=0, le=100, description="percent of its rows that a file may lose between syncs")
    renames: bool = Field(True, description="a new name with the address of one that is gone is the same contact")
    from_members: bool = Field(False, description="a deleted contact is taken from member accounts too")
    older: bool = Field(False, description="take a file that was written before the one last synced")
    emptied: bool = Field(False, description="the directory was emptied on purpose: begin anew")
    call_timeout: float = Field(10.0, gt=0, description="seconds that one call may take in all")
    lease_margin: float = Field(20.0, gt=0, description="seconds that a hold outlasts a call begun at its renewal")
    shares: dict[str, float] = Field(default_factory=dict, description="limits of several directories: calls a second")
    shared: tuple[str, ...] = Field((), description="the limits of several directories that this one keeps to")
    cron: Annotated[str | None, BeforeValidator(told_cron)] = Field(
        None, description="when a fleet syncs the profile's file, as 30 1 * * *; in the zone of the day"
    )
    give_up_after: float = Field(120.0, ge=0, description="seconds without one good answer after which a run stops")

    events: str | None = Field(None, description="file that each event is appended to, as JSON lines")
    metrics: Annotated[str | None, BeforeValidator(prom)] = Field(None, description="file of metrics for Prometheus")
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
