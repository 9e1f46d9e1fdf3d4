"""The commands: each takes its settings, calls its job, and says what came of it."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importer.cli.options import (
    DIRECTORY,
    LEDGER,
    LIMITS,
    MANY,
    NOW,
    OUTPUT,
    READING,
    RESERVE,
    SUBMITTING,
    TRACES,
    All,
    File,
    FileOrProfile,
    takes,
)
from importer.cli.out import Out

if TYPE_CHECKING:
    from importer.jobs.report import Target
    from importer.settings import Settings

ReportTo = Annotated[
    Path | None,
    typer.Option("--report", help="Write findings to this .csv, .jsonl or .html; to an .xlsx: your file, marked up."),
]

RunReportTo = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Write a page of the run to this .html; findings to a .csv or .jsonl; your file marked up: .xlsx.",
    ),
]


@takes(READING, LEDGER, LIMITS, OUTPUT)
def check(
    *,
    file: File,
    settings: "Settings",
    out: Out,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Every finding, not only the first of each rule.")
    ] = False,
    report: ReportTo = None,
) -> None:
    """Read and check a file, without network or ledger; every finding at once."""
    from importer.jobs.check import check as job
    from importer.report.findings import listed
    from importer.report.rules import findings
    from importer.report.tables import places

    target = aimed(report, file)
    checkup = job(file, settings)
    if target:
        out.wrote(target.path, target.write(checkup.report))
    shown = findings(listed(checkup.report), checkup.file, verbose=verbose)
    out.result(checkup.as_json(), *shown, places(checkup.rows))
    raise typer.Exit(checkup.exit_code)


@takes(READING, LEDGER, DIRECTORY, NOW, LIMITS, RESERVE, OUTPUT)
def plan(
    *,
    file: File,
    settings: "Settings",
    out: Out,
    offline: Annotated[bool, typer.Option("--offline", help="Without asking the directory.")] = False,
    deadline: Annotated[str | None, typer.Option("--deadline", help="Exit 3 if it ends after this date.")] = None,
) -> None:
    """What run would do, and when it would be finished; changes nothing."""
    from importer.jobs.plan import day
    from importer.jobs.plan import plan as job
    from importer.report.console import outlooks
    from importer.report.rules import findings
    from importer.report.tables import places

    found = job(file, settings, offline=offline, deadline=day(deadline))
    out.result(found.as_json(), *findings(found.findings, found.file), places(found.rows), *outlooks(found.as_json()))
    raise typer.Exit(found.exit_code)


@takes(READING, SUBMITTING, MANY, TRACES, OUTPUT)
def run(
    *,
    file: FileOrProfile = None,
    settings: "Settings",
    out: Out,
    all: All = False,  # noqa: A002  the option's name
    report: RunReportTo = None,
) -> None:
    """Put the file's contacts into the directory and mail each its verification; again continues."""
    import anyio

    from importer.cli.watch import swift, watched
    from importer.jobs.run import run as job
    from importer.jobs.run import run_all
    from importer.jobs.traces import traces
    from importer.report.console import summary

    file = chosen(file, settings, every=all, report=report)
    target = aimed(report, file, again=True)
    work = partial(run_all, settings) if all else partial(job, file, settings)
    with traces("run", settings, out.trouble) as left:
        result = anyio.run(watched, work, out, left.watch, backend_options=swift())
        left.ended(result)
    if target:
        out.wrote(target.path, target.write_standing(result, file, settings))
    out.result(result.as_json(), *summary(result))
    raise typer.Exit(result.exit_code)


def chosen(file: str | None, settings: "Settings", *, every: bool, report: Path | None = None) -> str:
    """The file to take; with ``every``, none. Raises `FixCommand` when the command does not say which."""
    from importer.model.errors import FixCommand

    if every and file is not None:
        hint = "a file with a column Directory goes to many directories without --all"
        raise FixCommand("--all takes the files of the profiles, and no FILE", hint=hint)
    if every and report is not None and report.suffix.lower() != ".html":
        raise FixCommand(
            "such a report is of one file, and --all has many", hint="ask for .html: a page has all of them"
        )
    found = file or settings.file
    if found is None and not every:
        hint = f'name one: importer run FILE; or give the profile {settings.profile} one in importer.toml: file = "…"'
        raise FixCommand("there is no FILE, and the profile names none", hint=hint)
    return found or ""


def aimed(report: Path | None, file: str, *, again: bool = False) -> "Target | None":
    """Where a report is to go, if one is asked for; ``again``: the file is read once more for it."""
    if report is None:
        return None
    from importer.jobs.report import Target

    return Target.of(report, file, again=again)


@takes(LEDGER, OUTPUT)
def status(
    *,
    settings: "Settings",
    out: Out,
    in_doubt: Annotated[bool, typer.Option("--in-doubt", help="Each contact in doubt.")] = False,
) -> None:
    """What the ledger holds, what waits and until when."""
    from importer.jobs.status import status as job
    from importer.report.console import doubts, standing

    found = job(settings)
    out.result(found.as_json(), *standing(found.as_json()), *(doubts(found.doubts) if in_doubt else ()))


@takes(OUTPUT)
def errors(
    *,
    out: Out,
    code: Annotated[str | None, typer.Argument(help="A code, or a part of one; all without it.")] = None,
) -> None:
    """What each code of the directory means to the importer, and what to do about it."""
    from importer.jobs.errors import errors as job
    from importer.report.console import codes

    found = job(code)
    out.result(found.as_json(), *codes(found.entries))


@takes(LEDGER, OUTPUT)
def export(
    *,
    settings: "Settings",
    out: Out,
    format: Annotated[  # noqa: A002  the option's name
        str | None, typer.Option("--format", help="csv, jsonl, xlsx or parquet; else as the file's name says, or csv.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--out", help="File to write; csv and jsonl go to stdout else.")] = None,
) -> None:
    """The ledger's rows, one line for each row of each file, rejected and duplicate ones too."""
    from importer.jobs.export import export as job

    found = job(settings, format=format, to=to)
    if to is not None:
        out.result(found.as_json(), f"{found.rows} rows written to {to}")


@takes(LEDGER, OUTPUT)
def template(
    *,
    file: Annotated[Path, typer.Argument(help="The workbook to write, FILE.xlsx.")],
    settings: "Settings",
    out: Out,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """An Excel template with drop-downs, checks in the sheet, and the rules in English and Chinese."""
    from importer.jobs.template import template as job

    made = job(file, settings, force=force)
    out.result(made.as_json(), f"{made.file} written: fill it in, then importer check {made.file}")


@takes(LEDGER, NOW, LIMITS, OUTPUT)
def emulator(
    *,
    settings: "Settings",
    out: Out,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = 8080,
    state: Annotated[Path | None, typer.Option("--state", help="File that keeps the state; else in memory.")] = None,
    faults: Annotated[Path | None, typer.Option("--faults", help="TOML file of faults to play.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Serve HTTPS; the first line names the CA's file.")] = False,
) -> None:
    """Serve the emulated API until stopped; the first line says where and with which keys."""
    import anyio

    from importer.jobs.connect import Served
    from importer.jobs.emulator import serve

    def announce(banner: Mapping[str, str]) -> None:
        out.result(banner, *(f"{name}: {value}" for name, value in banner.items()))

    anyio.run(serve, settings, Served(host, port, state, faults, tls), announce)
