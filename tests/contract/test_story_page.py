"""The page of a run, opened in a browser: it asks nobody, it says all, it can be searched, switched and printed."""

import re
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from browser import chromium

from importer.ledger.views import Calls, ExportRow, Marked
from importer.model.operation import Outcome
from importer.report.story import write_story
from importer.report.story.content import Days, Story, gathered
from importer.report.summary import Summary, Waiting

NOON = 1_764_043_200.0
HOSTILE = (
    "<script>document.title='taken'</script>",
    "</script><script>document.title='taken'</script>",
    '"><img src=x onerror="document.title=\'taken\'">',
    "'--></style><svg onload=document.title='taken'>",
    "{{ 7*7 }}{% raw %}",
    "<!--",
    "=1+1",
)
SHOWN = "[...document.querySelectorAll('#table tbody tr')].filter(row => !row.hidden)"


def row(line, state="rejected", **more):
    values = dict.fromkeys(ExportRow.__slots__) | {"file": "people.csv", "directory": "default", "attempts": 1}
    return ExportRow(**values | {"row": line, "state": state, "name": f"name{line}"} | more)


def finding(severity, rule, **more):
    values = {"rule": rule, "severity": severity, "column": "Name", "value": "as written", "message": "It is wrong."}
    return {**values, "hint": "Write it better.", "suggestion": None, **more}


def marks():
    rows = [
        Marked(row(10, "failed", code="InvalidParameter.EmailAddress", message="No such address."), ()),
        Marked(row(9), (finding("error", "name-long"), finding("note", "full-width", hint=None))),
        Marked(row(2, "sent"), (finding("warning", "email-shared", suggestion="better"),)),
    ]
    return [
        *rows,
        *(
            Marked(
                row(20 + n, name=bad),
                (finding("error", "name-letters", value=bad, message=bad, hint=bad, column="x" * 200),),
            )
            for n, bad in enumerate(HOSTILE)
        ),
    ]


def story(**changed):
    summary = Summary(
        run="7f3a",
        command="run",
        file=HOSTILE[2],
        directory=HOSTILE[0],
        rows={"read": 40, "rejected": 8, "duplicate": 2, "accepted": 30},
        contacts={"waiting": 5, "in_doubt": 3, "added": 6, "sent": 15, "verified": 0, "failed": 1, "deleted": 0},
        adopted=2,
        operations={"add": {"done": 21, "pending": 5, "failed": 1, "in_doubt": 3}},
        calls={"AddMessageContact": {"ok": 21, HOSTILE[1]: 4}},
        timing={"submit_seconds": 12.0},
        deferrals=(Waiting(6, "daily-sends", "2026-11-26T00:00:00+08:00"),),
    )
    days = Days(
        tuple((date(2026, 11, 20) + timedelta(days=n), 15 if n < 5 else 0, 0 if n < 5 else 11) for n in range(7)),
        15,
        date(2026, 11, 26),
        beyond=3,
    )
    calls = tuple(
        Calls(NOON + n, outcome, 3) for n in range(12) for outcome in sorted((Outcome.DONE, Outcome.DOUBT, Outcome.ROW))
    )
    doubts = tuple(row(n, "in_doubt", name=bad, code="Timeout", message=bad) for n, bad in enumerate(HOSTILE))
    told = Story(
        summary,
        "resourcedirectory.example.com",
        "Asia/Shanghai",
        days,
        calls,
        1.0,
        begun=NOON,
        ended=NOON + 12,
        doubts=doubts,
        doubts_in_all=12,
        marks=gathered(marks()),
    )
    return replace(told, **changed)


@pytest.fixture
def page(tmp_path):
    write_story(story(), tmp_path / "run.html")
    return tmp_path / "run.html"


@pytest.fixture
def profile(tmp_path_factory):
    return tmp_path_factory.mktemp("profile")


def asked(tab):
    """The addresses that the page asked for, and what it complained of."""
    found = [told["request"]["url"] for name, told in tab.events if name == "Network.requestWillBeSent"]
    wrong = [
        told
        for name, told in tab.events
        if name in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    ]
    return found, wrong


async def test_the_page_asks_for_nothing_and_its_console_stays_empty_whatever_a_cell_holds(page, profile):
    async with chromium(profile) as tab:
        for width, scheme in ((1280, "light"), (400, "dark")):
            await tab.look(width, scheme=scheme)
            await tab.open(page)
            urls, wrong = asked(tab)
            assert [url for url in urls if url != "data:,"] == [page.as_uri()]
            assert wrong == []
            assert await tab.ask("document.title") == f"{HOSTILE[2]}: Doubts are left"
            assert await tab.ask("document.querySelectorAll('script').length") == 1
            assert await tab.ask("document.querySelectorAll('img, iframe, link:not([rel=icon])').length") == 0
            text = await tab.ask("document.body.textContent")
            assert all(bad in text for bad in HOSTILE)


