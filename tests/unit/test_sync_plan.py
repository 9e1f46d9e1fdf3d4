"""What a sync plans: matching, updates field by field, leavers, guards at their edges, and what was added undone."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.directory import Listed
from importer.ledger.values import KNOWN
from importer.model.contact import Rules, fold
from importer.model.operation import Kind, State
from importer.sheet.columns import match as columns
from importer.sheet.sheet import Sheet
from importer.stage.check import check
from importer.stage.guard import allowed, distrust, excess
from importer.stage.sync import FEW, Wish, estranged, sync
from importer.stage.terms import Terms
from importer.stage.undo import undo

HEADERS = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")
FINDINGS = ("row", "line", "rule", "severity", "column", "value", "message", "hint", "suggestion")
NIGHT, DAY = 1_800_000_000.0, 86_400.0
TYPES = "FaultMessage;SecurityMessage"


def row(name, mail=None, phone="", title="CEO", types=TYPES):
    return (name, mail or f"{name.lower()}@example.com", phone, title, types)


def wish(*rows, before=None, on_clash="reject", file="people.csv"):
    frame = pl.DataFrame(list(rows), schema=dict.fromkeys(HEADERS, pl.String), orient="row")
    lines = pl.Series("line", range(2, len(rows) + 2), dtype=pl.UInt32)
    none = pl.DataFrame(schema={name: pl.UInt32 if name in ("row", "line") else pl.String for name in FINDINGS})
    sheet = Sheet(file=file, name=None, columns=HEADERS, frame=frame, lines=lines, digest="d", findings=none)
    return Wish(sheet, check(sheet, columns(HEADERS), Rules()), "{}", on_clash, before=before)


def listed(name, mail=None, *, number=None, phone=None, title="CEO", types=TYPES, status="Active", pending=()):
    address = mail or f"{name.lower()}@example.com"
    number = number or f"c-{fold(name)}"
    return Listed(number, name, address, phone, title, tuple(types.split(";")), status, pending)


def known(*contacts):
    """The ledger's contacts, each as ``held`` makes it."""
    rows = [(number, *one) for number, one in enumerate(contacts, 1)]
    return pl.DataFrame(rows, schema={name: getattr(pl, kind) for name, kind in KNOWN.items()}, orient="row")


def held(name, mail=None, *, number=None, state="sent", file="people.csv", since=None, stranger=0, title="CEO"):
    address = mail or f"{name.lower()}@example.com"
    number = number or f"c-{fold(name)}"
    return (fold(name), name, address, None, title, TYPES, state, number, file, 2, since, stranger)


def both(*names):
    """The same contacts in ledger and directory."""
    return known(*map(held, names)), [listed(name) for name in names]


def planned(asked, ledger, directory, **told):
    return sync(asked, ledger, directory, Terms(**{"now": NIGHT, **told}))


def changes(plan):
    return {edit.key: edit.wanted for edit in plan.updates}


def names(leavers):
    return [one.name for one in leavers]


def reasons(plan, kind=Kind.DELETE):
    return {one.name: one.reason for one in plan.spared if one.operation is kind}


# -- adds, updates, nothing to do


def test_what_is_as_the_file_says_is_left_alone():
    plan = planned(wish(row("Anna"), row("Bob")), *both("Anna", "Bob"), delete=True)
    assert (plan.unchanged, plan.steps, plan.adds, plan.spared, plan.held) == (2, [], (), (), None)


def test_who_is_nowhere_is_added_and_who_is_there_already_adopted():
    plan = planned(wish(row("Anna"), row("Bob")), known(), [listed("bob", "BOB@example.com")])
    assert [one["name"] for one in plan.adds] == ["Anna"]
    assert [one["name"] for one in plan.adopts] == ["Bob"]
    assert changes(plan) == {"bob": {"name": ("bob", "Bob")}}, "once adopted, it takes the rest of the row"


