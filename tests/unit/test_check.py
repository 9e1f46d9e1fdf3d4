"""Checking a sheet: every rule on every cell, repairs that are safe, and nothing guessed."""

import re
import sys
import unicodedata

import polars as pl
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.model.contact import FIELDS, MESSAGE_TYPES, TITLES, Rules, fold
from importer.model.finding import COLUMNS, Finding, Severity
from importer.sheet import Sheet, faults
from importer.sheet.columns import match
from importer.stage.addresses import REFUSED, RESERVED, SHORT
from importer.stage.addresses import faults as address_faults
from importer.stage.cells import INVISIBLE
from importer.stage.check import check

HEADERS = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")
GOOD = dict(zip(HEADERS, ("Tom", "tom@example.com", "86-13900001234", "CEO", "ServiceMessage"), strict=True))


def a_sheet(*rows, headers=HEADERS, findings=()):
    frame = pl.DataFrame(
        [tuple(row.get(h) for h in headers) for row in rows], dict.fromkeys(headers, pl.String), orient="row"
    )
    lines = pl.Series(range(2, len(rows) + 2), dtype=pl.UInt32)
    return Sheet("contacts.csv", None, tuple(headers), frame, lines, "digest", faults.frame(findings))


def checked(*rows, headers=HEADERS, findings=(), rules=None):
    sheet = a_sheet(*rows, headers=headers, findings=findings)
    return check(sheet, match(headers), rules or Rules())


def told(result, *columns):
    return result.findings.select(columns).rows() if len(columns) > 1 else result.findings[columns[0]].to_list()


def test_a_good_row_becomes_a_contact_and_nothing_is_said():
    result = checked(GOOD)
    assert result.contacts.rows() == [
        (0, 2, "tom", "Tom", "tom@example.com", "86-13900001234", "CEO", "ServiceMessage", 0)
    ]
    assert result.contacts.columns == [
        "row", "line", "key", "name", "email_address", "phone_number", "title", "message_types", "priority",
    ]  # fmt: skip
    assert result.contacts.schema["row"] == result.contacts.schema["line"] == pl.UInt32
    assert result.findings.is_empty()
    assert result.findings.columns == list(COLUMNS)
    assert result.rejected.to_list() == []


