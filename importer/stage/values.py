"""Titles and message types: closed lists, looked up once for each distinct cell."""

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches

import polars as pl

from importer.model.contact import LIST_SEPARATOR, MESSAGE_TYPES, TITLES
from importer.stage.book import Book, Column
from importer.stage.cells import distinct, repair
from importer.stage.rules import REPAIRS

FLAGS = (*REPAIRS, "value-spelling", "chinese-label", "repeated-type")

# Every set of message types as one text, at the place that its bits count to.
SETS = [
    LIST_SEPARATOR.join(kind for bit, kind in enumerate(MESSAGE_TYPES) if number >> bit & 1)
    for number in range(1 << len(MESSAGE_TYPES))
]

# What people write besides the console's labels and surely mean the same.
_TITLE_LABELS = {**{label: title for title, label in TITLES.items() if label != title}, "其他": "Other"}

# What they may have meant; it is suggested, and not taken.
_TITLE_GUESSES = {
    "chiefexecutiveofficer": "CEO",
    "首席执行官": "CEO",
    "总经理": "CEO",
    "cfo": "FinanceDirector",
    "财务总监": "FinanceDirector",
    "cto": "TechnicalDirector",
    "技术总监": "TechnicalDirector",
    "运维总监": "MaintenanceDirector",
    "项目经理": "ProjectDirector",
    "项目总监": "ProjectDirector",
}
_TYPE_GUESSES = dict.fromkeys(("all", "alltypes", "全部", "所有"), LIST_SEPARATOR.join(MESSAGE_TYPES))

_GUESSED = 1000  # distinct unusable cells of a column that are compared for a suggestion: some 0.1 ms each
_GUESSED_LENGTH = 200  # characters; a longer cell is no slip of the pen

_SEPARATORS = r"(?:\s*[;,|、\r\n])+\s*"  # after NFKC, which makes the full-width ones plain
_LIKELY_SEPARATOR = re.compile(r"[;,|、/+&\r\n]|和|\band\b")
_TITLE_NAMES = {title.lower(): title for title in TITLES}
_TYPE_NAMES = {kind.lower(): kind for kind in MESSAGE_TYPES}
_TYPE_LABELS = {label: kind for kind, label in MESSAGE_TYPES.items()}
_EXACT = ";(?:" + "|".join([*MESSAGE_TYPES, *_TYPE_LABELS]) + ");"


def sure_title(cell: pl.Expr) -> pl.Expr:
    """Whether a cell is a title as the API spells it."""
    return cell.is_in(list(TITLES))


def sure_types(cell: pl.Expr) -> pl.Expr:
    """Whether a cell is message types as the API spells them, in canonical order, parted by `LIST_SEPARATOR`."""
    return cell.is_in(SETS[1:])


def check_titles(column: Column, good: pl.Series, book: Book) -> pl.Series:
    """The column's titles as the API spells them. ``good``: those that are so already."""
    return _looked_up(column, good, book, _titles)


def check_types(column: Column, good: pl.Series, book: Book) -> pl.Series:
    """The column's message types as `sure_types` wants them. ``good``: those that are so already."""
    return _looked_up(column, good, book, _types)