def test_each_field_that_differs_is_told_from_what_the_directory_shows():
    asked = wish(row("Anna", "new@example.com", "86-13900001234", "Other", "FaultMessage"))
    plan = planned(asked, *both("Anna"))
    assert changes(plan) == {
        "anna": {
            "email_address": ("anna@example.com", "new@example.com"),
            "phone_number": (None, "86-13900001234"),
            "title": ("CEO", "Other"),
            "message_types": (TYPES, "FaultMessage"),
        }
    }


def test_letter_case_of_an_address_and_the_order_of_types_are_no_difference():
    shown = listed("Anna", "ANNA@example.com", types="SecurityMessage;FaultMessage")
    assert changes(planned(wish(row("Anna")), known(held("Anna")), [shown])) == {}


@pytest.mark.parametrize(("cased", "wanted"), [(True, {"anna": {"name": ("Anna", "ANNA")}}), (False, {})])
def test_letter_case_of_a_name_is_a_difference_where_the_directory_sees_one(cased, wanted):
    assert changes(planned(wish(row("ANNA", "anna@example.com")), *both("Anna"), cased=cased)) == wanted


def test_an_address_that_waits_to_be_verified_is_not_asked_for_again():
    shown = listed("Anna", pending=("new@example.com",))
    plan = planned(wish(row("Anna", "new@example.com")), known(held("Anna", "new@example.com")), [shown])
    assert (changes(plan), plan.steps) == ({}, [])


def test_a_change_that_waits_and_is_wanted_no_more_is_taken_back():
    shown = listed("Anna", pending=("new@example.com",))
    plan = planned(wish(row("Anna")), known(held("Anna", "new@example.com")), [shown])
    assert changes(plan) == {"anna": {"email_address": ("new@example.com", "anna@example.com")}}


def test_a_phone_number_is_never_taken_away_and_that_is_said():
    shown = listed("Anna", phone="86-13900001234")
    plan = planned(wish(row("Anna")), known(held("Anna")), [shown])
    assert changes(plan) == {}
    assert "cannot take a phone number away" in reasons(plan, Kind.UPDATE)["Anna"]


def test_what_somebody_changed_in_the_directory_is_changed_back():
    plan = planned(wish(row("Anna")), known(held("Anna")), [listed("Anna", title="Other")])
    assert changes(plan) == {"anna": {"title": ("Other", "CEO")}}


def test_what_the_directory_has_already_only_the_ledger_learns():
    plan = planned(wish(row("Anna", title="Other")), known(held("Anna")), [listed("Anna", title="Other")])
    assert [(step.kind, step.wanted) for step in plan.steps] == [(None, {"title": ("CEO", "Other")})]


def test_a_contact_that_the_directory_is_deleting_is_left_to_it():
    plan = planned(wish(row("Anna", title="Other")), known(held("Anna")), [listed("Anna", status="Deleting")])
    assert plan.steps == []
    assert "deleting it already" in reasons(plan, Kind.UPDATE)["Anna"]


def test_a_contact_of_another_file_is_not_changed_by_this_one():
    ledger = known(held("Anna", file="other.csv"))
    plan = planned(wish(row("Anna", title="Other")), ledger, [listed("Anna")], delete=True, missing_for=0)
    assert changes(plan) == {}
    assert "other.csv" in reasons(plan, Kind.UPDATE)["Anna"]


def test_a_name_of_another_file_with_another_address_is_refused_as_run_does():
    plan = planned(wish(row("Anna", "x@example.com")), known(held("Anna", file="other.csv")), [listed("Anna")])
    assert (plan.rows["rejected"], changes(plan)) == (1, {})


def test_a_name_that_a_stranger_has_in_the_directory_is_refused():
    plan = planned(wish(row("Anna", "x@example.com")), known(), [listed("Anna")])
    assert (plan.rows["rejected"], plan.adds, plan.adopts) == (1, (), ())


def test_one_that_was_deleted_by_hand_is_added_again():
    plan = planned(wish(row("Anna"), row("Bob")), known(held("Anna"), held("Bob")), [listed("Bob")])
    assert plan.observed.states == {1: State.DELETED}
    assert [one["name"] for one in plan.adds] == ["Anna"]


