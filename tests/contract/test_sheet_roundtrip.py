"""Generated tables, written in every encoding and with every delimiter, and as workbooks, are read back equal."""

import csv
import io

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importer.sheet import read

HEADERS = ["Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes"]
ALPHABETS = {
    "utf-8": st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufeff\u2028\u2029"),
    "gb18030": st.sampled_from("张王李赵陈刘杨黄周吴徐孙马朱胡林abcXYZ019 ,;|\t\"'\n\\@-.、；"),
    "big5": st.sampled_from("張王李趙陳劉楊黃周吳徐孫馬朱胡林abcXYZ019 ,;|\t\"'\n\\@-."),
    "cp932": st.sampled_from("田中山川佐藤鈴木ソ表能タカハシabcXYZ019 ,;|\t\"'\n\\@-."),
    "cp1252": st.sampled_from("ÄÖÜäöüßéèñçøåabcXYZ019 ,;|\t\"'\n\\@-."),
    "utf-16": st.sampled_from("张王É🙂abcXYZ019 ,;|\t\"'\n\\@-."),
    "utf-16-le": st.sampled_from("张王Éabc XYZ019,;|\t\"'\n\\@-."),
}
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def tables(characters):
    """Rows of five cells, none of them blank throughout."""
    cell = st.text(characters, max_size=12).map(lambda text: text if text.strip() else "")
    first = st.text(characters, min_size=1, max_size=8).map(lambda text: f"x{text}")
    return st.lists(st.tuples(first, cell, cell, cell, cell), min_size=1, max_size=12)


def written(rows, delimiter, quoting, end):
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows([HEADERS, *rows])
    return stream.getvalue()


def as_read(rows):
    return [tuple(cell or None for cell in row) for row in rows]


def starts(rows):
    """The line on which each row starts, below a header of one line."""
    line, found = 2, []
    for row in rows:
        found.append(line)
        line += 1 + sum(cell.count("\n") for cell in row)
    return found


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ALPHABETS)
def test_text_is_read_back_equal(tmp_path, encoding, delimiter):
    """The encoding is named where it carries no mark and is not UTF-8: guesses are tried on their own."""
    path = tmp_path / "contacts.csv"
    told = None if encoding in ("utf-8", "utf-16") else encoding

    @settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
    @given(
        tables(ALPHABETS[encoding]),
        st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        st.sampled_from(["\n", "\r\n", "\r"]),
    )
    def holds(rows, quoting, end):
        # The csv module leaves a line break unquoted that is not its own line end.
        text = written(rows, delimiter, csv.QUOTE_ALL if end == "\r" else quoting, end)
        path.write_bytes(text.encode(encoding))
        sheet = read(path, encoding=told)
        assert sheet.columns == tuple(HEADERS)
        assert sheet.frame.rows() == as_read(rows)
        assert sheet.lines.to_list() == starts(rows)
        assert sheet.findings.is_empty()

    holds()


WORDS = st.sampled_from(
    [
        "张三",
        "李四",
        "王小明",
        "欧阳锋",
        "赵敏",
        "技术负责人",
        "财务负责人",
        "服务消息",
        "故障消息",
        "北京",
        "上海分公司",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(rows=st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=2, max_size=20), header=st.booleans())
def test_chinese_from_an_old_excel_is_guessed_right(tmp_path, rows, header):
    head = "姓名,职位,地点" if header else "Name,Title,Place"
    text = "\n".join([head, *(",".join(row) for row in rows)])
    path = tmp_path / "contacts.csv"
    path.write_bytes(text.encode("gb18030"))
    sheet = read(path)
    assert sheet.frame.rows() == rows
    assert sheet.guessed


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(rows=tables(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")))
def test_a_workbook_is_read_back_equal(tmp_path, rows):
    path = tmp_path / "contacts.xlsx"
    with xlsxwriter.Workbook(path, {"strings_to_urls": False, "strings_to_formulas": False}) as book:
        ws = book.add_worksheet()
        for number, row in enumerate([HEADERS, *rows]):
            for place, cell in enumerate(row):
                ws.write_string(number, place, cell)
    sheet = read(path)
    assert sheet.columns == tuple(HEADERS)
    assert sheet.frame.rows() == as_read(rows)
    assert sheet.lines.to_list() == list(range(2, len(rows) + 2))
    assert sheet.findings.is_empty()
