"""Drafts: what a sync or an undo would do, looked at, saved, applied."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import polars as pl

from importer.directory import Listed
from importer.directory.listing import verifications
from importer.jobs import connect
from importer.jobs.draft import Draft, deletion, operations, told
from importer.jobs.many import Watch
from importer.jobs.run import in_directory
from importer.jobs.saved import AGAIN, Saved, decided, same_listing, same_place, saved, seal
from importer.jobs.staged import digest
from importer.jobs.sync import Moment, mark, same_directory, settled, synced, terms, wish
from importer.jobs.task import Task, task_of
from importer.jobs.undo import recall, whom
from importer.jobs.undo import told as recalls
from importer.ledger.port import Ledger, NoLedger
from importer.ledger.values import Staged
from importer.model.clock import Clock
from importer.model.errors import FixCommand, FixFile
from importer.report.summary import Summary
from importer.settings import Settings, load
from importer.stage.plan import nothing_known
from importer.stage.sync import Sync, estranged
from importer.stage.sync import sync as planned
from importer.submit.reconcile import Listing


@dataclass(frozen=True, slots=True)
class _Seen:
    """A directory as it stands, and what the ledger knows of it; ``number`` ``None``: nothing."""

    number: int | None
    listed: tuple[Listed, ...]
    known: pl.DataFrame
    staged: Staged | None


async def draft(file: str | Path, settings: Settings | None = None, *, out: Path | None = None) -> Draft:
    """What `sync` would do, changing nothing; ``out``: a file to save it in. Raises as `sync` does."""
    settings = settings or load()
    clock = Clock.starting(settings.now)
    moment = Moment(mark(file))
    task = await anyio.to_thread.run_sync(task_of, file, settings, abandon_on_cancel=True)
    seen = await _look(settings, clock, task.file)
    same_directory(settings, estranged(seen.known, seen.listed), len(seen.listed))
    at = clock.now()

    def work() -> Sync:
        found = task.read()
        settled(task, moment, seen.staged)
        return planned(wish(task, found, moment, seen.staged), seen.known, seen.listed, terms(settings, at))

    plan = await anyio.to_thread.run_sync(work)
    found = Draft("sync", task.file, settings.profile, operations(plan), told(plan), plan.rows)
    if out is None:
        return found
    place = connect.place(settings)
    kept = (settings.profile, place, seal(seen.listed), decided(settings), found.operations)
    Saved("sync", at, *kept, file=task.file, digest=task.digest).save(out)
    return replace(found, saved=str(out))


async def recalled(run: str, settings: Settings | None = None, *, out: Path | None = None) -> Draft:
    """What `undo` would do, changing nothing; ``out``: a file to save it in."""
    settings = settings or load()
    clock = Clock.starting(settings.now)
    seen = await _look(settings, clock, None)
    async with connect.ledger(settings, create=False) as desk:
        deletes, spared = await desk.do(lambda ledger: whom(ledger, seen.number, run, seen.listed))
    doing = [deletion(one) for one in deletes]
    found = Draft("undo", f"run {run}", settings.profile, doing, recalls(deletes, spared))
    if out is None:
        return found
    place = connect.place(settings)
    kept = (settings.profile, place, seal(seen.listed), decided(settings), doing)
    Saved("undo", clock.now(), *kept, run=run).save(out)
    return replace(found, saved=str(out))


async def _look(settings: Settings, clock: Clock, file: str | None) -> _Seen:
    credentials = await connect.admitted(settings)
    async with connect.directory(settings, clock, credentials) as caller:
        listed = await connect.looker(caller, settings, clock)()
        waiting = await verifications(caller, page_size=settings.page_size, attempts=connect.LOOKS)
    shown = Listing(listed).with_targets(waiting).contacts
    nothing = _Seen(None, shown, nothing_known(), None)
    place = connect.place(settings)

    def ask(ledger: Ledger) -> _Seen:
        number = ledger.find(settings.profile, place)
        if number is None:
            return nothing
        return _Seen(number, shown, ledger.known(number), ledger.staged(number, file) if file else None)

    try:
        async with connect.ledger(settings, create=False) as desk:
            return await desk.do(ask)
    except NoLedger:
        return nothing


async def apply(path: Path, settings: Settings | None = None, *, watch: Watch | None = None) -> Summary:
    """Carry a saved plan out, exactly. Raises `FixCommand` when file, directory or ledger have moved on."""
    settings = settings or load()
    plan = await anyio.to_thread.run_sync(saved, path)
    same_place(plan, settings)
    settings = settings.model_copy(update={**plan.options, "fill": tuple(plan.options.get("fill", ()))})
    task = await anyio.to_thread.run_sync(_applied(plan), settings)
    return await _carried_out(task, watch)


async def undo(run: str, settings: Settings | None = None, *, watch: Watch | None = None) -> Summary:
    """Take back what a run added, except what was changed since. Raises `FixCommand` when there was no such run."""
    return await _carried_out(recall(run, settings or load()), watch)


async def _carried_out(task: Task, watch: Watch | None) -> Summary:
    settings = task.settings
    clock = Clock.starting(settings.now)
    credentials = await connect.admitted(settings)
    async with connect.ledger(settings, create=False) as desk:
        return await in_directory(desk, task, clock, credentials, watch=watch, begun=clock.ticks())


def _applied(plan: Saved) -> Callable[[Settings], Task]:
    return partial(_sync, plan) if plan.command == "sync" else partial(_undo, plan)


def _undo(plan: Saved, settings: Settings) -> Task:
    return recall(plan.run or "", settings, "apply", lambda found, listed: _same(plan, found, listed))


def _sync(plan: Saved, settings: Settings) -> Task:
    file, moment = plan.file or "", Moment(mark(plan.file or ""), plan.made_at, None)
    if digest(file) != plan.digest:
        raise FixFile(f"{file}: has changed since the plan was made", hint=AGAIN, code="PlanStale")

    def check(found: Sync, listing: Listing) -> None:
        _same(plan, operations(found), listing)

    return synced(task_of(file, settings), replace(moment, check=check), "apply")


def _same(plan: Saved, found: list[dict[str, Any]], listing: Listing) -> None:
    """Raises `FixCommand` when the plan made now is not the one that was saved."""
    same_listing(plan, listing.contacts)
    if json.loads(json.dumps(found)) != plan.operations:
        raise FixCommand("the ledger has moved on since the plan was made", hint=AGAIN, code="PlanStale")
