"""A name stands for one contact: same rows collapse, others clash, and a suffix is the same on every rerun."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.model.contact import Rules, fold
from importer.sheet import Sheet, faults
from importer.sheet.columns import match
from importer.stage import clash
from importer.stage.check import check
from importer.stage.dedupe import TAKEN, dedupe
from importer.stage.free import Names, appended, candidate

HEADERS = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")
FIELDS = ("name", "email_address", "phone_number", "title", "message_types")
A, B, C, D = (f"{letter}@example.com" for letter in "abcd")


def checked(*rows, strict=False):
    """Rows of name and address, and title if it is not CEO; lines count from 2."""
    cells = [(name, mail, None, *(title or ["CEO"]), "ServiceMessage") for name, mail, *title in rows]
    frame = pl.DataFrame(cells, dict.fromkeys(HEADERS, pl.String), orient="row")
    lines = pl.Series(range(2, len(rows) + 2), dtype=pl.UInt32)
    sheet = Sheet("new.csv", None, HEADERS, frame, lines, "digest", faults.frame())
    return check(sheet, match(HEADERS), Rules(strict=strict))


def held(*rows, place="ledger", file="old.csv"):
    """Taken names: name and address, and title if it is not CEO."""
    cells = [
        (fold(name), name, mail, None, *(title or ["CEO"]), "ServiceMessage", place, file, file and line)
        for line, (name, mail, *title) in enumerate(rows, 2)
    ]
    return pl.DataFrame(cells, TAKEN, orient="row")


def as_taken(contacts, place="ledger"):
    return contacts.select("key", *FIELDS, pl.lit(place).alias("place"), pl.lit("new.csv").alias("file"), "line")


def named(result):
    return result.contacts.select("row", "name").rows()


def told(result, *columns):
    shared = pl.col("rule") != "email-shared"
    return result.findings.filter(shared).select(columns).rows()


def balanced(result, count):
    places = [*result.contacts["row"], *result.duplicates["row"], *result.rejected]
    assert sorted(places) == list(range(count))
    assert result.contacts["key"].is_unique().all()
    assert result.contacts["row"].is_sorted()
    assert [fold(name) for name in result.contacts["name"]] == result.contacts["key"].to_list()
    assert result.contacts["name"].str.len_chars().is_between(2, 12).all()
    return True


@pytest.mark.parametrize("on_clash", ["reject", "first", "suffix"])
def test_different_names_stay_as_they_are(on_clash):
    before = checked(("Tom", A), ("Ann", B))
    result = dedupe(before, on_clash=on_clash)
    assert result.contacts.equals(before.contacts)
    assert (result.duplicates.height, len(result.rejected), result.findings.height, result.clashes) == (0, 0, 0, 0)


@pytest.mark.parametrize("on_clash", ["reject", "first", "suffix"])
def test_rows_that_say_the_same_collapse_into_the_first_with_a_note(on_clash):
    result = dedupe(checked(("Tom", A), ("Ann", B), ("Tom", A), ("tom", "A@example.com")), on_clash=on_clash)
    assert named(result) == [(0, "Tom"), (1, "Ann")]
    assert result.duplicates.rows() == [(2, 4, 2, "tom"), (3, 5, 2, "tom")]
    assert told(result, "row", "rule", "severity") == [(2, "duplicate-row", "note"), (3, "duplicate-row", "note")]
    assert result.findings["message"][0] == "The row says the same as line 2, and was left out."


def test_a_clash_rejects_the_later_row_and_says_with_what_and_which_name_is_free():
    result = dedupe(checked(("Tom", A), ("TOM", B), ("TomA", C), ("Tom", A, "Other")))
    assert named(result) == [(0, "Tom"), (2, "TomA")]
    assert result.rejected.to_list() == [1, 3]
    assert told(result, "line", "rule", "severity", "column", "value", "message", "suggestion") == [
        (3, "name-clash", "error", "Name", "TOM", "Line 2 has the name Tom already, with another address.", "TOMB"),
        (5, "name-clash", "error", "Name", "Tom", "Line 2 has the name Tom already, with another title.", "TomC"),
    ]
    assert result.clashes == 0


def test_on_clash_first_drops_the_later_row_as_a_duplicate_with_a_note():
    result = dedupe(checked(("Tom", A), ("Tom", B)), on_clash="first")
    assert named(result) == [(0, "Tom")]
    assert result.duplicates.rows() == [(1, 3, 2, "tom")]
    assert told(result, "rule", "severity") == [("clash-dropped", "note")]


def test_on_clash_suffix_appends_a_letter_and_a_row_that_says_the_same_follows():
    result = dedupe(checked(("Tom", A), ("Tom", B), ("Tom", B), ("Tom", C)), on_clash="suffix")
    assert named(result) == [(0, "Tom"), (1, "TomA"), (3, "TomB")]
    assert result.contacts["key"].to_list() == ["tom", "toma", "tomb"]
    assert result.duplicates.rows() == [(2, 4, 3, "toma")]
    assert told(result, "line", "rule") == [(3, "name-suffixed"), (4, "duplicate-row"), (5, "name-suffixed")]
    assert result.findings["message"][0].endswith("this contact is named TomA")


def test_a_name_of_twelve_letters_gives_way_at_its_end():
    result = dedupe(checked(("Abcdefghijkl", A), ("Abcdefghijkl", B), ("张伟", A), ("张伟", B)), on_clash="suffix")
    assert [name for _, name in named(result)] == ["Abcdefghijkl", "AbcdefghijkA", "张伟", "张伟A"]


def test_a_name_that_is_taken_by_another_address_is_refused_and_counted():
    taken = pl.concat([held(("Tom", B)), held(("Ann", B), place="directory", file=None)])
    result = dedupe(checked(("Tom", A), ("Ann", A), ("Bob", C)), taken=taken)
    assert named(result) == [(2, "Bob")]
    assert told(result, "row", "rule", "message", "suggestion") == [
        (0, "name-taken", f"The ledger (old.csv, line 2) has the name Tom already, with the address {B}.", "TomA"),
        (1, "name-taken", f"The directory has the name Ann already, with the address {B}.", "AnnA"),
    ]
    assert result.clashes == 2


def test_a_row_that_is_already_there_stays_and_nothing_is_said():
    taken = held(("tom", "A@Example.com"), ("Ann", B))
    result = dedupe(checked(("Tom", A), ("Ann", B), ("Bob", C)), taken=taken)
    assert named(result) == [(0, "Tom"), (1, "Ann"), (2, "Bob")]
    assert told(result, "rule") == []


def test_a_contact_that_is_there_with_other_values_stays_with_a_warning_that_says_which():
    taken = pl.concat([held(("Tom", A, "Other")), held(("Ann", B, "Other"), place="directory", file=None)])
    result = dedupe(checked(("Tom", A), ("Ann", B)), taken=taken)
    assert named(result) == [(0, "Tom"), (1, "Ann")]
    assert told(result, "row", "rule", "severity", "message") == [
        (0, "changed-contact", "warning", "The ledger (old.csv, line 2) has this contact with title Other."),
        (1, "changed-contact", "warning", "The directory has this contact with title Other."),
    ]
    assert result.clashes == 0


def test_a_contact_known_in_two_places_is_unchanged_if_one_says_the_same():
    taken = pl.concat([held(("Tom", A, "Other")), held(("Tom", A), place="directory", file=None)])
    result = dedupe(checked(("Tom", A)), taken=taken)
    assert (named(result), told(result, "rule")) == ([(0, "Tom")], [])


def test_the_row_that_has_the_name_elsewhere_has_it_in_the_file_too():
    """Without the ledger line 2 would have the name; only it is refused because of the ledger."""
    result = dedupe(checked(("Tom", A), ("Tom", B), ("Tom", C)), taken=held(("Tom", B)))
    assert named(result) == [(1, "Tom")]
    assert result.rejected.to_list() == [0, 2]
    assert result.clashes == 1


def test_on_clash_first_treats_taken_names_alike():
    taken = pl.concat([held(("Tom", B)), held(("Ann", B), place="directory", file=None)])
    result = dedupe(checked(("Tom", A), ("Ann", A)), on_clash="first", taken=taken)
    assert result.contacts.is_empty()
    assert result.duplicates.rows() == [(0, 2, 2, "tom"), (1, 3, None, "ann")]
    assert result.clashes == 2


def test_on_clash_suffix_takes_no_name_that_is_taken():
    result = dedupe(checked(("Tom", A)), on_clash="suffix", taken=held(("Tom", B), ("TomA", C)))
    assert named(result) == [(0, "TomB")]
    assert result.clashes == 0


def test_a_suffix_is_found_again_by_the_address_it_was_given_to():
    taken = held(("Tom", A), ("TomA", C), ("TomB", B))
    result = dedupe(checked(("Tom", A), ("Tom", B), ("Tom", D), ("Tom", C, "Other")), on_clash="suffix", taken=taken)
    assert named(result) == [(0, "Tom"), (1, "TomB"), (2, "TomC"), (3, "TomA")]
    assert told(result, "row", "rule") == [
        (1, "name-suffixed"), (2, "name-suffixed"), (3, "name-suffixed"), (3, "changed-contact"),
    ]  # fmt: skip


def test_two_contacts_of_one_name_and_address_keep_their_suffixes():
    taken = held(("Tom", A), ("TomA", B, "CEO"), ("TomB", B, "Other"))
    result = dedupe(checked(("Tom", A), ("Tom", B, "Other"), ("Tom", B, "CEO")), on_clash="suffix", taken=taken)
    assert named(result) == [(0, "Tom"), (1, "TomB"), (2, "TomA")]


def test_another_person_s_longer_name_is_no_suffix():
    """Tomas has the row's address and begins with Tom, but nobody appended its letters."""
    result = dedupe(checked(("Tom", A), ("Tom", B)), on_clash="suffix", taken=held(("Tom", A), ("Tomas", B)))
    assert named(result) == [(0, "Tom"), (1, "TomA")]


