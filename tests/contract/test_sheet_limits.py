"""What the parser of workbooks may take: processor time and memory, and of the clock ten times as much."""

import io
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import xlsxwriter

from importer.model.errors import FixFile
from importer.sheet import sandbox
from importer.sheet.sandbox import Limits

SMALL, LARGE = Limits.of(10_000), Limits.of(400 << 20)
GIVEN = "from importer.sheet import worker; import resource; worker.limit({}, {}); "
SHOWN = "print(*(resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU)))"


def workbook():
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream) as book:
        book.add_worksheet().write_row(0, 0, ["Name", "EmailAddress"])
    return stream.getvalue()


def parse(limits):
    return sandbox.parse(workbook(), {"format": "xlsx", "sheet": None}, limits, file="f.xlsx")


def ended(code, err=b""):
    return subprocess.CompletedProcess([], code, b"", err)


@pytest.mark.parametrize("limits", [SMALL, LARGE])
def test_the_clock_gives_a_busy_machine_ten_times_the_processor_s_time(limits):
    assert limits.clock >= 10 * limits.seconds


def test_a_larger_workbook_may_take_more():
    assert (SMALL.seconds, SMALL.memory) == (7, (700 << 20) + 80_000)
    assert (LARGE.seconds, LARGE.memory) == (107, (700 << 20) + 8 * (400 << 20))
    assert LARGE.clock > SMALL.clock


def test_the_child_limits_its_own_processor_time_and_memory():
    code = GIVEN.format(SMALL.memory, SMALL.seconds) + SHOWN
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(SMALL.memory), str(SMALL.seconds)]


def test_a_workbook_is_read_within_its_limits_and_refused_beyond_the_clock_or_the_memory():
    assert parse(SMALL).head["positions"] == [0, 1]
    with pytest.raises(FixFile, match="takes too long to read"):
        parse(replace(SMALL, clock=0))
    with pytest.raises(FixFile, match="needs more memory"):
        parse(replace(SMALL, memory=1 << 20))


def test_a_parser_that_used_its_processor_time_up_is_told_as_too_slow():
    with pytest.raises(FixFile, match="takes too long to read") as refusal:
        sandbox._answer(ended(-signal.SIGXCPU), "f.xlsx")
    assert "save the sheet as CSV" in refusal.value.hint


def test_a_parser_that_the_system_killed_took_too_much_memory():
    with pytest.raises(FixFile, match="needs more memory"):
        sandbox._answer(ended(-signal.SIGKILL), "f.xlsx")
