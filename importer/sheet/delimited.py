"""Delimited text to a grid: polars for whole columns, record by record only where the text needs it."""

import re
from collections.abc import Iterator
from itertools import islice

import polars as pl

from importer.model.errors import FixFile
from importer.sheet import faults
from importer.sheet.dialect import Dialect, Unclosed, lines_of, records
from importer.sheet.grid import Grid
from importer.sheet.layout import filled

CHUNK = 50_000  # records made into columns at a time
BROKEN_MAX = 100_000  # records with line breaks that are put together one by one
LINES_MAX = 200  # lines of such a record
WIDE = 40  # columns up to which one pattern for a whole line is a small program
QUOTED = '"[^"]*"'
COUNTS = {"fields": pl.UInt32, "text": pl.String}


def grid(text: bytes, dialect: Dialect, file: str) -> Grid:
    """The rows below the header. Raises `FixFile` for a quote that is never closed."""
    quick = _columns(text, dialect)
    if quick is not None:
        return quick
    slow = _records(text, dialect, file)
    if any(not part.is_empty() for part in slow.findings) and b"\\" + dialect.delimiter.encode() in text:
        escaped = _records(text, dialect, file, escape=True)
        if all(part.is_empty() for part in escaped.findings):
            note = faults.found(faults.ESCAPES, "a backslash before a delimiter was read as part of the field")
            return Grid(escaped.header, escaped.frame, escaped.lines, [faults.frame([note])])
    return slow


def _columns(text: bytes, dialect: Dialect) -> Grid | None:
    """The whole text at once, where quotes are only where they belong; ``None`` where they may not be."""
    header, first = dialect.header, dialect.header_end + 1
    whole = None if b'"' in text else _exact(text, dialect)
    if whole is not None or b"\x01" in text:
        return whole
    raw = _raw(text, dialect.header_end)
    lines = pl.int_range(first, first + len(raw), dtype=pl.UInt32, eager=True)
    quoted = b'"' in text
    even = _even(raw, dialect, quoted=quoted)
    if quoted and not even:
        joined = _joined(raw, lines, dialect.delimiter)
        if joined is None:
            return None
        raw, lines = joined
        even = _even(raw, dialect, quoted=True)
    try:
        frame = _parse(text, dialect, quoted=quoted)
    except pl.exceptions.PolarsError:
        return None
    if frame.height != len(raw):
        return None
    if even:
        return Grid(header, frame, lines, [])
    ragged = _uneven(raw, dialect, quoted=quoted)
    if b"\\" in text and not ragged.is_empty():
        return None
    return Grid(header, frame, lines, [_ragged(ragged.with_columns(line=lines.gather(ragged["row"])), dialect)])


def _exact(text: bytes, dialect: Dialect) -> Grid | None:
    """A text without quotes whose lines surely all have as many fields as the header; ``None`` for any other.

    No last field is blank: so none is missing. Fields, delimiters and line ends are all bytes: so none is too many.
    """
    start = 0
    for _ in range(dialect.header_end):
        start = text.find(b"\n", start) + 1
    try:
        frame = _read(text, dialect, quoted=False)
    except pl.exceptions.PolarsError:
        return None
    lengths = frame.select(pl.all().str.len_bytes().fill_null(0))
    if frame.is_empty() or lengths.to_series(-1).min() == 0:
        return None
    marks = frame.height * frame.width - (not text.endswith(b"\n"))
    if not start or sum(column.sum() for column in lengths) + marks != len(text) - start:
        return None
    first = dialect.header_end + 1
    lines = pl.int_range(first, first + frame.height, dtype=pl.UInt32, eager=True)
    blank = [column.name for column in lengths if column.min() == 0]
    return Grid(dialect.header, _nulled(frame, blank), lines, [])


def _parse(text: bytes, dialect: Dialect, *, quoted: bool) -> pl.DataFrame:
    frame = _read(text, dialect, quoted=quoted)
    return _nulled(frame, frame.columns)


