"""What can stop a command, named by what its reader should do next.

    ImporterError
    ├── FixCommand       the command line or the settings are wrong         exit 2
    ├── FixFile          the spreadsheet cannot be read or lacks a column   exit 2
    ├── FixLedger        the ledger cannot be opened or is not ours         exit 2
    ├── FixAccess        credentials, permission, endpoint or clock         exit 4
    ├── TryLater         the directory does not answer, or not clearly      exit 4
    ├── ComeBack         another run holds the directory                    exit 75
    └── Interrupted      a signal, or the end of the run's time, came       exit 130, 143 or 3

A row never raises: what is wrong with one is a `Finding`.
"""

import traceback
from collections.abc import Iterator
from pathlib import Path


class ImporterError(Exception):
    """Base of them all: ``message`` says what and where, ``hint`` what to do; neither holds a secret."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or type(self).__name__


class FixCommand(ImporterError):
    """The command line or the settings are wrong; nothing was done."""


class FixFile(ImporterError):
    """The spreadsheet cannot be read as one; nothing was sent."""


class FixLedger(ImporterError):
    """The ledger cannot be opened, is newer than this program, or is no ledger."""


class FixAccess(ImporterError):
    """The directory cannot be used with this endpoint, these credentials or this clock."""

    exit_code = 4


class TryLater(ImporterError):
    """The directory gave no usable answer; nothing is wrong on this side, and the same command later may do."""

    exit_code = 4


class ComeBack(ImporterError):
    """Another run holds the directory; the same command later will do."""

    exit_code = 75


class Interrupted(ImporterError):
    """The run was asked to end before the directory had answered; nothing was done there."""

    exit_code = 130

    def __init__(self, message: str, *, signal: int | None = None) -> None:
        super().__init__(message, hint="the same command continues")
        self.signal = signal
        self.exit_code = 3 if signal is None else 128 + signal


def unforeseen(error: Exception) -> ImporterError:
    """A mistake of ours, told by its kind and place; its text may hold somebody's address."""
    leaves = list(_leaves(error))
    known = next((leaf for leaf in leaves if isinstance(leaf, ImporterError)), None)
    if known is not None:
        return known
    error = leaves[0]
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    return FixCommand(
        f"a mistake of this program: {type(error).__name__} at {place}; what was done is in the ledger",
        hint="the same command again continues; please report it with this line",
        code="Unforeseen",
    )


def _leaves(error: Exception) -> Iterator[Exception]:
    """The errors of a group, whatever its depth."""
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
