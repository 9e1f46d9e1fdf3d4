"""Findings at a terminal: a screenful by default, and the command that shows the rest."""

import io

import polars as pl
import pytest
from rich.console import Console

from importer.model.finding import COLUMNS
from importer.report.findings import LISTED
from importer.report.rules import findings
from importer.sheet import faults
from importer.stage.rules import RULES


def shown(found, file="contacts.csv", *, width=120, verbose=False):
    paper = io.StringIO()
    console = Console(file=paper, width=width, highlight=False)
    for part in findings(found, file, verbose=verbose):
        console.print(part)
    return paper.getvalue().splitlines()


def of_rules(count, each=5):
    rows = [
        (row, row + 2, rule, told.severity.value, "Name", "value", told.message, told.hint, None)
        for number, (rule, told) in enumerate(list(RULES.items())[:count])
        for row in range(number * each, (number + 1) * each)
    ]
    return pl.DataFrame(rows, faults.SCHEMA, orient="row")


@pytest.mark.parametrize("width", [80, 120, 200])
def test_many_rules_fill_one_screen_and_the_rest_is_counted(width):
    lines = shown(of_rules(len(RULES)), width=width)
    assert len(lines) <= 24
    rules = sum(any(f" {rule} " in line for rule in RULES) for line in lines)
    assert lines[-2] == f"and {len(RULES) - rules} more rules"
    assert lines[-1] == "every finding, and what to do: importer check contacts.csv --verbose"


def test_few_rules_are_all_shown_and_nothing_is_said_of_more():
    text = "\n".join(shown(of_rules(5)))
    assert all(rule in text for rule in list(RULES)[:5])
    assert "more rule" not in text


def test_errors_come_before_notes_so_that_it_is_notes_that_are_left_out():
    lines = shown(of_rules(len(RULES)), width=200)
    severities = [line.split()[0] for line in lines[1:-2]]
    assert severities[0] == "error"
    assert severities == sorted(severities, key=["error", "warning", "note"].index)


def test_verbose_shows_every_rule_and_every_finding():
    found = of_rules(len(RULES), each=2)
    text = "\n".join(shown(found, width=400, verbose=True))
    assert text.count("contacts.csv:") == found.height
    assert "more rule" not in text


def test_a_file_with_a_blank_in_its_name_makes_a_command_that_runs():
    assert shown(of_rules(1), "my contacts.csv")[-1].endswith("importer check 'my contacts.csv' --verbose")


def test_a_workbook_names_cells_and_text_names_lines():
    columns = dict.fromkeys(LISTED, None) | {
        "file": "a", "line": 27, "cell": "B27", "column": "Name", "value": "Mary Ann", "rule": "name-letters",
        "severity": "error", "message": "wrong", "hint": "do",
    }  # fmt: skip
    book = pl.DataFrame([columns | {"sheet": "People"}], infer_schema_length=1)
    text = pl.DataFrame([columns], schema_overrides={"sheet": pl.String})
    assert "B27" in shown(book)[1].split()
    assert shown(book, "a.xlsx", verbose=True)[-1].startswith("a.xlsx People!B27 Name 'Mary Ann': error")
    assert "line 27 Name" in shown(text)[1]
    assert shown(text, "a.csv", verbose=True)[-1].startswith("a.csv:27 Name 'Mary Ann': error")


def test_findings_with_the_plain_columns_are_told_as_well():
    found = of_rules(1)
    assert found.columns == list(COLUMNS)
    assert "line 2 Name" in shown(found)[1]