WRONG = [
    ("Name", None, "missing-value", None),
    ("Name", " \u3000", "missing-value", None),
    ("Name", "Mary Ann", "name-letters", "MaryAnn"),
    ("Name", "Jean-Luc", "name-letters", "JeanLuc"),
    ("Name", "Tom2", "name-letters", "Tom"),
    ("Name", "José", "name-letters", "Jose"),
    ("Name", "12", "name-letters", None),
    ("Name", "Иван", "name-letters", None),
    ("Name", "ひらがな", "name-letters", None),
    ("Name", "𠮷田", "name-letters", None),  # extension B
    ("Name", "To\u00a0m", "name-letters", "Tom"),
    ("Name", "Tоm", "name-lookalike", "Tom"),  # Cyrillic о
    ("Name", "Ρavel", "name-lookalike", "Pavel"),  # Greek Rho
    ("Name", "T", "name-short", None),
    ("Name", "张", "name-short", None),
    ("Name", "Alexandrovich", "name-long", "Alexandrovic"),
    ("Name", "Maximilian Schwarzenegger", "name-letters", "MaximilianS"),
    ("Name", "Mary-Ann van der Schwarzenegger", "name-letters", "MaryS"),
    ("EmailAddress", "", "missing-value", None),
    ("EmailAddress", "tom", "email-syntax", None),
    ("EmailAddress", "tom@@example.com", "email-syntax", "tom@example.com"),
    ("EmailAddress", "tom @example.com", "email-syntax", "tom@example.com"),
    ("EmailAddress", "Tom <tom@example.com>", "email-syntax", "tom@example.com"),
    ("EmailAddress", "mailto:tom@example.com", "email-syntax", "tom@example.com"),
    ("EmailAddress", "tom@example,com", "email-syntax", "tom@example.com"),
    ("EmailAddress", "tom@example..com", "email-syntax", "tom@example.com"),
    ("EmailAddress", "tom@example.com;", "email-syntax", "tom@example.com"),
    ("EmailAddress", "a@example.com; b@example.com", "email-syntax", None),
    ("EmailAddress", "tom@localhost", "email-syntax", None),
    ("EmailAddress", "tom@machine.local", "email-syntax", None),
    ("EmailAddress", "tom@-example.com", "email-syntax", None),
    ("EmailAddress", "tom@[127.0.0.1]", "email-syntax", None),
    ("EmailAddress", '"tom"@example.com', "email-syntax", "tom@example.com"),
    ("EmailAddress", "t" * 117 + "@example.com", "email-long", None),
    ("PhoneNumber", "86-1390000123", "phone-number", None),
    ("PhoneNumber", "86-139000012345", "phone-number", None),
    ("PhoneNumber", "86-23900001234", "phone-number", None),
    ("PhoneNumber", "010-12345678", "phone-number", None),
    ("PhoneNumber", "13900001234/13900001235", "phone-number", None),
    ("PhoneNumber", "139-000-01234", "phone-number", "86-13900001234"),
    ("PhoneNumber", "none", "phone-number", None),
    ("PhoneNumber", "+1 212 555 0100", "phone-country", None),
    ("PhoneNumber", "1 (212) 555-0100", "phone-country", None),
    ("PhoneNumber", "1-396-555-0100", "phone-country", None),
    ("PhoneNumber", "852-91234567", "phone-country", None),
    ("PhoneNumber", "0044 20 7946 0000", "phone-country", None),
    ("PhoneNumber", "+139 0000 1234", "phone-country", None),
    ("PhoneNumber", "1.39E+10", "phone-rounded", None),
    ("PhoneNumber", "1.390000123E10", "phone-rounded", None),
    ("Title", None, "missing-value", None),
    ("Title", "Techincal Director", "title-unknown", "TechnicalDirector"),
    ("Title", "财务总监", "title-unknown", "FinanceDirector"),
    ("Title", "Gardener", "title-unknown", None),
    ("MessageTypes", None, "missing-value", None),
    ("MessageTypes", " ; ,", "missing-value", None),
    ("MessageTypes", "ServiceMessage;Weather", "message-type-unknown", None),
    ("MessageTypes", "ServiceMesage/FaultMessage", "message-type-unknown", "ServiceMessage;FaultMessage"),
    ("MessageTypes", "all", "message-type-unknown", ";".join(MESSAGE_TYPES)),
]


@pytest.mark.parametrize(("column", "cell", "rule", "suggestion"), WRONG)
def test_a_wrong_cell_rejects_its_row_with_its_rule_and_what_was_likely_meant(column, cell, rule, suggestion):
    result = checked(GOOD, {**GOOD, column: cell})
    assert told(result, "row", "line", "rule", "severity", "column", "value", "suggestion") == [
        (1, 3, rule, "error", column, cell or None, suggestion)
    ]
    assert result.rejected.to_list() == [1]
    assert result.contacts["row"].to_list() == [0]


