"""What reading can find: its rules, and findings as frames."""

from collections.abc import Iterable, Sequence

import polars as pl

from importer.model.finding import COLUMNS, Finding, Rule, Severity

SCHEMA = {name: pl.UInt32 if name in ("row", "line") else pl.String for name in COLUMNS}

RAGGED = Rule("ragged-row", Severity.ERROR, "A row has as many fields as the header.")
TOTALS = Rule("totals-row", Severity.ERROR, "A row of totals is not a record.")
SECOND_TABLE = Rule("second-table", Severity.ERROR, "A sheet holds one table.")
ERROR_CELL = Rule("error-cell", Severity.ERROR, "A cell holds a value, not an error of a formula.")
EMPTY_FORMULA = Rule("formula-without-value", Severity.ERROR, "A formula was calculated before it was saved.")
DATE_CELL = Rule("date-cell", Severity.ERROR, "A cell of text holds no date.")
BOOLEAN_CELL = Rule("boolean-cell", Severity.ERROR, "A cell of text holds no TRUE or FALSE.")
LONG_NUMBER = Rule("long-number", Severity.ERROR, "A number of 16 digits or more is stored as text.")
REPEATED_HEADER = Rule("repeated-header", Severity.NOTE, "The header stands in the sheet once.")
ENCODING = Rule("encoding-guessed", Severity.NOTE, "The encoding is known, not guessed.")
ESCAPES = Rule("backslash-escapes", Severity.NOTE, "A delimiter inside a field is quoted.")
ABOVE = Rule("lines-above-header", Severity.NOTE, "The header is in the first line.")
SHEETS = Rule("other-sheets", Severity.NOTE, "A workbook holds one sheet of records.")
HIDDEN = Rule("hidden-rows", Severity.NOTE, "All rows are visible.")
MERGED = Rule("merged-cells", Severity.WARNING, "Each row has cells of its own.")
NO_ROWS = Rule("no-rows", Severity.WARNING, "A table has rows below its header.")
FORMAT = Rule("format-recognised", Severity.NOTE, "The file's extension says what it holds.")

RULES = (
    RAGGED, TOTALS, SECOND_TABLE, ERROR_CELL, EMPTY_FORMULA, DATE_CELL, BOOLEAN_CELL, LONG_NUMBER, REPEATED_HEADER,
    ENCODING, ESCAPES, ABOVE, SHEETS, HIDDEN, MERGED, NO_ROWS, FORMAT,
)  # fmt: skip


def found(rule: Rule, message: str, *, hint: str = "", line: int | None = None, value: str | None = None) -> Finding:
    """A finding about the file, or about a line that is no row of the frame."""
    return Finding(rule.id, rule.severity, message, hint=hint, line=line, value=value)


def frame(findings: Iterable[Finding] = ()) -> pl.DataFrame:
    """Findings as a frame with the columns of `COLUMNS`."""
    rows = [
        tuple(None if (v := getattr(f, name)) == "" and name == "hint" else v for name in COLUMNS) for f in findings
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def rows(rule: Rule, cells: pl.DataFrame, *, message: pl.Expr | str, hint: str = "") -> pl.DataFrame:
    """One finding for each of ``cells``, whose columns are among those of `COLUMNS`."""
    if cells.is_empty():
        return frame()
    text = pl.lit(message) if isinstance(message, str) else message
    known = cells.with_columns(
        rule=pl.lit(rule.id), severity=pl.lit(rule.severity.value), message=text, hint=pl.lit(hint)
    )
    missing = [pl.lit(None).alias(name) for name in COLUMNS if name not in known.columns]
    return known.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def join(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All findings, those of the file first, then by row."""
    return pl.concat([frame(), *parts]).sort("row", nulls_last=False, maintain_order=True)
