"""The options of the commands, each told once; most of them are settings of the same name."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from importer.cli.out import Out

if TYPE_CHECKING:
    from importer.settings import Settings

Options = dict[str, tuple[Any, Any]]  # name → (annotation, default)


def option(kind: Any, text: str, *names: str, default: Any = None) -> tuple[Any, Any]:
    return Annotated[kind, typer.Option(*names, help=text, show_default=default is not None)], default


File = Annotated[str, typer.Argument(help="CSV or Excel file; - reads CSV from stdin.")]
FileOrProfile = Annotated[
    str | None, typer.Argument(metavar="FILE", help="CSV or Excel file, - for CSV on stdin; else the profile's own.")
]
All = Annotated[bool, typer.Option("--all", help="Every profile that has a file, side by side.")]

OUTPUT: Options = {
    "json": option(bool, "Print one JSON object on stdout, everything else on stderr.", "--json", default=False),
    "quiet": option(bool, "Print the result only, no progress.", "--quiet", "-q", default=False),
    "log_format": option(str, "Form of progress and notices on stderr: text or json.", default="text"),
}

LEDGER: Options = {
    "ledger": option(str | None, "Ledger: a file, or postgresql://…; importer.db in this folder by default."),
    "profile": option(str | None, "Profile in the settings file."),
    "config": option(Path | None, "Settings file; importer.toml in this folder by default."),
}

DIRECTORY: Options = {
    "endpoint": option(str | None, "Host of the directory's API; https unless it is this machine."),
    "emulator": option(
        bool | None,
        "Rehearse: an emulated directory in this process, its state beside the ledger.",
        "--emulator",
    ),
}

NOW: Options = {
    "now": option(str | None, "Pretend that it is this time (ISO 8601), for limits that are counted by the day."),
}

READING: Options = {
    "sheet": option(str | None, "Worksheet, by name or by number from 1; else the first visible one."),
    "encoding": option(str | None, "Text encoding of a CSV file."),
    "delimiter": option(str | None, "What parts the fields of a CSV file."),
    "header_row": option(int | None, "Row that holds the headers, counted from 1."),
    "hidden": option(str | None, "Rows that are hidden or filtered out: omit (as you see it) or include."),
    "fill": option(list[str] | None, "Column in which merged cells are filled; repeatable."),
    "map": option(list[str] | None, 'A header of yours and its field, as "Work Mail=EmailAddress"; repeatable.'),
    "on_clash": option(str | None, "Same name, other contact: reject the later row, keep the first, or add a suffix."),
    "strict": option(bool | None, "Warnings count as errors: their rows are rejected."),
    "fix_names": option(bool | None, "Take the names that are proposed for those that do not fit."),
    "check_domains": option(bool | None, "Ask the network whether the addresses' domains take mail."),
}

LIMITS: Options = {
    "max_contacts": option(int | None, "Contacts that the directory holds at most (20)."),
    "daily_sends": option(int | None, "Verification mails a day (100)."),
    "day_zone": option(str | None, "Zone in which the day rolls over (Asia/Shanghai)."),
    "calls_per_second": option(float | None, "Calls a second per operation (20); 90 % are used."),
    "sends_per_address_per_minute": option(int | None, "Mails to one address a minute (10)."),
    "list_lag": option(float | None, "Seconds that a new contact may be missing from the listing (0)."),
    "page_size": option(int | None, "Contacts a page of the listing (100)."),
    "link_lifetime": option(float | None, "Seconds that a link of a mail can be followed (86400; for an emulator)."),
    "names_case_sensitive": option(bool | None, "Whether the directory takes Tom beside tom (yes; for an emulator)."),
    "chinese_names": option(bool | None, "Whether names may have Chinese characters (yes)."),
    "email_max": option(int | None, "Longest address in characters (128)."),
    "call_timeout": option(float | None, "Seconds that one call may take (10)."),
    "lease_margin": option(float | None, "Seconds, beyond a call's, that a silent run keeps the directory (20)."),
    "give_up_after": option(float | None, "Seconds without a good answer after which a run stops (120)."),
}

MANY: Options = {
    "at_once": option(int | None, "Directories that are worked on at once (64)."),
}

RESERVE: Options = {
    "reserve": option(int | None, "Mails of the day that are kept for people (0)."),
}

CHASING: Options = {
    "remind_after": option(str | None, "Silence after which a contact gets one more mail, as 3d or 12h (3d)."),
    "reminders": option(int | None, "Mails, at most, to a contact that stays silent after its first (2)."),
}

COURSE: Options = {
    "wait": option(bool | None, "Stay, and go on when the next day's sends begin.", "--wait"),
    "wait_for_lease": option(bool | None, "Wait while another run holds the directory.", "--wait-for-lease"),
    "until": option(str | None, "End at this time of day, as 06:00."),
    "duration": option(str | None, "End after this time, as 45m or 1h30m.", "--for"),
}

TRACES: Options = {
    "events": option(str | None, "Append what happens to this file as it happens, one JSON object a line."),
    "metrics": option(str | None, "Write metrics of the end to this .prom file, for Prometheus' node exporter."),
}

SUBMITTING: Options = LEDGER | DIRECTORY | NOW | LIMITS | RESERVE | COURSE  # what calls the directory, for a while

OURS = ("json", "quiet", "log_format", "config", "map")


def takes(*groups: Options) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of ``groups``; it is called with ``settings``, ``out`` and what it names itself."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter
            for parameter in inspect.signature(command).parameters.values()
            if parameter.name not in ("settings", "out")
        ]
        shared = {name: option for group in groups for name, option in group.items()}
        known = {parameter.name for parameter in own}
        configured = "settings" in inspect.signature(command).parameters

        def called(**given: Any) -> None:
            out = Out(given["json"], given["quiet"], given["log_format"], command.__name__)
            with out.speaking():
                mine = {name: given[name] for name in known}
                settings = {"settings": _settings(given, known)} if configured else {}
                command(**settings, out=out, **mine)

        called.__name__, called.__doc__ = command.__name__, command.__doc__
        parameters = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
            for name, (kind, default) in shared.items()
        ]
        own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        called.__signature__ = inspect.Signature([*own, *parameters])  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *parameters]}
        return called

    return decorate


def _settings(given: dict[str, Any], own: set[str]) -> "Settings":
    from importer.settings import load

    flags = {name: value for name, value in given.items() if name not in own and name not in OURS}
    if given.get("map"):
        flags["map"] = dict(_pair(text) for text in given["map"])
    return load(flags, config=given.get("config"), every=bool(given.get("all")))


def _pair(text: str) -> tuple[str, str]:
    from importer.model.errors import FixCommand

    header, equals, field = text.rpartition("=")
    if not equals or not header.strip() or not field.strip():
        raise FixCommand(f"--map {text}: is no pair", hint='write --map "Your Header=EmailAddress"')
    return header.strip(), field.strip()