async def test_a_script_that_got_into_the_page_all_the_same_would_not_run(page, profile):
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("<main>", f"<main>{HOSTILE[0]}<b onclick='document.title=1'>"), encoding="utf-8")
    async with chromium(profile) as tab:
        await tab.open(page)
        assert await tab.ask("document.title") != "taken"
        assert "Content Security Policy" in str(asked(tab)[1])


async def test_findings_can_be_searched_filtered_and_sorted(page, profile):
    async with chromium(profile) as tab:

        async def shown():
            return await tab.ask(f"{SHOWN}.map(row => row.cells[0].textContent)")

        async def fill(part, value):
            await tab.ask(f"{part}.value = {value!r}; {part}.dispatchEvent(new Event('input'))")

        async def press(column):
            await tab.ask(f"document.querySelectorAll('#table th button')[{column}].click()")
            return await tab.ask("[...document.querySelectorAll('#table th')].map(head => head.ariaSort)")

        await tab.open(page)
        hostile = [str(20 + n) for n in range(len(HOSTILE))]
        assert await shown() == ["10", "9", *hostile, "2", "9"], "the worst first"
        await fill("search", "NAME9  wrong")
        assert await shown() == ["9", "9"]
        assert await tab.ask("document.getElementById('count').textContent") == "2 of 11 shown"
        await fill("kind", "note")
        assert await shown() == ["9"]
        await fill("search", "nowhere")
        assert await shown() == []
        assert await tab.ask("document.getElementById('none').checkVisibility()")
        await fill("search", "")
        await fill("kind", "")
        await fill("rule", "email-shared")
        assert await shown() == ["2"]
        await fill("rule", "")
        assert (await press(0))[0] == "ascending"
        assert await shown() == ["2", "9", "9", "10", *hostile], "by number, not by text"
        assert (await press(0))[0] == "descending"
        assert await shown() == [*reversed(hostile), "10", "9", "9", "2"]
        assert await press(2) == [None, None, "ascending", None, None, None, None]
        assert (await shown())[0] == "10", "the failure before errors, warnings and notes"


async def test_it_speaks_the_readers_language_until_told_otherwise(page, profile):
    async with chromium(profile, language="zh-CN") as tab:
        await tab.open(page)
        assert await tab.ask("document.documentElement.lang") == "zh-CN"
        text = await tab.ask("document.body.innerText")
        for word in ("有结果未知的联系人", "收支平衡", "每日邮件", "调用时间线", "问题与失败", "姓名过长", "演练"):
            assert (word in text) == (word != "演练")
        assert await tab.ask("search.closest('label').innerText.trim()") == "搜索"
        assert await tab.ask("document.querySelector('.switches > div').ariaLabel") == "语言"
        await tab.ask("document.querySelector('button[data-lang=en]').click()")
        text = await tab.ask("document.body.innerText")
        assert "Balance" in text
        assert re.findall(r"[\u4e00-\u9fff]+", text) == ["中文"]
        await tab.open(page)
        assert await tab.ask("document.documentElement.lang") == "en", "it is remembered"


async def test_english_is_the_language_of_everybody_else(page, profile):
    async with chromium(profile, language="fr-FR") as tab:
        await tab.open(page)
        assert await tab.ask("document.documentElement.lang") == "en"


async def test_without_scripts_it_says_everything_in_english_and_shows_no_dead_switch(page, profile):
    async with chromium(profile, language="zh-CN", scripts=False) as tab:
        await tab.open(page)
        document = await tab.send("DOM.getDocument", depth=-1)
        names = str(document)
        assert "Findings and failures" in names
        hidden = await tab.send("DOM.querySelectorAll", nodeId=document["root"]["nodeId"], selector="[hidden]")
        assert len(hidden["nodeIds"]) == 3, "the switches, the tools, and that nothing fits"
        buttons = await tab.send("DOM.querySelectorAll", nodeId=document["root"]["nodeId"], selector="main button")
        assert buttons["nodeIds"] == []
        assert asked(tab)[1] == []


async def test_light_and_dark_follow_the_reader_and_the_switch_and_paper_is_light(page, profile):
    ground = "getComputedStyle(document.body).backgroundColor"
    async with chromium(profile) as tab:
        found = {}
        for scheme in ("light", "dark"):
            await tab.look(1280, scheme=scheme)
            await tab.open(page)
            found[scheme] = await tab.ask(ground)
        assert found["light"] != found["dark"]
        await tab.ask("document.querySelector('button[data-theme=light]').click()")
        assert await tab.ask(ground) == found["light"]
        await tab.look(1280, scheme="light")
        await tab.ask("document.querySelector('button[data-theme=dark]').click()")
        assert await tab.ask(ground) == found["dark"]
        assert await tab.ask("document.querySelector('button[data-theme=dark]').ariaPressed") == "true"
        await tab.look(1280, scheme="dark", media="print")
        assert await tab.ask("getComputedStyle(document.querySelector('h1')).color") == "rgb(27, 32, 40)"
        assert not await tab.ask("document.querySelector('.tools').checkVisibility()")
        assert (await tab.paper()).startswith(b"%PDF")


