"""The page of a run without a browser: spans of time, what is kept of many findings, the words of two languages."""

import re
import sys
from collections import Counter
from datetime import date
from itertools import pairwise

import pytest

from importer.directory.codes import TABLE
from importer.jobs.run import STRANGERS
from importer.ledger.views import Calls, ExportRow, Marked, Totals
from importer.model.finding import Rule
from importer.model.operation import Outcome, State
from importer.report.story.charts import NARROW, WIDE, Bars, Series, drawn, strip, ticks
from importer.report.story.chinese import CODES, RULES, told
from importer.report.story.content import CLIPPED, FAILED, KINDS, Days, Story, gathered, spans, width_for
from importer.report.story.series import mails, mails_said, timeline, timeline_said
from importer.report.story.words import OUTCOMES, STATES, Words, moment, note, verdict, waiting
from importer.report.summary import Summary, Waiting, balance
from importer.sheet import faults
from importer.stage.rules import RULES as CHECKED

NOON = 1_700_000_000.0
HAN = re.compile(r"[\u4e00-\u9fff]")


def summary(**changed):
    rows, contacts, operations = balance(Totals())
    values = {
        "run": "r",
        "command": "run",
        "file": "f.csv",
        "directory": "default",
        "rows": rows,
        "contacts": contacts,
        "adopted": 0,
        "operations": operations,
        "calls": {},
        "timing": {},
    }
    return Summary(**{**values, **changed})


def row(line, state="rejected", **more):
    values = dict.fromkeys(ExportRow.__slots__) | {"file": "f.csv", "directory": "default", "attempts": 0}
    return ExportRow(**values | {"row": line, "state": state, "name": f"n{line}"} | more)


def finding(severity, rule="name-long", **more):
    values = {"rule": rule, "severity": severity, "column": "Name", "value": "v", "message": "m", "hint": "h"}
    return {**values, "suggestion": None, **more}


# -- the calls over time


@pytest.mark.parametrize("seconds", [0.0, 0.3, 5.9, 6.0, 6.1, 59, 3600, 86400, 10**7])
def test_a_span_is_the_smallest_round_one_of_which_enough_fit(seconds):
    width = width_for(seconds, 60)
    assert width * 60 >= seconds or width == 86400
    assert width == 0.1 or width_for(width * 60 + 0.01, 60) > width or width == 86400


def test_spans_have_no_gap_and_hold_every_call_once():
    calls = [Calls(NOON, Outcome.DONE, 3), Calls(NOON + 4, Outcome.DOUBT, 1), Calls(NOON + 8, Outcome.DONE, 2)]
    width, found = spans(calls, 2.0, 60)
    assert width == 2.0
    assert [at - NOON for at, _ in found] == [0, 2, 4, 6, 8]
    assert [sum(counts.values()) for _, counts in found] == [3, 0, 1, 0, 2]


@pytest.mark.parametrize("most", [1, 7, 24, 60])
def test_a_long_run_is_drawn_in_wider_spans_and_still_holds_every_call(most):
    calls = [Calls(round(NOON + place * 0.1, 3), Outcome.DONE, 1) for place in range(5000)]
    width, found = spans(calls, 0.1, most)
    assert len(found) <= most
    assert sum(sum(counts.values(), 0) for _, counts in found) == 5000
    assert all(abs(later - earlier - width) < 1e-3 for (earlier, _), (later, _) in pairwise(found))


def test_no_span_is_lost_to_the_rounding_of_floats():
    for place in range(3000):
        at = round(NOON + place * 0.1, 3)
        ((begins, counts),) = spans([Calls(at, Outcome.DONE, 1)], 0.1, 60)[1]
        assert abs(begins - at) < 1e-3
        assert counts == Counter(done=1)


def test_without_calls_there_is_nothing_to_draw():
    assert timeline(Story(summary(), "loopback", "UTC", Days((), 100)), 60) is None
    assert mails(Days((), 100)) is None