@pytest.mark.parametrize(("status", "state", "mails"), [("Verifying", State.ADDED, 1), ("Active", State.VERIFIED, 0)])
def test_one_whose_mail_failed_is_there_all_the_same_and_mailed_again_if_it_waits(status, state, mails):
    plan = planned(wish(row("Anna")), known(held("Anna", state="failed")), [listed("Anna", status=status)])
    assert plan.observed.states == {1: state}
    assert [step.kind for step in plan.steps] == [Kind.SEND_EMAIL] * mails
    assert plan.adds == ()


# -- renames


def test_a_new_name_with_the_address_of_one_that_is_gone_is_the_same_contact():
    plan = planned(wish(row("Hanna", "anna@example.com")), *both("Anna"), delete=True, missing_for=0)
    assert changes(plan) == {"anna": {"name": ("Anna", "Hanna")}}
    assert (plan.adds, plan.deletes) == ((), ())
    assert plan.staging.contacts["was"].to_list() == ["anna"]


def test_without_renames_it_is_added_and_the_old_one_is_missing():
    plan = planned(wish(row("Hanna", "anna@example.com")), *both("Anna"), renames=False)
    assert [one["name"] for one in plan.adds] == ["Hanna"]
    assert plan.observed.missing == ["anna"]


def test_an_old_name_that_the_file_still_has_is_no_rename():
    plan = planned(wish(row("Anna"), row("Hanna", "anna@example.com")), *both("Anna"))
    assert [one["name"] for one in plan.adds] == ["Hanna"]
    assert changes(plan) == {}


def test_of_two_new_names_with_one_address_nobody_knows_which_is_the_old_contact():
    asked = wish(row("Hanna", "anna@example.com"), row("Johanna", "anna@example.com"))
    plan = planned(asked, *both("Anna"))
    assert [one["name"] for one in plan.adds] == ["Hanna", "Johanna"]
    assert plan.observed.missing == ["anna"]


def test_a_rename_made_in_the_directory_is_recognised():
    plan = planned(
        wish(row("Hanna", "anna@example.com")),
        known(held("Anna")),
        [listed("Hanna", "anna@example.com", number="c-anna")],
    )
    assert [(step.kind, step.wanted) for step in plan.steps] == [(None, {"name": ("Anna", "Hanna")})]
    assert plan.adds == ()


def test_a_renamed_contact_whose_new_address_waits_is_known_by_that_address():
    shown = listed("Anna", pending=("new@example.com",))
    plan = planned(wish(row("Hanna", "new@example.com")), known(held("Anna", "new@example.com")), [shown])
    assert changes(plan) == {"anna": {"name": ("Anna", "Hanna")}}


# -- names of one file, from night to night


def test_of_two_rows_of_one_name_the_contact_itself_keeps_it_whatever_their_order():
    asked = wish(row("Anna", "other@example.com"), row("Anna"))
    plan = planned(asked, *both("Anna"))
    assert (changes(plan), plan.rows["rejected"]) == ({}, 1)


@pytest.mark.parametrize("turned", [False, True])
def test_a_letter_that_was_appended_stays_with_its_address(turned):
    rows = [row("Anna"), row("Anna", "other@example.com")]
    first = planned(wish(*rows, on_clash="suffix"), known(), [])
    second = next(one for one in first.adds if one["email_address"] == "other@example.com")["name"]
    assert second != "Anna"
    ledger = known(held("Anna"), held(second, "other@example.com"))
    directory = [listed("Anna"), listed(second, "other@example.com")]
    plan = planned(wish(*(rows[::-1] if turned else rows), on_clash="suffix"), ledger, directory)
    assert (changes(plan), plan.adds, plan.observed.missing) == ({}, (), [])


# -- who left


def test_who_is_missing_for_the_first_time_is_remembered_and_stays():
    plan = planned(wish(row("Anna")), *both("Anna", "Bob"), delete=True)
    assert plan.deletes == ()
    assert plan.observed.missing == ["bob"]
    assert reasons(plan) == {"Bob": "missing for the first time"}


