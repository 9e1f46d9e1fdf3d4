"""What can stop a command, named by what its reader should do next.

    ImporterError
    ├── FixCommand       the command line or the settings are wrong         exit 2
    ├── FixFile          the spreadsheet cannot be read or lacks a column   exit 2
    ├── FixLedger        the ledger cannot be opened or is not ours         exit 2
    ├── FixAccess        credentials, permission, endpoint or clock         exit 4
    ├── TryLater         the directory does not answer, or not clearly      exit 4
    └── ComeBack         another run holds the directory                    exit 75

A row never raises: what is wrong with one is a `Finding`.
"""


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
