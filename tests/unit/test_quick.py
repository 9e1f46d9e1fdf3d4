"""The quick ways through good data decide exactly as the careful ones do."""

import re

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from importer.sheet import delimited
from importer.sheet.columns import KNOWN
from importer.sheet.dialect import sniff
from importer.sheet.layout import filled
from importer.sheet.text import decode
from importer.stage import phones
from importer.stage.cells import distinct

HEAD = "Name,EmailAddress,Title\n"


def read(text):
    data = text.encode()
    return delimited.grid(data, sniff(data, "f", None, None, KNOWN), "f")


@given(
    st.lists(
        st.sampled_from(["a,b,c", "中,b,c", "a,b", "a,b,", "a,b,c,", "a,b,c,d", "a,,c", "", ",,", " , ,", "a"]),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["", "\n"]),
)
def test_every_line_is_read_as_its_fields_or_found_ragged(lines, end):
    lines[-1] = lines[-1] or "a"  # a blank line at the end is none
    grid = read(HEAD + "\n".join(lines) + end)
    rows = [line.split(",") for line in lines]
    ragged = [number for number, row in enumerate(rows, 2) if filled(row) and (len(row) < 3 or filled(row) > 3)]
    found = [line for part in grid.findings for line in part["line"]]
    assert found == ragged
    assert grid.lines.to_list() == list(range(2, 2 + len(lines)))
    for cells, row in zip(grid.frame.rows(), rows, strict=True):
        assert [cell or None for cell in cells] == [cell or None for cell in [*row, "", ""][:3]]


@given(st.lists(st.sampled_from(["Tom,t@x.cn,CEO", "李雷,,CEO", " ,,CEO", "a,b,c"]), min_size=1, max_size=6))
def test_even_lines_are_read_at_once(lines):
    text = (HEAD + "\n".join(lines)).encode()
    quick = delimited._exact(text, sniff(text, "f", None, None, KNOWN))
    assert quick is not None
    assert quick.frame.rows() == [tuple(cell or None for cell in line.split(",")) for line in lines]


def test_a_row_too_short_is_not_made_up_for_by_one_too_long():
    text = (HEAD + "Tom,t@x.cn\nAnn,a@x.cn,CEO,\n").encode()
    assert delimited._exact(text, sniff(text, "f", None, None, KNOWN)) is None
    assert [part["line"].to_list() for part in read(text.decode()).findings] == [[2]]


def sure(cells):
    return pl.DataFrame({"cell": pl.Series(cells, dtype=pl.String)}).select(phones.sure(pl.col("cell"))).to_series()


def test_a_number_is_sure_exactly_where_its_pattern_matches():
    """Every character of the first 500, and some other digits and signs, in each place of a good number."""
    good = "86-13900001234"
    odd = [chr(code) for code in range(500)] + list("٣३３＋−一\u200b\ufeff")
    cells = [good[:place] + char + good[place + 1 :] for place in range(len(good)) for char in odd]
    cells += [good, "", good + "0", good[:-1], "86-1e000000010", "86-1_000000000", "86-1.000000000", " " + good[:-1]]
    assert sure(cells).to_list() == [bool(re.fullmatch("86-1[0-9]{10}", cell)) for cell in cells]


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "", "中"]), max_size=5))
def test_texts_are_distinct_when_none_is_met_twice(texts):
    frame = pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)})
    assert distinct(frame) == {"text": len(set(texts)) == len(texts)}


def test_text_beyond_a_piece_is_checked_whole():
    """A character may lie across the end of what is decoded at a time."""
    text = ("a" * ((1 << 20) - 1) + "中" * 400_000).encode()
    assert decode(text, "f", None, KNOWN).encoding == "utf-8"