def _looked_up(column: Column, good: pl.Series, book: Book, judge: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.Series:
    """Judge the distinct cells that are not ``good``, then let every row have what its cell got."""
    rest = column.rest(good)
    if rest.is_empty():
        return column.cells
    if distinct(rest.select("cell"))["cell"]:
        rest = rest.select("row").hstack(judge(repair(rest.select("cell"))))
    else:
        judged = judge(repair(rest.select(pl.col("cell").unique(maintain_order=True))))
        rest = rest.join(judged, on="cell", how="left", maintain_order="left")
    book.judge(column, rest, FLAGS)
    return column.merge(good, rest["text"])


def _titles(cells: pl.DataFrame) -> pl.DataFrame:
    text, folded = pl.col("text"), pl.col("folded")
    cells = cells.with_columns(folded=text.str.to_lowercase().str.replace_all(r"[\s_-]+", "")).with_columns(
        english=folded.replace_strict(_TITLE_NAMES, default=None, return_dtype=pl.String),
        chinese=folded.replace_strict(_TITLE_LABELS, default=None, return_dtype=pl.String),
    )
    english, chinese = pl.col("english"), pl.col("chinese")
    cells = cells.with_columns(
        problem=pl.when(text == "")
        .then(pl.lit("missing-value"))
        .when(english.is_null() & chinese.is_null())
        .then(pl.lit("title-unknown")),
        detail=pl.coalesce(english, chinese),
        text=pl.coalesce(english, chinese, text),
        **{
            "value-spelling": english.is_not_null() & (english != text),
            "chinese-label": chinese.is_not_null(),
            "repeated-type": pl.lit(value=False),
        },
    )
    return _with_suggestions(cells, likely_title)


def _types(cells: pl.DataFrame) -> pl.DataFrame:
    """Each cell as ``;one;;other;``, in which every message type is looked for at once."""
    clean = pl.col("text").str.replace_all(_SEPARATORS, ";").str.strip_chars(";")
    cells = cells.with_columns(parts=pl.format(";{};", clean.str.replace_all(";", ";;", literal=True)))
    parts = pl.col("parts")
    has = [parts.str.contains(_pattern([kind])).cast(pl.UInt8) for kind in MESSAGE_TYPES]
    cells = cells.with_columns(
        bits=pl.sum_horizontal(bit * (1 << place) for place, bit in enumerate(has)),
        kinds=pl.sum_horizontal(has),
        named=parts.str.count_matches(_pattern(MESSAGE_TYPES)),
        plain=parts.str.count_matches(_EXACT),
        unknown=parts.str.replace_all(_pattern(MESSAGE_TYPES), "").str.strip_chars(";"),
    )
    known = pl.col("unknown") == ""
    stripped = pl.col("cell").str.replace_all("[，；｜､\\x{3000}]", "")  # full-width separators are what people type
    cells = cells.with_columns(
        problem=pl.when(parts == ";;").then(pl.lit("missing-value")).when(~known).then(pl.lit("message-type-unknown")),
        detail=pl.when(known)
        .then(pl.lit(pl.Series(SETS)).gather("bits"))
        .otherwise(pl.col("unknown").str.replace_all(";;", ", ", literal=True)),
        **{
            "value-spelling": pl.col("named") > pl.col("plain"),
            "chinese-label": parts.str.contains_any(list(_TYPE_LABELS)),
            "full-width": pl.col("full-width") & (stripped.str.normalize("NFKC") != stripped),
            "repeated-type": pl.col("named") > pl.col("kinds"),
        },
    )
    cells = _with_suggestions(cells, likely_types)
    return cells.with_columns(text="detail")


def _pattern(kinds: Iterable[str]) -> str:
    """Matches parts that name one of the types, with blanks, hyphens and underscores between the words or without."""
    spelt = (r"[\s_-]*".join(re.findall("[A-Z][a-z]+", kind)) + "|" + MESSAGE_TYPES[kind] for kind in kinds)
    return f"(?i);(?:{'|'.join(spelt)});"


def _with_suggestions(cells: pl.DataFrame, likely: Callable[[str], str | None]) -> pl.DataFrame:
    """What the cells need to be judged; only the first `_GUESSED` unusable ones are compared."""
    unusable = pl.col("problem").is_not_null() & (pl.col("text").str.len_chars() <= _GUESSED_LENGTH)
    asked = cells.filter(unusable)["text"].unique(maintain_order=True).head(_GUESSED)
    answers = pl.Series([likely(text) for text in asked], dtype=pl.String)
    return cells.select(
        "cell",
        "text",
        "problem",
        "detail",
        *FLAGS,
        suggestion=pl.when(unusable).then(pl.col("text").replace_strict(asked, answers, default=None))
        if len(asked)
        else pl.lit(None, pl.String),
    )


def likely_title(text: str) -> str | None:
    return _likely(text, _TITLE_NAMES | _TITLE_LABELS, _TITLE_GUESSES)


def likely_types(text: str) -> str | None:
    parts = [part for part in _LIKELY_SEPARATOR.split(text) if part.strip()]
    found = [_likely(part, _TYPE_NAMES | _TYPE_LABELS, _TYPE_GUESSES) for part in parts]
    return LIST_SEPARATOR.join(dict.fromkeys(kind for kind in found if kind)) if found and all(found) else None


def _likely(text: str, known: Mapping[str, str], guesses: Mapping[str, str]) -> str | None:
    folded = re.sub(r"[\s_-]+", "", text.lower())
    if folded in guesses:
        return guesses[folded]
    close = get_close_matches(folded, known, n=1, cutoff=0.8)
    return known[close[0]] if close else None
