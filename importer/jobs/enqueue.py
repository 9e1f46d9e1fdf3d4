"""Enqueue: write down what a file asks of its directories, for workers to carry out; calls nobody."""

import json
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from importer.jobs import connect
from importer.jobs.staged import holds, options
from importer.jobs.task import Task, tasks_of
from importer.ledger.values import Lease, Run
from importer.model.clock import Clock
from importer.settings import Settings
from importer.stage.plan import plan as planned
from importer.submit.course import Desk

COMMAND = "enqueue"


@dataclass(frozen=True, slots=True)
class Enqueued:
    """A file's rows in one directory, as they were written down."""

    file: str
    directory: str
    rows: dict[str, int]
    exit_code: int = 0

    def as_json(self) -> dict[str, Any]:
        return {"schema": 1, "command": COMMAND, "file": self.file, "directory": self.directory, "rows": self.rows}


async def enqueue(desk: Desk, file: str | Path, settings: Settings) -> list[Enqueued]:
    """Stage a file for each of its directories, waiting for whoever holds one. Raises `FixFile`, `FixCommand`."""
    found = await anyio.to_thread.run_sync(tasks_of, file, settings, abandon_on_cancel=True)
    return [await _enqueued(desk, task) for task in ([found] if isinstance(found, Task) else found)]


async def _enqueued(desk: Desk, task: Task) -> Enqueued:
    settings = task.settings.model_copy(update={"wait_for_lease": True})
    number = await desk.do(lambda ledger: ledger.directory(settings.profile, connect.place(settings)))
    clock = Clock.starting(settings.now)
    async with connect.leased(desk, number, settings, clock) as lease:
        sheet = await _staged(desk, lease, task, clock)
    totals = await desk.do(lambda ledger: ledger.totals(number, sheet))
    rows = {name: getattr(totals, name) for name in ("read", "rejected", "duplicate", "accepted")}
    return Enqueued(task.file, settings.profile, rows, 1 if totals.rejected else 0)


async def _staged(desk: Desk, lease: Lease, task: Task, clock: Clock) -> int:
    """The number of the staged file. The directory is not asked: what it has already, the worker finds out."""
    settings = task.settings
    staged = await desk.do(lambda ledger: ledger.staged(lease.directory, task.file))
    if staged is not None and holds(staged, task.digest, settings, task.routes):
        return staged.id
    known = await desk.do(lambda ledger: ledger.known(lease.directory))
    told = options(settings, task.routes)
    sheet, checked = await anyio.to_thread.run_sync(task.read)
    work = partial(planned, sheet, checked, known, (), options=told, on_clash=settings.on_clash)
    staging = (await anyio.to_thread.run_sync(work)).staging
    run, now = Run(uuid.uuid4().hex[:12], lease.directory, COMMAND, task.file, task.digest, clock.now()), clock.now()
    await desk.do(lambda ledger: ledger.start_run(lease, run))
    number = await desk.do(lambda ledger: ledger.stage(lease, run.id, staging, now=now))
    totals = json.dumps({"file": task.file})
    await desk.do(lambda ledger: ledger.finish_run(run.id, ended_at=clock.now(), exit_code=0, totals=totals))
    return number