def test_every_outcome_of_a_call_is_drawn_once():
    drawn_ones = [outcome for _, _, outcomes in OUTCOMES for outcome in outcomes]
    assert sorted(drawn_ones) == sorted(Outcome)
    assert set(STATES) == {state.value for state in State}


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (0.1, "0.1 seconds"),
        (1, "1 second."),
        (20, "20 seconds"),
        (60, "1 minute."),
        (7200, "2 hours"),
        (86400, "1 day."),
    ],
)
def test_the_width_of_a_bar_is_told_in_its_own_unit(width, said):
    assert said in timeline_said(width).en


# -- the mails of a day


def test_the_limit_is_a_line_unless_it_would_leave_nothing_of_the_bars():
    days = ((date(2026, 11, 24), 5, 0), (date(2026, 11, 25), 0, 3))
    assert mails(Days(days, 10)).line == 10
    assert mails(Days(days, 60)).line == 60
    assert mails(Days(days, 61)).line is None
    assert mails(Days(days, 0)).line is None


def test_what_is_foreseen_is_said_and_what_cannot_be_is_too():
    days = ((date(2026, 11, 25), 0, 3),)
    assert "2026-11-25" in mails_said(Days(days, 10, date(2026, 11, 25))).en
    assert "cannot be foreseen" in mails_said(Days(days, 10)).en
    assert "None waits" in mails_said(Days((), 10, date(2026, 11, 25))).en


# -- charts


@pytest.mark.parametrize("top", [0, 1, 2, 3, 5, 9, 99, 100, 101, 12345, 10**6])
def test_ticks_are_round_few_and_reach_the_top(top):
    found = ticks(top)
    assert found[0] == 0
    assert found[-1] >= top
    assert 2 <= len(found) <= 7
    assert {later - earlier for earlier, later in pairwise(found)} == {found[1]}
    assert re.fullmatch("[125]0*", str(found[1]))


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_chart_has_a_bar_for_each_value_shapes_alone_and_no_script_or_style(size):
    names = (Words("<b>", "“是”"), Words("other", "其他"))
    bars = Bars(("a", "b", "c"), (Series("one", names[0], (1, 0, 3)), Series("two", names[1], (0, 0, 2))), line=4)
    svg = drawn(bars, size)
    assert svg.count("<rect") == 3 + 2, "three bars, two grounds"
    assert "b <" not in svg
    assert "c &lt;b&gt;: 3" in svg
    assert 'data-zh="c “是”：3"' in svg
    for word in ("<script", "<style", "style=", "href", "<!--", "Pygal"):
        assert word not in svg
    assert svg.count('class="guides ruled"') == 1
    assert 'class="series one"' in svg


def test_a_strip_is_as_wide_as_its_parts():
    svg = strip([Series("sent", STATES["sent"], (30,)), Series("failed", STATES["failed"], (10,))])
    left, _, width, _ = map(float, re.search(r'viewBox="([^"]+)"', svg)[1].split())
    bars = [
        tuple(map(float, found)) for found in re.findall(r'<rect x="([\d.]+)" y="[^"]+" [^>]*? width="([\d.]+)"', svg)
    ]
    wide = [(x, w) for x, w in bars if (x, w) != (0.0, 1000.0)]
    assert len(wide) == 2
    assert wide[0][0] == pytest.approx(left)
    assert sum(w for _, w in wide) == pytest.approx(width)
    assert wide[0][1] == pytest.approx(3 * wide[1][1])


# -- findings


def test_all_findings_are_counted_and_the_worst_are_kept_the_first_of_the_file_before_others():
    rows = [Marked(row(line, "added"), (finding("note"), finding("warning", "email-shared"))) for line in range(2, 12)]
    rows += [
        Marked(row(20), (finding("note"), finding("error"))),
        Marked(row(21, "failed", code="c", message="no"), ()),
    ]
    marks = gathered(rows, shown=5)
    assert [(entry.kind, entry.line) for entry in marks.entries] == [
        (FAILED, 21),
        ("error", 20),
        ("warning", 2),
        ("warning", 3),
        ("warning", 4),
    ]
    counted = {("note", "name-long"): 11, ("warning", "email-shared"): 10, ("error", "name-long"): 1, (FAILED, "c"): 1}
    assert marks.counts == counted
    assert marks.left_out == 18
    assert len(gathered(rows).entries) == 23


