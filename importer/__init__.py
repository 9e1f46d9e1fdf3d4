"""Puts contacts from spreadsheets into a cloud account's resource directory, each exactly once."""

from typing import TYPE_CHECKING, Any

from importer.version import __version__

if TYPE_CHECKING:
    from importer.jobs.check import check
    from importer.jobs.plan import plan
    from importer.jobs.run import run
    from importer.jobs.verify import verify
    from importer.settings import load

__all__ = ["__version__", "check", "load", "plan", "run", "verify"]

_HOMES = {"check": "jobs.check", "plan": "jobs.plan", "run": "jobs.run", "verify": "jobs.verify", "load": "settings"}


def __getattr__(name: str) -> Any:
    """Load a command when it is first asked for, so that ``import importer`` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