REPAIRED = [
    ("Name", "  Tom\t", "Tom", ["surrounding-blanks"]),
    ("Name", "Ｔｏｍ", "Tom", ["full-width"]),
    ("Name", "\ufeffTo\u200bm", "Tom", ["invisible-characters"]),
    ("Name", "\u00a0Tom", "Tom", ["full-width", "surrounding-blanks"]),
    ("Name", "张伟", "张伟", []),
    ("Name", "㐀张Tom", "㐀张Tom", []),
    ("Name", "⼭⽥", "山田", ["full-width"]),  # radicals that look like the characters
    ("EmailAddress", "tom＠example．com", "tom@example.com", ["full-width"]),
    ("EmailAddress", "Tom.O'Hara+x@Example.COM", "Tom.O'Hara+x@Example.COM", []),
    ("EmailAddress", "'+tom@example.com", "+tom@example.com", ["apostrophe-escaped"]),
    ("EmailAddress", "tom@bücher.example.com", "tom@bücher.example.com", []),
    ("EmailAddress", "tom@xn--bcher-kva.example.com", "tom@xn--bcher-kva.example.com", []),
    ("EmailAddress", "t" * 80 + "@example.com", "t" * 80 + "@example.com", []),
    ("PhoneNumber", None, None, []),
    ("PhoneNumber", " ", None, []),
    ("PhoneNumber", "+86 139 0000 1234", "86-13900001234", ["phone-format"]),
    ("PhoneNumber", "+86-139-0000-1234", "86-13900001234", ["phone-format"]),
    ("PhoneNumber", "(+86) 13900001234", "86-13900001234", ["phone-format"]),
    ("PhoneNumber", "+86 (139) 0000-1234", "86-13900001234", ["phone-format"]),
    ("PhoneNumber", "0086 13900001234", "86-13900001234", ["phone-format"]),
    ("PhoneNumber", "8613900001234", "86-13900001234", ["phone-format"]),
    ("PhoneNumber", "139 0000 1234", "86-13900001234", ["phone-format"]),
    ("PhoneNumber", "13900001234", "86-13900001234", ["phone-format"]),
    ("PhoneNumber", "13900001234.0", "86-13900001234", ["phone-format"]),
    ("PhoneNumber", "1.3900001234E10", "86-13900001234", ["phone-format"]),
    ("PhoneNumber", "139–0000–1234", "86-13900001234", ["phone-format"]),
    ("PhoneNumber", "'+8613900001234", "86-13900001234", ["apostrophe-escaped", "phone-format"]),
    ("Title", "technicaldirector", "TechnicalDirector", ["value-spelling"]),
    ("Title", "Technical Director", "TechnicalDirector", ["value-spelling"]),
    ("Title", "财务负责人", "FinanceDirector", ["chinese-label"]),
    ("Title", "其他", "Other", ["chinese-label"]),
    ("MessageTypes", "FaultMessage, ServiceMessage", "ServiceMessage;FaultMessage", []),
    ("MessageTypes", "FaultMessage\nServiceMessage\r\n", "ServiceMessage;FaultMessage", ["surrounding-blanks"]),
    ("MessageTypes", "故障消息，服务消息", "ServiceMessage;FaultMessage", ["chinese-label"]),
    ("MessageTypes", "故障消息、ServiceMessage｜", "ServiceMessage;FaultMessage", ["chinese-label"]),
    ("MessageTypes", "fault message|SERVICEMESSAGE", "ServiceMessage;FaultMessage", ["value-spelling"]),
    ("MessageTypes", "FaultMessage;FaultMessage;", "FaultMessage", ["repeated-type"]),
    ("MessageTypes", "FaultMessage;故障消息", "FaultMessage", ["chinese-label", "repeated-type"]),
]  # fmt: skip


@pytest.mark.parametrize(("column", "cell", "value", "notes"), REPAIRED)
def test_a_safe_repair_is_made_and_noted(column, cell, value, notes):
    result = checked(
        GOOD, {**GOOD, column: cell, **({} if column == "EmailAddress" else {"EmailAddress": "b@example.com"})}
    )
    field = FIELDS[HEADERS.index(column)]
    assert result.contacts[field].to_list()[1] == value
    assert told(result, "rule", "severity", "value") == [(note, "note", cell) for note in notes]


def test_a_misspelt_domain_is_a_warning_with_the_one_that_was_meant():
    result = checked({**GOOD, "EmailAddress": "Tom@Gmial.com"}, {**GOOD, "EmailAddress": "tom@shop.con"})
    assert told(result, "rule", "severity", "suggestion") == [
        ("email-domain", "warning", "Tom@gmail.com"),
        ("email-domain", "warning", "tom@shop.com"),
    ]
    assert result.contacts["email_address"].to_list() == ["Tom@Gmial.com", "tom@shop.con"]


