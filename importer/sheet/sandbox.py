"""Runs the workbook parser in a child process with a memory and a time limit, whatever becomes of it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from importer.model.errors import FixFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from importer.sheet.arrow import Column

MEMORY = 700 << 20  # bytes of address space for a small file; a larger one gets more
PER_BYTE = 8  # of address space for each byte of the decompressed workbook
SECONDS = 7  # of processor time for a small file
PACE = 4 << 20  # bytes a second that even a slow machine parses
# Seconds on the clock for each of the processor: a busy machine gives a process as little as a tenth. Where processor
# time cannot be limited, the clock is all there is.
BUSY = 10 if find_spec("resource") else 1
GRACE = 2  # seconds on the clock to start

SMALLER = "Delete empty rows and columns beyond the data, or save the sheet as CSV."
ANEW = "Open it in the program that made it and save it as .xlsx or CSV."
# Once it has answered it has nothing to tidy up, which would take as long as a small file.
START = (
    "import json, os, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from importer.sheet import worker; worker.main(int(sys.argv[2]), int(sys.argv[3])); os._exit(0)"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the child found: ``head`` as JSON, and of each column that has any the cells as `arrow.Column`."""

    head: dict[str, Any]
    columns: "list[Column]"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the parser may take: bytes of address space, seconds of processor time, and seconds on the clock."""

    memory: int
    seconds: int
    clock: int

    @staticmethod
    def of(expanded: int) -> "Limits":
        """The limits for a workbook of so many bytes when decompressed."""
        seconds = SECONDS + expanded // PACE
        return Limits(MEMORY + PER_BYTE * expanded, seconds, seconds * BUSY + GRACE)


def parse(data: bytes, request: dict[str, Any], limits: Limits, *, file: str) -> Answer:
    """Parse a workbook apart. Raises `FixFile` when the parser refuses it, breaks, or takes too much."""
    path = json.dumps(sys.path)
    command = [sys.executable, "-I", "-S", "-c", START, path, str(limits.memory), str(limits.seconds)]
    order = json.dumps(request).encode()
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and our own code
            command, input=len(order).to_bytes(8, "big") + order + data, capture_output=True, check=False,
            timeout=limits.clock, env=environment(),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise _slow(file) from None
    except OSError as error:
        raise FixFile(f"{file}: no process could be started to read it: {error.strerror}") from None
    return _answer(child, file)


def environment() -> dict[str, str]:
    """The child needs to find itself and nothing else; least of all credentials."""
    kept = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TEMP")
    known = {name: os.environ[name] for name in kept if name in os.environ}
    return {**known, "MALLOC_ARENA_MAX": "1", "RUST_BACKTRACE": "0", "RAYON_NUM_THREADS": "1", "PYTHONUTF8": "1"}


def _slow(file: str) -> FixFile:
    return FixFile(f"{file}: takes too long to read", hint=SMALLER)


def _answer(child: subprocess.CompletedProcess[bytes], file: str) -> Answer:
    out = child.stdout
    if child.returncode == -getattr(signal, "SIGXCPU", 24):
        raise _slow(file)
    if child.returncode or len(out) < 8:
        if b"memory" in child.stderr or child.returncode == -getattr(signal, "SIGKILL", 9):
            raise FixFile(f"{file}: needs more memory than a spreadsheet of its size should", hint=SMALLER)
        raise FixFile(f"{file}: cannot be read as a workbook; the parser broke on it", hint=ANEW)
    size = int.from_bytes(out[:8], "big")
    head = json.loads(out[8 : 8 + size])
    if "error" in head:
        raise FixFile(f"{file}: {_line(head['error'])}", hint=_line(head["hint"]))
    return Answer(head, list(_columns(memoryview(out)[8 + size :], head["sizes"])))


def _line(text: str) -> str:
    """What may quote a sheet's name, in one line."""
    return "".join(char if char.isprintable() else " " for char in text)[:600]


def _columns(buffer: memoryview, sizes: list[tuple[int, int]]) -> "Iterator[Column]":
    """The cells of each column; a blank cell is an empty one."""
    place = 0
    for offsets, text in sizes:
        middle, end = place + offsets, place + offsets + text
        yield bytes(buffer[place:middle]), bytes(buffer[middle:end])
        place = end