@pytest.mark.parametrize(
    ("ago", "deleted"), [(DAY - 601, []), (DAY - 600, ["Bob"]), (DAY, ["Bob"]), (3 * DAY, ["Bob"])]
)
def test_who_was_missing_before_is_deleted_after_its_time(ago, deleted):
    ledger = known(held("Anna"), held("Bob", file=None, since=NIGHT - ago))
    plan = planned(wish(row("Anna")), ledger, both("Anna", "Bob")[1], delete=True, max_deletes=1)
    assert names(plan.deletes) == deleted
    assert [step.kind for step in plan.steps] == [Kind.DELETE] * len(deleted)


def test_with_no_time_at_all_who_left_is_deleted_at_once():
    plan = planned(wish(row("Anna")), *both("Anna", "Bob"), delete=True, missing_for=0, max_deletes=1)
    assert names(plan.deletes) == ["Bob"]


def test_without_delete_nobody_is_deleted_and_everyone_is_remembered():
    ledger = known(held("Anna"), held("Bob", since=NIGHT - 9 * DAY))
    plan = planned(wish(row("Anna")), ledger, both("Anna", "Bob")[1], missing_for=0)
    assert (plan.deletes, plan.held, plan.observed.missing) == ((), None, ["bob"])
    assert reasons(plan) == {"Bob": "--delete was not said"}


def test_who_is_back_is_not_missing_any_more():
    ledger = known(held("Anna", since=NIGHT - DAY, file=None))
    assert planned(wish(row("Anna")), ledger, [listed("Anna")], delete=True).observed.missing == []


def test_a_contact_that_another_file_asks_for_is_not_missing():
    ledger = known(held("Anna"), held("Bob", file="other.csv"))
    plan = planned(wish(row("Anna")), ledger, both("Anna", "Bob")[1], delete=True, missing_for=0)
    assert (plan.deletes, plan.observed.missing) == ((), [])


def test_a_stranger_is_deleted_only_when_that_is_asked_for_and_not_on_the_first_night():
    directory = [listed("Anna"), listed("Eve")]
    plan = planned(wish(row("Anna")), known(held("Anna")), directory, delete=True, missing_for=0)
    assert (plan.deletes, plan.observed.strangers) == ((), [])
    assert "neither added nor adopted" in reasons(plan)["Eve"]
    first = planned(wish(row("Anna")), known(held("Anna")), directory, delete=True, foreign=True, max_deletes=9)
    assert (first.deletes, first.observed.missing) == ((), ["eve"])
    assert [one.values.name for one in first.observed.strangers] == ["Eve"]
    ledger = known(held("Anna"), held("Eve", stranger=1, file=None, since=NIGHT - DAY))
    second = planned(wish(row("Anna")), ledger, directory, delete=True, foreign=True, max_deletes=9)
    assert names(second.deletes) == ["Eve"]
    without = planned(wish(row("Anna")), ledger, directory, delete=True, max_deletes=9)
    assert without.deletes == (), "met by a ledger is not adopted by it"


def test_a_contact_that_is_being_deleted_already_is_not_deleted_again():
    directory = [listed("Anna"), listed("Bob", status="Deleting")]
    plan = planned(wish(row("Anna")), both("Anna", "Bob")[0], directory, delete=True, missing_for=0, max_deletes=9)
    assert plan.deletes == ()
    assert "deleting it already" in reasons(plan)["Bob"]


# -- guards


@pytest.mark.parametrize(("rows", "guard"), [(71, None), (70, None), (69, "shrunk")])
def test_a_file_may_lose_30_percent_of_its_rows_and_no_more(rows, guard):
    found = distrust(rows, 100, errors=0)
    assert (found.guard if found else None) == guard
    if found:
        assert all(word in found.reason for word in ("69", "100", "31 %", "30 %"))


@pytest.mark.parametrize(
    ("before", "rows", "guard"), [(10, 7, None), (10, 6, "shrunk"), (3, 2, "shrunk"), (1, 1, None), (None, 1, None)]
)
def test_small_files_are_judged_by_the_same_share(before, rows, guard):
    found = distrust(rows, before, errors=0)
    assert (found.guard if found else None) == guard


