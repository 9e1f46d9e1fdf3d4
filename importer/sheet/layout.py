"""Where the table is on the page: its header, and how wide its rows are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from importer.sheet.columns import hits

LOOK = 60  # filled rows among which a header is looked for
Row = tuple[int, Sequence[str]]  # its line, its cells


def filled(cells: Sequence[str]) -> int:
    """How wide a row is: the number of cells up to the last that is not blank."""
    return next((index for index in range(len(cells), 0, -1) if cells[index - 1].strip()), 0)


def header(rows: Sequence[Row], known: frozenset[str], spans: Mapping[int, int] | None = None) -> Row | None:
    """The header among the first rows: the one with most known names, else the first as wide as those below it.

    ``spans`` tells how far merged cells reach in a line; a title over the whole table does not make a header.
    """
    rows = [row for row in rows if filled(row[1])][:LOOK]
    if not rows:
        return None
    scores = [hits(cells, known) for _, cells in rows]
    enough = max(2, 0.75 * max(scores))  # a second table below may have a name more, a line above a name or two
    known_row = next((row for row, score in zip(rows, scores, strict=True) if score >= enough), None)
    if known_row is not None:
        return known_row
    widths = [_width(line, cells, spans or {}) for line, cells in rows]
    for index, width in enumerate(widths):
        below = Counter(widths[index + 1 : index + 21])
        if not below or width >= min(w for w, count in below.items() if count == max(below.values())):
            return rows[index]
    return rows[-1]


def _width(line: int, cells: Sequence[str], spans: Mapping[int, int]) -> int:
    several = sum(1 for cell in cells if cell.strip()) > 1
    return max(filled(cells), spans.get(line, 0) if several else 0)


@dataclass(frozen=True, slots=True)
class Shape:
    """A header as it bears on the rows below: named columns at least, all columns at most."""

    line: int
    cells: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.cells)

    @property
    def least(self) -> int:
        return filled(self.cells)
