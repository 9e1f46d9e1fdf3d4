"""For people at a terminal: findings by rule, a balance that adds up, what waits and until when."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from importer.report.summary import Summary

PLACES = 3  # shown of each rule
STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


def findings(found: pl.DataFrame, file: str, *, verbose: bool = False) -> Iterator[RenderableType]:
    """Findings by rule with their first places; each one when ``verbose``."""
    if found.is_empty():
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", "rule"):
        table.add_column(title, no_wrap=True)
    table.add_column("rows", justify="right")
    for title in ("where", "the first of them"):
        table.add_column(title, overflow="fold")
    grouped = found.group_by("severity", "rule", maintain_order=True).agg(pl.len(), pl.all().head(PLACES))
    order = pl.col("severity").replace_strict({"error": 0, "warning": 1, "note": 2})
    for row in grouped.sort(order, "len", descending=[False, True]).iter_rows(named=True):
        where = ", ".join(_place(line, column) for line, column in zip(row["line"], row["column"], strict=True))
        more = ", …" if row["len"] > PLACES else ""
        style = STYLES[row["severity"]]
        what = Text(row["message"][0])
        table.add_row(Text(row["severity"], style), row["rule"], str(row["len"]), Text(where + more), what)
    yield table
    if verbose:
        yield from _each(found, file)
    else:
        yield Text(f"every finding, and what to do: importer check {file} --verbose", "dim")


def _each(found: pl.DataFrame, file: str) -> Iterator[Text]:
    for row in found.iter_rows(named=True):
        place = f"{file}:{row['line']}" if row["line"] is not None else file
        column = f" {row['column']}" if row["column"] else ""
        value = f" {row['value']!r}" if row["value"] is not None else ""
        told = f"{place}{column}{value}: {row['severity']} {row['rule']}: {row['message']}"
        if row["suggestion"]:
            told += f" Suggested: {row['suggestion']}."
        yield Text(f"{told} {row['hint'] or ''}".rstrip())


def _place(line: int | None, column: str | None) -> str:
    if line is None:
        return "the file"
    return f"line {line}" + (f" {column}" if column else "")


def places(rows: Mapping[str, int]) -> RenderableType:
    """Rows read, and where each went."""
    table = _balance()
    table.add_row("rows read", str(rows["read"]))
    for name in ("rejected", "duplicate", "accepted"):
        table.add_row(f"  {name}", str(rows[name]))
    return table


def outlook(plan: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What a run would do today, and what would wait; ``plan`` is the JSON of the command."""
    table = _balance()
    table.add_row("adopted, already there", str(plan["adopt"]))
    table.add_row("added now", str(plan["today"]["add"]))
    table.add_row("mails sent now", str(plan["today"]["send_email_verification"]))
    places = plan["free_places"]
    table.add_row("free places", "not asked" if places is None else str(places))
    table.add_row("sends left today", str(plan["sends_left_today"]))
    yield table
    yield from _waits(plan["deferrals"])
    if plan["finished_on"]:
        yield Text(f"the last mail goes out on {plan['finished_on']}")


def summary(result: Summary) -> Iterator[RenderableType]:
    """The balance of a run: rows by place, accepted ones by state, and what happens next."""
    table = _balance()
    table.add_row("rows read", str(result.rows["read"]))
    for name in ("rejected", "duplicate", "accepted"):
        table.add_row(f"  {name}", str(result.rows[name]))
    for state, count in result.contacts.items():
        if count:
            table.add_row(f"    {state.replace('_', ' ')}", str(count))
    if result.adopted:
        table.add_row("found in the directory", str(result.adopted))
    made = sum(count for codes in result.calls.values() for count in codes.values())
    table.add_row("calls", str(made))
    yield table
    yield from _waits(result.as_json()["deferrals"])
    if result.stopped:
        yield Text(f"stopped: {result.stopped['code']}: {result.stopped['message']}", "red")
    yield Text(_next(result))


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
        case _:
            return "unfinished: the same command continues"


def _after(result: Summary) -> str:
    deferred = result.deferred
    return f" after {deferred.until}" if deferred and deferred.until else ""


def _waits(waits: list[dict[str, Any]]) -> Iterator[Text]:
    for wait in waits:
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
        table = _balance()
        for state, count in directory["contacts"].items():
            if count:
                table.add_row(f"  {state.replace('_', ' ')}", str(count))
        yield table
        yield from _waits(directory["deferrals"])
        if directory["lease"]:
            yield Text(f"in use by {directory['lease']['owner']} until {directory['lease']['until']}")


def _balance() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    return table
