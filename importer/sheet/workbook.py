"""A workbook, or a page with a table, to a sheet: parsed apart, laid out here."""

import sys
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from importer.model.errors import FixFile
from importer.model.finding import Finding, Rule
from importer.sheet import archive, faults, layout, sandbox, table
from importer.sheet.columns import TYPE_WORDS, hits, key, letters, plain
from importer.sheet.grid import Grid
from importer.sheet.layout import Shape
from importer.sheet.sheet import Sheet
from importer.sheet.worker import UNLOCK

if TYPE_CHECKING:
    from importer.sheet.reader import Options
    from importer.sheet.source import Source

ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
MARKS = {"row": pl.UInt32, "position": pl.UInt32, "kind": pl.String, "text": pl.String}
AS_TEXT = "Format the column as text and type the value again."
NO_HEADER = "Give a header row and one row for each contact."
CELLS_MAX = 60_000_000
OFFSET = 4  # bytes of each
KINDS: dict[str, tuple[Rule, str, str]] = {
    "error": (faults.ERROR_CELL, "the cell holds an error", "Correct the formula, or type the value."),
    "formula": (
        faults.EMPTY_FORMULA,
        "the formula was never calculated",
        "Open the file in a spreadsheet program and save it, or type the value.",
    ),
    "date": (faults.DATE_CELL, "the cell holds a date where text belongs", AS_TEXT),
    "boolean": (faults.BOOLEAN_CELL, "the cell holds TRUE or FALSE where text belongs", AS_TEXT),
    "long": (
        faults.LONG_NUMBER,
        "a number of 16 digits or more loses its last digits when stored as a number",
        AS_TEXT,
    ),
}


def sheet(source: "Source", options: "Options", notes: Sequence[Finding]) -> Sheet:
    """Read one sheet of a workbook. Raises `FixFile`."""
    found = _archive(source)
    request = {"format": found.format, "sheet": options.sheet}
    answer = sandbox.parse(source.data, request, sandbox.Limits.of(found.expanded), file=source.file)
    page = _Page(answer, source.file, options)
    made = table.assemble(page.grid(), [*notes, *page.notes()], options.known)
    return Sheet(
        source.file, answer.head["sheet"], made.columns, made.frame, made.lines, source.digest, made.findings,
        format=found.format, header_line=page.header.line,
        positions=tuple(page.positions[index] for index in made.positions),
    )  # fmt: skip


def _archive(source: "Source") -> archive.Archive:
    if source.kind == "zip":
        return archive.look(source)
    if source.kind == "html":
        return archive.Archive("html", len(source.data))
    if ENCRYPTED in source.data:
        raise FixFile(f"{source.file}: is protected by a password", hint=UNLOCK)
    return archive.Archive("xls", len(source.data))