def test_rejected_rows_take_part_in_nothing():
    result = dedupe(checked(("Tom", "nowhere"), ("Tom", A)))
    assert named(result) == [(1, "Tom")]
    assert result.rejected.to_list() == [0]


def test_names_far_past_the_suggested_ones_are_refused_all_the_same():
    rows = [("Tom", f"a{n}@example.com") for n in range(60)]
    result = dedupe(checked(*rows), on_clash="suffix")
    assert [name for _, name in named(result)][24:30] == ["TomX", "TomY", "TomZ", "TomAA", "TomAB", "TomAC"]
    assert balanced(result, 60)
    assert clash.SUGGESTED >= 60


def test_candidates_are_told_from_other_names():
    assert [candidate("Tom", n) for n in (0, 25, 26, 27, 701, 702)] == [
        "TomA",
        "TomZ",
        "TomAA",
        "TomAB",
        "TomZZ",
        "TomAAA",
    ]
    assert all(appended(candidate(name, n), name) for name in ("Tom", "张伟", "Abcdefghijkl") for n in range(2000))
    assert [appended(name, "Tom") for name in ("TOMA", "TomAB", "TomABC")] == [1, 2, 3]
    assert not any(appended(name, "Tom") for name in ("Tom", "Toma", "Tim", "TimA", "TomABCD", "Tom张", "To"))


