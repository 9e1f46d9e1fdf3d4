"""A table in HTML, which many programs export under the name of .xls, to rows of text."""

from array import array
from html.parser import HTMLParser

SPAN_MAX = 1000  # columns or rows that one cell is taken to span
CELLS = ("td", "th")


class Tables(HTMLParser):
    """Collects the outermost tables; a cell that spans others leaves them blank."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self.hidden: list[list[int]] = []
        self._depth = 0
        self._text: list[str] | None = None
        self._taken: dict[int, int] = {}  # column → rows for which a cell from above takes it
        self._width = 1
        self._mute = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._depth += 1
            if self._depth == 1:
                self.tables.append([])
                self.hidden.append([])
                self._taken = {}
        elif tag in ("script", "style"):
            self._mute += 1
        elif self._depth == 1 and tag == "tr":
            self._row(dict(attrs))
        elif self._depth == 1 and tag in CELLS:
            self._cell(dict(attrs))
        elif tag == "br" and self._text is not None:
            self._text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self._depth:
            self._depth -= 1
        elif tag in ("script", "style") and self._mute:
            self._mute -= 1
        if self._depth <= 1 and tag in ("table", "tr", *CELLS):
            self._close()

    def handle_data(self, data: str) -> None:
        if self._text is not None and not self._mute:
            self._text.append(data)

    def _row(self, attrs: dict[str, str | None]) -> None:
        self._close()
        rows = self.tables[-1]
        if "hidden" in attrs or "display:none" in (attrs.get("style") or "").replace(" ", "").lower():
            self.hidden[-1].append(len(rows))
        self._taken = {column: left - 1 for column, left in self._taken.items() if left > 1}
        rows.append([])

    def _cell(self, attrs: dict[str, str | None]) -> None:
        self._close()
        rows = self.tables[-1]
        if not rows:
            rows.append([])
        row = rows[-1]
        while len(row) in self._taken:
            row.append("")
        across, down = _span(attrs.get("colspan")), _span(attrs.get("rowspan"))
        if down > 1:
            self._taken.update(dict.fromkeys(range(len(row), len(row) + across), down))
        self._text, self._width = [], across

    def _close(self) -> None:
        if self._text is not None and self.tables and self.tables[-1]:
            text = "\n".join(" ".join(line.split()) for line in "".join(self._text).split("\n")).strip()
            self.tables[-1][-1].extend([text, *[""] * (self._width - 1)])
        self._text = None


def _span(value: str | None) -> int:
    return min(int(value), SPAN_MAX) if value and value.isdecimal() and len(value) < 8 and int(value) > 0 else 1


def largest(text: str) -> tuple[list[list[str]], list[int]]:
    """The table with most cells, and which of its rows are hidden; no rows when there is no table."""
    parser = Tables()
    parser.feed(text)
    parser.close()
    found = list(zip(parser.tables, parser.hidden, strict=True))
    return max(found, key=lambda table: sum(map(len, table[0])), default=([], []))


def buffers(rows: list[list[str]]) -> list[tuple[bytes, bytes]]:
    """Columns as offsets and text, as `arrow.columns` gives them."""
    width = max(map(len, rows), default=0)
    made: list[tuple[bytes, bytes]] = []
    for index in range(width):
        cells = [row[index].encode() if index < len(row) else b"" for row in rows]
        offsets = array("i", [0])
        for cell in cells:
            offsets.append(offsets[-1] + len(cell))
        made.append((offsets.tobytes(), b"".join(cells)))
    return made
