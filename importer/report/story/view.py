"""What the page says of one run, in the names that its template knows."""

from collections import Counter
from typing import Any

from importer.model.clock import iso
from importer.report.story import words
from importer.report.story.charts import NARROW, WIDE, Bars, drawn, strip
from importer.report.story.chinese import told
from importer.report.story.content import KINDS, Story, clipped
from importer.report.story.series import mails, mails_said, states, timeline, timeline_said
from importer.report.story.words import Words

SPANS = {WIDE: 60, NARROW: 24}  # bars of the timeline


def view(story: Story) -> dict[str, Any]:
    """All of it."""
    return _heading(story) | _balance(story) | _doubts(story) | _charts(story) | _findings(story)


def _heading(story: Story) -> dict[str, Any]:
    summary = story.summary
    verdict, after = words.verdict(summary)
    return {
        "summary": summary,
        "rehearsal": story.endpoint == "loopback",
        "endpoint": story.endpoint,
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
