"""Finding the delimiter and the header, and reading delimited text from there."""

import pytest

from importer.model.errors import FixCommand, FixFile
from importer.sheet import delimited, odd, table
from importer.sheet.columns import KNOWN
from importer.sheet.dialect import named, sniff
from importer.sheet.layout import filled, header

HEAD = "Name,EmailAddress,PhoneNumber,Title,MessageTypes"


def sheet(text, *, delimiter=None, header_line=None):
    """(columns, rows, lines, findings as rule, row, line) of a text."""
    data = text.encode()
    dialect = sniff(data, "f.csv", delimiter, header_line, KNOWN)
    made = table.assemble(delimited.grid(data, dialect, "f.csv"), [], KNOWN)
    found = made.findings.select("rule", "row", "line").rows()
    return made.columns, made.frame.rows(), made.lines.to_list(), found


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_each_delimiter_is_found(mark):
    columns, rows, _, _ = sheet(
        f"a{mark}b{mark}c\n1,5{mark}2;2{mark}3\n4{mark}5{mark}6\n".replace(f"1,5{mark}2;2", f"15{mark}22")
    )
    assert columns == ("a", "b", "c")
    assert rows == [("15", "22", "3"), ("4", "5", "6")]


def test_the_delimiter_is_not_taken_from_inside_the_cells():
    columns, rows, _, _ = sheet("This;Are;Headers\nCell;x;25,5\nTwo colons and a comma;:,:;y\n")
    assert columns == ("This", "Are", "Headers")
    assert rows[0] == ("Cell", "x", "25,5")


def test_lists_in_cells_do_not_win_over_the_header():
    text = "Name;Mail;Types\n" + "a;b;X,Y,Z,W\n" * 50
    assert sheet(text)[0] == ("Name", "Mail", "Types")
    assert sheet("Name,Mail,Types\n" + "a,b,X;Y;Z;W\n" * 50)[0] == ("Name", "Mail", "Types")


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=|"])
def test_a_sep_line_names_the_delimiter_and_is_no_header(line):
    mark = line.strip('"')[-1]
    columns, rows, lines, found = sheet(f"{line}\na,x{mark}b\n1{mark}2\n")
    assert (columns, rows, lines, found) == (("a,x", "b"), [("1", "2")], [3], [])


@pytest.mark.parametrize(("given", "char"), [("tab", "\t"), ("\\t", "\t"), ("Semicolon", ";"), ("|", "|"), ("^", "^")])
def test_a_delimiter_is_given_as_a_character_or_by_name(given, char):
    assert named(given) == char


@pytest.mark.parametrize("given", ["ab", '"', "\n", "，"])
def test_what_cannot_be_a_delimiter_is_refused(given):
    with pytest.raises(FixCommand):
        named(given)


def test_a_header_below_other_lines_is_found_by_its_names():
    columns, rows, lines, _ = sheet(
        f"联系人名单\nMade by,the HR department,on Monday,x,y\n\n{HEAD}\nTom,t@x.cn,,CEO,FaultMessage\n"
    )
    assert columns[0] == "Name"
    assert rows == [("Tom", "t@x.cn", None, "CEO", "FaultMessage")]
    assert lines == [5]


def test_a_line_above_with_a_known_word_or_two_is_no_header():
    assert sheet(f"联系人,王经理,电话,12345,\n{HEAD}\nTom,t@x.cn,,CEO,FaultMessage\n")[0][0] == "Name"


def test_an_unknown_header_is_the_first_row_as_wide_as_those_below():
    columns, rows, lines, _ = sheet("Report 2024\nfor,nobody\n\nid,colour,size,price\n1,red,2,3\n2,blue,4,5\n")
    assert columns == ("id", "colour", "size", "price")
    assert len(rows) == 2
    assert lines == [5, 6]


def test_a_header_row_that_is_given_is_taken():
    columns, rows, lines, _ = sheet("a,b\nc,d\n1,2\n", header_line=2)
    assert (columns, rows, lines) == (("c", "d"), [("1", "2")], [3])


@pytest.mark.parametrize("line", [2, 9])
def test_a_given_header_row_that_is_blank_or_not_there_is_refused(line):
    with pytest.raises(FixFile, match=f"line {line} is no header"):
        sheet("a,b\n\n1,2\n", header_line=line)


