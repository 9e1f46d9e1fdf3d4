"""Work in a process of its own: its memory is its own, and what it imports costs nobody else."""

import multiprocessing
import os
import resource
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

SPAWN = multiprocessing.get_context("spawn")


def peak() -> float:
    """The most memory this process ever held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # what `resource` tells may be the parent's
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident() -> float:
    """The memory this process holds now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def apart(work: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """What ``work`` returns in a fresh process, and its ``peak MB``."""
    mine, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_carried_out, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    try:
        found: dict[str, float] = mine.recv()
    except EOFError:
        raise RuntimeError(f"{work.__module__}.{work.__name__} failed in its process") from None
    finally:
        process.join()
    return found


def _carried_out(pipe: Connection, work: Callable[..., dict[str, float]], arguments: tuple[Any, ...]) -> None:
    pipe.send({**work(*arguments), "peak MB": peak()})


def processor() -> float:
    """Seconds of the processor so far, of this process and of the children that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)  # `os.times` counts in hundredths


class Took(NamedTuple):
    """Seconds by the clock and of the processor, and the most memory in MB."""

    seconds: float
    processor: float
    peak: float


def compiled(folder: Path) -> dict[str, str]:
    """The environment in which modules are compiled once, as pip does it for what it installs."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
        "PYTHONPYCACHEPREFIX": str(folder / "compiled")
    }


def command(words: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None) -> Took:
    """What a command took, from its start to its end; one that fails is an error."""
    began = time.perf_counter()
    process = subprocess.Popen(words, cwd=folder, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 3), (words, told.decode())
    return Took(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
