"""Files that are there whole or not at all, and for their owner alone."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from importer.model.errors import FixCommand

Said = TypeVar("Said")


def whole(path: Path, write: Callable[[Path], Said]) -> Said:
    """Let ``write`` fill a file beside ``path``, then put it there; what it returns. Raises `FixCommand`."""
    if path.exists() and not path.is_file():
        what = "is a folder" if path.is_dir() else "is no ordinary file"
        raise FixCommand(f"{path}: cannot be written: {what}", hint="name another file")
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            said = write(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise FixCommand(f"{path}: cannot be written: {error.strerror or 'failed'}", hint="name another file") from None
    return said