def test_blank_rows_are_left_out_and_the_lines_stay_right():
    _, rows, lines, found = sheet("a,b\n\n1,2\n,\n  , \n3,4\n\n\n")
    assert rows == [("1", "2"), ("3", "4")]
    assert lines == [3, 6]
    assert found == []


def test_line_breaks_inside_quotes_keep_the_lines_right():
    _, rows, lines, _ = sheet('a,b\n"x\ny\nz",2\n\n3,"p\nq"\n5,6\n')
    assert rows == [("x\ny\nz", "2"), ("3", "p\nq"), ("5", "6")]
    assert lines == [2, 6, 8]


def test_a_header_with_a_line_break_is_one_header():
    columns, rows, lines, _ = sheet('"a\nb",c\n1,2\n')
    assert (columns, rows, lines) == (("a\nb", "c"), [("1", "2")], [3])


@pytest.mark.parametrize(
    ("field", "value"),
    [('"a""b"', 'a"b'), ('"a,b"', "a,b"), ('""', None), ('5" pipe', '5" pipe'), (' "a"', ' "a"'), ('"a\\"', "a\\")],
)
def test_quotes_are_read_as_spreadsheet_programs_write_them(field, value):
    _, rows, _, found = sheet(f"h,i\n{field},x\nlast,y\n")
    assert rows == [(value, "x"), ("last", "y")]
    assert found == []


def test_trailing_delimiters_make_no_columns_and_no_findings():
    columns, rows, _, found = sheet("a,b,,\n1,2,,\n3,4,,\n")
    assert (columns, rows, found) == (("a", "b"), [("1", "2"), ("3", "4")], [])
    columns, rows, _, found = sheet("a,b\n1,2,\n3,4,\n")
    assert (columns, rows, found) == (("a", "b"), [("1", "2"), ("3", "4")], [])
    columns, rows, _, found = sheet("a,b,\n1,2\n3,4\n")
    assert (columns, rows, found) == (("a", "b"), [("1", "2"), ("3", "4")], [])


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_row_with_a_field_too_few_or_too_many_is_a_finding_of_that_row_alone(quote):
    _, rows, lines, found = sheet(f"a,b,c\n{quote}1{quote},2,3\n4,5\n6,7,8,9\n\n10,11,12\n")
    assert len(rows) == 4
    assert rows[0] == ("1", "2", "3")
    assert rows[3] == ("10", "11", "12")
    assert found == [("ragged-row", 1, 3), ("ragged-row", 2, 4)]
    assert lines == [2, 3, 4, 6]


def test_a_ragged_row_is_told_with_the_row_as_it_was_written():
    data = b"a,b,c\n4,5\n"
    grid = delimited.grid(data, sniff(data, "f", None, None, KNOWN), "f")
    (finding,) = grid.findings[0].to_dicts()
    assert finding["value"] == "4,5"
    assert finding["message"] == "the row has 2 fields, the header 3"
    assert finding["severity"] == "error"


def test_ragged_rows_beside_line_breaks_are_found_too():
    _, rows, lines, found = sheet('a,b,c\n"1\n1",2,3\n4,5\n6,7,8,9\n')
    assert len(rows) == 3
    assert found == [("ragged-row", 1, 4), ("ragged-row", 2, 5)]
    assert lines == [2, 4, 5]


def test_backslashes_before_delimiters_are_escapes_when_that_makes_the_rows_even():
    columns, rows, _, found = sheet("a,b,c\n1,Dr\\, who\\, what,3\n4,5,6\n")
    assert columns == ("a", "b", "c")
    assert rows == [("1", "Dr, who, what", "3"), ("4", "5", "6")]
    assert [rule for rule, _, _ in found] == ["backslash-escapes"]


def test_a_quote_that_never_closes_is_refused_with_the_line_where_it_opened():
    with pytest.raises(FixFile, match="line 3 opens a quote that is never closed"):
        sheet('a,b\n1,2\n3,"4\n5,6\n7,8\n')
    with pytest.raises(FixFile, match="line 4 opens a quote"):
        sheet('a,b,c\n1,2,3\n"x\ny","z\n' + "5,6,7\n" * 30_000)


def test_columns_without_a_name_are_kept_when_they_hold_something():
    columns, rows, _, _ = sheet("a,,b,\n1,2,3,\n")
    assert columns == ("a", "", "b")
    assert rows == [("1", "2", "3")]


