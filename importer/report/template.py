"""An empty workbook for contacts: drop-downs, checks and hints in the sheet itself, and the rules in two languages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from importer.model.contact import API_NAMES, MESSAGE_TYPES, NAME_MAX, NAME_MIN, TITLES, Rules
from importer.sheet.columns import letters

ROWS = 5000  # that have checks; further ones are read like them
LAST = ROWS + 1
TICK = "x"
SHEET, PAGE = "Contacts", "Rules 规则"
NAME, EMAIL, PHONE, TITLE = (API_NAMES[field] for field in ("name", "email_address", "phone_number", "title"))
HEADERS = (NAME, EMAIL, PHONE, TITLE, *MESSAGE_TYPES)
FIRST_TICK, LAST_TICK = 4, len(HEADERS) - 1
WIDTHS = {NAME: 16, EMAIL: 34, PHONE: 18, TITLE: 22}
RED, YELLOW = "#FFC7CE", "#FFEB9C"

# Header → what its column takes, in English and in Chinese, and an example.
Words = Mapping[str, tuple[str, str, str]]


def words(rules: Rules) -> Words:
    """What each column takes, by the settings."""
    english = "English letters or Chinese characters" if rules.chinese_names else "English letters"
    chinese = "英文字母或汉字" if rules.chinese_names else "英文字母"
    told = {
        NAME: (
            f"Required. {NAME_MIN} to {NAME_MAX} {english}, with nothing between them; each name once.",
            f"必填。{NAME_MIN} 至 {NAME_MAX} 个{chinese}，中间不含空格或符号；姓名不可重复。",
            "张三" if rules.chinese_names else "ZhangSan",
        ),
        EMAIL: (
            f"Required. One address of at most {rules.email_max} characters, such as zhang@example.com.",
            f"必填。一个邮箱地址，最长 {rules.email_max} 个字符，例如 zhang@example.com。",
            "zhang@example.com",
        ),
        PHONE: (
            "Optional. A mobile number of the Chinese mainland: 86-, then 11 digits.",
            "选填。中国大陆手机号：86- 加 11 位数字。",
            "86-13900001234",
        ),
        TITLE: ("Required. Choose one from the list.", "必填。从下拉列表中选择一项。", "TechnicalDirector"),
    }
    for kind, label in MESSAGE_TYPES.items():
        told[kind] = (
            f"{TICK} if the person gets these messages, else blank. At least one type for each person.",
            f"接收“{label}”则填 {TICK}，否则留空。每人至少选择一种消息类型。",
            TICK if kind == "FaultMessage" else "",
        )
    return told


def write_template(path: Path, rules: Rules) -> None:
    """Write the workbook: a sheet to fill in, whose only row is the header, and a page of rules."""
    with xlsxwriter.Workbook(str(path)) as book:
        page, told = book.add_worksheet(SHEET), words(rules)
        text = book.add_format({"num_format": "@"})
        head = book.add_format({"bold": True, "num_format": "@", "bottom": 1, "bg_color": "#DCE6F1"})
        for place, header in enumerate(HEADERS):
            page.set_column(place, place, WIDTHS.get(header, 17), text)
            page.write_string(0, place, header, head)
            english, chinese, _ = told[header]
            page.write_comment(0, place, f"{english}\n\n{chinese}", {"author": "importer", "width": 280, "height": 110})
            page.data_validation(1, place, ROWS, place, _check(place, header, rules, f"{english}\n{chinese}"))
        page.freeze_panes(1, 1)
        _colours(page, book.add_format({"bg_color": RED}), book.add_format({"bg_color": YELLOW}))
        _rules(book, told)


def _check(place: int, header: str, rules: Rules, hint: str) -> dict[str, Any]:
    """What the spreadsheet program does with what is typed into a column."""
    cell = f"{letters(place)}2"
    column = f"${letters(place)}$2:${letters(place)}${LAST}"
    length, alone, whole = f"LEN({cell})", f"COUNTIF({column},{cell})=1", f'ISERROR(FIND(" ",{cell}))'
    formulas = {
        NAME: f"=AND({length}>={NAME_MIN},{length}<={NAME_MAX},{whole},{alone})",
        EMAIL: f'=AND({length}<={rules.email_max},ISNUMBER(FIND("@",{cell})),{whole},{alone})',
        PHONE: f'=OR(AND(LEFT({cell},4)="86-1",{length}=14),AND(LEFT({cell},1)="1",{length}=11))',
    }
    told = {"input_title": header, "input_message": hint[:255], "error_title": header, "error_message": hint[:255]}
    if header in formulas:
        # Other spellings of a number are read too, so that check may be overruled.
        kind = "warning" if header == PHONE else "stop"
        return {"validate": "custom", "value": formulas[header], "error_type": kind, **told}
    return {"validate": "list", "source": list(TITLES) if header == TITLE else [TICK], **told}


def _colours(page: Worksheet, wrong: Any, doubtful: Any) -> None:
    """What was pasted passes by the checks of typing, so mistakes are coloured too."""
    ticks = f"$E2:${letters(LAST_TICK)}2"
    begun = f"COUNTA($A2:${letters(LAST_TICK)}2)>0"
    page.conditional_format(1, 0, ROWS, 0, {"type": "duplicate", "format": wrong})
    page.conditional_format(1, 1, ROWS, 1, {"type": "duplicate", "format": doubtful})
    size = f'=AND($A2<>"",OR(LEN($A2)<{NAME_MIN},LEN($A2)>{NAME_MAX},ISNUMBER(FIND(" ",$A2))))'
    page.conditional_format(1, 0, ROWS, 0, {"type": "formula", "criteria": size, "format": wrong})
    for place in (0, 1, 3):
        blank = f'=AND({begun},${letters(place)}2="")'
        page.conditional_format(1, place, ROWS, place, {"type": "formula", "criteria": blank, "format": wrong})
    none = f"=AND({begun},COUNTA({ticks})=0)"
    page.conditional_format(1, FIRST_TICK, ROWS, LAST_TICK, {"type": "formula", "criteria": none, "format": wrong})


def _rules(book: xlsxwriter.Workbook, told: Words) -> None:
    """The page of rules; reading takes the first sheet, so nothing here is a contact."""
    page = book.add_worksheet(PAGE)
    head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#DCE6F1"})
    cell = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
    for place, width in enumerate((20, 60, 50, 22)):
        page.set_column(place, place, width, cell)
    row = _table(
        page, 0, ("Column 列", "Rule", "规则", "Example 示例"), [(name, *told[name]) for name in HEADERS], head
    )
    row = _table(page, row + 1, ("Title", "", "职位"), [(name, "", label) for name, label in TITLES.items()], head)
    kinds = [(name, "", label) for name, label in MESSAGE_TYPES.items()]
    row = _table(page, row + 1, ("Message type", "", "消息类型"), kinds, head)
    closing = (
        (
            "Then",
            "Save the file, and look at it with: importer check FILE.xlsx --report marked.xlsx",
            "保存文件，然后检查：importer check FILE.xlsx --report marked.xlsx",
        ),
    )
    _table(page, row + 1, ("Next 下一步", "", ""), closing, head)


def _table(page: Worksheet, row: int, headers: tuple[str, ...], rows: Any, head: Any) -> int:
    """Write a small table; the row below it."""
    for place, text in enumerate(headers):
        page.write_string(row, place, text, head)
    for number, texts in enumerate(rows, row + 1):
        for place, text in enumerate(texts):
            page.write_string(number, place, text)
    return row + 1 + len(rows)
