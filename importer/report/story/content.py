"""What a page of a run tells: values gathered from the ledger, and the pure reckoning that they need."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from importer.directory.codes import TABLE
from importer.ledger.views import Calls, ExportRow, Marked
from importer.model.finding import Severity
from importer.model.operation import Outcome
from importer.report.summary import Summary

FAILED = "failed"  # beside the severities: refused by the directory, not by the check
KINDS = (FAILED, *(severity.value for severity in Severity))  # the worst first
SHOWN = 2_000  # rows of a table: a browser is no spreadsheet program
CLIPPED = 200  # characters of a cell
ADVICE = {entry.code: entry.advice for entry in reversed(TABLE) if entry.outcome is Outcome.ROW}
WIDTHS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding or failure of one row; ``kind`` is one of `KINDS`, ``rule`` a rule's id or a code of the directory."""

    line: int
    name: str
    kind: str
    rule: str
    message: str
    column: str = ""
    value: str = ""
    hint: str = ""
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """The entries that are shown, the worst kinds first, and how many there are of each kind and rule in all."""

    entries: tuple[Entry, ...] = ()
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        return sum(self.counts.values()) - len(self.entries)


@dataclass(frozen=True, slots=True)
class Days:
    """The mails of each day, those that went (or may have gone) out and those foreseen; ``limit``: mails a day."""

    days: tuple[tuple[date, int, int], ...]
    limit: int
    finished_on: date | None = None  # when the last mail goes out, if that can be foreseen
    beyond: int = 0  # mails that are foreseen for later days than these


@dataclass(frozen=True, slots=True)
class Story:
    """All that the page tells of one run. ``calls`` were counted by spans of ``width`` seconds."""

    summary: Summary
    endpoint: str  # the host, or ``loopback`` for a rehearsal
    zone: str
    days: Days
    calls: tuple[Calls, ...] = ()
    width: float = 1.0
    begun: float | None = None
    ended: float | None = None
    doubts: tuple[ExportRow, ...] = ()
    doubts_in_all: int = 0
    marks: Marks = field(default_factory=Marks)


def gathered(rows: Iterable[Marked], shown: int = SHOWN) -> Marks:
    """All entries counted, and at most ``shown`` kept: the worst kinds first, and of each the file's first."""
    counts: Counter[tuple[str, str]] = Counter()
    kept: dict[str, list[Entry]] = {kind: [] for kind in KINDS}
    for marked in rows:
        for told in (*_of_ledger(marked), *marked.findings):
            kind = told["severity"]
            counts[kind, told["rule"]] += 1
            if len(kept[kind]) < shown:
                kept[kind].append(_entry(marked.row, told))
    return Marks(tuple(entry for kind in KINDS for entry in kept[kind])[:shown], dict(counts))


def _of_ledger(marked: Marked) -> Iterable[Mapping[str, str | None]]:
    """What no finding says: that the directory refused the row, or why else it is not in."""
    row = marked.row
    if row.state == FAILED or not marked.findings:
        kind, rule = Severity.NOTE.value if row.state == "duplicate" else FAILED, row.code or row.state
        yield {"severity": kind, "rule": rule, "message": row.message or row.state, "hint": ADVICE.get(rule)}


def _entry(row: ExportRow, told: Mapping[str, str | None]) -> Entry:
    shown = {name: clipped(told.get(name)) for name in ("message", "column", "value", "hint", "suggestion")}
    return Entry(row.row, clipped(row.name), told["severity"] or FAILED, told["rule"] or "", **shown)


def clipped(text: str | None) -> str:
    """A cell may hold a book; the page shows how it begins."""
    text = text or ""
    return text if len(text) <= CLIPPED else f"{text[:CLIPPED]}…"


def width_for(seconds: float, spans: int) -> float:
    """The smallest round span of time, in seconds, of which ``spans`` are enough."""
    return next((width for width in WIDTHS if width * spans >= seconds), WIDTHS[-1])


def spans(calls: Sequence[Calls], width: float, most: int) -> tuple[float, list[tuple[float, Counter[str]]]]:
    """The calls in at most ``most`` spans without a gap, and how wide those are: ``width``, or a multiple of it.

    Each span: when it begins, and its calls by outcome.
    """
    if not calls:
        return width, []
    step = _whole(width)
    places = [_whole(one.at) for one in calls]
    while places[-1] // step - places[0] // step >= most:
        step *= 2
    begins, ends = places[0] // step, places[-1] // step
    found: list[tuple[float, Counter[str]]] = [(at * step / 1000, Counter()) for at in range(begins, ends + 1)]
    for place, one in zip(places, calls, strict=True):
        found[place // step - begins][1][one.outcome.value] += one.count
    return step / 1000, found


def _whole(seconds: float) -> int:
    """Milliseconds, in which a multiple of a width is one."""
    return max(1, round(seconds * 1000))
