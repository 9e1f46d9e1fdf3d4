"""The fleet's commands: make its queue, put files into it, work on it, and see how it stands."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from importer.cli.options import LEDGER, LIMITS, NOW, OUTPUT, READING, takes
from importer.cli.out import Out

if TYPE_CHECKING:
    from importer.fleet.standing import Standing
    from importer.settings import Settings

fleet = typer.Typer(
    name="fleet",
    help="Many directories on many machines: a shared ledger, a queue, workers.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Files = Annotated[list[str], typer.Argument(help="Files of contacts.")]
At = Annotated[int, typer.Option("--concurrency", min=1, help="Directories that are worked on at once.")]
Turn = Annotated[float, typer.Option("--turn", min=0.1, help="Seconds for a directory before others have theirs.")]


@fleet.command()
@takes(LEDGER, OUTPUT)
def init(*, settings: "Settings", out: Out) -> None:
    """Make the ledger and the fleet's queue beside it, where they are not yet."""
    from importer.fleet.queue import made
    from importer.jobs import stores

    fresh = made(settings)
    stores.opened(settings, create=True).close()
    told = {"schema": 1, "command": "fleet init", "made": fresh, "exit_code": 0}
    out.result(told, "the fleet's queue is made" if fresh else "the fleet's queue is there already")


@fleet.command()
@takes(LEDGER, READING, NOW, LIMITS, OUTPUT)
def enqueue(
    *, files: Annotated[list[str], typer.Argument(help="Files of contacts.")], settings: "Settings", out: Out
) -> None:
    """Write down what files ask for, and put their directories into the queue."""
    import anyio

    found = anyio.run(_enqueued, files, settings)
    lines = [f"{one.file}: {one.rows['accepted']} of {one.rows['read']} rows for {one.directory}" for one in found]
    code = max((one.exit_code for one in found), default=0)
    out.result(
        {"schema": 1, "command": "fleet enqueue", "files": [one.as_json() for one in found], "exit_code": code}, *lines
    )
    raise typer.Exit(code)


async def _enqueued(files: list[str], settings: "Settings") -> list[Any]:
    from importer.fleet import queue
    from importer.jobs import connect
    from importer.jobs.enqueue import enqueue as job

    found = []
    async with queue.opened(settings) as app, connect.ledger(settings, create=False) as desk:
        for file in files:
            for one in await job(desk, file, settings):
                await queue.enqueue(app, one.directory)
                found.append(one)
    return found


@fleet.command()
@takes(LEDGER, NOW, LIMITS, OUTPUT)
def worker(*, settings: "Settings", out: Out, concurrency: At = 4, turn: Turn = 60.0) -> None:
    """Take directories from the queue and work on them, until stopped."""
    _work(settings, out, concurrency, turn, stay=True)


@fleet.command()
@takes(LEDGER, NOW, LIMITS, OUTPUT)
def drain(*, settings: "Settings", out: Out, concurrency: At = 4, turn: Turn = 60.0) -> None:
    """Work on what waits now, and end when nothing does any more."""
    _work(settings, out, concurrency, turn, stay=False)


def _work(settings: "Settings", out: Out, concurrency: int, turn: float, *, stay: bool) -> None:
    import anyio

    from importer.cli.watch import swift
    from importer.fleet.worker import Worker

    one = Worker(settings, concurrency, turn, lambda event, facts: out.notice(event, **facts))
    anyio.run(partial(one.work, stay=stay), backend_options=swift())
    raise typer.Exit(128 + one.signal if one.signal is not None else 0)


@fleet.command()
@takes(LEDGER, NOW, OUTPUT)
def status(*, settings: "Settings", out: Out) -> None:
    """Workers, the queue, directories by state, who holds them, and who waits until when."""
    import anyio

    from importer.report.fleet import standing as shown

    found = anyio.run(_standing, settings)
    out.result(found.as_json(), *shown(found.as_json()))


async def _standing(settings: "Settings") -> "Standing":
    from importer.fleet import queue
    from importer.fleet.standing import standing
    from importer.jobs import connect
    from importer.model.clock import Clock

    async with queue.opened(settings) as app, connect.ledger(settings, create=False) as desk:
        return await standing(app, desk, settings, Clock.starting(settings.now))
