"""How a fleet's standing is told to people: what needs somebody comes first, and many directories stay a page."""

from rich.console import Console

from importer.report.fleet import SHOWN, standing

UNTIL = "2026-01-06T00:00:00+08:00"


def directory(name, state="waiting", reasons=(), until=None, stopped=None):
    told = {"contacts": {}, "left": 3, "held_by": None, "held_until": None, "next_action_at": until}
    return {"directory": name, "state": state, "reasons": list(reasons), "stopped": stopped} | told


def shown(directories, *, states=None, reasons=None, workers=()):
    fleet = {"workers": list(workers), "queue": 4, "states": states or {}, "reasons": reasons or {}}
    console = Console(width=100)
    with console.capture() as captured:
        for part in standing(fleet | {"directories": directories}):
            console.print(part)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_those_that_need_somebody_come_before_those_that_go_on_by_themselves():
    directories = [
        directory("works", "working"),
        directory("tomorrow", reasons=["daily-sends"], until=UNTIL),
        directory("waits", "ready"),
        directory("full", reasons=["max-contacts"]),
        directory("broken", reasons=["stopped"], until=UNTIL, stopped={"code": "NoPermission", "message": "m"}),
        directory("finished", "done"),
    ]
    _, _, *rows = shown(directories)
    assert [row.split()[0] for row in rows] == ["broken", "full", "waits", "tomorrow", "works"]
    assert rows[0].split(maxsplit=3)[3] == f"NoPermission until {UNTIL}"
    assert rows[3].split(maxsplit=3)[3] == f"daily-sends until {UNTIL}"


def test_of_thousands_of_directories_there_are_sums_and_a_bounded_list():
    directories = [directory(f"d{n}", reasons=["daily-sends"], until=UNTIL) for n in range(5000)]
    told = shown(directories, states={"waiting": 5000, "done": 7}, reasons={"daily-sends": 5000})
    assert told[:2] == [
        "0 workers, 4 in the queue; directories: 7 done, 5000 waiting",
        "why they wait: 5000 daily-sends",
    ]
    assert len(told) == 2 + 1 + SHOWN + 1
    assert told[-1] == f"and {5000 - SHOWN} more: importer fleet status --json has all"


def test_only_workers_that_gave_a_sign_are_counted():
    assert shown([], workers=[{"alive": True}, {"alive": False}])[0].startswith("1 workers")
