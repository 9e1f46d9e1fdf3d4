"""The ledger as a whole: moved from one place to another."""

from typing import Annotated

import typer

from importer.cli.options import OUTPUT, takes
from importer.cli.out import Out

app = typer.Typer(name="ledger", help="The ledger as a whole.", no_args_is_help=True, rich_markup_mode=None)

Source = Annotated[str, typer.Argument(metavar="FROM", help="A ledger: a path or postgresql://…")]
Target = Annotated[str, typer.Argument(metavar="TO", help="Where it is to be; nothing may be there yet.")]


@takes(OUTPUT)
def copy(*, source: Source, target: Target, out: Out) -> None:
    """Copy a ledger into an empty one, of SQLite or PostgreSQL, and compare the two row by row."""
    from importer.jobs.copy import copy as job

    done = job(source, target)
    counts = (f"{one.table:<12}{one.rows:>10}" for one in done.tables)
    out.result(done.as_json(), *counts, f"copied, and the same in every row: go on with --ledger {done.target}")


app.command()(copy)
