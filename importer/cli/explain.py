"""The command that explains one row."""

from typing import TYPE_CHECKING, Annotated

import typer

from importer.cli.options import LEDGER, OUTPUT, takes
from importer.cli.out import Out

if TYPE_CHECKING:
    from importer.settings import Settings


@takes(LEDGER, OUTPUT)
def explain(
    *,
    what: Annotated[str, typer.Argument(help="FILE:LINE, as contacts.csv:7, or a name.")],
    settings: "Settings",
    out: Out,
) -> None:
    """One row or name: as read, repaired and found, every attempt, why it stands so, what happens next."""
    from importer.jobs.explain import explain as job
    from importer.report.console import account

    found = job(what, settings)
    told = found.as_json()
    out.result(told, *(part for row in told["rows"] for part in account(row)))
