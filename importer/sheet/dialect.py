"""How a text parts its fields: the sep= line, the delimiter, and where the header is."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from importer.model.errors import FixCommand, FixFile
from importer.sheet.columns import hits
from importer.sheet.layout import LOOK, Shape, filled, header

DELIMITERS = (",", ";", "\t", "|")
NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
HEAD = 1 << 19  # bytes in which the delimiter and the header are found
SEP = re.compile(r'"?sep=(.)"?[,;\t|]*\Z', re.IGNORECASE)
FIELD_MAX = 131_072  # characters in a field, the csv module's own limit


@dataclass(frozen=True, slots=True)
class Dialect:
    """``header_end`` is the last line of the header: a quoted header may hold line breaks."""

    delimiter: str
    header: Shape
    header_end: int


def sniff(text: bytes, file: str, delimiter: str | None, header_line: int | None, known: frozenset[str]) -> Dialect:
    """Find out how a text is laid out. Raises `FixFile` when it has no header."""
    head = text[:HEAD]
    if len(text) > HEAD and b"\n" in head:
        head = head[: head.rindex(b"\n")]
    lines = head.decode(errors="ignore").split("\n")
    sep = SEP.match(lines[0].rstrip())
    first = 2 if sep else 1
    chosen = named(delimiter) if delimiter else sep.group(1) if sep else None
    lines = lines[first - 1 :]
    if chosen is None:
        chosen = max(DELIMITERS, key=lambda d: _score(_some(lines, d, first) if d.encode() in head else (), known))
    if header_line is not None:
        return _given(lines, file, chosen, first, header_line)
    some = _some(lines, chosen, first)
    found = header([(line, cells) for line, _, cells in some], known)
    if found is None:
        raise FixFile(f"{file}: there is no header row", hint="Give the file a header row and one row a contact.")
    ends = {line: end for line, end, _ in some}
    return Dialect(chosen, Shape(found[0], tuple(found[1])), ends[found[0]])


def is_sep(line: bytes) -> bool:
    """Whether a first line only tells a spreadsheet program the delimiter."""
    return bool(SEP.match(line.decode(errors="ignore").rstrip()))


def named(delimiter: str) -> str:
    """A delimiter as given: one character, or its name."""
    char = NAMES.get(delimiter.lower(), delimiter)
    if len(char) != 1 or ord(char) > 127 or char in '"\r\n\0':
        raise FixCommand(
            f"{delimiter} is no delimiter", hint="Give one character such as ; or a name: comma, semicolon, tab, pipe."
        )
    return char


def records(
    lines: Sequence[str] | Iterator[str], delimiter: str, first: int, *, escape: bool = False
) -> Iterator[tuple[int, int, list[str]]]:
    """Each record with its first and last line, from ``first``. Raises `Unclosed` with the line of a lone quote."""
    ended = False
    taken: list[str] = []

    def ending() -> Iterator[str]:
        nonlocal ended
        for line in lines:
            taken.append(line if line.endswith("\n") else line + "\n")
            yield taken[-1]
        ended = True

    reader = csv.reader(
        ending(), delimiter=delimiter, doublequote=True, strict=False, escapechar="\\" if escape else None
    )
    start = first
    while True:
        taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a field beyond the limit: a quote that is never closed, or not for long
            raise Unclosed(start + _opened("".join(taken), delimiter)) from None
        if ended:  # the reader asked for more lines inside a record
            raise Unclosed(start + _opened("".join(taken), delimiter))
        end = first + reader.line_num - 1
        yield start, end, cells
        start = end + 1


def _opened(text: str, delimiter: str) -> int:
    """How many lines below the first the last quote opens that is not closed."""
    place = opened = 0
    while place < len(text):
        if text[place] != '"':  # an unquoted field
            ends = [end for end in (text.find(delimiter, place), text.find("\n", place)) if end >= 0]
            place = min(ends) + 1 if ends else len(text)
            continue
        opened, place = place, place + 1
        while (close := text.find('"', place)) >= 0 and text[close + 1 : close + 2] == '"':
            place = close + 2
        if close < 0:
            break
        ends = [end for end in (text.find(delimiter, close), text.find("\n", close)) if end >= 0]
        place = min(ends) + 1 if ends else len(text)
    return text.count("\n", 0, opened)


class Unclosed(Exception):
    """A quote opens at ``line`` and never closes."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _some(lines: Sequence[str], delimiter: str, first: int) -> list[tuple[int, int, list[str]]]:
    """The first filled records, as far as they can be read."""
    found: list[tuple[int, int, list[str]]] = []
    try:
        for start, end, cells in records(lines, delimiter, first):
            if filled(cells):
                found.append((start, end, cells))
            if len(found) == LOOK:
                break
    except Unclosed as error:
        if not found:
            line = lines[error.line - first]
            return [(error.line, error.line, line.split(delimiter))]
    return found


def _score(found: Sequence[tuple[int, int, list[str]]], known: frozenset[str]) -> tuple[float, ...]:
    """Known headers first, then how many rows agree on a width of two or more, then that width.

    Headers count for as much as rows agree: types parted by semicolons look like columns of that name in one row.
    """
    if not found:
        return (0, 0, 0)
    words = max(hits(cells, known) for _, _, cells in found[:LOOK])
    widths = Counter(len(cells) for _, _, cells in found if len(cells) > 1)
    if not widths:
        return (0, 0, 0)
    width, count = widths.most_common(1)[0]
    agree = count / len(found)
    return (words * agree if words > 1 else 0, agree, width)


def _given(lines: Sequence[str], file: str, delimiter: str, first: int, wanted: int) -> Dialect:
    seen = 0
    try:
        for start, end, cells in records(lines, delimiter, first):
            if start == wanted and filled(cells):
                return Dialect(delimiter, Shape(start, tuple(cells)), end)
            seen = end
            if start > wanted:
                break
    except Unclosed as error:
        seen = error.line
    raise FixFile(
        f"{file}: line {wanted} is no header",
        hint=f"--header-row takes the number of a filled line (read up to {seen}).",
    )


def lines_of(text: bytes, skip: int) -> Iterator[str]:
    """The lines after the first ``skip``, each with its LF."""
    stream = io.TextIOWrapper(io.BytesIO(text), encoding="utf-8", newline="\n")
    for _ in range(skip):
        stream.readline()
    return stream
