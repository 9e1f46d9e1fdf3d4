"""Findings at a terminal: by rule, the worst and most frequent first, with the first places of each."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from importer.report.tables import STYLES

if TYPE_CHECKING:
    import polars as pl

PLACES = 3  # shown of each rule
SCREENFUL = 20  # lines of the table of rules


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that findings break, the worst and most frequent first: as many as fit on a screen, and how many more.

    ``rows``: dictionaries with severity, rule, len, and of the first places lists of line, column, cell and so on.
    """

    rows: list[dict[str, Any]]
    lines: int | None  # None: all are shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        count = len(self.rows)
        if self.lines is not None:
            count = min(count, self.lines)
            while count > 1 and len(console.render_lines(_table(self.rows[:count]), options)) > self.lines + 1:
                count -= 1
        yield _table(self.rows[:count])
        if count < len(self.rows):
            more = len(self.rows) - count
            yield Text(f"and {more} more rule{'s' if more > 1 else ''}")


def findings(found: "pl.DataFrame", file: str, *, verbose: bool = False) -> Iterator[RenderableType]:
    """Findings by rule with their first places, at most a screenful; all of them, and each one, when ``verbose``.

    ``found``: with the columns of `importer.model.finding.COLUMNS`, or those of `importer.report.findings.LISTED`.
    """
    import polars as pl

    if found.is_empty():
        return
    grouped = found.group_by("severity", "rule", maintain_order=True).agg(pl.len(), pl.all().head(PLACES))
    order = pl.col("severity").replace_strict({"error": 0, "warning": 1, "note": 2})
    rows = grouped.sort(order, "len", descending=[False, True], maintain_order=True).to_dicts()
    yield Rules(rows, None if verbose else SCREENFUL)
    if verbose:
        yield from _each(found, file)
    else:
        yield Text(f"every finding, and what to do: importer check {shlex.quote(file)} --verbose", "dim")


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", "rule"):
        table.add_column(title, no_wrap=True)
    table.add_column("rows", justify="right")
    for title in ("where", "the first of them"):
        table.add_column(title, overflow="fold")
    for row in rows:
        nothing = [None] * len(row["line"])
        places = map(_place, row["line"], row["column"], row.get("sheet", nothing), row.get("cell", nothing))
        where = ", ".join(places) + (", …" if row["len"] > PLACES else "")
        severity = Text(row["severity"], STYLES[row["severity"]])
        table.add_row(severity, row["rule"], str(row["len"]), Text(where), Text(row["message"][0]))
    return table


def _each(found: "pl.DataFrame", file: str) -> Iterator[Text]:
    for row in found.iter_rows(named=True):
        if row.get("sheet") is not None:
            place = f"{file} {row['sheet']}" + (f"!{row['cell'] or row['line']}" if row["line"] is not None else "")
        else:
            place = f"{file}:{row['line']}" if row["line"] is not None else file
        column = f" {row['column']}" if row["column"] else ""
        value = f" {row['value']!r}" if row["value"] is not None else ""
        told = f"{place}{column}{value}: {row['severity']} {row['rule']}: {row['message']}"
        if row["suggestion"]:
            told += f" Suggested: {row['suggestion']}."
        yield Text(f"{told} {row['hint'] or ''}".rstrip())


def _place(line: int | None, column: str | None, sheet: str | None, cell: str | None) -> str:
    if line is None:
        return "the file"
    if sheet is not None and cell is not None:  # text has lines, and its readers count those
        return cell
    return f"line {line}" + (f" {column}" if column else "")
