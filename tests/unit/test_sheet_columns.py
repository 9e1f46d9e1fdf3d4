"""Headers and the fields that they name."""

import pytest

from importer.model.errors import FixCommand, FixFile
from importer.sheet.columns import hits, key, known, letters, match

API = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes")
WHERE = {"name": 0, "email_address": 1, "phone_number": 2, "title": 3, "message_types": 4}


@pytest.mark.parametrize(
    "headers",
    [
        API,
        ("name", "email_address", "phone_number", "title", "message_types"),
        ("NAME", "Email Address", "Phone Number", "TITLE", "Message Types"),
        ("姓名", "邮箱", "手机号码", "职位", "消息类型"),
        ("联系人", "电子邮件", "手机", "职务", "消息类型"),
        ("full name", "e-mail", "mobile", "job title", "message types"),
        ("Full Name", "Mail", "Tel.", "Role", "Notification Types"),
        ("聯絡人", "電子郵件", "手機", "職稱", "訊息類型"),
        ("Name*", "Email:", "Phone (mobile)".replace(" (mobile)", ""), " Title ", "Message\nTypes"),
        ("ｎａｍｅ", "ＥＭａｉｌ", "Ｐｈｏｎｅ", "Ｔｉｔｌｅ", "ＭｅｓｓａｇｅＴｙｐｅｓ"),
    ],
)
def test_headers_are_found_in_english_and_chinese_in_any_case_and_spacing(headers):
    assert dict(match(headers).fields) == WHERE


def test_columns_may_stand_in_any_order_with_others_between():
    found = match(("No.", "Message Types", "Remark", "Title", "Name", "E-Mail"))
    assert dict(found.fields) == {"message_types": 1, "title": 3, "name": 4, "email_address": 5}
    (note,) = found.findings
    assert note.rule == "column-ignored"
    assert "No." in note.message
    assert "Remark" in note.message


def test_a_missing_required_column_is_named_with_the_headers_that_were_found():
    with pytest.raises(FixFile) as caught:
        match(("Name", "Department", "Title", "Message Types"))
    assert "EmailAddress" in caught.value.message
    assert "Name, Department, Title, Message Types" in caught.value.message


def test_a_missing_column_suggests_the_header_that_nearly_is_it():
    with pytest.raises(FixFile) as caught:
        match(("Name", "Emial Adress", "Title", "Message Types"))
    assert '--map "Emial Adress=EmailAddress"' in caught.value.hint


def test_all_missing_columns_are_named_at_once():
    with pytest.raises(FixFile, match="columns missing: Name, EmailAddress, Title, MessageTypes"):
        match(("a", "b"))


def test_a_near_miss_of_the_optional_phone_column_is_a_warning_with_the_right_name():
    found = match(("Name", "EmailAddress", "Phone Nmber", "Title", "MessageTypes"))
    (warning,) = found.findings
    assert (warning.rule, warning.severity, warning.column) == ("header-near-miss", "warning", "Phone Nmber")
    assert warning.suggestion == "PhoneNumber"


def test_two_columns_for_one_field_stop_with_both_named():
    with pytest.raises(FixFile) as caught:
        match(("Name", "Email", "E-mail", "Title", "MessageTypes"))
    assert caught.value.code == "two-columns-for-one-field"
    assert "Email (column B) and E-mail (column C)" in caught.value.message
    assert "--map" in caught.value.hint


def test_the_api_s_own_name_goes_before_a_synonym_and_says_so():
    found = match(("Name", "Mail", "EmailAddress", "Title", "MessageTypes"))
    assert found.fields["email_address"] == 2
    assert [finding.rule for finding in found.findings] == ["two-columns-for-one-field", "column-ignored"]
    assert found.findings[0].severity == "warning"


def test_a_mobile_column_goes_before_a_telephone_column():
    assert match(("姓名", "邮箱", "电话", "手机", "职位", "消息类型")).fields["phone_number"] == 3


def test_a_mapping_gives_a_column_its_field_and_goes_before_synonyms():
    found = match(("Name", "Mail", "Work Mail", "Title", "MessageTypes"), {"work mail": "EmailAddress"})
    assert found.fields["email_address"] == 2


@pytest.mark.parametrize("target", ["EmailAddress", "email_address", "e-mail", "邮箱"])
def test_a_mapping_takes_any_name_of_the_field(target):
    assert match(("Name", "W", "Title", "MessageTypes"), {"W": target}).fields["email_address"] == 1


def test_a_mapping_to_no_field_says_the_nearest_one():
    with pytest.raises(FixCommand) as caught:
        match(API, {"Name": "EmialAddress"})
    assert caught.value.hint == "Did you mean EmailAddress?"


def test_a_mapping_of_a_header_that_is_not_there_says_the_nearest_one():
    with pytest.raises(FixCommand) as caught:
        match(("Name", "Work Mail", "Title", "MessageTypes"), {"Work Mial": "EmailAddress"})
    assert caught.value.hint == "Did you mean Work Mail?"


def test_one_column_for_each_message_type_is_found_in_both_languages():
    found = match(("Name", "Email", "Title", "ServiceMessage", "故障消息", "account expenses", "Security Message"))
    assert dict(found.ticks) == {
        "ServiceMessage": 3, "FaultMessage": 4, "AccountExpenses": 5, "SecurityMessage": 6,
    }  # fmt: skip
    assert "message_types" not in found.fields


def test_one_cell_of_message_types_goes_before_ticks_and_says_so():
    found = match(("Name", "Email", "Title", "MessageTypes", "FaultMessage"))
    assert found.fields["message_types"] == 3
    assert found.ticks == {}
    assert found.findings[0].rule == "two-columns-for-one-field"


def test_a_mapped_header_counts_when_the_header_row_is_looked_for():
    words = known({"Wörk Mail": "EmailAddress"})
    assert hits(["Wörk  Mail", "姓名", "nothing"], words) == 2
    assert key("Wörk_Mail") in words


def test_letters_are_the_spreadsheet_s():
    assert [letters(index) for index in (0, 25, 26, 701, 702, 16383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]
