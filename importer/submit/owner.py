"""Who holds a lease: a name for this process, and whether the process behind a name is surely dead."""

import os
import re
import socket
from pathlib import Path

FORM = re.compile(r"(?P<host>.+) pid (?P<pid>\d+) in (?P<space>\S+) since (?P<since>\S+)$")


def name() -> str:
    """This process, told apart from every other: host, pid, the space of its pid, and when it started."""
    return f"{socket.gethostname()} pid {os.getpid()} in {_space()} since {_started(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether ``owner`` was a process of this very machine and pid space that is no more; unknown counts as alive."""
    match = FORM.match(owner)
    if match is None or match["host"] != socket.gethostname() or match["space"] != _space() or _space() == "-":
        return False
    return _started(int(match["pid"])) != match["since"]


def _space() -> str:
    """Boot and pid namespace: a pid means something only within them; ``-`` where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}".replace(" ", "")
    except OSError:
        return "-"


def _started(pid: int) -> str:
    """The process's start in clock ticks since boot; ``-`` when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "-"
    fields = stat.rpartition(")")[2].split()
    return "-" if fields[0] in "ZX" else fields[19]  # a zombie acts no more
