"""What settings may be written as; raises `ValueError`, in words for whoever wrote it."""

import re
from zoneinfo import ZoneInfo


def zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name!r}; use an IANA name such as Asia/Shanghai") from None
    return name


def prom(name: object) -> object:
    if isinstance(name, str) and not name.endswith(".prom"):
        raise ValueError("name a file that ends in .prom: the node exporter reads no other")
    return name


def seconds(value: object) -> object:
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


def cron(line: object) -> object:
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
