"""Plan: what a run would do, when it would be finished, and what would wait; changes nothing."""

from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import polars as pl

from importer.directory import Listed
from importer.jobs import connect
from importer.jobs.check import places
from importer.jobs.reading import read
from importer.jobs.staged import options
from importer.jobs.status import daily_told
from importer.ledger.port import Ledger, NoLedger
from importer.model.clock import Clock, iso
from importer.model.errors import FixCommand
from importer.report.findings import Report, listed
from importer.settings import Settings, load, others
from importer.sheet import Sheet
from importer.stage.check import Checked
from importer.stage.parts import parts
from importer.stage.plan import Forecast, forecast, nothing_known
from importer.stage.plan import plan as planned
from importer.submit.daily import Daily, seen


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a run would do now, what would wait and why, and the day on which the last mail would go out."""

    file: str
    directory: str
    rows: dict[str, int]
    adopts: int
    forecast: Forecast
    daily: dict[str, Any]  # as `importer.jobs.status.daily_told`
    day_zone: str
    findings: pl.DataFrame
    report: Report = field(repr=False)
    deadline: date | None = None

    @property
    def exit_code(self) -> int:
        finished = self.forecast.finished_on
        late = self.deadline is not None and (finished is None or finished > self.deadline)
        if late or (self.forecast.waits and self.deadline is None):
            return 3
        return 1 if self.rows["rejected"] else 0

    def as_json(self) -> dict[str, Any]:
        seen = self.forecast
        return {
            "schema": 1,
            "command": "plan",
            "file": self.file,
            "directory": self.directory,
            "rows": self.rows,
            "adopt": self.adopts,
            "today": {"add": seen.adds, "send_email_verification": seen.sends},
            "free_places": seen.free_places,
            "sends_left_today": seen.sends_left,
            "daily_sends": self.daily,
            "deferrals": [
                {
                    "operation": w.kind,
                    "count": w.count,
                    "reason": w.reason,
                    "until": iso(w.until, self.day_zone),
                }
                for w in seen.waits
            ],
            "schedule": [{"date": day.isoformat(), "send_email_verification": mails} for day, mails in seen.schedule],
            "finished_on": seen.finished_on.isoformat() if seen.finished_on else None,
            "findings": listed(self.report).to_dicts(),
            "exit_code": self.exit_code,
        }


@dataclass(frozen=True, slots=True)
class Outlooks:
    """The same for each directory of a file whose rows name several."""

    file: str
    directories: tuple[Outlook, ...]

    @property
    def rows(self) -> dict[str, int]:
        return {place: sum(one.rows[place] for one in self.directories) for place in self.directories[0].rows}

    @property
    def findings(self) -> pl.DataFrame:
        return pl.concat([one.findings for one in self.directories]).sort("row", maintain_order=True, nulls_last=False)

    @property
    def exit_code(self) -> int:
        codes = {one.exit_code for one in self.directories}
        return next((code for code in (3, 1) if code in codes), 0)

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "command": "plan",
            "file": self.file,
            "directories": [one.as_json() for one in self.directories],
            "total": {"rows": self.rows},
            "exit_code": self.exit_code,
        }


def day(text: str | None) -> date | None:
    """A date as 2026-12-31. Raises `FixCommand`."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise FixCommand(f"{text} is no date", hint="write it as 2026-12-31") from None


def plan(
    file: str | Path, settings: Settings | None = None, *, offline: bool = False, deadline: date | None = None
) -> Outlook | Outlooks:
    """What `run` would do, changing nothing. ``offline``: without asking the directory. Raises as `run` does.

    With a ``deadline`` the exit code is 3 if, and only if, the last mail goes out after it.
    """
    settings = settings or load()
    ask = partial(_plan, file, settings, partial(_outlook, offline=offline, deadline=deadline))
    with ThreadPoolExecutor(1) as thread:  # a loop of its own: the caller may be inside another
        return thread.submit(anyio.run, ask).result()


async def _plan(file: str | Path, settings: Settings, outlook: "Outlooking") -> "Outlook | Outlooks":
    sheet, checked = await anyio.to_thread.run_sync(read, file, settings)
    found = parts(checked, settings.profile)
    if found.keys() == {settings.profile}:
        return await outlook(sheet, checked, settings)
    family = others(settings, found)
    return Outlooks(sheet.file, tuple([await outlook(sheet, part, family[name]) for name, part in found.items()]))


Outlooking = Callable[[Sheet, Checked, Settings], Awaitable[Outlook]]


async def _outlook(
    sheet: Sheet, checked: Checked, settings: Settings, *, offline: bool, deadline: date | None
) -> Outlook:
    clock = Clock.starting(settings.now)
    listed = await _listed(settings, clock, offline=offline)
    known, used, daily = await _ledger(settings, connect.place(settings), clock)
    result = planned(sheet, checked, known, listed or (), options=options(settings), on_clash=settings.on_clash)
    ahead = forecast(
        result.adds,
        result.sends,
        free=None if listed is None else max(0, settings.max_contacts - len(listed)),
        left=daily.left(clock.now(), used),
        daily_sends=daily.likely(clock.now()),
        day=daily.day(clock.now()),
        day_zone=settings.day_zone,
    )
    findings = result.deduped.findings
    report = Report(sheet, findings, places(sheet, result.deduped))
    told = daily_told(daily, clock.now())
    return Outlook(
        sheet.file,
        settings.profile,
        result.rows,
        result.adopts,
        ahead,
        told,
        settings.day_zone,
        findings,
        report,
        deadline,
    )


async def _listed(settings: Settings, clock: Clock, *, offline: bool) -> Sequence[Listed] | None:
    """The directory's contacts; ``None``: not asked."""
    if offline:
        return None
    credentials = await connect.admitted(settings)
    async with connect.directory(settings, clock, credentials) as caller:
        return await connect.looker(caller, settings, clock)()


async def _ledger(settings: Settings, place: str, clock: Clock) -> tuple[pl.DataFrame, int, Daily]:
    """The contacts that the ledger knows, the mails sent today, and the day; nothing where there is no ledger yet."""
    daily = Daily(settings.daily_sends, settings.day_zone, settings.reserve)

    def ask(ledger: Ledger) -> tuple[pl.DataFrame, int, Daily]:
        number = ledger.find(settings.profile, place)
        if number is None:
            return nothing_known(), 0, daily
        learned = replace(daily, refusal=seen(ledger, number, settings.day_zone))
        return ledger.known(number), ledger.sends_since(number, learned.day(clock.now()).start), learned

    try:
        async with connect.ledger(settings, create=False) as scribe:
            return await scribe.do(ask)
    except NoLedger:
        return nothing_known(), 0, daily