@pytest.mark.parametrize(
    ("deletes", "held", "most", "holds"),
    [
        (2, 20, None, False),
        (3, 20, None, True),
        (5, 100, None, False),
        (6, 100, None, True),
        (1, 9, None, True),
        (1, 9, 1, False),
        (2, 9, 1, True),
        (1, 100, 0, True),
    ],
)
def test_no_more_are_deleted_than_the_smaller_of_5_and_10_percent_or_what_was_said(deletes, held, most, holds):
    found = excess(deletes, held, most)
    assert (found is not None) == holds
    if found:
        assert str(deletes) in found.reason
        assert f"--max-deletes {deletes}" in found.hint


@given(st.integers(0, 10_000))
def test_what_may_be_deleted_is_never_more_than_5_nor_than_a_tenth(count):
    assert allowed(count) <= 5
    assert allowed(count) * 10 <= count


def gone(*rows, before=None, **told):
    """A plan for a file from which Bob is missing since long."""
    ledger = known(held("Anna"), held("Bob", file=None, since=NIGHT - 9 * DAY), held("Carl"), held("Dora"))
    return planned(
        wish(*rows, before=before), ledger, both("Anna", "Bob", "Carl", "Dora")[1], delete=True, max_deletes=9, **told
    )


@pytest.mark.parametrize(
    ("rows", "before", "guard"),
    [
        ([], 4, "empty"),
        ([row("Anna"), row("Carl")], 4, "shrunk"),
        ([row("Anna"), row("Carl"), row("x1", "broken")], 4, "errors"),
    ],
)
def test_a_file_that_cannot_be_trusted_deletes_nobody_and_calls_nobody_missing(rows, before, guard):
    plan = gone(*rows, before=before)
    assert (plan.held.guard, plan.deletes) == (guard, ())
    assert plan.held.deletes == 1
    assert plan.observed.missing == ["bob"], "who was missing before stays so, and nobody else is"
    assert plan.staging.synced is None, "the next file is not measured by this one"


def test_too_many_deletes_hold_all_of_them_back_and_the_rest_goes_on():
    ledger = known(held("Anna"), held("Bob", file=None, since=NIGHT - 9 * DAY), held("Carl"), held("Dora"))
    asked = wish(row("Anna"), row("Carl"), row("Dora"), row("Zoe"), before=4)
    plan = planned(asked, ledger, both("Anna", "Bob", "Carl", "Dora")[1], delete=True)
    assert (plan.held.guard, plan.held.deletes, plan.deletes) == ("max-deletes", 1, ())
    assert "10 % of the 4 contacts" in plan.held.reason
    assert [one["name"] for one in plan.adds] == ["Zoe"]
    assert plan.staging.synced == 4
    assert reasons(plan) == {"Bob": "held back: max-deletes"}


def test_a_guard_has_nothing_to_hold_when_nobody_is_missing():
    assert planned(wish(row("Anna"), before=99), *both("Anna"), delete=True).held is None


@pytest.mark.parametrize(
    ("ours", "shown", "expected"),
    [
        (FEW, (), FEW),
        (FEW, ("Zoe", "Yan"), FEW),
        (FEW - 1, (), 0),
        (FEW, ("Aaa",), 0),
    ],
)
def test_a_directory_that_lists_none_of_ours_is_another_one(ours, shown, expected):
    everyone = ("Aaa", "Bbb", "Ccc", "Ddd")[:ours]
    assert estranged(known(*map(held, everyone)), [listed(name) for name in shown]) == expected


# -- undo


def test_what_a_run_added_is_deleted_again_unless_it_was_changed_since():
    ledger, directory = both("Anna", "Bob", "Carl", "Dora", "Eve")
    directory[2] = replace(directory[2], title="Other")
    directory[3] = replace(directory[3], status="Deleting")
    deletes, spared = undo({1: False, 2: True, 3: False, 4: False, 5: False}, ledger, directory[:4])
    assert names(deletes) == ["Anna"]
    told = {one.name: one.reason for one in spared}
    assert set(told) == {"Bob", "Carl", "Dora", "Eve"}
    assert "later run" in told["Bob"]
    assert "title" in told["Carl"]
    assert "not in the directory" in told["Eve"]
