"""For people at a terminal: many directories, a line each and one total."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from importer.report.drafts import spared
from importer.report.joint import Joint
from importer.report.summary import Summary

STYLES = {0: "green", 1: "yellow", 3: "yellow", 5: "yellow", 6: "yellow"}


def joint(result: Joint) -> Iterator[RenderableType]:
    """A table of the directories with their total, why some of them stopped, and what happens next."""
    states = [state for state, count in result.contacts.items() if count]
    places = [place for place, count in result.rows.items() if count or place in ("read", "accepted")]
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("directory", overflow="fold")
    for title in (*places, *states, "calls"):
        table.add_column(title.replace("_", " "), justify="right")
    table.add_column("")
    for one in result.directories:
        said = Text(_outcome(one), STYLES.get(one.exit_code, "red"))
        table.add_row(Text(one.directory), *_figures(one, places, states), said)
    total = f"total of {len(result.directories)}"
    table.add_row(total, *_figures(result, places, states), "", style="bold")
    yield table
    for one in result.directories:
        yield from _told(one)
    yield Text(_next(result))


def _figures(one: Summary | Joint, places: list[str], states: list[str]) -> list[str]:
    calls = sum(count for codes in one.calls.values() for count in codes.values())
    return [*(str(one.rows[place]) for place in places), *(str(one.contacts[state]) for state in states), str(calls)]


def _outcome(one: Summary) -> str:
    if one.stopped is not None:
        return f"stopped: {one.stopped['code']}"
    words = {
        0: "done",
        1: "done, but for some rows",
        3: "to be continued",
        5: "in doubt",
        6: "deletes held back",
        75: "taken over",
    }
    deferred = one.deferred
    after = f" after {deferred.until}" if one.exit_code == 3 and deferred and deferred.until else ""
    return words.get(one.exit_code, "interrupted") + after


def _told(one: Summary) -> Iterator[Text]:
    for part in spared(one.as_json()):
        yield Text.assemble(f"{one.directory}: ", part)
    for note in one.notes:
        yield Text(f"{one.directory}: {note}", "yellow")
    if one.stopped is not None:
        yield Text(f"{one.directory}: {one.stopped['message']}", "red")
        if hint := one.stopped.get("hint"):
            yield Text(f"  {hint}", "dim")


def _next(result: Joint) -> str:
    stopped = sum(one.stopped is not None for one in result.directories)
    if stopped:
        return f"{stopped} of {len(result.directories)} directories stopped; the same command continues"
    if result.exit_code == 0:
        return "done: all that the files ask for"
    if result.exit_code == 1:
        return "done, but for the rows rejected or failed: importer export shows each with its reason"
    if result.exit_code == 5:
        return "in doubt: some outcomes could not be learned; the same command looks again"
    if result.exit_code == 6:
        return "deletes were held back by a guard; everything else that could be done was done"
    after = f" after {result.next_action_at}" if result.next_action_at else ""
    return f"to be continued: run the same command again{after}"
