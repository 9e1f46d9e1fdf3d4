"""The commands that keep a directory in step with a file: sync, apply what was planned, undo what a run added."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importer.cli.commands import RunReportTo, aimed, chosen
from importer.cli.options import (
    CHASING,
    MANY,
    OUTPUT,
    READING,
    SUBMITTING,
    TRACES,
    All,
    FileOrProfile,
    Options,
    option,
    takes,
)
from importer.cli.out import Out

if TYPE_CHECKING:
    from importer.jobs.draft import Draft
    from importer.settings import Settings

SYNCING: Options = {
    "delete": option(bool | None, "Delete contacts that the file has no more, behind every guard.", "--delete"),
    "delete_foreign": option(bool | None, "And those that this ledger neither added nor adopted.", "--delete-foreign"),
    "missing_for": option(str | None, "Missing for so long, and in an earlier sync too, as 12h (1d; 0d: at once)."),
    "max_deletes": option(int | None, "Deletes of one sync at most (the smaller of 5 and 10 %)."),
    "max_shrink": option(float | None, "Percent of its rows that the file may have lost since its last sync (30)."),
    "renames": option(str | None, "off: a new name is another contact, whatever its address (on)."),
    "from_members": option(bool | None, "Take deleted contacts from member accounts too.", "--from-members"),
    "older": option(bool | None, "Take a file that is older than the one last synced.", "--older"),
    "emptied": option(bool | None, "The directory was emptied on purpose: begin anew.", "--emptied"),
}

PlanOnly = Annotated[bool, typer.Option("--plan", help="Show what would be done, and stop.")]
PlanTo = Annotated[Path | None, typer.Option("--out", help="Save the plan in this file for importer apply, and stop.")]


@takes(SYNCING, CHASING, READING, SUBMITTING, MANY, TRACES, OUTPUT)
def sync(
    *,
    file: FileOrProfile = None,
    settings: "Settings",
    out: Out,
    all: All = False,  # noqa: A002  the option's name
    plan: PlanOnly = False,
    to: PlanTo = None,
    report: RunReportTo = None,
) -> None:
    """Make the directory match the file: add, update and, if asked, delete; again does what is left."""
    import anyio

    from importer.cli.watch import swift, watched
    from importer.jobs.drafting import draft
    from importer.jobs.sync import sync as job
    from importer.jobs.sync import sync_all
    from importer.jobs.traces import traces
    from importer.model.errors import FixCommand
    from importer.report.console import summary
    from importer.report.drafts import spared

    file = chosen(file, settings, every=all, report=report)
    target = aimed(report, file, again=True)
    if plan or to:
        if all:
            raise FixCommand("--plan and --out are of one file, and --all has many", hint="name FILE and --profile")
        _show(anyio.run(partial(draft, file, settings, out=to)), out)
    work = partial(sync_all, settings) if all else partial(job, file, settings)
    with traces("sync", settings, out.trouble) as left:
        result = anyio.run(watched, work, out, left.watch, backend_options=swift())
        left.ended(result)
    if target:
        out.wrote(target.path, target.write_standing(result, file, settings))
    out.result(result.as_json(), *summary(result), *spared(result.as_json()))
    raise typer.Exit(result.exit_code)


@takes(SUBMITTING, TRACES, OUTPUT)
def apply(
    *,
    plan: Annotated[Path, typer.Argument(help="A plan that sync or undo saved with --out.")],
    settings: "Settings",
    out: Out,
) -> None:
    """Carry a saved plan out, exactly; refused when file, directory or ledger have moved on."""
    import anyio

    from importer.cli.watch import swift, watched
    from importer.jobs.drafting import apply as job
    from importer.jobs.traces import traces
    from importer.report.console import summary
    from importer.report.drafts import spared

    with traces("apply", settings, out.trouble) as left:
        result = anyio.run(watched, partial(job, plan, settings), out, left.watch, backend_options=swift())
        left.ended(result)
    out.result(result.as_json(), *summary(result), *spared(result.as_json()))
    raise typer.Exit(result.exit_code)


@takes({"from_members": SYNCING["from_members"]}, SUBMITTING, TRACES, OUTPUT)
def undo(
    *,
    run: Annotated[str, typer.Argument(help="The run whose contacts are to be deleted; its summary names it.")],
    settings: "Settings",
    out: Out,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this it is only shown.")] = False,
    plan: PlanOnly = False,
    to: PlanTo = None,
) -> None:
    """Take back what a run added, except what was changed since: shown, and done with --yes."""
    import anyio

    from importer.cli.watch import swift, watched
    from importer.jobs.drafting import recalled
    from importer.jobs.drafting import undo as job
    from importer.jobs.traces import traces
    from importer.report.console import summary
    from importer.report.drafts import spared

    if plan or to or not yes:
        _show(anyio.run(partial(recalled, run, settings, out=to)), out)
    with traces("undo", settings, out.trouble) as left:
        result = anyio.run(watched, partial(job, run, settings), out, left.watch, backend_options=swift())
        left.ended(result)
    out.result(result.as_json(), *summary(result), *spared(result.as_json()))
    raise typer.Exit(result.exit_code)


def _show(draft: "Draft", out: Out) -> None:
    from importer.report.drafts import drafted

    out.result(draft.as_json(), *drafted(draft.as_json()))
    raise typer.Exit(draft.exit_code)
