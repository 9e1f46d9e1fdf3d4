"""The doctor: whether a run would get through, asked before one is made."""

from typing import TYPE_CHECKING, Annotated

import typer

from importer.cli.options import DIRECTORY, LEDGER, LIMITS, NOW, OUTPUT, takes
from importer.cli.out import Out

if TYPE_CHECKING:
    from importer.settings import Settings

PLACE = {"endpoint": DIRECTORY["endpoint"]}


@takes(LEDGER, PLACE, NOW, LIMITS, OUTPUT)
def doctor(
    *,
    settings: "Settings",
    out: Out,
    all: Annotated[bool, typer.Option("--all", help="Every profile.")] = False,  # noqa: A002  the option's name
) -> None:
    """Look at credentials, endpoint, clock, permissions, limits and ledger; say what to do; change nothing."""
    from functools import partial

    import anyio

    from importer.jobs.doctor import doctor as job
    from importer.report.health import health

    found = anyio.run(partial(job, settings, every=all))
    out.result(found.as_json(), *health(found))
    raise typer.Exit(found.exit_code)