def test_two_columns_of_one_name_are_kept_apart():
    data = b"email,name,email,\nx,y,z,w\n"
    made = table.assemble(delimited.grid(data, sniff(data, "f", None, None, KNOWN), "f"), [], KNOWN)
    assert made.columns == ("email", "name", "email", "")
    assert made.frame.columns == ["email", "name", "email_2", "column_4"]
    assert made.frame.row(0) == ("x", "y", "z", "w")


@pytest.mark.parametrize("total", ["Total", "Total:", "合计", "合计：2人", "Grand total", "小计", "Sum", "TOTAL 2"])
def test_a_row_of_totals_is_found(total):
    _, rows, _, found = sheet(f"{HEAD}\nTom,t@x.cn,,CEO,FaultMessage\nAnn,a@x.cn,,CEO,FaultMessage\n\n{total},,2,,\n")
    assert len(rows) == 3
    assert found == [("totals-row", 2, 5)]


def test_a_contact_is_no_row_of_totals_for_its_name():
    assert sheet(f"{HEAD}\nSum,s@x.cn,,CEO,FaultMessage\n")[3] == []


def test_a_second_table_below_is_never_read_under_the_first_header():
    text = f"{HEAD}\nTom,t@x.cn,,CEO,FaultMessage\n\nEmail,Name,Title,x,y\na@x.cn,Ann,CEO,1,2\nb@x.cn,Bob,CEO,1,2\n"
    columns, rows, _, found = sheet(text)
    assert columns[0] == "Name"
    assert len(rows) == 4
    assert found == [("second-table", 1, 4), ("second-table", 2, 5), ("second-table", 3, 6)]


PEOPLE = f"{HEAD}\nTom,t@x.cn,,CEO,FaultMessage\nAnn,a@x.cn,13900001234,Other,FaultMessage\n\n"


@pytest.mark.parametrize(
    "below",
    [
        "Department,Floor,,,\nSales,3,,,\nIT,North wing,,,\n",
        "Department,Floor\nSales,3\nIT,4\n",  # ragged in the eyes of the first
        "Department,Head,Phone\nSales,Li Wei,86-13900001234\nIT,Wang Fang,86-13900001235\n",
        "部门,负责人,楼层,备注,编号,地址\n销售部,李伟,3,,1,x\n技术部,王芳,4,,2,y\n",
        "部门一览\n部门,楼层\n销售部,三楼\n",
        "A,B,C,D,E\n1,2,3,4,5\n1,2,3,4,5\n",
    ],
)
def test_a_second_table_below_is_found_by_its_shape_and_told_row_by_row(below):
    _, rows, lines, found = sheet(PEOPLE + below)
    count = below.count("\n")
    assert rows[:2] == [
        ("Tom", "t@x.cn", None, "CEO", "FaultMessage"),
        ("Ann", "a@x.cn", "13900001234", "Other", "FaultMessage"),
    ]
    assert found == [("second-table", 2 + number, 5 + number) for number in range(count)]
    assert lines[2:] == list(range(5, 5 + count))


def test_what_a_second_table_leaves_out_is_told_with_its_line_and_number_of_rows():
    data = (PEOPLE + "\nDepartment,Floor,,,\nSales,3,,,\n").encode()
    made = table.assemble(delimited.grid(data, sniff(data, "f", None, None, KNOWN), "f"), [], KNOWN)
    assert set(made.findings["message"]) == {
        "line 6 begins a second table with columns of its own, which is left out: 2 rows"
    }


@pytest.mark.parametrize(
    "below",
    [
        "Eve,e@x.cn,,CEO,FaultMessage\nBob,b@x.cn,,CEO,FaultMessage\n",
        "Eve,,,CEO,FaultMessage\nBob,,,CEO,FaultMessage\n",  # without their addresses
        "Eve,unknown,unasked,CEO,FaultMessage\nBob,unknown,none,CEO,FaultMessage\n",  # with values of those above
        "Eve,unknown,none,Boss,Faults\nBob,b@x.cn,,CEO,FaultMessage\n",  # a wrong row, and a contact right below it
        "Sales department,,,,\nEve,e@x.cn,,CEO,FaultMessage\nBob,b@x.cn,,CEO,FaultMessage\n",  # a group of contacts
        "Sales,second floor,,,\n\nEve,e@x.cn,,CEO,FaultMessage\n",  # a line of two words
        "Made by,Human resources,,,\n",
        "Eve,e@x.cn,,CEO,FaultMessage\n\nBob,b@x.cn,,CEO,FaultMessage\n\nLi,l@x.cn,,CEO,FaultMessage\n",
    ],
)
def test_contacts_below_blank_rows_are_no_second_table(below):
    found = sheet(PEOPLE + below)[3]
    assert "second-table" not in [rule for rule, _, _ in found]