def test_thirty_thousand_findings_leave_two_thousand_on_the_page():
    held = gathered(Marked(row(line), (finding("error"),)) for line in range(30_000))
    assert len(held.entries) == 2000
    assert held.left_out == 28_000


def test_a_refusal_is_told_with_its_code_and_what_to_do_and_a_cell_of_a_book_is_cut():
    failed = row(3, "failed", code="InvalidParameter.EmailAddress", message="m" * 999)
    (entry,) = gathered([Marked(failed, ())]).entries
    assert (entry.kind, entry.rule) == (FAILED, "InvalidParameter.EmailAddress")
    assert "Correct the cell" in entry.hint
    assert len(entry.message) == CLIPPED + 1
    assert set(KINDS) == {FAILED, "error", "warning", "note"}


def test_a_duplicate_without_a_finding_is_no_failure():
    (entry,) = gathered([Marked(row(3, "duplicate"), ())]).entries
    assert entry.kind == "note"


# -- words


def test_every_rule_of_a_row_and_every_refusal_has_its_chinese():
    of_reading = {rule.id for rule in vars(faults).values() if isinstance(rule, Rule)}
    of_the_file = {
        "repeated-header",
        "encoding-guessed",
        "backslash-escapes",
        "lines-above-header",
        "other-sheets",
        "hidden-rows",
        "no-rows",
        "format-recognised",
    }
    assert len(of_reading) > 10
    assert (set(CHECKED) | of_reading) - of_the_file - set(RULES) == set()
    for rule, (message, hint) in RULES.items():
        assert HAN.search(message), rule
        wanted = CHECKED[rule].hint if rule in CHECKED else ""
        assert not wanted or HAN.search(hint), rule
    wrong = {entry.code for entry in TABLE if entry.outcome in (Outcome.ROW, Outcome.LOOK, Outcome.DOUBT)}
    for code in wrong:
        assert HAN.search(told(code, "english")[0]), code
    assert all(HAN.search(message) for message, _ in CODES.values())


def test_what_chinese_cannot_say_alone_is_followed_by_the_english_detail():
    assert told("email-syntax", "it has no @.")[0].endswith("：it has no @.")
    assert told("Never.Heard.Of", "what it said") == ("what it said", "")
    assert told("InvalidParameter.Never", "x")[0] == CODES["InvalidParameter"][0]


LIMIT = Waiting(3, "daily-sends", "2026-11-25T00:00:00+08:00")
ENDS = [
    summary(),
    summary(rows={"read": 1, "rejected": 1, "duplicate": 0, "accepted": 0}),
    summary(operations={"add": {"pending": 1}}, deferrals=(LIMIT,)),
    summary(operations={"add": {"pending": 1}}, deferrals=(Waiting(1, "max-contacts", None),)),
    summary(operations={"add": {"pending": 1}}),
    summary(contacts={**summary().contacts, "in_doubt": 1}),
    summary(stopped={"code": "Forbidden", "message": "no permission"}),
    summary(stopped={"code": "LeaseLost", "message": "taken over"}, lease_lost=True),
    summary(stopped={"code": "FixFile", "message": "no such file"}, barred=2),
    summary(signal=2),
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: str(end.exit_code))
def test_every_end_says_what_it_was_and_what_to_do_next_in_both_languages(end):
    for words in verdict(end):
        assert words.en.isascii()
        assert HAN.search(words.zh)
    assert len({verdict(one)[0].en for one in ENDS}) == 8


def test_a_wait_names_its_limit_and_its_end():
    assert "2026-11-25 00:00 +08:00" in verdict(ENDS[2])[1].en
    assert waiting(LIMIT).en == "3 waiting for daily-sends, until 2026-11-25 00:00 +08:00"
    assert "--max-contacts" in verdict(ENDS[3])[1].en
    assert moment("2026-11-25T00:00:07+08:00") == "2026-11-25 00:00:07 +08:00"


def test_what_a_run_has_to_say_besides_has_its_chinese():
    assert HAN.search(note(STRANGERS).zh)


def test_drawing_leaves_no_import_hook_behind():
    strip([Series("sent", Words("sent", "已发送"), (1,))])
    assert "PluginImportFixer" not in [type(finder).__name__ for finder in sys.meta_path]