class _Page:
    """The cells of one sheet, by row from 0, and what is known beside them."""

    def __init__(self, answer: sandbox.Answer, file: str, options: "Options") -> None:
        self._head: dict[str, Any] = answer.head
        self._options = options
        self.positions: list[int] = list(answer.head["positions"])
        self._marks = pl.DataFrame(answer.head["marks"], schema=MARKS)
        cells = self._marked(_frame(answer), file)
        rows = pl.int_range(cells.height, dtype=pl.UInt32, eager=True)
        self._hidden = self._ranges(rows, answer.head["hidden_rows"])
        if options.hidden == "include":
            self._hidden = self._hidden.clear().extend_constant(value=False, n=len(rows))
        self._cells = cells.with_columns(at=rows)
        self.header = self._header(file)

    @staticmethod
    def _ranges(rows: pl.Series, ranges: Sequence[Sequence[int]]) -> pl.Series:
        """Which rows are in any of the ranges."""
        end = len(rows)
        numbers = [number for first, last in ranges for number in range(first, min(last + 1, end))]
        return rows.is_in(numbers)

    def _marked(self, cells: pl.DataFrame, file: str) -> pl.DataFrame:
        """The cells with the text of those that the parser leaves blank, in columns that it may have left out."""
        marks = self._marks
        missing = set(marks["position"].to_list()) - set(self.positions)
        last = marks["row"].max()
        height = max(cells.height, 0 if last is None else int(str(last)) + 1)
        if not height:
            raise FixFile(f"{file}: there is no header row", hint=NO_HEADER)
        if height * (len(missing) + len(self.positions)) > CELLS_MAX:
            raise FixFile(f"{file}: needs more memory than a spreadsheet should", hint=sandbox.SMALLER)
        blank = pl.Series([None], dtype=pl.String)
        columns = {position: cells[str(index)] for index, position in enumerate(self.positions)}
        if height > cells.height:
            rest = blank.new_from_index(0, height - cells.height)
            columns = {position: column.append(rest) for position, column in columns.items()}
        columns.update({position: blank.new_from_index(0, height) for position in missing})
        told: list[pl.DataFrame] = [marks.clear()]
        for (position,), part in marks.partition_by("position", as_dict=True).items():
            place = int(str(position))
            columns[place] = _written(columns[place], part)
            # What a date or a number is written as, its cell tells best.
            shown = pl.when(pl.col("kind").is_in(["date", "long"])).then(columns[place].gather(part["row"]))
            told.append(part.with_columns(text=shown.otherwise("text")))
        self._marks = pl.concat(told)
        self.positions = sorted(columns)
        return pl.DataFrame({str(index): columns[position] for index, position in enumerate(self.positions)})

    def _header(self, file: str) -> Shape:
        wanted = self._options.header_row
        if wanted is not None:
            row = self._cells.drop("at").slice(wanted - 1, 1) if wanted > 0 else self._cells.clear()
            texts = [text or "" for cells in row.rows() for text in cells]
            if not layout.filled(texts):
                raise FixFile(
                    f"{file}: row {wanted} is no header", hint="--header-row takes the number of a filled row."
                )
            return Shape(wanted, tuple(texts))
        filled = ~pl.all_horizontal(pl.exclude("at").is_null())
        first = self._cells.filter(~self._hidden).filter(filled).head(layout.LOOK)
        rows = [(row[-1] + 1, [text or "" for text in row[:-1]]) for row in first.rows()]
        found = layout.header(rows, self._options.known, self._spans())
        if found is None:
            raise FixFile(f"{file}: there is no header row", hint=NO_HEADER)
        return Shape(found[0], tuple(found[1]))

    def _spans(self) -> dict[int, int]:
        """How many of the columns merged cells reach over, by line."""
        spans: dict[int, int] = {}
        for top, _, bottom, right in self._head["merged"]:
            reach = bisect_right(self.positions, right)
            for row in range(top, min(bottom, top + layout.LOOK) + 1):
                spans[row + 1] = max(spans.get(row + 1, 0), reach)
        return spans

    def grid(self) -> Grid:
        """The rows below the header, without the hidden ones."""
        below = (self._cells["at"] >= self.header.line) & ~self._hidden
        body = self._filled(self._cells).filter(below)
        lines = body["at"] + 1
        frame = body.drop("at")
        return Grid(self.header, frame, lines.cast(pl.UInt32), [self._findings(body)])

    def _findings(self, body: pl.DataFrame) -> pl.DataFrame:
        """Marked cells in columns that matter: those with known headers, or all where none is known."""
        known = {position: cell for position, cell in zip(self.positions, self.header.cells, strict=True) if cell}
        marks = self._marks
        if hits(self.header.cells, self._options.known) >= 2:
            known = {position: cell for position, cell in known.items() if key(cell) in self._options.known}
        else:  # nobody knows where text belongs
            marks = marks.filter(~pl.col("kind").is_in(["date", "boolean"]))
        ticks = [position for position, cell in known.items() if key(cell) in TYPE_WORDS]
        rows = body.select("at").with_row_index("row").rename({"at": "place"})
        marks = marks.rename({"row": "place", "text": "value"}).join(rows, on="place", how="inner")
        marks = marks.with_columns(
            line=pl.col("place") + 1,
            column=pl.col("position").replace_strict(
                list(known), list(known.values()), default=None, return_dtype=pl.String
            ),
        ).filter(pl.col("column").is_not_null() & ~((pl.col("kind") == "boolean") & pl.col("position").is_in(ticks)))
        parts = [
            faults.rows(rule, part.drop("place", "position", "kind"), message=message, hint=hint)
            for kind, (rule, message, hint) in KINDS.items()
            if not (part := marks.filter(pl.col("kind") == kind)).is_empty()
        ]
        return faults.join(parts)

    def _filled(self, cells: pl.DataFrame) -> pl.DataFrame:
        """Merged cells filled in the columns that were named for it."""
        wanted = {key(name) for name in self._options.fill}
        indexes = {position: index for index, position in enumerate(self.positions)}
        fillable = [position for position in self.positions if key(self.header.cells[indexes[position]]) in wanted]
        changes: dict[int, dict[int, str]] = {position: {} for position in fillable}
        for top, left, bottom, right in self._head["merged"] if fillable else ():
            if top < self.header.line or left not in indexes or top >= cells.height:
                continue
            value = cells[str(indexes[left])][top]
            for position in fillable:
                if left <= position <= right and value is not None:
                    changes[position].update(dict.fromkeys(range(top, min(bottom + 1, cells.height)), value))
        filled = {
            str(indexes[p]): cells[str(indexes[p])].scatter(list(c), list(c.values())) for p, c in changes.items() if c
        }
        return cells.with_columns(**filled)

    def notes(self) -> list[Finding]:
        """What was left out."""
        return [*self._sheets(), *self._above(), *self._hidden_note(), *self._merged()]

    def _sheets(self) -> list[Finding]:
        name, hidden = self._head["sheet"], self._head["hidden_sheets"]
        others = [
            f"{plain(other)} (hidden)" if other in hidden else plain(other)
            for other in self._head["sheets"]
            if other != name
        ]
        if not others:
            return []
        shown = ", ".join(others[:20]) + (f" and {len(others) - 20} more" if len(others) > 20 else "")
        return [
            faults.found(
                faults.SHEETS, f"the sheet {plain(name)} was read; left out: {shown}", hint="--sheet names another."
            )
        ]

    def _above(self) -> list[Finding]:
        above = self._cells.filter((pl.col("at") < self.header.line - 1) & ~self._hidden).drop("at")
        if above.select(pl.all_horizontal(pl.all().is_null())).to_series().all():
            return []
        message = f"the header is in row {self.header.line}; the rows above were left out"
        return [faults.found(faults.ABOVE, message)]

    def _hidden_note(self) -> list[Finding]:
        rows = self._cells.filter(self._hidden & (self._cells["at"] >= self.header.line))
        rows = rows.filter(~pl.all_horizontal(pl.exclude("at").is_null()))
        if rows.is_empty():
            return []
        shown = _numbers((rows["at"] + 1).to_list())
        count = "1 row that is" if rows.height == 1 else f"{rows.height} rows that are"
        message = f"{count} hidden or filtered out, and left out: {shown}"
        return [faults.found(faults.HIDDEN, message, hint="--hidden include takes them.", line=int(rows["at"][0]) + 1)]

    def _merged(self) -> list[Finding]:
        wanted = {key(name) for name in self._options.fill}
        headers = dict(zip(self.positions, self.header.cells, strict=True))
        kept = [
            f"{letters(left)}{top + 1}:{letters(right)}{bottom + 1}"
            for top, left, bottom, right in self._head["merged"]
            if top >= self.header.line and left in headers and key(headers[left]) not in wanted
        ]
        if not kept:
            return []
        shown = ", ".join(kept[:5]) + (f" and {len(kept) - 5} more" if len(kept) > 5 else "")
        message = f"merged cells have their value in the first row only: {shown}"
        return [faults.found(faults.MERGED, message, hint="Unmerge them, or name the columns to fill: --fill COLUMN.")]