def test_contacts_below_a_second_table_are_read():
    text = PEOPLE + "Department,Floor,,,\nSales,3,,,\n\nIT,4,,,\n\nEve,e@x.cn,,CEO,FaultMessage\n"
    _, rows, lines, found = sheet(text + "\nRoom,Seats,,,\nA,9,,,\n")
    assert found == [("second-table", row, line) for row, line in [(2, 5), (3, 6), (4, 8), (6, 12), (7, 13)]]
    assert (rows[5], lines[5]) == (("Eve", "e@x.cn", None, "CEO", "FaultMessage"), 10)


def test_a_table_of_numbers_has_its_second_table_found_too():
    text = "id,size,price\n1,20,3.50\n2,30,4.50\n\n"
    assert sheet(text + "shop,town,street\nA,Bonn,x\nB,Ulm,y\n")[3][0] == ("second-table", 2, 5)
    assert sheet(text + "cheap,small,good\n3,20,3.50\n4,20,4.50\n")[3] == []


def test_a_table_that_nothing_tells_from_another_is_read_as_one():
    assert sheet("word,meaning\ncat,animal\noak,tree\n\nshop,town\nA,Bonn\n")[3] == []


def test_a_ragged_row_of_totals_or_of_a_second_table_is_told_once():
    found = sheet(f"{HEAD}\nTom,t@x.cn,,CEO,FaultMessage\nTotal,1\n\nEmail,Name\na@x.cn,Ann\n")[3]
    assert found == [("totals-row", 1, 3), ("second-table", 2, 5), ("second-table", 3, 6)]


def test_the_header_repeated_is_left_out_with_a_note():
    row = "Tom,t@x.cn,,CEO,FaultMessage\n"
    _, rows, lines, found = sheet(f"{HEAD}\n{row}{HEAD}\n{row}\n{HEAD}\n{row}")
    assert len(rows) == 3
    assert lines == [2, 4, 7]
    assert found == [("repeated-header", None, None)]


@pytest.mark.parametrize("text", ["\n\n\n", " , ,\n,,\n", "sep=;\n\n"])
def test_nothing_but_blanks_has_no_header(text):
    with pytest.raises(FixFile, match="no header"):
        sheet(text)


def test_a_header_alone_is_a_table_without_rows():
    columns, rows, lines, found = sheet(HEAD)
    assert columns == tuple(HEAD.split(","))
    assert (rows, lines, found) == ([], [], [("no-rows", None, None)])


@pytest.mark.parametrize("width", [1, 2, 39, 40, 41, 300])
def test_any_width_is_read_quoted_or_not(width):
    head = ",".join(f"h{index}" for index in range(width))
    plain = ",".join("x" for _ in range(width))
    quoted = ",".join('"x,"' for _ in range(width))
    columns, rows, _, found = sheet(f"{head}\n{plain}\n{quoted}\n", delimiter=",")
    assert len(columns) == width
    assert rows == [("x",) * width, ("x,",) * width]
    assert found == []


def test_a_merged_title_over_the_table_is_no_header():
    rows = [(1, ["Contacts", "", ""]), (2, ["id", "colour", "size"]), (3, ["1", "2", "3"])]
    assert header(rows, KNOWN, {1: 3})[0] == 2


def test_a_header_of_merged_cells_reaches_as_far_as_they_do():
    rows = [(1, ["id", "size", ""]), (2, ["", "from", "to"]), (3, ["1", "2", "3"]), (4, ["1", "2", "3"])]
    assert header(rows, KNOWN, {1: 3})[0] == 1
    assert header(rows, KNOWN)[0] == 2


def test_filled_is_the_last_cell_that_shows_anything():
    assert filled(["a", "", "b", " ", ""]) == 3
    assert filled([]) == 0
    assert odd.TOTALS.fullmatch("Totally") is None
