"""Names that do not fit: what is proposed, and what becomes of it with fix_names."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.model.contact import Rules
from importer.sheet import Sheet, faults
from importer.sheet.columns import match
from importer.stage.check import check
from importer.stage.dedupe import dedupe

HEADERS = ("Name", "EmailAddress", "Title", "MessageTypes")
FIT = re.compile("[A-Za-z\u3400-\u4dbf\u4e00-\u9fff]{2,12}")


def checked(*names, fix=True, chinese=True):
    """Rows with these names, each with an address of its own; lines count from 2."""
    cells = [(name, f"p{number}@example.com", "CEO", "FaultMessage") for number, name in enumerate(names)]
    frame = pl.DataFrame(cells, dict.fromkeys(HEADERS, pl.String), orient="row")
    lines = pl.Series(range(2, len(names) + 2), dtype=pl.UInt32)
    sheet = Sheet("new.csv", None, HEADERS, frame, lines, "digest", faults.frame())
    return check(sheet, match(HEADERS), Rules(chinese_names=chinese, fix_names=fix))


FIXED = [
    ("Mary Ann", "MaryAnn"),
    ("Jean-Luc", "JeanLuc"),
    ("O'Hara", "OHara"),
    ("J. Smith", "JSmith"),
    ("Tom2", "Tom"),
    ("张 伟", "张伟"),
    ("阿里·买买提", "阿里买买提"),
    ("Alexandrovich", "Alexandrovic"),
    ("Maximilian Schwarzenegger", "MaximilianS"),
    ("Tоm", "Tom"),  # Cyrillic о
    ("Ρavel", "Pavel"),  # Greek Rho
    ("Mаry Аnn 2", "MaryAnn"),
]


@pytest.mark.parametrize(("cell", "name"), FIXED)
def test_with_fix_names_the_proposal_is_taken_and_a_note_says_old_and_new(cell, name):
    result = checked(cell)
    assert result.contacts.select("name", "key").rows() == [(name, name.lower())]
    assert result.findings.select("rule", "severity", "column", "value", "message", "suggestion").rows() == [
        ("name-fixed", "note", "Name", cell, f"The name was made to fit: {cell} → {name}", None)
    ]
    assert result.rejected.is_empty()


@pytest.mark.parametrize(("cell", "name"), FIXED)
def test_without_it_the_same_is_suggested_and_the_row_rejected(cell, name):
    result = checked(cell, fix=False)
    assert result.contacts.is_empty()
    assert result.findings.select("severity", "suggestion").rows() == [("error", name)]


@pytest.mark.parametrize(
    ("cell", "suggestion"),
    [
        ("José", "Jose"),  # a letter with an accent is no slip of the pen, and Müller may be Mueller
        ("Сара", "Capa"),  # a name of another alphabet: every letter of it only looks like an English one
        ("Smith, John", "SmithJohn"),
        ("Tom (IT)", "TomIT"),
        ("Tom☺", "Tom"),
        ("Сорокова", None),  # what is left without its other letters is no name
        ("Tom и", None),
        ("ÑŠç÷", "NSc"),
        ("T", None),
        ("12", None),
        ("", None),
    ],
)
def test_what_is_not_surely_the_name_meant_is_not_taken(cell, suggestion):
    result = checked(cell)
    assert result.findings.select("severity", "suggestion").rows() == [("error", suggestion)]
    assert result.rejected.to_list() == [0]


def test_a_chinese_name_is_not_shortened_to_its_english_letters_where_chinese_is_not_allowed():
    assert checked("Tom张", chinese=False).contacts.is_empty()


def test_repairs_are_told_beside_the_fix():
    result = checked("  Mary\u00a0Ann ")
    assert result.contacts["name"].to_list() == ["MaryAnn"]
    assert result.findings["rule"].to_list() == ["full-width", "surrounding-blanks", "name-fixed"]


def test_a_fixed_name_meets_others_like_any_name():
    result = dedupe(checked("Mary Ann", "MaryAnn", "Mary-Ann"), on_clash="reject")
    assert result.contacts.select("row", "name").rows() == [(0, "MaryAnn")]
    assert result.rejected.to_list() == [1, 2]
    suffixed = dedupe(checked("MaryAnn", "Mary Ann"), on_clash="suffix")
    assert suffixed.contacts["name"].to_list() == ["MaryAnn", "MaryAnnA"]


def test_a_fixed_row_that_says_the_same_as_another_collapses_into_it():
    cells = [("Mary Ann", "a@example.com", "CEO", "FaultMessage"), ("MaryAnn", "a@example.com", "CEO", "FaultMessage")]
    frame = pl.DataFrame(cells, dict.fromkeys(HEADERS, pl.String), orient="row")
    sheet = Sheet("new.csv", None, HEADERS, frame, pl.Series([2, 3], dtype=pl.UInt32), "digest", faults.frame())
    result = dedupe(check(sheet, match(HEADERS), Rules(fix_names=True)), on_clash="reject")
    assert (result.contacts["row"].to_list(), result.duplicates["row"].to_list()) == ([0], [1])


ODD = st.text(alphabet="abЖоТeé张 -2.·'\u00a0\u200b☺", max_size=20)


@settings(max_examples=100, deadline=None)
@given(st.lists(ODD, min_size=1, max_size=12))
def test_fixing_leaves_names_that_fit_and_the_same_ones_every_time(names):
    once, again = checked(*names), checked(*names)
    assert all(FIT.fullmatch(name) for name in once.contacts["name"])
    assert once.contacts.equals(again.contacts)
    assert once.findings.equals(again.findings)
    assert sorted([*once.contacts["row"], *once.rejected]) == list(range(len(names)))
    plain = checked(*names, fix=False)
    assert set(plain.contacts["row"]) <= set(once.contacts["row"])
    settled = checked(*once.contacts["name"])
    assert settled.contacts["name"].to_list() == once.contacts["name"].to_list()
    assert "name-fixed" not in set(settled.findings["rule"])


@settings(max_examples=100, deadline=None)
@given(st.lists(ODD, min_size=1, max_size=12))
def test_what_is_taken_is_what_was_suggested(names):
    plain = checked(*names, fix=False).findings.filter(severity="error").select("row", "suggestion")
    fixed = (
        checked(*names).findings.filter(rule="name-fixed").select("row", new=pl.col("message").str.extract("→ (.*)$"))
    )
    both = fixed.join(plain, on="row", how="left")
    assert both["new"].to_list() == both["suggestion"].to_list()
