"""A file becomes a sheet: text cells, each row knowing its line; `read` is the room's face."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importer.sheet.reader import read
    from importer.sheet.sheet import Sheet

__all__ = ["Sheet", "read"]


def __getattr__(name: str) -> Any:
    """Import polars only when something is read: the sandboxed child passes through here and needs none."""
    if name == "read":
        from importer.sheet.reader import read

        return read
    if name == "Sheet":
        from importer.sheet.sheet import Sheet

        return Sheet
    raise AttributeError(name)
