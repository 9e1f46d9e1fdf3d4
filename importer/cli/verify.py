"""The command that sees contacts through to verified."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importer.cli.options import (
    CHASING,
    COURSE,
    DIRECTORY,
    LEDGER,
    LIMITS,
    NOW,
    OUTPUT,
    RESERVE,
    TRACES,
    Options,
    takes,
)
from importer.cli.out import Out

if TYPE_CHECKING:
    from importer.settings import Settings

WAITING: Options = {"wait_for_lease": COURSE["wait_for_lease"]}


@takes(CHASING, WAITING, LEDGER, DIRECTORY, NOW, LIMITS, RESERVE, TRACES, OUTPUT)
def verify(
    *,
    settings: "Settings",
    out: Out,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write where each contact stands to this .csv.")
    ] = None,
) -> None:
    """See who is verified, and mail those that stay silent once more, from what the day has left."""
    import anyio

    from importer.cli.watch import swift, watched
    from importer.jobs.traces import traces
    from importer.jobs.verify import aimed, written
    from importer.jobs.verify import verify as job
    from importer.report.console import verification

    target = aimed(report) if report else None
    with traces("verify", settings, out.trouble) as left:
        result = anyio.run(watched, partial(job, settings), out, left.watch, backend_options=swift())
        left.ended(result)
    if target:
        written(target, result)
        out.wrote(target, ())
    out.result(result.as_json(), *verification(result, target))
    raise typer.Exit(result.exit_code)
