"""The table of rules: ids that stay, words that can be acted on."""

import re

import pytest

from importer.model.contact import EMAIL_MAX, NAME_MAX, NAME_MIN, TITLES
from importer.model.finding import Severity
from importer.sheet import columns, faults
from importer.stage.rules import REPAIRS, RULES


def test_an_id_stands_for_one_rule_in_all_rooms():
    ids = [*RULES, *(rule.id for rule in (*faults.RULES, *columns.RULES))]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_has_a_plain_id_a_sentence_and_words(rule):
    assert re.fullmatch("[a-z]+(-[a-z]+)*", rule.id)
    assert re.fullmatch(r"[A-Z86].*\.", rule.says)
    assert rule.message
    assert set(re.findall(r"\{\w*\}", rule.message)) <= {"{detail}"}
    assert "{" not in rule.hint


def test_an_error_and_a_warning_say_what_to_do_and_a_note_asks_nothing():
    for rule in RULES.values():
        assert bool(rule.hint) == (rule.severity is not Severity.NOTE), rule.id


def test_what_the_rules_say_is_what_the_fields_are():
    assert f"at least {NAME_MIN} letters" in RULES["name-short"].says
    assert f"at most {NAME_MAX} letters" in RULES["name-long"].says
    assert f"at most {EMAIL_MAX} characters" in RULES["email-long"].says
    assert all(title in RULES["title-unknown"].says for title in TITLES)


def test_repairs_are_notes():
    assert {RULES[rule].severity for rule in REPAIRS} == {Severity.NOTE}
