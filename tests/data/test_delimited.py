"""What separated text becomes: its rows, its header, and the lines that are refused."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.files import refusal, rows_of, write
from training.data.table import read_table


def test_every_ragged_line_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "ragged.csv", 'text,label\n"good",1\nbad, really,0\n"open,1\n"nice",1\n')
    message = refusal(path)
    assert "line 3 has 3 fields, 2 expected" in message
    assert "line 4: a quote" in message


def test_ragged_line_after_a_cell_of_many_lines_has_its_true_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text,label\r\n"one\r\ntwo\nthree",1\n\na,b,c\n')
    assert "line 6 has 3 fields" in refusal(path)


def test_column_name_used_twice_is_refused(tmp_path: Path) -> None:
    assert "columns 1 and 3" in refusal(write(tmp_path / "a.csv", "text,label,text\na,b,c\n"))


def test_nul_byte_is_refused_naming_its_line(tmp_path: Path) -> None:
    assert "line 3" in refusal(write(tmp_path / "a.csv", b"text,label\ngood,1\nb\0d,0\n"))


def test_words_for_nothing_stay_text_and_an_empty_cell_is_null(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text,label\nNA,null\n,nan\n"",None\n')
    assert rows_of(read_table(path)) == [("NA", "null"), (None, "nan"), (None, "None")]


def test_line_ends_may_be_mixed(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", "text,label\r\na,1\nb,0\rc,1"))
    assert (rows_of(table), table.lines.tolist()) == ([("a", "1"), ("b", "0"), ("c", "1")], [2, 3, 4])


def test_lines_are_where_rows_begin(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", 'text,label\n"one\ntwo",1\n\nb,0\n'))
    assert table.lines.tolist() == [2, 5]


def test_bare_quotes_of_a_tab_separated_file_swallow_no_rows(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.tsv", 'text\tlabel\n"Great film\t1\n\nso bad"\t0\n5" disk\t1\n"fine"\t0\n'))
    assert rows_of(table) == [('"Great film', "1"), ('so bad"', "0"), ('5" disk', "1"), ("fine", "0")]


def test_quoted_cell_of_a_tab_separated_file_may_hold_tabs_and_lines(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.tsv", 'text\tlabel\n"a\n\n""b""\tc"\t1\nd\t0\n'))
    assert rows_of(table) == [('a\n\n"b"\tc', "1"), ("d", "0")]
    assert table.lines.tolist() == [2, 5]


def test_list_of_sentences_is_one_column_commas_and_all(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.txt", "One, two.\nThree.\nFour, five, six.\n"))
    assert rows_of(table) == [("One, two.",), ("Three.",), ("Four, five, six.",)]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("text;label\ngut;1,5\n", ("text", "label")),
        ("good film,1\nbad film,0\nnice,1\npoor,0\n", ("text", "label")),
        ("ham,hello you\nspam,win now\nham,see you\nham,bye now\n", ("label", "text")),
        ("spam,message_body\n0,hello\n1,win\n", ("spam", "message_body")),
        (",text,label\n0,a,1\n", ("column_1", "text", "label")),
        ("0,1\ngood film,1\nbad film,0\n", ("0", "1")),
        ("1.5,2.5\n3.5,4.5\n", ("column_1", "column_2")),
    ],
)
def test_header_is_told_from_data(tmp_path: Path, content: str, names: tuple[str, ...]) -> None:
    assert read_table(write(tmp_path / "a.csv", content)).names == names


CELLS = st.text(st.one_of(st.sampled_from('",;|\n'), st.characters(exclude_categories=["C"])), max_size=12)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", [".csv", ""])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8))
def test_what_a_csv_writer_writes_reads_back(tmp_path: Path, delimiter: str, suffix: str, rows: list[tuple]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([("text", "label", "note"), *rows])
    table = read_table(write(tmp_path / f"table{suffix}", text.getvalue()))
    assert rows_of(table) == [tuple(cell or None for cell in row) for row in rows]
