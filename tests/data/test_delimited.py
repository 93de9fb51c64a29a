"""What separated text becomes: its rows, its header, and the lines that are refused."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.files import refusal, rows_of, write
from training.data.table import read_table
from training.data.table_stream import stream_table


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


BODY = "good film;pos\nbad film;neg\nnice;pos\npoor;neg\n"
ROWS = [("good film", "pos"), ("bad film", "neg"), ("nice", "pos"), ("poor", "neg")]
ABOVE = {  # what stands above the header -> the line of the first row
    "sep=;\n": 3,
    "\ufeffsep=;\r\n": 3,
    '"sep=;"\n': 3,
    "SEP=;;\n": 3,
    "Survey 2024;\n;\n": 4,
    "Survey 2024\n\n": 4,
    "Umfrage\n": 3,
    "Results, spring 2024\nby: anna, omar\n\n": 5,
    '"Two lines\nof title";\n': 4,
    "# exported; 2024\n": 3,
    "sep=;\nSurvey 2024;\n": 4,
}


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("reader", [read_table, lambda path: next(stream_table(path))])
def test_what_stands_above_the_header_is_skipped(tmp_path: Path, above: str, reader: Any) -> None:
    table = reader(write(tmp_path / "a.csv", f"{above}text;label\n{BODY}"))
    assert table.names == ("text", "label") and rows_of(table) == ROWS
    assert table.lines[0] == ABOVE[above]
    told = [row for row in table.notices if "above the header skipped" in row.title]
    assert [row.level for row in told] == ["amber"] * (above.lower().strip('\ufeff"\r\n;') != "sep=")


def test_separator_line_names_a_separator_that_the_rows_do_not_show(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", "sep=\t\nname\tnote\na, b\tc, d\ne, f\tg, h\n"))
    assert rows_of(table) == [("a, b", "c, d"), ("e, f", "g, h")]
    table = read_table(write(tmp_path / "b.csv", "sep=|\nname|note\na, b|c, d\n"))
    assert rows_of(table) == [("a, b", "c, d")]


def test_pairs_of_sentences_without_a_header_lose_none(tmp_path: Path) -> None:
    pairs = [(f"the cat has {n} red hats", f"die Katze hat {n} rote Hüte") for n in range(6)]
    for separator, name in (("\t", "a.tsv"), ("|", "a.txt")):
        path = write(tmp_path / name, "".join(f"{first}{separator}{second}\n" for first, second in pairs))
        assert rows_of(read_table(path)) == pairs
    names = read_table(
        write(tmp_path / "b.csv", "What do you like here?,And what else is new?\na cat is red,a dog is big\n")
    ).names
    assert names[0] == "What do you like here?"


@pytest.mark.parametrize("title", ["Survey 2024, part 1\n\n", "Survey, 2024, x\n", "# y\n# made by a tool\n"])
def test_title_with_the_separator_is_skipped(tmp_path: Path, title: str) -> None:
    rows = [(f"a text, {n}", "ab"[n % 2]) for n in range(9)]
    lines = "".join(f'"{text}",{label}\n' for text, label in rows)
    table = read_table(write(tmp_path / "a.csv", f"{title}text,label\n{lines}"))
    assert table.names == ("text", "label") and rows_of(table) == rows
    assert any(row.title.endswith("above the header skipped") for row in table.notices)


def test_title_of_one_word_is_skipped(tmp_path: Path) -> None:
    lines = "".join(f"Bewertung Nummer {n};{'ab'[n % 2]}\n" for n in range(9))
    assert read_table(write(tmp_path / "a.csv", f"Umfrage\nMeinung;Klasse\n{lines}")).names == ("Meinung", "Klasse")


def test_pairs_of_sentences_between_three_bars_lose_none(tmp_path: Path) -> None:
    path = write(
        tmp_path / "pairs.txt", "".join(f"The house {n} is red. ||| Das Haus {n} ist rot.\n" for n in range(40))
    )
    assert len(read_table(path)) == 40


def test_header_again_in_another_case_is_dropped(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", "text;label\na;x\nb;y\nText;Label \nc;x\n"))
    assert rows_of(table) == [("a", "x"), ("b", "y"), ("c", "x")]


def test_title_of_a_table_of_numbers_is_skipped(tmp_path: Path) -> None:
    rows = "".join(f"{n},{n / 2},{n * 3}\n" for n in range(5))
    table = read_table(write(tmp_path / "a.csv", f"Weather of Oslo,,\nUnit: C,,\nday,low,high\n{rows}"))
    assert table.names == ("day", "low", "high") and len(table) == 5


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (",text\n0,good film\n1,bad film\n2,nice\n", ("column_1", "text")),
        (",text\na,good film\nb,bad film\nc,nice\n", ("column_1", "text")),
        ("sentence_de\nHallo, Welt\nGuten Tag, du\nNa, was\nAch, so\n", ("sentence_de",)),
        ("text,label\ngood; fine,1\nbad; poor,0\nso; so,1\nna; ja,0\n", ("text", "label")),
        ("id,name,,\n1,a,b,c\n2,d,e,f\n3,g,h,i\n", ("id", "name", "column_3", "column_4")),
        ("foo,,,\na,y,n,y\nb,n,n,y\nc,y,y,n\nd,n,y,y\n", ("foo", "column_2", "column_3", "column_4")),
        ("spam;\nbuy now;\nhello you;\nfoo;bar\n", ("spam", "column_2")),
    ],
)
def test_header_with_few_names_is_no_title(tmp_path: Path, content: str, names: tuple[str, ...]) -> None:
    table = read_table(write(tmp_path / "a.csv", content))
    assert table.names == names and not any("above the header" in row.title for row in table.notices)


@pytest.mark.parametrize("again", ["text;label\n", "\ufefftext;label\n", '"text";"label"\n', "\ntext;label\n"])
@pytest.mark.parametrize("count", [4, 60_000])
def test_header_that_stands_again_between_the_rows_is_dropped_and_told(tmp_path: Path, again: str, count: int) -> None:
    part, blank = "".join(f"a film {n};pos\n" for n in range(count // 2)), again.startswith("\n")
    path = write(tmp_path / "a.csv", f"text;label\n{part}{again}{part}{again}text;pos\n")
    lines = [count // 2 + 2 + blank, count + 3 + 2 * blank]
    for table in (read_table(path), [*stream_table(path)][-1]):
        told = [row for row in table.notices if "the header again" in row.title]
        assert [(row.level, row.title) for row in told] == [("amber", "2 rows dropped: the header again")]
        assert f"Lines {lines[0]}, {lines[1]}:" in told[0].detail
    table = read_table(path)
    assert len(table) == count + 1 and table.lines[-1] == lines[1] + 1
    assert set(table.strings("label")) == {"pos"}


def test_title_stands_above_a_header_with_empty_cells_that_comes_again(tmp_path: Path) -> None:
    part = "text;label;;\ngood;pos;;\nbad;neg;;\n"
    table = read_table(write(tmp_path / "a.csv", f"Survey 2024;;;\n{part}{part}"))
    assert table.names == ("text", "label", "column_3", "column_4")
    assert table.strings("label") == ["pos", "neg", "pos", "neg"]


def test_word_of_the_header_in_a_list_of_words_stays(tmp_path: Path) -> None:
    assert rows_of(read_table(write(tmp_path / "a.csv", "text\nbook\ntext\n"))) == [("book",), ("text",)]


SENTIMENT140 = "".join(
    f'"{4 * (n % 2)}","{1467810369 + n}","Mon Apr 0{n % 9 + 1} 22:{n:02}:45 PDT 2009","NO_QUERY","user{n}",'
    f'"@user{n} {"really " * (n % 4)}good film{", is it not?" * (n % 3)}"\n'
    for n in range(30)
)


def test_constant_columns_and_dates_without_a_header_are_neither_label_nor_text(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", SENTIMENT140))
    assert table.names == ("label", "column_2", "column_3", "column_4", "column_5", "text")
    table = read_table(write(tmp_path / "b.csv", SENTIMENT140.replace('"4","1', '"0","1')))  # a file sorted by label
    assert table.names == ("column_1", "column_2", "column_3", "column_4", "column_5", "text")


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


def test_long_names_of_columns_of_sentences_are_a_header(tmp_path: Path) -> None:
    """Questions of a survey, above their answers."""
    path = tmp_path / "survey.csv"
    answers = [f"It was a good day number {n},Nothing more to add {n}" for n in range(30)]
    path.write_text("Please describe your visit,Any further comments or wishes\n" + "\n".join(answers) + "\n")
    assert list(read_table(path).names) == ["Please describe your visit", "Any further comments or wishes"]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("0,1,2", "{0}.5,-{1}.25,{2}"),  # a data frame without names
        (",0,1,2", "{3},{0}.5,-{1}.25,{2}"),  # with its index
        ("country,2019,2020", "land {3},{0},{1}"),
        ("sample,400,402.5,405,407.5,kind", "s{3},0.{0},0.{1},0.{2},0.{0},b"),  # a spectrum
        ("a,inf,b,c", "{0},inf,{1},{2}"),  # a name that is a cell, too
        ("q1,q2,5", "{0},{1},{2}"),
    ],
)
def test_numbers_that_count_columns_are_names(tmp_path: Path, header: str, row: str) -> None:
    rows = [row.format(7 * n % 11, 5 * n % 13, 3 * n % 7, n) for n in range(40)]
    table = read_table(write(tmp_path / "wide.csv", "\n".join([header, *rows])))
    assert [name.removesuffix(".0") for name in table.names] == (
        header if header[0] != "," else "column_1" + header
    ).split(",")
    assert len(table.lines) == 40


@pytest.mark.parametrize("row", ["3.5,4.5,1.5", "0,1,2", "2019,2020"])
def test_a_single_row_of_numbers_is_no_header(row: str, tmp_path: Path) -> None:
    assert rows_of(read_table(write(tmp_path / "one.csv", row + "\n"))) == [tuple(row.split(","))]


@pytest.mark.parametrize("first", ["n/a,0.5,1.5,a", "3,5,7,9", "1998,2002,2003,2004"])
def test_first_row_of_data_is_no_header(tmp_path: Path, first: str) -> None:
    """Neither with a word among numbers, nor where other rows rise by equal steps, or hold years, too."""
    rows = {"n": "0.{0},0.{1},2.{2},b\n0.1,0.2,0.3,a", "3": "{0},{1},{2},4\n1,2,3,4", "1": "2001,2003,2008,20{3}"}[
        first[0]
    ]
    text = "\n".join([first, *(rows.format(7 * n % 11, 5 * n % 13, 3 * n % 7, 10 + n) for n in range(40))])
    table = read_table(write(tmp_path / "bare.csv", text))
    assert len(table.lines) == text.count("\n") + 1