def test_a_domain_that_only_contains_a_misspelt_one_is_let_be():
    addresses = ("a@gmial.com.example.org", "b@icon.contact.com", "c@qq.com", "d@gmail.com", "e@163.com")
    assert told(checked(*({**GOOD, "EmailAddress": address} for address in addresses)), "rule") == []


def test_a_lookalike_in_a_domain_is_a_warning():
    result = checked({**GOOD, "EmailAddress": "tom@exаmple.com"})
    assert told(result, "rule", "suggestion") == [("email-lookalike", "tom@example.com")]
    assert "Cyrillic а" in result.findings["message"][0]


def test_contacts_of_other_names_that_share_an_address_are_warned_of():
    rows = [{**GOOD, "Name": name, "EmailAddress": mail} for name, mail in (
        ("Tom", "x@example.com"), ("TOM", "x@example.com"), ("Ann", "X@example.com"), ("Bob", "b@example.com"),
    )]  # fmt: skip
    result = checked(*rows)
    assert told(result, "line", "rule") == [(4, "email-shared")]
    assert "Line 2" in result.findings["message"][0]
    assert result.contacts.height == 4


def test_a_row_is_told_all_that_is_wrong_with_it_and_rows_come_in_order():
    bad = dict(zip(HEADERS, ("T", "tom", "123", "Gardener", "Weather"), strict=True))
    result = checked(bad, GOOD, {}, bad)
    of_all = ["name-short", "email-syntax", "phone-number", "title-unknown", "message-type-unknown"]
    assert told(result, "row", "rule") == [
        *((0, rule) for rule in of_all),
        *((2, "missing-value") for _ in range(4)),
        *((3, rule) for rule in of_all),
    ]
    assert result.rejected.to_list() == [0, 2, 3]


def test_findings_show_the_header_as_the_user_wrote_it():
    headers = ("姓名", "E-Mail", "Job Title", "消息类型")
    result = checked({"姓名": "T", "E-Mail": "t", "Job Title": "x", "消息类型": "x"}, headers=headers)
    assert told(result, "column") == list(headers)
    assert checked({"姓名": "Tom", "E-Mail": "t@example.com", "Job Title": "CEO", "消息类型": "服务消息"},
                   headers=headers).contacts["phone_number"].to_list() == [None]  # fmt: skip


def test_what_reading_found_is_kept_and_its_errors_reject_the_row():
    found = [
        Finding("ragged-row", Severity.ERROR, "too many fields", row=1, line=3),
        Finding("encoding-guessed", Severity.NOTE, "read as GB18030"),
    ]
    result = checked(GOOD, {**GOOD, "Name": "Ann"}, findings=found)
    assert told(result, "row", "rule") == [(None, "encoding-guessed"), (1, "ragged-row")]
    assert result.rejected.to_list() == [1]
    assert result.contacts["name"].to_list() == ["Tom"]


def test_what_the_headers_told_is_kept():
    headers = (*HEADERS, "Colour")
    assert told(checked({**GOOD, "Colour": "red"}, headers=headers), "rule", "severity") == [("column-ignored", "note")]


def test_without_chinese_names_only_english_letters_pass():
    result = checked({**GOOD, "Name": "张伟"}, {**GOOD, "Name": "Tom张"}, GOOD, rules=Rules(chinese_names=False))
    assert told(result, "rule", "suggestion") == [("name-english", None), ("name-english", "Tom")]
    assert result.contacts["name"].to_list() == ["Tom"]


def test_the_longest_address_is_a_setting():
    result = checked(GOOD, rules=Rules(email_max=14))
    assert told(result, "rule", "message") == [
        ("email-long", "The address has 15 characters, and at most 14 are allowed.")
    ]