def _frame(answer: sandbox.Answer) -> pl.DataFrame:
    columns = {str(index): _texts(*column) for index, column in enumerate(answer.columns)}
    return pl.DataFrame(columns).with_columns(pl.when(pl.all() != "").then(pl.all()))


def _texts(offsets: bytes, text: bytes) -> pl.Series:
    """A column's cells, cut in columns too: no object for a cell."""
    count = pl.Array(pl.Int32, len(offsets) // OFFSET)
    cuts = pl.Series([offsets]).bin.reinterpret(dtype=count, endianness=sys.byteorder).explode()
    cells = pl.DataFrame({"start": cuts.head(-1), "length": cuts.diff().tail(-1)})
    return cells.select(pl.lit(text).bin.slice("start", "length").cast(pl.String)).to_series()


def _written(column: pl.Series, marks: pl.DataFrame) -> pl.Series:
    """A column with errors as their text, booleans in capitals, and dates without a midnight."""
    texts = marks.filter(pl.col("kind").is_in(["error", "boolean"]))
    if texts.height:
        column = column.scatter(texts["row"], texts["text"])
    dates = marks.filter(pl.col("kind") == "date")["row"]
    if len(dates):
        column = column.scatter(dates, column.gather(dates).str.strip_suffix(" 00:00:00"))
    return column


def _numbers(numbers: Sequence[int]) -> str:
    """Row numbers as ranges, the first few."""
    ranges: list[list[int]] = []
    for number in numbers[:10_000]:
        if ranges and ranges[-1][1] + 1 == number:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    shown = [f"{first}" if first == last else f"{first}–{last}" for first, last in ranges[:6]]
    return ", ".join(shown) + (", …" if len(ranges) > 6 else "")
