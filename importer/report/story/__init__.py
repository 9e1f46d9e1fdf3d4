"""A run as one page of HTML that needs nothing else: what came of it, when, what waits, and what to do next."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from importer.report.joint import Joint
from importer.report.story import words
from importer.report.story.content import Story
from importer.report.story.view import view
from importer.report.story.words import Words
from importer.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
STDIN = Words("standard input", "标准输入")
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
    """Write the page of a run in one directory."""
    write_stories([story], path)


def write_stories(stories: Sequence[Story], path: Path) -> None:
    """Write the page, of one run or of those of one command in many directories.

    Everything of the file and of the directory's answers is escaped; no script but ours runs.
    """
    from markupsafe import Markup

    environment = _environment()
    style = environment.get_template("page.css").render(columns=COLUMNS, styles=words.STYLES)
    script = (HERE / "page.js").read_text(encoding="utf-8")
    page = environment.get_template("page.html").stream(
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:",
        css=Markup(style),  # noqa: S704  nothing of the file is in it
        js=Markup(script),  # noqa: S704  as above
        zone=stories[0].zone,
        version=__version__,
        total=_total(stories) if len(stories) > 1 else None,
        bodies=_bodies(environment, stories),
        **_title(stories),
    )
    page.enable_buffering(200)
    page.dump(str(path), encoding="utf-8")


def _bodies(environment: "Environment", stories: Sequence[Story]) -> Iterator[Any]:
    """Each run, made as it is written; of many, the marks of each are told apart by its number."""
    from markupsafe import Markup

    template, many = environment.get_template("run.html"), len(stories) > 1
    for number, story in enumerate(stories):
        told = template.render(n=_mark(number), h="h3" if many else "h2", many=many, columns=COLUMNS, **view(story))
        yield Markup(told)  # noqa: S704  a template's own output is escaped


def _mark(number: int) -> str:
    return f"d{number}-" if number else ""


def _title(stories: Sequence[Story]) -> dict[str, Any]:
    summaries = [story.summary for story in stories]
    files = {summary.file for summary in summaries}
    many = Words(f"{len(stories)} directories", f"{len(stories)} 个目录")
    told = words.verdict(summaries[0])[0] if len(stories) == 1 else many
    file = (STDIN if files == {"-"} else words.same(*files)) if len(files) == 1 else None
    return {
        "command": summaries[0].command,
        "file": file or many,
        "title": Words(f"{file.en}: {told.en}", f"{file.zh}：{told.zh}") if file else many,
        "rehearsal": all(story.endpoint == "loopback" for story in stories),
    }


def _total(stories: Sequence[Story]) -> dict[str, Any]:
    """A line for each directory, and their sum."""
    summaries = [story.summary for story in stories]
    joint = Joint(summaries[0].command, tuple(summaries))
    shown = [state for state in words.STATES if joint.contacts.get(state)]
    rows = [
        {
            "n": _mark(number),
            "name": summary.directory,
            "verdict": words.verdict(summary)[0],
            "tone": words.TONES.get(summary.exit_code, "bad"),
            "figures": [
                *(summary.rows[place] for place in words.PLACES),
                *(summary.contacts[state] for state in shown),
            ],
        }
        for number, summary in enumerate(summaries)
    ]
    return {
        "heads": [*words.PLACES.values(), *(words.STATES[state] for state in shown)],
        "rows": rows,
        "sums": [sum(column) for column in zip(*(row["figures"] for row in rows), strict=True)],
    }


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