def test_priorities_are_whole_numbers_and_a_wrong_one_is_zero_with_a_warning():
    headers = (*HEADERS, "Priority")
    cells = ("5", None, "-3", "2.0", " 7 ", "high", "1.5", "99999999999")
    result = checked(*({**GOOD, "Priority": cell} for cell in cells), headers=headers)
    assert result.contacts["priority"].to_list() == [5, 0, -3, 2, 7, 0, 0, 0]
    assert told(result, "row", "rule") == [(row, "priority-number") for row in (5, 6, 7)]


def test_a_column_of_ticks_for_each_message_type():
    headers = ("Name", "EmailAddress", "Title", "FaultMessage", "服务消息")
    marks = [("x", "1"), ("是", ""), (" TRUE ", "0"), ("✓", None), ("no", "-"), ("maybe", "x"), ("", "√")]
    rows = [{**GOOD, "FaultMessage": fault, "服务消息": service} for fault, service in marks]
    result = checked(*rows, headers=headers)
    assert result.contacts.select("row", "message_types").rows() == [
        (0, "ServiceMessage;FaultMessage"), (1, "FaultMessage"), (2, "FaultMessage"), (3, "FaultMessage"),
        (6, "ServiceMessage"),
    ]  # fmt: skip
    assert told(result, "row", "rule", "column") == [
        (4, "no-tick", "FaultMessage"),
        (5, "tick-unknown", "FaultMessage"),
    ]


def test_no_rows_give_no_contacts():
    result = checked()
    assert (result.contacts.height, result.findings.height, len(result.rejected)) == (0, 0, 0)


def test_no_invisible_character_comes_back_with_the_full_width_forms():
    """Repairs are made once and in an order: NFKC must not bring back what was left out before it."""
    hidden = re.compile(re.sub(r"\\x\{(\w+)\}", lambda m: f"\\U{m[1]:>08}".replace(" ", "0"), INVISIBLE))
    for code in range(sys.maxunicode + 1):
        plain = unicodedata.normalize("NFKC", chr(code)) if not 0xD800 <= code < 0xE000 else ""
        if plain != chr(code):
            assert not hidden.search(plain), hex(code)


LETTERS = "TomAnn张伟㐀"
JUNK = " \t\u00a0\u200b\ufeff'=+-@.,;0129éоｔ＠《ß"
names = st.text(st.sampled_from(LETTERS + JUNK), max_size=14)
odd_words = st.text(st.sampled_from("tom.+exn-é "), max_size=6)
mails = st.one_of(
    st.text(st.sampled_from("tom@.-_+'\"<> \u200b＠ｔéа,"), max_size=16),
    st.builds("{}@{}.com".format, odd_words, odd_words),
)
phones = st.one_of(
    st.none(),
    st.text(st.sampled_from("0123456789+- ().'E"), max_size=18),
    st.builds("{}{}{}".format, st.sampled_from(["", "+86 ", "0086-", "86", "'+86", "86-", "1-"]),
              st.sampled_from(["139", "(139) ", "129-"]), st.sampled_from(["00001234", " 0000 1234", "-0000-123"])),
)  # fmt: skip
titles = st.one_of(st.sampled_from([*TITLES, *TITLES.values(), "ceo", " Other", "Finance Director", "x", ""]), names)
types = st.lists(
    st.sampled_from([*MESSAGE_TYPES, *MESSAGE_TYPES.values(), "fault message", "x", "", " ", "ＦaultMessage"]),
    max_size=5,
).flatmap(lambda parts: st.sampled_from([";", ",", "|", "、", "\n", " ； ", "，"]).map(lambda by: by.join(parts)))
rows_of_anything = st.lists(
    st.fixed_dictionaries(dict(zip(HEADERS, (names, mails, phones, titles, types), strict=True))), max_size=12
)


def accepts(address):
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