def test_a_free_name_is_given_once():
    names = Names({"tom", "toma"})
    assert [names.free("Tom"), names.free("TOM"), names.free("Tom")] == ["TomB", "TOMC", "TomD"]


some_names = st.sampled_from(["Tom", "TOM", "TomA", "TomB", "Abcdefghijkl", "AbcdefghijkA", "张伟", "Ann"])
some_mails = st.sampled_from([A, B, C, D, "A@example.com"])
some_titles = st.sampled_from(["CEO", "Other"])
some_rows = st.lists(st.tuples(some_names, some_mails, some_titles), max_size=14)
ways = st.sampled_from(["reject", "first", "suffix"])


@settings(max_examples=80, deadline=None)
@given(some_rows, some_rows, ways)
def test_every_row_is_in_one_place_and_no_name_goes_to_two(rows, others, on_clash):
    taken = held(*others).unique("key", keep="first", maintain_order=True)
    before = checked(*rows)
    result = dedupe(before, on_clash=on_clash, taken=taken)
    assert balanced(result, len(rows))
    met = result.contacts.join(taken, on="key")
    assert (met["email_address"].str.to_lowercase() == met["email_address_right"].str.to_lowercase()).all()
    if on_clash == "suffix":
        assert result.rejected.is_empty()
    errors = result.findings.filter(severity="error")
    assert sorted(errors["row"]) == result.rejected.to_list()
    assert set(result.duplicates["key"]) <= {*result.contacts["key"], *taken["key"]}


