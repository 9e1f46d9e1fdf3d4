"""Findings as one page of HTML that needs nothing else: no script, no picture, no network."""

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from importer.report.findings import RANKS, Report, listed

SHOWN = 20_000  # findings on a page: a browser is no spreadsheet program
STYLE = """
:root { color-scheme: light dark; --line: #d0d4da; --soft: #f3f5f8;
  --error: #b3261e; --warning: #8a5a00; --note: #4a5a70 }
@media (prefers-color-scheme: dark) {
  :root { --line: #3c434d; --soft: #21262d; --error: #ff9d94; --warning: #f0c060; --note: #a9b6c8 } }
body { font: 15px/1.45 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif;
  margin: 2rem auto; max-width: 90rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem } p { margin: .3rem 0 }
table { border-collapse: collapse; width: 100% }
th, td { border: 1px solid var(--line); padding: .3rem .5rem; text-align: left; vertical-align: top;
  overflow-wrap: anywhere }
th { background: var(--soft) } td.cell { white-space: nowrap }
td.value { white-space: pre-wrap; font-family: monospace }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem } dt { color: var(--note) } dd { margin: 0; font-size: 1.3rem }
.error { color: var(--error) } .warning { color: var(--warning) } .note { color: var(--note) }
@media print { body { margin: 0; max-width: none; font-size: 11px } thead { display: table-header-group }
  tr { break-inside: avoid } h2 { break-after: avoid } }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_html(report: Report, path: Path) -> None:
    """A section for each rule, errors first; escaped, in the reader's light or dark, and printable."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in _page(report))


def _page(report: Report) -> Iterator[str]:
    sheet = report.sheet
    of = f", sheet {sheet.name}" if sheet.name else ""
    title = escape(f"{sheet.file}{of}: findings")
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>"
    yield from _counts(report.counts)
    found = listed(report)
    order = pl.col("severity").replace_strict(RANKS)
    rules = found.group_by("severity", "rule", maintain_order=True).len().sort(order, -pl.col("len").cast(pl.Int64))
    left = SHOWN
    for severity, rule, count in rules.iter_rows():
        part = found.filter((pl.col("rule") == rule) & (pl.col("severity") == severity)).head(left)
        left -= part.height
        yield from _section(severity, rule, count, part)
    if found.is_empty():
        yield "<p>Nothing was found.</p>"
    yield "</body>\n</html>"


def _counts(counts: Mapping[str, int]) -> Iterator[str]:
    yield "<dl>"
    for state, count in counts.items():
        yield f"<div><dt>rows {escape(state)}</dt><dd>{count}</dd></div>"
    yield "</dl>"


def _section(severity: str, rule: str, count: int, part: pl.DataFrame) -> Iterator[str]:
    yield f'<h2><span class="{severity}">{severity}</span> {escape(rule)}: {count}</h2>'
    if part.height < count:
        yield f"<p>{part.height} of them are shown; a report as .csv or .jsonl has all.</p>"
    if part.is_empty():
        return
    yield "<table>\n<thead><tr>"
    yield "".join(f"<th>{name}</th>" for name in ("cell", "column", "as written", "what is wrong", "what to do"))
    yield "</tr></thead>\n<tbody>"
    for row in part.iter_rows(named=True):
        yield _row(row)
    yield "</tbody>\n</table>"


def _row(row: Mapping[str, Any]) -> str:
    place = row["cell"] or (f"line {row['line']}" if row["line"] is not None else "the file")
    advice = escape(row["hint"] or "")
    if row["suggestion"] is not None:
        advice = f"Suggested: <b>{escape(row['suggestion'])}</b><br>{advice}"
    cells = (
        f'<td class="cell">{place}</td>',
        f"<td>{escape(row['column'] or '')}</td>",
        f'<td class="value">{escape(row["value"] or "")}</td>',
        f"<td>{escape(row['message'])}</td>",
        f"<td>{advice}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"
