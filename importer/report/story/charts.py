"""Charts as SVG, drawn by pygal; shapes and classes only: the page's style colours them for light, dark and paper."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from pygal import StackedBar

    from importer.report.story.words import Words

WIDE, NARROW = (960, 240), (340, 220)  # of a desk and of a phone: text keeps its size on both
FONT = 12
TICKS = 5
OVERLAYS = ("plot overlay", "plot text-overlay", "plot tooltip-overlay", "titles")


@dataclass(frozen=True, slots=True)
class Series:
    """Bars of one colour: the class that colours them, its name, and a value for each place."""

    style: str
    name: "Words"
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart of stacked bars: the label of each place, the series from the ground up, a ``line`` at a height."""

    labels: tuple[str, ...]
    series: tuple[Series, ...]
    line: int | None = None


def drawn(bars: Bars, size: tuple[int, int]) -> str:
    """The chart as an ``svg`` element for a page; every bar has a tooltip in both languages."""
    pygal = _pygal()

    heights = [sum(values) for values in zip(*(one.values for one in bars.series), strict=True)]
    marks = ticks(max([*heights, bars.line or 0]))
    chart = pygal.StackedBar(
        width=size[0],
        height=size[1],
        margin=0,
        margin_top=FONT,
        margin_right=FONT * 2,
        y_labels=sorted({*marks, *([bars.line] if bars.line else [])}),
        range=(0, marks[-1]),
        x_labels=_sparse(bars.labels, size[0]),
        **_plain(),
    )
    return _finished(chart, bars)


def strip(series: Sequence[Series]) -> str:
    """One bar across, a part for each series; it has no text of its own and may be stretched to any width."""
    pygal = _pygal()

    most = sum(one.values[0] for one in series)
    chart = pygal.HorizontalStackedBar(
        width=1000,
        height=40,
        margin=0,
        range=(0, most),
        show_x_labels=False,
        show_y_labels=False,
        show_x_guides=False,
        show_y_guides=False,
        **_plain(),
    )
    return _finished(chart, Bars(("",), tuple(series)), stretched=True)


def ticks(top: int) -> list[int]:
    """Round numbers from 0 to ``top`` or a little more, some five of them."""
    step = 1
    while step * TICKS < top:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return [step * number for number in range(max(1, -(-top // step)) + 1)]


def _pygal() -> Any:
    """pygal without its import hook: it is for plug-ins with maps, and Python 3.11 warns of it when imports fail."""
    import pygal

    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]
    return pygal


def _plain() -> dict[str, Any]:
    """What keeps pygal from adding scripts, style and legends of its own."""
    from pygal.style import Style

    return {
        "js": [],
        "css": [],
        "no_prefix": True,
        "show_legend": False,
        "print_values": False,
        "truncate_label": -1,
        "value_formatter": _number,
        "style": Style(label_font_size=FONT, major_label_font_size=FONT),
    }


def _number(value: float) -> str:
    return f"{round(value):,}"


def _sparse(labels: Sequence[str], width: int) -> list[str]:
    """As many labels as there is room for, the first among them."""
    room = max(1, int((width - 60) / (FONT * 0.75 * max(map(len, labels), default=1))))
    every = -(-len(labels) // room)
    return [label if place % every == 0 else "" for place, label in enumerate(labels)]


def _finished(chart: "StackedBar", bars: Bars, *, stretched: bool = False) -> str:
    for one in bars.series:
        chart.add(one.style, list(one.values))
    root = chart.render_tree()
    for tag in ("defs", "title"):
        root.remove(root.find(tag))
    graph = root.find("g")
    for overlay in [part for part in graph if part.get("class") in OVERLAYS]:
        graph.remove(overlay)
    groups = [part for part in graph.iter("g") if str(part.get("class")).startswith("series ")]
    for group, one in zip(groups, bars.series, strict=True):
        group.set("class", f"series {one.style}")
        _name(group.find("g"), one, bars.labels)
    for guide in [part for part in graph.iter("g") if part.get("class") == "guides"]:
        _ruled(guide, bars.line)
    if stretched:
        _stretched(root)
    root.attrib.pop("id", None)
    root.set("aria-hidden", "true")  # the figure has a name and a table
    return ET.tostring(_bare(root), encoding="unicode")


def _name(group: Any, series: Series, labels: Sequence[str]) -> None:
    """A tooltip for each bar in place of pygal's; no bar where there is nothing."""
    for bar, value, label in zip(list(group), series.values, labels, strict=True):
        if not value:
            group.remove(bar)
            continue
        for part in list(bar)[1:]:
            bar.remove(part)
        title = ET.SubElement(bar, "title")
        head = f"{label} " if label else ""
        title.text = f"{head}{series.name.en}: {value:,}"
        title.set("data-zh", f"{head}{series.name.zh}：{value:,}")


def _ruled(guide: Any, line: int | None) -> None:
    """A number beside the chart has no tooltip; the line at a height is told apart by its class."""
    for title in guide.findall("title"):
        guide.remove(title)
    if line is not None and guide.findtext("text") == _number(line):
        guide.set("class", "guides ruled")


def _stretched(root: Any) -> None:
    """Nothing but the bars, over all of the width."""
    bars = [{name: float(bar.get(name)) for name in ("x", "y", "width", "height")} for bar in root.iter("rect")]
    bars = [bar for bar, rect in zip(bars, root.iter("rect"), strict=True) if "reactive" in rect.get("class")]
    left, right = min(bar["x"] for bar in bars), max(bar["x"] + bar["width"] for bar in bars)
    root.set("viewBox", f"{left} {bars[0]['y']} {right - left} {bars[0]['height']}")
    root.set("preserveAspectRatio", "none")


def _bare(root: Any) -> Any:
    """Without comments."""
    for parent in root.iter():
        for part in [part for part in parent if not isinstance(part.tag, str)]:
            parent.remove(part)
    return root
