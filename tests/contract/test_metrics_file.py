"""Metrics in a file, as Prometheus reads them."""

import stat

import pytest
from prometheus_client.parser import text_string_to_metric_families

from importer import load
from importer.jobs.run import run
from importer.jobs.traces import traces
from importer.model.errors import ComeBack, FixCommand


def silent(*_, **__):
    raise AssertionError("nothing was lost")


def read(path):
    """Every sample: its name and labels, but for directory and command, and its value."""
    found = {}
    for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            assert sample.labels.pop("command") == "run"
            assert sample.labels.pop("directory") == "default"
            found[sample.name.removeprefix("importer_"), *sample.labels.values()] = sample.value
    return found


@pytest.fixture
def settings(tmp_path):
    names = ("Tom", "Ann", "Bob")
    rows = [f"{name},{name}@example.com,CEO,FaultMessage" for name in names]
    (tmp_path / "people.csv").write_text("\n".join(["Name,EmailAddress,Title,MessageTypes", *rows, "X,x,CEO,X"]))
    return load(
        {
            "emulator": True,
            "ledger": str(tmp_path / "importer.db"),
            "metrics": str(tmp_path / "importer.prom"),
            "daily_sends": 2,
            "now": "2026-11-24T10:00:00+08:00",
        }
    )


async def test_the_end_of_a_run_is_there_with_its_totals_and_the_mails_of_the_day(tmp_path, settings):
    with traces("run", settings, silent) as left:
        summary = await run(tmp_path / "people.csv", settings, watch=left.watch)
        left.ended(summary)
    found = read(tmp_path / "importer.prom")
    assert found["last_run_exit_code",] == 3
    assert 0 <= found["last_run_timestamp_seconds",] - 1_795_485_600 < 600
    assert 0 < found["last_run_duration_seconds",] < 600
    assert {place: found["rows", place] for place in ("read", "rejected", "duplicate", "accepted")} == summary.rows
    assert {state: found["contacts", state] for state in summary.contacts} == summary.contacts
    assert found["operations", "send_email_verification", "pending"] == 1
    assert found["last_run_calls", "AddMessageContact", "ok"] == 3
    assert found["deferred_operations",] == 1
    assert found["next_action_timestamp_seconds",] == 1_795_536_000
    assert (found["sends_used_today",], found["sends_left_today",]) == (2, 0)
    assert (tmp_path / "importer.prom").stat().st_mode & stat.S_IRUSR
    assert {path.name for path in tmp_path.iterdir() if "prom" in path.name} == {"importer.prom"}


def test_a_command_that_fails_leaves_its_exit_code_and_nothing_of_an_earlier_run(tmp_path, settings):
    (tmp_path / "importer.prom").write_text("importer_rows 7\n")
    with pytest.raises(ComeBack), traces("run", settings, silent):
        raise ComeBack("another run holds it")
    found = read(tmp_path / "importer.prom")
    assert {name for name, *_ in found} == {
        "last_run_timestamp_seconds",
        "last_run_duration_seconds",
        "last_run_exit_code",
    }
    assert found["last_run_exit_code",] == 75


def test_a_file_that_cannot_be_written_is_said_and_changes_nothing(tmp_path, settings):
    said = []

    def say(event, **facts):
        said.append((event, facts["why"]))

    away = settings.model_copy(update={"metrics": str(tmp_path / "no" / "importer.prom")})
    with pytest.raises(ComeBack), traces("run", away, say):
        raise ComeBack("another run holds it")
    assert said == [("metrics could not be written", "No such file or directory")]


def test_a_name_that_the_exporter_would_not_read_is_refused():
    with pytest.raises(FixCommand, match=r"ends in \.prom"):
        load({"metrics": "importer.txt"})
