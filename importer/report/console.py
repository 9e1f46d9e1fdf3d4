"""For people at a terminal: a balance that adds up, what waits and until when."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from importer.directory.codes import Entry
from importer.ledger.views import ExportRow
from importer.report.joint import Joint
from importer.report.many import joint
from importer.report.summary import Summary
from importer.report.tables import STYLES, balance, columns
from importer.report.verification import Verification


def outlooks(plan: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What a run would do today, in each directory if there are several; ``plan`` is the JSON of the command."""
    if "directories" not in plan:
        yield from outlook(plan)
        return
    for one in plan["directories"]:
        yield Text(f"{one['directory']}: {one['rows']['accepted']} accepted", "bold")
        yield from outlook(one)


def outlook(plan: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What a run would do today, and what would wait; ``plan`` is the JSON of the command."""
    table = balance()
    table.add_row("adopted, already there", str(plan["adopt"]))
    table.add_row("added now", str(plan["today"]["add"]))
    table.add_row("mails sent now", str(plan["today"]["send_email_verification"]))
    places = plan["free_places"]
    table.add_row("free places", "not asked" if places is None else str(places))
    table.add_row("sends left today", str(plan["sends_left_today"]))
    yield table
    yield from _learned(plan["daily_sends"])
    yield from _waits(plan["deferrals"])
    if len(plan["schedule"]) > 1:
        days = [f"{day['date']}: {day['send_email_verification']}" for day in plan["schedule"]]
        yield Text(f"mails by day: {', '.join(days[:7])}{', …' if len(days) > 7 else ''}")
    if plan["finished_on"]:
        yield Text(f"the last mail goes out on {plan['finished_on']}")


def _learned(daily: Mapping[str, Any]) -> Iterator[Text]:
    """What is not as it was set, but as the directory's last refusal taught."""
    if daily["limit_from"] == "refusal":
        yield Text(f"{daily['limit']} mails a day, as the directory refused more at {daily['refused_at']}", "yellow")
    if daily["begins_from"] == "refusal":
        yield Text(f"its day begins as at {daily['begins']}, when mails went out again after it had refused", "yellow")


def summary(result: Summary | Joint) -> Iterator[RenderableType]:
    """The balance of a run: rows by place, accepted ones by state, and what happens next."""
    if isinstance(result, Joint):
        yield from joint(result)
        return
    table = balance()
    table.add_row("rows read", str(result.rows["read"]))
    for name in ("rejected", "duplicate", "accepted"):
        table.add_row(f"  {name}", str(result.rows[name]))
    for state, count in result.contacts.items():
        if count:
            table.add_row(f"    {state.replace('_', ' ')}", str(count))
    if result.adopted:
        table.add_row("found in the directory", str(result.adopted))
    for what, count in _changed(result):
        table.add_row(what, str(count))
    made = sum(count for codes in result.calls.values() for count in codes.values())
    table.add_row("calls", str(made))
    yield table
    yield from _waits(result.as_json()["deferrals"])
    for note in result.notes:
        yield Text(note, "yellow")
    if result.stopped:
        yield Text(f"stopped: {result.stopped['code']}: {result.stopped['message']}", "red")
    yield Text(_next(result))


def _changed(result: Summary) -> Iterator[tuple[str, int]]:
    """Updates and deletes of this run, by what came of them."""
    for kind in ("update", "delete"):
        for status, count in result.operations.get(kind, {}).items():
            if count:
                yield f"{kind} {status.replace('_', ' ')}", count


def verification(result: Verification, report: Path | None) -> Iterator[RenderableType]:
    """Who is verified, who waits, who was mailed again, whom a person must see to, and what happens next."""
    table = balance()
    for name, count in result.verification.items():
        table.add_row(name.replace("_", " "), str(count))
    made = sum(count for codes in result.calls.values() for count in codes.values())
    table.add_row("calls", str(made))
    yield table
    yield from _waits(result.as_json()["deferrals"])
    if result.stopped:
        yield Text(f"stopped: {result.stopped['code']}: {result.stopped['message']}", "red")
    if result.verification["for_a_person"]:
        yield Text(f"for a person: {report} says who and why" if report else "who, and why: --report waiting.csv")
    yield Text(_onwards(result))


def _onwards(result: Verification) -> str:
    when = result.next_action_at
    match result.exit_code:
        case 0 | 1 if when:
            return f"the same command has something to do from {when} on"
        case 0 | 1:
            return "nobody is waited for any more"
        case 3:
            return f"to be continued: run the same command again{f' after {when}' if when else ''}"
        case 5:
            return "in doubt: some outcomes could not be learned; the same command looks again"
        case _:
            return "unfinished: the same command continues"


def _next(result: Summary) -> str:
    match result.exit_code:
        case 0:
            return "done: all that the file asks for"
        case 1:
            return "done, but for the rows rejected or failed: importer export shows each with its reason"
        case 3:
            return f"to be continued: run the same command again{_after(result)}"
        case 5:
            return "in doubt: some outcomes could not be learned; the same command looks again"
        case 6:
            return "deletes were held back by a guard; everything else that could be done was done"
        case _:
            return "unfinished: the same command continues"


def _after(result: Summary) -> str:
    deferred = result.deferred
    return f" after {deferred.until}" if deferred and deferred.until else ""


def _waits(waits: list[dict[str, Any]]) -> Iterator[Text]:
    for wait in waits:
        if wait["reason"] == "deleting":
            yield Text(f"{wait['count']} being deleted by the directory; the same command looks again", "yellow")
            continue
        until = (
            f"until {wait['until']}" if wait["until"] else f"until there is room: raise --{wait['reason']} or make some"
        )
        yield Text(f"{wait['count']} waiting for {wait['reason']}, {until}", "yellow")


def standing(status: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What the ledger holds, a table for each directory; ``status`` is the JSON of the command."""
    if not status["directories"]:
        yield Text("the ledger is empty: importer run FILE fills it")
    for directory in status["directories"]:
        rehearsal = " (rehearsal)" if directory["endpoint"] == "loopback" else f" at {directory['endpoint']}"
        yield Text(f"{directory['profile']}{rehearsal}", "bold")
        table = balance()
        for state, count in directory["contacts"].items():
            if count:
                table.add_row(f"  {state.replace('_', ' ')}", str(count))
        yield table
        yield from _waits(directory["deferrals"])
        if seen := directory["daily_sends_seen"]:
            again = f"; mails went out again at {seen['again_at']}" if seen["again_at"] else ""
            yield Text(f"the directory refused after {seen['mails']} mails of a day, at {seen['refused_at']}{again}")
        if directory["lease"]:
            yield Text(f"in use by {directory['lease']['owner']} until {directory['lease']['until']}")


def doubts(rows: Iterable[ExportRow]) -> Iterator[RenderableType]:
    """Each contact in doubt: where it stands in the file, and what its last attempt came to."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("row", "name", "attempts", "last code", "what"):
        table.add_column(title, overflow="fold")
    for row in rows:
        place = f"{row.file}:{row.row}"
        table.add_row(place, Text(row.name or ""), str(row.attempts), row.code or "", Text(row.message or ""))
    yield table if table.row_count else Text("nothing is in doubt")


def account(row: Mapping[str, Any]) -> Iterator[RenderableType]:
    """All that is known of one row; ``row`` is one of the JSON of the command."""
    place = f"{row['file']}:{row['row']}" if row["file"] else "asked for by no file"
    rehearsal = " (rehearsal)" if row["endpoint"] == "loopback" else ""
    yield Text(f"{place}, directory {row['directory']}{rehearsal}: {row['state'].replace('_', ' ')}", "bold")
    sources = {"file": "as the file has it", "ledger": "as the ledger kept it", "contact": "as it was understood"}
    yield Text(f"read, {sources[row['cells_from']]}")
    cells = columns()
    for header, value in row["cells"].items():
        cells.add_row(Text(f"  {header}"), Text("" if value is None else value))
    yield cells
    for found in [*row["repairs"], *row["findings"]]:
        change = f" → {found['suggestion']}" if found.get("suggestion") else ""
        told = f"{found.get('column') or ''} {found['message']}{change} {found.get('hint') or ''}"
        yield Text(f"{found['severity']} {found['rule']}: {told.strip()}", STYLES[found["severity"]])
    for doing in row["operations"]:
        yield Text(f"{doing['operation'].replace('_', ' ')}: {doing['status'].replace('_', ' ')}")
        if doing["attempts"]:
            yield _attempts(doing["attempts"])
    until = f" until {row['next']['until']}; a run after that goes on" if row["next"]["until"] else ""
    since = f" (since {row['next']['since']})" if row["next"]["since"] else ""
    yield Text(f"next: {row['next']['says']}{until}{since}")


def _attempts(attempts: list[dict[str, Any]]) -> Table:
    table = columns()
    for attempt in attempts:
        told = (attempt["ended_at"], attempt["outcome"], attempt["code"], attempt["request_id"] or "")
        table.add_row(*(Text(f"  {text}") for text in told), Text(attempt["message"] or ""))
    return table


def codes(entries: Iterable[Entry]) -> Iterator[RenderableType]:
    """The table of codes: what each means, and what to do."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("code", no_wrap=True)
    for title in ("outcome", "means", "to do"):
        table.add_column(title, overflow="fold")
    for entry in entries:
        table.add_row(
            entry.code + ("*" if entry.prefix else ""), entry.outcome, Text(entry.meaning), Text(entry.advice)
        )
    yield table
