"""Emulator: the API served from this machine until stopped."""

from collections.abc import Callable, Mapping

import anyio

from importer.jobs.connect import Served, emulator
from importer.model.clock import Clock
from importer.settings import Settings


async def serve(settings: Settings, served: Served, announce: Callable[[Mapping[str, str]], None]) -> None:
    """``announce`` gets url, access_key_id, access_key_secret, and ca_file with TLS, once calls can come."""
    async with emulator(settings, Clock.starting(settings.now), served) as running:
        announce(running.banner())
        await anyio.sleep_forever()
