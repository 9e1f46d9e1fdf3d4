"""Story: what one run did and what waits, gathered from the ledger for its page."""

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from importer.jobs import connect
from importer.jobs.stores import existing
from importer.ledger.port import Ledger
from importer.ledger.views import DirectoryStatus
from importer.model.clock import Clock, Day
from importer.model.operation import Kind, Status
from importer.report.joint import Joint
from importer.report.story import write_stories
from importer.report.story.content import SHOWN, Days, Story, gathered, width_for
from importer.report.summary import Summary
from importer.settings import Settings, others
from importer.stage.plan import Forecast, forecast
from importer.submit.daily import Daily, seen

BACK, WEEK, AHEAD = 14, 7, 14  # days that are looked at, shown in any case, and foreseen
LEAST = 100  # rows of a table that each of many directories has
SPANS = 60  # of time that the calls are counted in


def tell(result: Summary | Joint, settings: Settings, path: Path) -> None:
    """Write the page of what has ended, in one directory or many. Raises `FixLedger`, and `OSError` as files do."""
    summaries = result.directories if isinstance(result, Joint) else (result,)
    family = others(settings, [one.directory for one in summaries])
    shown = max(LEAST, SHOWN // len(summaries))
    write_stories([story(one, family[one.directory], shown) for one in summaries], path)


def story(summary: Summary, settings: Settings, shown: int = SHOWN) -> Story:
    """What the ledger tells of a run, with at most that many rows of a table. Raises `FixLedger`."""
    place = connect.place(settings)
    width = width_for(summary.timing.get("submit_seconds", 0.0), SPANS)
    with existing(settings) as ledger:
        number = ledger.find(settings.profile, place)
        found = next((one for one in ledger.status() if one.id == number), None)
        if found is None:
            return Story(summary, place, settings.day_zone, Days((), settings.daily_sends))
        began, ended = _times(found, summary)
        now = Clock.starting(settings.now).now() if ended is None else ended
        doubts = ledger.in_doubt(found.id)
        return Story(
            summary,
            place,
            settings.day_zone,
            _days(ledger, found, settings, now),
            calls=tuple(ledger.calls(summary.run or "", width)),
            width=width,
            begun=began,
            ended=ended,
            doubts=tuple(doubts[:shown]),
            doubts_in_all=len(doubts),
            marks=gathered(ledger.marked(found.id, summary.file), shown),
        )


def _times(found: DirectoryStatus, summary: Summary) -> tuple[float | None, float | None]:
    """When the run began and ended; unknown if another one began since."""
    last = found.last_run
    return (last["started_at"], last["ended_at"]) if last and last["id"] == summary.run else (None, None)


def _days(ledger: Ledger, found: DirectoryStatus, settings: Settings, now: float) -> Days:
    """The last week and what is foreseen, two weeks to either side where mails went or will go out; none without."""
    daily = Daily(settings.daily_sends, settings.day_zone, settings.reserve, seen(ledger, found.id, settings.day_zone))
    today = daily.day(now)
    sent: dict[date, int] = {}
    day = today
    for _ in range(BACK):
        sent[_date(day, settings.day_zone)] = ledger.sends_since(found.id, day.start, day.end)
        day = daily.day(day.start - 1)
    ahead, waiting = _forecast(found, daily, now, used=sent[_date(today, settings.day_zone)])
    foreseen = dict(ahead.schedule[:AHEAD])
    week = list(sent)[:WEEK] if foreseen or any(sent.values()) else []
    dates = {*week, *(day for day, mails in sent.items() if mails), *foreseen}
    return Days(
        tuple((day, sent.get(day, 0), foreseen.get(day, 0)) for day in _every(dates)),
        daily.likely(now),
        ahead.finished_on,
        waiting - sum(foreseen.values()),
    )


def _forecast(found: DirectoryStatus, daily: Daily, now: float, *, used: int) -> tuple[Forecast, int]:
    """When the mails that wait go out, and how many they are."""
    pending = {kind: counts[Status.PENDING] for kind, counts in found.totals.operations.items()}
    adds = pending.get(Kind.ADD, 0)
    full = any(wait.kind is Kind.ADD and wait.until is None for wait in found.deferrals)
    ahead = forecast(
        adds,
        adds + pending.get(Kind.SEND_EMAIL, 0),
        free=0 if full else None,
        left=daily.left(now, used),
        daily_sends=daily.likely(now),
        day=daily.day(now),
        day_zone=daily.zone,
    )
    later = sum(wait.count for wait in ahead.waits if wait.kind == Kind.SEND_EMAIL.value)
    return ahead, ahead.sends + later


def _date(day: Day, zone: str) -> date:
    return datetime.fromtimestamp(day.start, ZoneInfo(zone)).date()


def _every(dates: set[date]) -> list[date]:
    """All days from the first to the last."""
    if not dates:
        return []
    first, last = min(dates), max(dates)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
