"""A run as one page of HTML that needs nothing else: what came of it, when, what waits, and what to do next."""

import base64
import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from importer.model.clock import iso
from importer.report.story import words
from importer.report.story.charts import NARROW, WIDE, Bars, drawn, strip
from importer.report.story.chinese import told
from importer.report.story.content import KINDS, Story, clipped
from importer.report.story.series import mails, mails_said, states, timeline, timeline_said
from importer.report.story.words import Words
from importer.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
STDIN = Words("standard input", "标准输入")
SPANS = {WIDE: 60, NARROW: 24}  # bars of the timeline
COLUMNS = {  # of the tables that become cards on a narrow screen
    "findings": (
        Words("line", "行"),
        Words("name", "姓名"),
        Words("kind", "类别"),
        Words("column", "列"),
        Words("as written", "原文"),
        Words("what is wrong", "问题"),
        Words("what to do", "处理办法"),
    ),
    "doubts": (
        Words("line", "行"),
        Words("name", "姓名"),
        Words("address", "邮箱"),
        Words("attempts", "尝试次数"),
        Words("what came of it", "情况"),
    ),
}


def write_story(story: Story, path: Path) -> None:
    """Write the page. Everything of the file and of the directory's answers is escaped; no script but ours runs."""
    from markupsafe import Markup

    environment = _environment()
    style = environment.get_template("page.css").render(columns=COLUMNS, styles=words.STYLES)
    script = (HERE / "page.js").read_text(encoding="utf-8")
    page = environment.get_template("page.html").stream(
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:",
        css=Markup(style),  # noqa: S704  nothing of the file is in it
        js=Markup(script),  # noqa: S704  as above
        columns=COLUMNS,
        version=__version__,
        **_heading(story),
        **_balance(story),
        **_doubts(story),
        **_charts(story),
        **_findings(story),
    )
    page.enable_buffering(200)
    page.dump(str(path), encoding="utf-8")


def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _heading(story: Story) -> dict[str, Any]:
    summary = story.summary
    verdict, after = words.verdict(summary)
    return {
        "summary": summary,
        "file": STDIN if summary.file == "-" else words.same(summary.file),
        "title": Words(f"{summary.file}: {verdict.en}", f"{summary.file}：{verdict.zh}"),
        "rehearsal": story.endpoint == "loopback",
        "endpoint": story.endpoint,
        "zone": story.zone,
        "tone": words.TONES.get(summary.exit_code, "bad"),
        "verdict": verdict,
        "next": after,
        "waits": [words.waiting(wait) for wait in summary.deferrals],
        "notes": [words.note(note) for note in summary.notes],
        "begun": _moment(story.begun, story.zone),
        "ended": _moment(story.ended, story.zone),
        "calls_made": sum(count for codes in summary.calls.values() for count in codes.values()),
    }


def _moment(seconds: float | None, zone: str) -> str | None:
    at = iso(seconds, zone)
    return words.moment(at) if at else None


def _balance(story: Story) -> dict[str, Any]:
    rows, parts = story.summary.rows, states(story.summary.contacts)
    return {
        "places": words.PLACES,
        "row_terms": [(rows[place], words.PLACES[place], place) for place in ("rejected", "duplicate", "accepted")],
        "state_terms": [(part.values[0], part.name, part.style) for part in parts],
        "strip": _svg(strip(parts)) if parts else None,
    }


def _doubts(story: Story) -> dict[str, Any]:
    rows = [(row, _said(row.code or "", clipped(row.message or row.state))[0]) for row in story.doubts]
    return {"doubts": rows, "doubts_left_out": story.doubts_in_all - len(rows)}


def _charts(story: Story) -> dict[str, Any]:
    by_day = mails(story.days)
    wide, narrow = timeline(story, SPANS[WIDE]), timeline(story, SPANS[NARROW])
    return {
        "days_said": mails_said(story.days),
        "days": _chart(by_day, by_day) if by_day else None,
        "beyond": story.days.beyond,
        "calls_said": {"wide": timeline_said(wide[0]), "narrow": timeline_said(narrow[0])} if wide and narrow else None,
        "calls": _chart(wide[1], narrow[1]) if wide and narrow else None,
    }


def _chart(wide: Bars, narrow: Bars) -> dict[str, Any]:
    return {"wide": wide, "wide_svg": _svg(drawn(wide, WIDE)), "narrow_svg": _svg(drawn(narrow, NARROW))}


def _svg(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  built as a tree of elements, which escapes its text


def _findings(story: Story) -> dict[str, Any]:
    marks = story.marks
    by_kind: Counter[str] = Counter()
    by_rule: Counter[str] = Counter()
    for (kind, rule), count in marks.counts.items():
        by_kind[kind] += count
        by_rule[rule] += count
    return {
        "entries": [(entry, *_said(entry.rule, entry.message, entry.hint)) for entry in marks.entries],
        "kinds": [(kind, words.KINDS[kind], by_kind[kind]) for kind in KINDS if by_kind[kind]],
        "rules": by_rule.most_common(),
        "kind_words": words.KINDS,
        "ranks": {kind: rank for rank, kind in enumerate(KINDS)},
        "found": sum(by_kind.values()),
        "left_out": marks.left_out,
    }


def _said(rule: str, message: str, hint: str = "") -> tuple[Words, Words]:
    """What is wrong and what to do, in both languages."""
    wrong, todo = told(rule, message)
    return Words(message, wrong), Words(hint, todo or hint)
