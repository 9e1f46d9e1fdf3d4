"""The book of findings: frames of them, built in columns from a rule's words, and the rows that they reject."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from importer.model.finding import COLUMNS, Finding, Severity
from importer.stage.rules import RULES

SCHEMA = pl.Schema({name: pl.UInt32() if name in {"row", "line"} else pl.String() for name in COLUMNS})


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the sheet: its header, its cells as written (blank: empty text), and their lines."""

    header: str
    cells: pl.Series
    lines: pl.Series

    def rest(self, good: pl.Series) -> pl.DataFrame:
        """The cells that are not ``good``, for a close look: row, cell."""
        frame = pl.DataFrame({"cell": self.cells}).with_row_index("row")
        if good.all():
            return frame.clear()
        return frame.filter(~good) if good.any() else frame

    def merge(self, good: pl.Series, values: pl.Series) -> pl.Series:
        """The whole column again: the good cells as written, the rest as ``values`` says, in their order."""
        if values.is_empty():
            return self.cells
        if len(values) == len(self.cells):
            return values
        place = (~good).cum_sum().cast(pl.Int64) - 1
        return self.cells.zip_with(good, values.gather(place.clip(lower_bound=0)))


class Book:
    """Collects findings, beginning with those of reading: a frame of them, and some as values.

    ``strict``: a warning is written down as an error, and so rejects its row.
    """

    def __init__(self, findings: pl.DataFrame, others: Sequence[Finding] = (), *, strict: bool = False) -> None:
        values = [[getattr(finding, name) for name in SCHEMA] for finding in others]
        same = findings.schema == SCHEMA
        read = findings if same else findings.select(COLUMNS).cast(SCHEMA)
        self._frames = [read, pl.DataFrame(values, SCHEMA, orient="row")]
        self._strict = strict
        wrong = pl.col("row").is_not_null() & (pl.col("severity") == Severity.ERROR.value)
        self._wrong = self._frames[0].filter(wrong).select("row", "column")
        if strict:
            raised = pl.col("severity").replace(Severity.WARNING.value, Severity.ERROR.value)
            self._frames = [frame.with_columns(raised) for frame in self._frames]

    def write(self, rule: str, column: Column, rows: pl.DataFrame) -> None:
        """One finding for each of ``rows``: row and, where the rule has a use for them, detail and suggestion.

        A row that is null stands for the whole file. What was an error before, a
        cell or, as its cells may stand under the wrong headers, a whole row, has no more findings.
        """
        if not self._wrong.is_empty():
            wrong = self._wrong.filter(pl.col("column").is_null() | (pl.col("column") == column.header))["row"]
            rows = rows.filter(~pl.col("row").is_in(wrong.implode()).fill_null(value=False))
        if rows.is_empty():
            return
        told = RULES[rule]
        message = pl.lit(told.message)
        if "{detail}" in told.message:
            message = pl.format(told.message.replace("{detail}", "{}"), pl.col("detail").fill_null(""))
        severity = Severity.ERROR if self._strict and told.severity is Severity.WARNING else told.severity
        suggests = "suggestion" in rows.columns and told.severity is not Severity.NOTE
        value = column.cells.gather(rows["row"])
        self._frames.append(
            rows.select(
                pl.col("row"),
                line=column.lines.gather(rows["row"]),
                rule=pl.lit(rule),
                severity=pl.lit(severity.value),
                column=pl.when(pl.col("row").is_not_null()).then(pl.lit(column.header)),
                value=pl.when(value != "").then(value),
                message=message,
                hint=pl.lit(told.hint),
                suggestion=pl.col("suggestion") if suggests else pl.lit(None, pl.String),
            )
        )

    def judge(self, column: Column, rows: pl.DataFrame, flags: Sequence[str]) -> None:
        """Write down what was found in a column.

        ``rows``: row, problem (the rule that makes the cell unusable, or null), detail, suggestion, and for each rule
        of ``flags`` whether it has something to say of a usable cell.
        """
        for rule in rows["problem"].drop_nulls().unique(maintain_order=True):
            self.write(rule, column, rows.filter(pl.col("problem") == rule))
        for rule in flags:
            self.write(rule, column, rows.filter(pl.col(rule) & pl.col("problem").is_null()))

    def error_of_file(self) -> bool:
        """Whether an error is one of the whole file."""
        wrong = pl.col("row").is_null() & pl.col("line").is_null() & (pl.col("severity") == Severity.ERROR.value)
        return any(frame.select(wrong.any()).item() for frame in self._frames)

    def findings(self) -> pl.DataFrame:
        """All findings, sorted by row; those of the whole file come first."""
        return pl.concat(self._frames).sort("row", maintain_order=True, nulls_last=False)

    def rejected(self) -> pl.Series:
        """The rows that have an error, sorted, each once."""
        told = [frame for frame in self._frames if not frame.is_empty()]
        if not told:
            return pl.Series("row", [], dtype=pl.UInt32)
        bad = [frame.filter(severity=Severity.ERROR.value)["row"].drop_nulls() for frame in told]
        return pl.concat(bad).unique().sort().alias("row")
