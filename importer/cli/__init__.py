"""The command line: the only room that prints."""

import gc
import os
import sys
from typing import Annotated

import typer

from importer.cli import commands
from importer.cli.doctor import doctor
from importer.cli.explain import explain
from importer.cli.fleet import fleet
from importer.cli.ledger import app as ledger
from importer.cli.sync import apply, sync, undo
from importer.cli.verify import verify
from importer.version import __version__

EVERY = 50_000  # objects made between looks for garbage: what a command imports is none

app = typer.Typer(
    name="importer",
    help="Put contacts from a spreadsheet into a cloud account's resource directory, each exactly once.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help, for it comes in a third of the time
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"importer {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version


for command in (
    commands.check,
    commands.plan,
    commands.run,
    sync,
    apply,
    undo,
    verify,
    commands.status,
    commands.export,
    explain,
    commands.errors,
    commands.template,
    commands.emulator,
    doctor,
):
    app.command()(command)
app.add_typer(fleet)
app.add_typer(ledger)


def main() -> None:
    """The entry point of ``importer`` and ``python -m importer``."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it reads what every installed package says of itself
    gc.set_threshold(EVERY)
    _narrow(sys.argv[1:2])
    try:
        app(prog_name="importer")
    finally:
        gc.freeze()  # ending, Python looks through all objects for garbage, more than once: for a tenth of a second


def _narrow(words: list[str]) -> None:
    """Leave only the command that is asked for: the options of each take time to make."""
    if asked := [known for known in app.registered_commands if known.callback and [known.callback.__name__] == words]:
        app.registered_commands, app.registered_groups = asked, []
