"""The directory's API, emulated; an island that imports nothing of the importer.

async with Emulator(limits=Limits(max_contacts=500)) as emulator:
    emulator.url, emulator.access_key_id, emulator.access_key_secret
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importer.emulator.errors import EmulatorError, Refusal
    from importer.emulator.gateway import Key
    from importer.emulator.limits import Limits
    from importer.emulator.server import Emulator, serve

_HOMES = {
    "Emulator": "server",
    "EmulatorError": "errors",
    "Key": "gateway",
    "Limits": "limits",
    "Refusal": "errors",
    "serve": "server",
}

__all__ = ["Emulator", "EmulatorError", "Key", "Limits", "Refusal", "serve"]


def __getattr__(name: str) -> Any:
    """Load the part that is asked for: a server is heavy, and most commands need none."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
