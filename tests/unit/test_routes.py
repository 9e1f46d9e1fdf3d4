"""A column for the directory: whose each row is, what an unknown name is told as, and parts that make the whole."""

import polars as pl
import pytest

from importer.model.contact import Rules
from importer.report.joint import Joint
from importer.report.many import joint
from importer.report.summary import Summary, Waiting
from importer.sheet import Sheet
from importer.sheet.columns import match
from importer.stage.check import check
from importer.stage.dedupe import dedupe
from importer.stage.parts import empty, joined, parts
from importer.stage.plan import nothing_known, plan

PROFILES = ("default", "north", "South")
NO_FINDINGS = pl.DataFrame(
    schema=dict.fromkeys(("row", "line"), pl.UInt32)
    | dict.fromkeys(("rule", "severity", "column", "value", "message", "hint", "suggestion"), pl.String)
)


def sheet(*rows):
    columns = ("Name", "EmailAddress", "Title", "MessageTypes", "Directory")
    filled = [(name, f"{mail}@example.com", "CEO", "FaultMessage", place) for name, mail, place in rows]
    frame = pl.DataFrame(filled, schema=dict.fromkeys(columns, pl.String()), orient="row")
    lines = pl.Series(range(2, len(rows) + 2), dtype=pl.UInt32)
    return Sheet("people.csv", None, columns, frame, lines, "digest", NO_FINDINGS)


def checked(*rows, **rules):
    found = sheet(*rows)
    return found, check(found, match(found.columns), Rules(directories=PROFILES, **rules))


def places(*cells):
    _, found = checked(*((f"name{chr(97 + i)}"[:5], f"m{i}", cell) for i, cell in enumerate(cells)))
    return found


