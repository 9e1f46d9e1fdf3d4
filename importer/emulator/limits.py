"""What the directory allows, all of it settings; a zero switches a limit off."""

from dataclasses import dataclass, fields
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from importer.emulator.errors import EmulatorError

MOST = 10**9


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a directory. Times are seconds, and 0 means no limit, except where a comment says otherwise."""

    max_contacts: int = 20  # 0: none at all
    daily_sends: int = 100  # a day and channel (mails, short messages); 0: none at all
    daily_window: str = "day"  # "day": over at midnight of day_zone; "rolling": the last 24 hours
    day_zone: str = "Asia/Shanghai"  # of the day, and of every date in an answer
    sends_per_address_per_minute: int = 10
    calls_per_second: float = 20.0  # of each operation and account, over any one second
    throttle_status: int = 400  # or 429
    throttle_retry_after: bool = False  # name the wait in x-acs-retry-after
    concurrent_writes: int = 1
    service_time: float = 0.0  # how long a write is under way
    page_size: int = 10  # when a call names none
    page_size_max: int = 100
    list_lag: float = 0.0  # how long a new contact is missing from listings
    link_lifetime: float = 86400.0
    deletion_time: float = 1.0  # how long an asynchronous deletion takes
    email_max: int = 128
    names_case_sensitive: bool = True
    chinese_names: bool = True
    members_per_call: int = 5
    members_per_contact: int = 10
    contacts_per_member: int = 0
    known_members: tuple[str, ...] = ()  # empty: every well-formed member exists
    clinging_members: tuple[str, ...] = ()  # those from which no contact can be deleted
    need_ssl: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name in _NONE_IS_OFF:
                object.__setattr__(self, field.name, 0)
            elif isinstance(value, int | float) and not 0 <= value <= MOST:
                raise EmulatorError(f"{field.name} is {value}; it must be from 0 to {MOST}.")
            elif isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        if self.daily_window not in ("day", "rolling"):
            raise EmulatorError(f"daily_window is {self.daily_window!r}; it must be 'day' or 'rolling'.")
        if self.throttle_status not in (400, 429):
            raise EmulatorError(f"throttle_status is {self.throttle_status}; it must be 400 or 429.")
        if self.page_size_max < 1 or self.page_size < 1:
            raise EmulatorError("page_size and page_size_max must be 1 or more.")
        try:
            ZoneInfo(self.day_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise EmulatorError(
                f"day_zone is {self.day_zone!r}; it must be a zone such as 'Asia/Shanghai' or 'UTC'."
            ) from None


_NONE_IS_OFF = (
    "calls_per_second",
    "sends_per_address_per_minute",
    "concurrent_writes",
    "contacts_per_member",
)

OFF = Limits(
    max_contacts=MOST,
    daily_sends=MOST,
    sends_per_address_per_minute=0,
    calls_per_second=0,
    concurrent_writes=0,
)
