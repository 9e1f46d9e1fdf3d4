"""What the charts show: the calls over time, the mails of each day, the states of the contacts."""

from datetime import datetime
from zoneinfo import ZoneInfo

from importer.report.story.charts import Bars, Series
from importer.report.story.content import Days, Story, spans
from importer.report.story.words import AHEAD, OUTCOMES, SENT, STATES, Words

_UNITS = ((86400, ("day", "天")), (3600, ("hour", "小时")), (60, ("minute", "分钟")), (1, ("second", "秒")))
FAR = 12  # times the highest bar: a limit above that would leave nothing of the bars


def mails(days: Days) -> Bars | None:
    """A bar for each day, what was sent below what is foreseen, and the limit as a line; ``None`` without any."""
    if not days.days:
        return None
    highest = max(sent + ahead for _, sent, ahead in days.days)
    went = Series("sent", SENT, tuple(sent for _, sent, _ in days.days))
    will = Series("ahead", AHEAD, tuple(ahead for _, _, ahead in days.days))
    return Bars(
        tuple(f"{day:%m-%d}" for day, _, _ in days.days),
        (went, will) if any(will.values) else (went,),
        days.limit if 0 < days.limit <= FAR * highest else None,
    )


def mails_said(days: Days) -> Words:
    """The limit, and when the last mail goes out."""
    en = f"At most {days.limit:,} mails go out a day."
    zh = f"每天最多发送 {days.limit:,} 封邮件。"
    waits = any(ahead for _, _, ahead in days.days)
    if waits and days.finished_on:
        return Words(
            f"{en} At that pace the last one goes out on {days.finished_on}.",
            f"{zh}照此进度，最后一封将于 {days.finished_on} 发出。",
        )
    if waits:
        return Words(f"{en} When the last one goes out cannot be foreseen.", f"{zh}无法预计最后一封何时发出。")
    return Words(f"{en} None waits.", f"{zh}没有等待发送的邮件。")


def timeline(story: Story, most: int) -> tuple[float, Bars] | None:
    """How wide a span of time is, in seconds, and a bar for each of at most ``most``; ``None`` without calls."""
    width, found = spans(story.calls, story.width, most)
    if not found:
        return None
    series = [
        Series(style, name, tuple(sum(counts[outcome.value] for outcome in outcomes) for _, counts in found))
        for style, name, outcomes in OUTCOMES
    ]
    days = found[-1][0] - found[0][0] > 86400
    form = "%m-%d %H:%M" if days else "%H:%M" if width >= 60 else "%H:%M:%S"
    zone = ZoneInfo(story.zone)
    labels = tuple(
        f"{datetime.fromtimestamp(at, zone):{form}}" + (f".{int(at * 10 + 0.5) % 10}" if width < 1 else "")
        for at, _ in found
    )
    return width, Bars(labels, tuple(one for one in series if any(one.values)))


def timeline_said(width: float) -> Words:
    size, (en, zh) = next(unit for unit in _UNITS if width >= unit[0] or unit is _UNITS[-1])
    number = f"{width / size:.3g}"
    return Words(
        f"Adds and mails by their outcome; each bar is {number} {en}{'' if number == '1' else 's'}.",
        f"添加与邮件调用及其结果；每格为 {number} {zh}。",
    )


def states(counts: dict[str, int]) -> tuple[Series, ...]:
    """The states that contacts are in, each a part of one bar."""
    return tuple(Series(state, name, (counts[state],)) for state, name in STATES.items() if counts.get(state))