def test_a_cell_names_a_profile_in_any_letter_case_and_a_blank_one_none():
    assert places("north", " NORTH ", "south", "South", "", None).routes.to_list() == [
        "north", "north", "South", "South", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(("cell", "suggestion"), [("nroth", "north"), ("souht", "South"), ("elsewhere", None)])
def test_an_unknown_directory_rejects_its_row_and_suggests_the_nearest_profile(cell, suggestion):
    found = places("north", cell)
    finding = found.findings.filter(rule="directory-unknown").to_dicts()
    assert [(row["line"], row["severity"], row["value"], row["suggestion"]) for row in finding] == [
        (3, "error", cell, suggestion)
    ]
    assert "default, north, South" in finding[0]["message"]
    assert found.rejected.to_list() == [1]
    assert found.unrouted


def test_names_that_differ_in_letter_case_alone_are_told_apart():
    rows = [("tom", "a", "acme"), ("ann", "b", "ACME"), ("eve", "c", "Acme")]
    found = sheet(*rows)
    result = check(found, match(found.columns), Rules(directories=("acme", "ACME")))
    assert result.routes.to_list() == ["acme", "ACME", None]
    assert result.rejected.to_list() == [2]


def test_without_the_column_there_is_one_part_and_it_is_the_whole():
    found = sheet(("tom", "a", ""))
    bare = Sheet("p.csv", None, found.columns[:4], found.frame.drop("Directory"), found.lines, "d", NO_FINDINGS)
    result = check(bare, match(bare.columns), Rules())
    assert result.routes is None
    assert parts(result, "default") == {"default": result}


ROWS = (
    ("tom", "tom", "north"),
    ("tom", "tom", "south"),
    ("tom", "tom", "north"),  # a duplicate
    ("tom", "thomas", "south"),  # a clash
    ("t0m", "x", "north"),  # rejected
    ("ann", "ann", "nowhere"),  # rejected
    ("ann", "ann", ""),
)


def test_each_row_is_in_one_part_and_names_are_unique_in_a_directory_not_in_the_file():
    found, result = checked(*ROWS)
    split = parts(result, "default")
    told = {
        name: plan(found, part, nothing_known(), (), options="{}", on_clash="reject").rows
        for name, part in split.items()
    }
    assert told == {
        "north": {"read": 3, "rejected": 1, "duplicate": 1, "accepted": 1},
        "South": {"read": 2, "rejected": 1, "duplicate": 0, "accepted": 1},
        "default": {"read": 2, "rejected": 1, "duplicate": 0, "accepted": 1},
    }


def test_the_parts_joined_say_what_is_wrong_with_the_file_once():
    _, result = checked(*ROWS)
    whole = joined([dedupe(part) for part in parts(result, "default").values()])
    rows = [*whole.contacts["row"], *whole.rejected, *whole.duplicates["row"]]
    assert sorted(rows) == list(range(len(ROWS)))
    rules = whole.findings.filter(pl.col("severity") == "error")["rule"].to_list()
    assert sorted(rules) == ["directory-unknown", "name-clash", "name-letters"]


def test_people_may_share_an_address_with_those_of_another_directory():
    _, apart = checked(("tom", "team", "north"), ("ann", "team", "south"))
    _, together = checked(("tom", "team", "north"), ("ann", "team", "north"))
    assert "email-shared" not in set(apart.findings["rule"])
    assert "email-shared" in set(together.findings["rule"])


def test_a_part_knows_how_many_errors_the_rest_of_the_file_has():
    _, result = checked(*ROWS)
    split = parts(result, "default")
    assert {name: part.elsewhere for name, part in split.items()} == {"north": 1, "South": 2, "default": 1}
    assert empty(result).elsewhere == 2
    assert result.elsewhere == 0


def test_an_empty_part_asks_for_nothing():
    found, result = checked(*ROWS)
    staging = plan(found, empty(result), nothing_known(), (), options="{}", on_clash="reject").staging
    assert (staging.contacts.height, staging.rejected.height, staging.duplicates.height) == (0, 0, 0)


def summary(directory, **more):
    given = {
        "run": "r", "command": "run", "file": "f.csv", "directory": directory, "adopted": 0,
        "rows": {"read": 3, "rejected": 1, "duplicate": 0, "accepted": 2},
        "contacts": {"waiting": 0, "in_doubt": 0, "sent": 2, "failed": 0},
        "operations": {"add": {"done": 2, "pending": 0, "failed": 0, "in_doubt": 0}},
        "calls": {"AddMessageContact": {"ok": 2}}, "timing": {},
    }  # fmt: skip
    return Summary(**(given | more))


STOPPED = {"code": "NoPermission", "message": "the key may not list", "hint": "ask"}


class TestJoint:
    def test_the_total_is_the_sum_of_the_directories(self):
        told = Joint("run", (summary("a"), summary("b", calls={"AddMessageContact": {"ok": 1, "Throttling": 4}})))
        total = told.as_json()["total"]
        assert total["rows"] == {"read": 6, "rejected": 2, "duplicate": 0, "accepted": 4}
        assert total["contacts"]["sent"] == 4
        assert total["operations"]["add"]["done"] == 4
        assert total["calls"] == {"AddMessageContact": {"ok": 3, "Throttling": 4}}
        assert [one["directory"] for one in told.as_json()["directories"]] == ["a", "b"]

    @pytest.mark.parametrize(
        ("codes", "code"),
        [
            ((0, 0), 0),
            ((0, 1, 3), 3),
            ((3, 5), 5),
            ((5, 130), 130),
            ((143, 6), 6),
            ((6, 75), 75),
            ((75, 4), 4),
            ((2, 2), 2),
            ((2, 0), 4),
        ],
    )
    def test_the_exit_code_is_the_first_in_their_order_and_2_only_when_nothing_was_sent_at_all(self, codes, code):
        assert Joint("run", tuple(summary("x", barred=one) for one in codes)).exit_code == code

    def test_the_next_action_is_the_first_of_all(self):
        waits = [(Waiting(1, "daily-sends", f"2026-11-{day}T00:00:00+08:00"),) for day in (27, 25, 26)]
        told = Joint("run", (*(summary("x", deferrals=wait) for wait in waits), summary("y")))
        assert told.next_action_at == "2026-11-25T00:00:00+08:00"

    def test_people_see_a_line_for_each_and_why_one_stopped(self):
        from io import StringIO

        from rich.console import Console

        told = Joint("run", (summary("alpha"), summary("beta", stopped=STOPPED, barred=4)))
        paper = Console(file=StringIO(), width=120)
        for part in joint(told):
            paper.print(part)
        lines = paper.file.getvalue().splitlines()
        assert [line.split()[0] for line in lines[:4]] == ["directory", "alpha", "beta", "total"]
        assert "stopped: NoPermission" in lines[2]
        assert "beta: the key may not list" in lines
        assert lines[-1] == "1 of 2 directories stopped; the same command continues"

    def test_people_see_whose_deletes_a_guard_held_back_and_why(self):
        from io import StringIO

        from rich.console import Console

        guard = {"deletes": 2, "reason": "too many", "hint": "say so"}
        protected = [{"operation": "delete", "reason": "held back", "name": "tom"}]
        told = Joint("sync", (summary("a"), summary("b", changes={"held": guard, "protected": protected})))
        paper = Console(file=StringIO(), width=120)
        for part in joint(told):
            paper.print(part)
        lines = paper.file.getvalue().splitlines()
        assert told.exit_code == 6
        assert "deletes held back" in lines[2]
        assert "b: no delete of tom: held back" in lines
        assert "b: deletes held back (2): too many" in lines
        assert lines[-1].startswith("deletes were held back")
