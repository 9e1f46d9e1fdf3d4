"""Bytes to text: marks, UTF-8, guesses, and what is no text."""

import codecs

import pytest

from importer.model.errors import FixCommand, FixFile
from importer.sheet.columns import KNOWN
from importer.sheet.text import decode

CHINESE = "姓名,邮箱,职位\r\n王小明,wang@example.cn,技术负责人\r\n李雷,li@example.cn,财务负责人\r\n"


def read(data, encoding=None):
    return decode(data, "f.csv", encoding, KNOWN)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides_and_is_no_part_of_the_text(encoding):
    text = read(CHINESE.encode(encoding))
    assert text.data.decode() == CHINESE.replace("\r\n", "\n")
    assert not text.guessed


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b""])
def test_utf_16_is_found_with_and_without_its_mark(mark):
    encoding = "utf-16-be" if mark == codecs.BOM_UTF16_BE else "utf-16-le"
    text = read(mark + CHINESE.encode(encoding))
    assert text.data.decode().startswith("姓名,邮箱")
    assert text.encoding == encoding
    assert text.guessed == (not mark)


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        (CHINESE, "gb18030"),
        ("姓名,邮箱\n张三,a@b.cn\n", "gbk"),
        ("Name,Mail\n王小明,a@b.cn\n李雷,b@b.cn\n韩梅梅,c@b.cn\n", "gb18030"),
        ("姓名,電子郵件,職稱\n陳大文,a@b.tw,技術負責人\n", "big5"),
        ("名前,メール,役職\n山田太郎,a@b.jp,部長\nサトウハナコ,c@d.jp,課長\n", "cp932"),
        ("이름,메일\n김철수,a@b.kr\n이영희,c@d.kr\n", "cp949"),
        ("Имя,Почта\nИван Петров,a@b.ru\nМария Сидорова,c@d.ru\n", "cp1251"),
        ("Name,Mail\nJosé Müller,a@b.de\nZoë Straße,c@d.de\n", "cp1252"),
    ],
)
def test_an_encoding_is_guessed_right_and_said_to_be_a_guess(words, encoding):
    text = read(words.encode(encoding))
    assert text.data.decode() == words.replace("\r\n", "\n")
    assert text.guessed
    assert text.samples
    assert all(sample in words for sample in text.samples)


def test_a_late_first_letter_beyond_ascii_still_decides():
    words = "Name,Mail\n" + "abc,def\n" * 60_000 + "王小明,李雷的邮箱\n张三丰,赵敏\n"
    assert read(words.encode("gb18030")).data.decode() == words


def test_a_given_encoding_is_obeyed_even_against_a_guess():
    words = "Имя,Почта\nИван,a@b\n"
    assert read(words.encode("koi8-r"), "koi8-r").data.decode() == words


def test_a_given_encoding_forgives_the_mark():
    assert read(codecs.BOM_UTF8 + b"a,b\n1,2\n", "utf-8").data == b"a,b\n1,2\n"
    assert read("a,b\n".encode("utf-16"), "utf-16").data == b"a,b\n"


def test_bytes_that_are_not_the_given_encoding_are_refused_with_their_line():
    with pytest.raises(FixFile, match="line 2 holds bytes that are not ascii"):
        read("a,b\nä,c\n".encode(), "ascii")


@pytest.mark.parametrize(("wrong", "hint"), [("utf8x", "utf8"), ("gb1803", "gb18030"), ("base64", "")])
def test_an_unknown_encoding_is_refused_with_the_nearest_one(wrong, hint):
    with pytest.raises(FixCommand) as caught:
        read(b"a,b\n", wrong)
    assert hint in caught.value.hint


def test_utf_8_with_a_damaged_line_is_refused_and_never_becomes_gibberish():
    data = "姓名,邮箱\n张三,a@b\n李四,c@d\n".encode() + b"\xd5\xc5\xc8\xfd,e@f\n" + "王五,g@h\n".encode()
    with pytest.raises(FixFile, match="is UTF-8 text, but line 4"):
        read(data)


@pytest.mark.parametrize("data", [b"\x01\x02\x03\x04" * 100, b"Name\0Mail\0\0\0x", bytes(range(256)) * 8])
def test_bytes_that_are_no_text_are_refused(data):
    with pytest.raises(FixFile, match="neither text nor a spreadsheet"):
        read(data)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n", "\r\r\r\n"])
def test_every_line_end_becomes_one(end):
    assert read(f"a,b{end}1,2{end}".encode()).data == b"a,b\n1,2\n"


def test_padding_after_the_end_is_no_text():
    assert read(b"a,b\n1,2\n\x1a\0\0\0").data == b"a,b\n1,2\n"