@settings(max_examples=80, deadline=None)
@given(some_rows.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))), some_rows, ways)
def test_a_rerun_gives_every_contact_its_name_again_whatever_the_order(orders, others, on_clash):
    """What the first run accepted is taken on the second; on the third the rows stand in another order."""
    rows, shuffled = orders
    taken = held(*others).unique("key", keep="first", maintain_order=True)
    first = dedupe(checked(*rows), on_clash=on_clash, taken=taken)
    there = pl.concat([as_taken(first.contacts), taken.join(first.contacts, on="key", how="anti")])
    again = dedupe(checked(*rows), on_clash=on_clash, taken=there)
    assert again.contacts.select("row", *FIELDS).equals(first.contacts.select("row", *FIELDS))
    assert again.duplicates.select("row", "key").equals(first.duplicates.select("row", "key"))
    assert again.rejected.equals(first.rejected)
    moved = dedupe(checked(*shuffled), on_clash=on_clash, taken=there)
    assert set(moved.contacts["key"]) == set(first.contacts["key"])


@pytest.mark.parametrize("place", ["ledger", "directory"])
def test_strict_rejects_a_contact_that_is_otherwise_elsewhere_with_all_rows_that_say_so(place):
    rows = (("Tom", A, "Other"), ("Ann", B), ("Tom", A, "Other"), ("Tom", A), ("Tom", C))
    there = held(("Tom", A, "CFO"), ("Ann", B), place=place)
    result = dedupe(checked(*rows, strict=True), taken=there)
    assert balanced(result, 5)
    assert named(result) == [(1, "Ann")]
    assert [row for row, rule, severity in told(result, "row", "rule", "severity") if rule == "changed-contact"] == [
        0,
        2,
    ]
    assert set(result.findings["severity"]) == {"error"}
    assert result.duplicates.is_empty()
    assert result.clashes >= 2


def test_strict_leaves_what_is_the_same_elsewhere():
    before = checked(("Tom", A), ("Ann", B), strict=True)
    result = dedupe(before, taken=as_taken(before.contacts))
    assert (named(result), len(result.rejected), result.clashes) == ([(0, "Tom"), (1, "Ann")], 0, 0)


FEW = st.tuples(st.sampled_from(["Tom", "tom", "Ann"]), st.sampled_from([A, B]), st.sampled_from(["CEO", "Other"]))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(FEW, min_size=1, max_size=8),
    st.lists(FEW, max_size=2, unique_by=lambda row: fold(row[0])),
    st.sampled_from(["reject", "first", "suffix"]),
)
def test_with_strict_the_books_balance_and_no_accepted_row_has_a_warning(rows, there, on_clash):
    result = dedupe(checked(*rows, strict=True), on_clash=on_clash, taken=held(*there))
    assert balanced(result, len(rows))
    assert "warning" not in set(result.findings["severity"])
    errors = set(result.findings.filter(severity="error")["row"])
    assert errors == set(result.rejected)