def _nulled(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Null in place of empty text in those columns."""
    return frame.with_columns(pl.when(pl.col(name) != "").then(name) for name in columns) if columns else frame


def _read(text: bytes, dialect: Dialect, *, quoted: bool) -> pl.DataFrame:
    """Fields as they are, missing ones null. The header is read as the first row, and dropped: it tells the width."""
    frame = pl.read_csv(
        text,
        has_header=False,
        skip_lines=dialect.header.line - 1,
        separator=dialect.delimiter,
        quote_char='"' if quoted else None,
        schema={str(index): pl.String for index in range(dialect.header.width)},
        empty_string_is_null=False,
        truncate_ragged_lines=True,
        infer_schema=False,
    )
    return frame.slice(1)


def _raw(text: bytes, skip: int) -> pl.Series:
    """The lines of the text as they are."""
    return pl.read_csv(
        text, has_header=False, skip_lines=skip, separator="\x01", quote_char=None, schema={"line": pl.String},
        empty_string_is_null=False, truncate_ragged_lines=True, infer_schema=False,
    )["line"]  # fmt: skip


def _joined(raw: pl.Series, lines: pl.Series, delimiter: str) -> tuple[pl.Series, pl.Series] | None:
    """Records with the lines they begin on, where a quoted line break had cut them; ``None`` if they cannot be told."""
    field, mark = _field(delimiter)
    odd = (~raw.str.contains(f"^{field}(?:{mark}{field})*$")).arg_true()
    if len(odd) > BROKEN_MAX:
        return None
    # As above, and without going back, so that a long record costs no more than its length.
    exact = f'(?:"(?:[^"]++|"")*+"|[^"{mark}]*+)'
    whole = re.compile(f"{exact}(?:{mark}{exact})*+")
    texts: dict[int, str] = {}
    rest: list[int] = []
    done = -1
    for start in odd.to_list():
        if start <= done:
            continue
        done, text = start, str(raw[start])
        while not whole.fullmatch(text):
            done += 1
            if done >= len(raw) or done - start > LINES_MAX:
                return None
            text = f"{text}\n{raw[done]}"
        texts[start] = text
        rest.extend(range(start + 1, done + 1))
    if not texts:
        return raw, lines
    keep = pl.Series([True]).new_from_index(0, len(raw)).scatter(rest, values=False)
    return raw.scatter(list(texts), list(texts.values())).filter(keep), lines.filter(keep)


def _field(delimiter: str) -> tuple[str, str]:
    mark = f"\\x{ord(delimiter):02x}"
    return f'(?:[^"{mark}]*|"(?:[^"]|"")*")', mark


def _even(raw: pl.Series, dialect: Dialect, *, quoted: bool) -> bool:
    """Whether every line is a record of as many fields as the header, blank lines being none."""
    width = dialect.header.width
    if not quoted:
        return bool((raw.str.count_matches(dialect.delimiter, literal=True) == width - 1).all())
    if width > WIDE:
        return False
    field, mark = _field(dialect.delimiter)
    return bool(raw.str.contains(f"^{field}(?:{mark}{field}){{{width - 1}}}$").all())


def _uneven(raw: pl.Series, dialect: Dialect, *, quoted: bool) -> pl.DataFrame:
    """Rows with too few or too many fields; blank fields at the end are not too many, and blank rows not too few."""
    lines = pl.DataFrame({"text": raw}).with_row_index("row")
    bare = pl.col("text").str.replace_all(QUOTED, "") if quoted else pl.col("text")
    mark = dialect.delimiter
    # Only blank fields may be cut off at the end: a quoted last field leaves nothing in the bare text, but is none.
    cut = pl.when(pl.col("text").str.ends_with('"')).then(bare).otherwise(bare.str.strip_chars_end(mark + " "))
    counts = lines.with_columns(
        fields=bare.str.count_matches(mark, literal=True) + 1, most=cut.str.count_matches(mark, literal=True) + 1
    )
    header = dialect.header
    uneven = (pl.col("fields") < header.least) | (pl.col("most") > header.width)
    blank = pl.col("text").str.strip_chars(mark + " ") == ""
    return counts.filter(uneven & ~blank).select("row", "fields", "text")


def _ragged(rows: pl.DataFrame, dialect: Dialect) -> pl.DataFrame:
    header = dialect.header
    wanted = header.width if header.width == header.least else f"{header.least} to {header.width}"
    return faults.rows(
        faults.RAGGED,
        rows.with_columns(value=pl.col("text").str.slice(0, 500)),
        message=pl.format("the row has {} fields, the header {}", pl.col("fields"), pl.lit(str(wanted))),
        hint=f"Add or remove a delimiter ({_shown(dialect.delimiter)}), or put quotes around a field that holds one.",
    )


def _shown(delimiter: str) -> str:
    return {"\t": "tab", " ": "space"}.get(delimiter, delimiter)


def _records(text: bytes, dialect: Dialect, file: str, *, escape: bool = False) -> Grid:
    """Record by record, for line breaks inside quotes and quotes that stand where none should."""
    frames: list[pl.DataFrame] = []
    lines: list[int] = []
    ragged: list[tuple[int, int, int, str]] = []
    width, least = dialect.header.width, dialect.header.least
    found = records(lines_of(text, dialect.header_end), dialect.delimiter, dialect.header_end + 1, escape=escape)
    try:
        while chunk := list(islice(found, CHUNK)):
            for line, _, cells in chunk:
                if len(cells) != width and (len(cells) < least or filled(cells) > width) and filled(cells):
                    ragged.append((len(lines), line, len(cells), dialect.delimiter.join(cells)))
                lines.append(line)
            frames.append(_frame((cells for _, _, cells in chunk), width))
    except Unclosed as error:
        raise FixFile(
            f"{file}: line {error.line} opens a quote that is never closed",
            hint='Close it, or double it ("") where it belongs to the text.',
        ) from None
    schema = {"row": pl.UInt32, "line": pl.UInt32, **COUNTS}
    uneven = pl.DataFrame(ragged, schema=schema, orient="row")
    frame = pl.concat(frames) if frames else _frame(iter(()), width)
    return Grid(dialect.header, frame, pl.Series(lines, dtype=pl.UInt32), [_ragged(uneven, dialect)])


def _frame(rows: Iterator[list[str]], width: int) -> pl.DataFrame:
    blank: list[str | None] = [None] * width
    padded = [[cell or None for cell in cells[:width]] + blank[len(cells) :] for cells in rows]
    columns = list(zip(*padded, strict=True)) if padded else [()] * width
    return pl.DataFrame({str(index): pl.Series(columns[index], dtype=pl.String) for index in range(width)})
