"""Judgement: what an observation of the machine, the ledger or a directory means, and what to do about it; pure."""

from dataclasses import dataclass

from importer.directory.codes import ADD, DELETE, GET, LIST, SEND_EMAIL, UPDATE, VERIFICATIONS
from importer.directory.outcome import find
from importer.model.operation import Answer, Outcome
from importer.report.health import Check, Level

DRIFT = 900.0  # seconds after which the service refuses signatures
UNEASY = 60.0  # seconds that a clock under control is not off
ROOM_LEAST = 50 << 20  # bytes without which a run is likely to end amid its work
ROOM_GOOD = 1 << 30
REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.s3fs", "lustre"}
)
LASTING = "look again; if it lasts, check the network, the proxy variables and the endpoint"
NEEDED = (ADD, SEND_EMAIL, GET)
FOR_SYNC = (UPDATE, DELETE, VERIFICATIONS)


def endpoint(url: str, answer: Answer, seconds: float) -> Check:
    """By the first call's answer: whether the service spoke at all."""
    if answer.status is not None and not _elsewhere(answer):
        return Check("endpoint", Level.OK, f"{url} answers in {seconds * 1000:.0f} ms")
    entry = find(answer.code, LIST)
    meaning = entry.meaning if entry else answer.message
    to_do = entry.advice if entry and entry.outcome is Outcome.STOP else LASTING
    return Check("endpoint", Level.ERROR, f"{url}: {meaning} ({answer.code})", to_do)


def _elsewhere(answer: Answer) -> bool:
    """Whether somebody else than the service answered."""
    return answer.code in ("NotTheService", "Redirect", "BadResponse", "ResponseTooLarge")


def clock(skew: float | None) -> Check:
    """``skew``: seconds that the service's clock is ahead of ours."""
    if skew is None:
        return Check("clock", Level.WARNING, "the service does not say what time it is", "compare the clock yourself")
    way = "behind" if skew > 0 else "ahead of"
    if abs(skew) < UNEASY:
        return Check("clock", Level.OK, f"within {max(1.0, abs(skew)):.0f} s of the service's")
    told = f"this machine's clock is {abs(skew):.0f} s {way} the service's"
    to_do = "set it by the network (NTP): the service refuses what is signed more than 15 minutes off"
    return Check("clock", Level.ERROR if abs(skew) >= DRIFT else Level.WARNING, told, to_do)


def reading(answer: Answer) -> Check:
    """Whether the directory may be listed, which every command needs."""
    if answer.outcome is Outcome.DONE:
        return Check("permission", Level.OK, f"{LIST} is allowed")
    return _refused(LIST, answer, Level.ERROR)


def writing(action: str, answer: Answer) -> Check:
    """By a call without its parameters, which does nothing: one that may be made is refused for what is missing.

    That the service looks at the right before it looks at the parameters is assumed.
    """
    if answer.code.startswith("MissingParameter") or answer.outcome in (Outcome.DONE, Outcome.CONFLICT):
        return Check("permission", Level.OK, f"{action} is allowed, as far as a call without parameters tells")
    return _refused(action, answer, Level.ERROR if action in NEEDED else Level.WARNING)


def _refused(action: str, answer: Answer, level: Level) -> Check:
    if answer.outcome not in (Outcome.STOP, Outcome.ROW):
        return Check("permission", Level.WARNING, f"{action} was not answered: {answer.code}", "look again later")
    entry = find(answer.code, action)
    what = entry.meaning if entry else "The service refused the call."
    use = "" if level is Level.ERROR else "; only what changes or follows contacts needs it"
    return Check("permission", level, f"{action}: {what} ({answer.code}){use}", entry.advice if entry else "")


def places(listed: int, most: int) -> Check:
    """Contacts that are there, against the setting."""
    told = f"{listed} of max-contacts {most}"
    if listed < most:
        return Check("contacts", Level.OK, f"{told}, room for {most - listed}")
    beyond = "holds more than the setting allows" if listed > most else "is full by the setting"
    to_do = "say what the account really holds: max_contacts; or have its quota raised, or make room"
    return Check("contacts", Level.WARNING, f"{told}: the directory {beyond}, so nothing is added", to_do)


def sends(used: int, most: int) -> Check:
    """Mails of this day by the ledger, against the setting."""
    if used < most:
        return Check("sends", Level.OK, f"{used} of daily-sends {most} used today")
    return Check("sends", Level.WARNING, f"{used} of daily-sends {most} used today", "further mails wait for tomorrow")


@dataclass(frozen=True, slots=True)
class Disk:
    """Where a ledger's file is, or is to be: ``kind`` of file system (``None``: not known), ``free`` bytes."""

    path: str
    writable: bool
    kind: str | None
    free: int


def disk(seen: Disk) -> list[Check]:
    """What the place of the ledger is good for."""
    checks = []
    if not seen.writable:
        to_do = "give this user the right to write to it and to its folder, or name another with --ledger"
        checks.append(Check("ledger", Level.ERROR, f"{seen.path} cannot be written", to_do))
    if seen.kind in REMOTE:
        to_do = "keep it on a disk of this machine, or in PostgreSQL: locks over a network are not to be trusted"
        checks.append(Check("ledger", Level.WARNING, f"{seen.path} is on a network disk ({seen.kind})", to_do))
    if seen.free < ROOM_GOOD:
        level = Level.ERROR if seen.free < ROOM_LEAST else Level.WARNING
        checks.append(Check("ledger", level, f"{seen.free >> 20} MB are free for {seen.path}", "make room on the disk"))
    return checks
