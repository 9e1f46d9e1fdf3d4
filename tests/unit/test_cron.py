"""Which profiles are to be synced between two times."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from importer.fleet.cron import Line, due, lines
from importer.model.errors import FixCommand
from importer.settings import Settings, load

SHANGHAI = "Asia/Shanghai"


def at(text, zone=SHANGHAI):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


NIGHT = at("2026-11-24T01:30:00")
LINES = {"acme": Line("30 1 * * *", SHANGHAI)}


@pytest.mark.parametrize(
    ("after", "until", "is_due"),
    [
        (NIGHT - 60, NIGHT - 1, False),
        (NIGHT - 60, NIGHT, True),
        (NIGHT - 1, NIGHT + 59, True),
        (NIGHT, NIGHT + 60, False),
        (NIGHT - 3 * 86_400, NIGHT + 60, True),
    ],
)
def test_a_profile_is_due_once_when_its_time_has_come(after, until, is_due):
    assert due(LINES, after, until) == ({"acme": int(NIGHT)} if is_due else {})


def test_spans_that_follow_each_other_find_each_time_once():
    begins = at("2026-11-01T00:00:07")
    found = [due(LINES, begins + 61.3 * number, begins + 61.3 * (number + 1)) for number in range(8000)]
    times = [one["acme"] for one in found if one]
    assert times == [int(at(f"2026-11-{day:02}T01:30:00")) for day in range(1, len(times) + 1)]
    assert len(times) == 6


def test_a_line_goes_by_the_clocks_of_its_zone_also_where_they_change():
    line = Line("30 1 * * *", "Europe/Berlin")
    assert line.last(at("2026-10-26T12:00:00", "Europe/Berlin")) == at("2026-10-26T01:30:00", "Europe/Berlin")
    assert line.last(at("2026-10-24T12:00:00", "Europe/Berlin")) == at("2026-10-24T01:30:00", "Europe/Berlin")
    assert Line("30 1 * * *", SHANGHAI).last(NIGHT) == NIGHT


def test_only_a_profile_with_a_file_has_a_line():
    family = {
        "acme": Settings(cron="30 1 * * *", file="acme.csv"),
        "globex": Settings(cron="30 1 * * *"),
        "initech": Settings(file="initech.csv"),
    }
    assert lines(family) == LINES


@pytest.mark.parametrize("line", ["30 1 * *", "30 25 * * *", "nightly", "61 1 * * *", "* * * * * */5"])
def test_a_line_that_cron_cannot_read_is_refused_with_an_example(line):
    with pytest.raises(FixCommand, match=r"cron: .*30 1 \* \* \*"):
        load({"cron": line})
