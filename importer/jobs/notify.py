"""Notify: tell people by whatever they use, when a directory stands otherwise than after its last run."""

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from importer.jobs.metrics import each
from importer.jobs.stores import existing
from importer.model.errors import ImporterError
from importer.report.notice import Notice, notice
from importer.settings import Settings

Before = Mapping[str, int | None]  # profile → how its last run ended


def before(settings: Settings) -> Before:
    """How the last run of each directory ended, rehearsals apart; nothing where there is no ledger yet."""
    with suppress(ImporterError), existing(settings) as ledger:
        return {
            one.profile: (one.last_run or {}).get("exit_code")
            for one in ledger.status()
            if (one.endpoint == "loopback") == settings.emulator
        }
    return {}


def tell(settings: Settings, told: Mapping[str, Any], known: Before, failed: Callable[[str], None]) -> None:
    """Send what is worth telling of a command; ``failed`` is told, without the address, what could not be sent."""
    on = settings.notify.on
    notices = []
    for one in each(told):
        profile = one.get("directory", settings.profile)
        notices.append(notice(one, known.get(profile), on=on, directory=profile))
    if wanted := [one for one in notices if one is not None]:
        for place, url in _urls(settings, failed):
            _send(place, url, wanted, failed)


def _urls(settings: Settings, failed: Callable[[str], None]) -> list[tuple[str, str]]:
    """Where to: the name of each reference, and the address that it stands for."""
    found = [(f"variable {name}", os.environ.get(name, "")) for name in settings.notify.environment]
    for file in settings.notify.files:
        try:
            found.append((f"file {file}", Path(file).read_text(encoding="utf-8").strip()))
        except (OSError, UnicodeDecodeError):
            found.append((f"file {file}", ""))
    for place, url in found:
        if not url:
            failed(f"{place} holds no address")
    return [(place, url) for place, url in found if url]


def _send(place: str, url: str, notices: list[Notice], failed: Callable[[str], None]) -> None:
    try:
        from apprise import Apprise
    except ImportError:
        failed("the package apprise is missing: pip install 'importer[notify]'")
        return
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its words hold the address
    service = Apprise()
    if not service.add(url):
        failed(f"{place} holds no address that apprise knows")
        return
    for one in notices:
        sent = False
        with suppress(Exception):  # whatever it is: the work is done, and its words may hold the address
            sent = bool(service.notify(title=one.title, body=one.body))
        if not sent:
            failed(f"the service of {place} did not take it")
