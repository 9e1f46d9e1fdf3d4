"""Emulator: the API served from this machine until stopped."""

from collections.abc import Callable
from pathlib import Path

import anyio

from importer.jobs.connect import emulator
from importer.model.clock import Clock
from importer.settings import Settings


async def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    state: Path | None,
    announce: Callable[[str, str, str], None],
) -> None:
    """``announce`` gets the URL, the key id and the key secret once calls can come."""
    async with emulator(settings, Clock.starting(settings.now), host=host, port=port, state=state) as served:
        announce(served.url, served.access_key_id, served.access_key_secret)
        await anyio.sleep_forever()