@settings(max_examples=40, deadline=None)
@given(rows_of_anything)
def test_every_row_is_a_contact_that_keeps_the_api_s_rules_or_is_rejected_with_an_error(rows):
    result = checked(*rows)
    assert sorted([*result.contacts["row"], *result.rejected]) == list(range(len(rows)))
    errors = result.findings.filter(severity="error")
    assert set(errors["row"]) == set(result.rejected)
    for _, line, key, name, email, phone, title, kinds, _ in result.contacts.rows():
        assert re.fullmatch("[A-Za-z\u3400-\u4dbf\u4e00-\u9fff]{2,12}", name)
        assert key == fold(name)
        assert len(email) <= 128
        assert accepts(email)
        assert phone is None or re.fullmatch("86-1[0-9]{10}", phone)
        assert title in TITLES
        parts = kinds.split(";")
        assert parts == [kind for kind in MESSAGE_TYPES if kind in parts]
        assert line in range(2, len(rows) + 2)


@settings(max_examples=40, deadline=None)
@given(rows_of_anything)
def test_repairs_are_done_once_for_all_what_they_gave_is_let_be(rows):
    once = checked(*rows).contacts
    again = checked(*(dict(zip(HEADERS, row, strict=True)) for row in once.select(FIELDS).rows()))
    assert again.contacts.select(FIELDS).equals(once.select(FIELDS))
    assert set(again.findings["severity"]) <= {"warning"}


@settings(max_examples=40, deadline=None)
@given(st.lists(names, max_size=20))
def test_a_suggested_name_would_pass(cells):
    suggested = checked(*({**GOOD, "Name": cell} for cell in cells)).findings["suggestion"].drop_nulls()
    assert checked(*({**GOOD, "Name": name} for name in suggested)).rejected.is_empty()


@settings(max_examples=40, deadline=None)
@given(st.lists(mails, max_size=20))
def test_a_suggested_address_would_pass(cells):
    suggested = checked(*({**GOOD, "EmailAddress": cell} for cell in cells)).findings["suggestion"].drop_nulls()
    assert checked(*({**GOOD, "EmailAddress": mail} for mail in suggested)).rejected.is_empty()


plain = [*"a1..-_+'@\"<>(,cé ß漢аא。．＠", "Tom", "--", "com", "con", "xn--", "xn--bcher-kva", "aa--a"]
tokens = st.sampled_from([*plain, *RESERVED, "\t", "\x00", "\u200b", "\u0338", "\u0661", "a" * 31])
words = st.lists(tokens, max_size=8).map("".join)
domains = st.lists(st.lists(tokens, min_size=1, max_size=3).map("".join), min_size=1, max_size=4).map(".".join)
texts_of_anything = st.one_of(
    words,
    st.text(max_size=20),
    st.builds("{}@{}".format, words, domains),
    st.builds("tom@{}.com".format, domains),
    st.builds("{}@example.com".format, words),
).filter(lambda text: text and not any(0xD800 <= ord(c) < 0xE000 for c in text))


@settings(max_examples=250, deadline=None)
@given(st.lists(texts_of_anything, min_size=5, max_size=20))
def test_columns_and_email_validator_agree_on_every_text(texts):
    """What is decided in columns, for or against, and what is by parts is what the library says of the whole."""
    verdicts = address_faults(pl.Series(texts, dtype=pl.String))
    assert [verdict is None for verdict in verdicts] == [accepts(text) for text in texts]


def test_each_sign_of_a_wrong_address_is_seen():
    texts = ["tom", "a@b@c.com", "a b@c.com", "@c.com", "a@c", ".a@c.com", "a@c_d.com", "a(b@c.com"]
    assert address_faults(pl.Series(texts)).to_list() == list(REFUSED.values())


def test_a_label_at_the_length_limit_is_left_to_the_library():
    label = "a" * 64
    assert len(f"t@{label}.com") > SHORT
    assert address_faults(pl.Series([f"t@{label}.com", f"t@{label[1:]}.com"])).is_null().to_list() == [False, True]
