"""Rows with one field more than the header, notes below a table, and lines between quotes as a whole."""

import pytest

from training.data.table import read_table
from training.errors import UserError


def read(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_text(text)
    return read_table(path)


def test_a_separator_at_the_end_of_each_row_is_an_empty_column(tmp_path):
    table = read(tmp_path, "a;b;c\n" + "".join(f"{n};{n};x;\n" for n in range(9)))
    assert table.names == ("a", "b", "c", "column_4") and table.strings("c") == ["x"] * 9
    assert table.lines[0] == 2


def test_names_of_rows_as_r_writes_them_shift_no_column(tmp_path):
    table = read(tmp_path, "a\tb\n" + "".join(f"row{n}\t{n}\tx\n" for n in range(9)), "t.tsv")
    assert table.names == ("column_1", "a", "b") and table.strings("b") == ["x"] * 9


def test_a_text_with_an_unquoted_comma_in_each_row_is_refused_and_not_shifted(tmp_path):
    with pytest.raises(UserError, match="with no blank before them"):
        read(tmp_path, "text,label\n" + "".join(f"film {n}, really,good\n" for n in range(9)))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("id,name\n1,Doe, John\n2,Smith, Anna\n3,Ray, Bob\n", "t.csv"),
        ("nr,name\n1,Doe, John\n2,Smith, Anna\n3,Ray, Bob\n", "t.csv"),
        ("id,price\n1,3,50\n2,4,20\n", "t.csv"),
        ("nr,price\n1,3,50\n2,4,20\n3,5,10\n", "t.csv"),
        ("price,fruit\n1,5,apple\n2,5,pear\n3,5,plum\n", "t.csv"),
        ("Row Nr,opinion\n1,good,really\n2,bad,awful\n3,nice,well\n", "t.csv"),
        ("id,text\n1,good,really\n2,bad,awful\n3,nice,well\n", "t.csv"),
        ("text\tlabel\nI liked it\treally\tpos\nI left\tearly\tneg\nSo so\tmeh\tneg\n", "t.tsv"),
        ("a\tb\nI liked it\treally\tpos\nI left\tearly\tneg\nSo so\tmeh\tneg\n", "t.tsv"),
    ],
)
def test_rows_that_an_unquoted_separator_widens_are_refused(tmp_path, text, name):
    with pytest.raises(UserError, match="has 3 fields, 2 expected"):
        read(tmp_path, text, name)


@pytest.mark.parametrize("row", ['"r{n}",{n},x', '"r{n}",{n},6', "{n},x,y"])
def test_row_names_are_told_with_their_column(tmp_path, row):
    header = '"a","b"' if row.endswith("6") else "a,b"
    table = read(tmp_path, f"{header}\n" + "".join(row.format(n=n) + "\n" for n in range(1, 9)))
    assert table.names == ("column_1", "a", "b")
    notice = next(one for one in table.notices if one.level == "amber")
    assert "column_1" in notice.detail and "one field more" in notice.title


def test_a_note_below_the_table_is_left_out_and_told(tmp_path):
    table = read(tmp_path, "a,b,c\n" + "1,2,3\n" * 9 + "\nSource: the office\n")
    assert len(table) == 9 and table.notices[-1].title == "1 line below the table left out: 'Source: the office'"


def test_a_text_alone_between_rows_is_refused(tmp_path):
    with pytest.raises(UserError, match="line 12 has 1 fields, 3 expected"):
        read(tmp_path, "a,b,c\n" + "1,2,3\n" * 9 + "\nPart two\n" + "1,2,3\n" * 9)


def test_lines_between_quotes_as_a_whole_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match="Remove the quotes around whole lines"):
        read(tmp_path, '"text,label"\n' + '"a film,good"\n' * 9)


@pytest.mark.parametrize("lines", ["Paris,France Rome,Italy Oslo,Norway", "paris,france rome,italy oslo,norway"])
def test_a_list_of_quoted_texts_without_a_header_is_read(tmp_path, lines):
    table = read(tmp_path, "".join(f'"{line}"\n' for line in lines.split()))
    assert len(table) == 3 and len(table.names) == 1


def test_a_last_line_that_is_cut_off_is_refused(tmp_path):
    with pytest.raises(UserError, match="line 52 has 1 fields, 3 expected"):
        read(tmp_path, "a,b,c\n" + "x y,2,3\n" * 50 + "abc")