async def test_no_width_makes_the_page_scroll_sideways_and_each_has_its_chart(page, profile):
    async with chromium(profile) as tab:
        for width in (320, 400, 700, 965, 1280):
            await tab.look(width)
            await tab.open(page)
            assert await tab.ask("document.documentElement.scrollWidth") <= width
            seen = await tab.ask("[...document.querySelectorAll('.chart')].map(one => one.checkVisibility())")
            assert seen == [width > 640, width <= 640] * 2
            small = (
                "[...document.querySelectorAll('.chart text')].filter(one => one.checkVisibility() && one.textContent)"
            )
            least = await tab.ask(f"Math.min(...{small}.map(one => one.getBoundingClientRect().height))")
            assert least >= 9, "text of charts can be read"


CONTRAST = """
(() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).map(v => v / 255)
      .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = (part) => {
    for (; part; part = part.parentElement) {
      const colour = getComputedStyle(part).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
  };
  const found = [];
  for (const part of document.querySelectorAll("body *")) {
    const written = [...part.childNodes].some(one => one.nodeType === 3 && one.textContent.trim());
    if (!written || !part.checkVisibility()) continue;
    if (["SCRIPT", "STYLE", "title"].includes(part.tagName)) continue;
    const style = getComputedStyle(part);
    const [a, b] = [light(part.tagName === "text" ? style.fill : style.color), light(ground(part))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) found.push([part.tagName, part.className, part.textContent.slice(0, 30), ratio]);
  }
  return found;
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_all_text_stands_out_from_its_ground(page, profile, scheme):
    async with chromium(profile) as tab:
        for width in (1280, 400):
            await tab.look(width, scheme=scheme)
            await tab.open(page)
            assert await tab.ask(CONTRAST) == []
        await tab.ask("document.querySelector('h1').style.color = '#777'")
        assert [found[0] for found in await tab.ask(CONTRAST)] == ["H1"]


async def test_a_screen_reader_finds_headings_names_of_figures_and_tables(page, profile):
    async with chromium(profile) as tab:
        await tab.look(400)
        await tab.open(page)
        tree = (await tab.send("Accessibility.getFullAXTree"))["nodes"]
        named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
        headings = [name for role, name in named if role == "heading"]
        assert headings[1:] == [
            "Doubts are left",
            "Balance",
            "In doubt",
            "Mails a day",
            "Calls over time",
            "Findings and failures",
        ]
        assert ("table", "Findings and failures") in named
        heads = [name.split()[0] for role, name in named if role == "columnheader"]
        assert heads == ["line", "name", "kind", "column", "as", "what", "what"]
        assert {("group", "Mails a day"), ("group", "Calls over time")} <= set(named)
        assert "status" in {role for role, _ in named}
        assert {name for role, name in named if role in ("searchbox", "combobox")} == {"Search", "Kind", "Rule"}


class Balanced(HTMLParser):
    """The words and numbers of the balance."""

    def __init__(self):
        super().__init__()
        self.sums, self.inside = [], False

    def handle_starttag(self, tag, attrs):
        if dict(attrs).get("class") == "sum":
            self.inside = True
            self.sums.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "p"

    def handle_data(self, data):
        if self.inside:
            self.sums[-1] += f" {data.strip()}"


def test_the_totals_are_told_as_sums_that_hold(page):
    parser = Balanced()
    parser.feed(page.read_text(encoding="utf-8"))
    told = [" ".join(one.split()) for one in parser.sums]
    assert told == [
        "40 rows read = 8 rejected + 2 duplicate + 30 accepted",
        "30 accepted = 15 sent + 6 added + 5 waiting + 3 in doubt + 1 failed",
    ]
    for one in told:
        total, *parts = map(int, re.findall(r"\d+", one))
        assert total == sum(parts)


def test_what_is_left_out_is_counted_and_the_command_for_it_named(tmp_path):
    many = (Marked(row(line), (finding("error", "name-long", value="v" * 5000),)) for line in range(30_000))
    write_story(story(marks=gathered(many)), tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "Of 30,000 findings 2,000 are shown" in text
    assert "--report findings.csv" in text
    assert text.count('<tr role="row" data-kind') == 2000
    assert "5 more are left out here" in text, "of the doubts"
    size = len(text.encode())
    print(f"\na page of 30,000 findings: {size / 1e6:.2f} MB")
    assert size < 3_000_000


def test_a_run_that_had_nothing_to_do_says_so(tmp_path):
    quiet = replace(
        story().summary,
        contacts=dict.fromkeys(story().summary.contacts, 0),
        calls={},
        deferrals=(),
        file="a.csv",
        rows=dict.fromkeys(("read", "rejected", "duplicate", "accepted"), 0),
        operations={},
    )
    empty = Story(quiet, "loopback", "UTC", Days((), 100))
    write_story(empty, tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    for words in ("Done", "rehearsal", "This run changed nothing", "Nothing was found", "None waits"):
        assert words in text
    assert "<svg" not in text
