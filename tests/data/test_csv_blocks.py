"""One CSV reader for every size: Arrow's parse of a block gives the careful reader's cells, lines and errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.files import rows_of, write
from training.data import csv_blocks, csv_table
from training.data.csv_blocks import parse_plain_block
from training.data.table import fingerprint, read_table
from training.data.table_stream import stream_table
from training.errors import UserError

LARGE = 17 * 2**20  # above the 16 MiB from which another reader once took over


def outcome(path: Path) -> tuple[Any, ...]:
    """Names, rows, lines and notices of a file, or why it is refused."""
    try:
        table = read_table(path)
    except UserError as error:
        return (str(error),)
    return table.names, rows_of(table), table.lines.tolist(), table.notices


@pytest.fixture
def careful_only() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


CELLS = st.one_of(
    st.text(st.sampled_from('x"," \n\r;\t\0é'), max_size=6),
    st.sampled_from(["1", "", '""', '"a"', '"a,b"', '"a\nb"', '"a\r\nb"', '"a""b"', 'a"b', '"a"b', ' "a"', "\u2028", "€"]),
)  # fmt: skip
TEXTS = st.lists(st.lists(CELLS, min_size=1, max_size=3), min_size=1, max_size=12)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=TEXTS, end=st.sampled_from(["\n", "\r\n", "\r"]), delimiter=st.sampled_from(",;\t|"), size=st.integers(1, 60),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), suffix=st.sampled_from([".csv", ".tsv", ""]),
)  # fmt: skip
@example(rows=[["a"], [""], ["b"]], end="\r\n", delimiter=",", size=3, encoding="utf-8", suffix=".csv")
@example(rows=[["7", '"x"y', "z"]], end="\n", delimiter=",", size=1, encoding="utf-8", suffix=".csv")
def test_the_cells_do_not_depend_on_the_blocks(
    tmp_path: Path, rows: list[list[str]], end: str, delimiter: str, size: int, encoding: str, suffix: str
) -> None:
    lines = [["text", "label", "n"][: len(rows[0])], *rows]
    content = end.join(delimiter.join(cells) for cells in lines).encode(encoding)
    path = write(tmp_path / f"a{suffix}", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_table, "parse_plain_block", lambda *_: None)
        careful = outcome(path)
        patch.setattr(csv_blocks, "BLOCK_BYTES", size)
        careful_in_blocks = outcome(path)
        patch.setattr(csv_table, "parse_plain_block", parse_plain_block)
        in_blocks = outcome(path)
    assert outcome(path) == careful == careful_in_blocks == in_blocks


@pytest.mark.parametrize(
    ("block", "cells", "lines"),
    [
        (b"a,b\n1,2\n", [["a", "1"], ["b", "2"]], [0, 1]),
        (b'"a","b, ""c"""\r\n1,\r\n', [["a", "1"], ['b, "c"', None]], [0, 1]),
        (b'"a\nb",1\n\n\nc,2', [["a\nb", "c"], ["1", "2"]], [0, 4]),
        (b'a,1\n"b\nc', [["a"], ["1"]], [0]),
        (b"\n\n", [[], []], []),
    ],
)
def test_arrow_parses_what_is_free_of_doubt(block: bytes, cells: list[list[str]], lines: list[int]) -> None:
    parsed = parse_plain_block(block, ",", 2)
    assert parsed is not None
    assert [column.to_pylist() for column in parsed.columns] == cells
    assert parsed.lines.tolist() == lines
    assert parsed.size == len(block) or block[parsed.size :] == b'"b\nc'


@pytest.mark.parametrize(
    "block", [b'1,"x"y\n', b'1,x"y"\n', b'1, "x"\n', b"a,\0\n", b"a,1\rb,2\n", b"a\n", b"a,b,c\n", b'"a,1\n']
)
def test_whatever_needs_care_is_left_to_the_careful_reader(block: bytes) -> None:
    assert parse_plain_block(block, ",", 2) is None


def test_a_single_quote_in_tab_separated_text_needs_care() -> None:
    assert parse_plain_block(b'5"\t1\n', "\t", 2) is None and parse_plain_block(b"5\t1\n", "\t", 2) is not None


def repeated(head: str, lines: str, size: int) -> str:
    return head + lines * (size // len(lines) + 1)


def test_a_bad_quote_is_refused_alike_in_a_small_and_a_large_file(tmp_path: Path) -> None:
    head = "a,b,c\n" + "1,2,3\n" * 5 + '7,"x"y,z\n'
    small = outcome(write(tmp_path / "a.csv", repeated(head, "1,2,3\n", 100)))
    large = outcome(write(tmp_path / "a.csv", repeated(head, "1,2,3\n", LARGE)))
    assert small == large and "line 7: a quote is opened and never closed before a separator" in small[0]


def test_ragged_lines_are_named_alike_in_a_small_and_a_large_file(tmp_path: Path) -> None:
    small = outcome(write(tmp_path / "a.csv", "a,b\n" + "1,2\n" * 3 + "1,2,3\n" + "1,2\n" * 3 + "1\n"))
    path = write(tmp_path / "b.csv", repeated("a,b\n" + "1,2\n" * 3 + "1,2,3\n" + "1,2\n" * 3 + "1\n", "1,2\n", LARGE))
    assert small[0].replace("a.csv", "b.csv") == outcome(path)[0]
    assert "line 5 has 3 fields, 2 expected; line 9 has 1 fields, 2 expected" in small[0]
    with pytest.raises(UserError, match="line 5 has 3 fields, 2 expected; line 9 has 1 fields"):
        list(stream_table(path))


@pytest.mark.slow
def test_a_large_file_has_the_small_ones_cells_lines_and_fingerprint(tmp_path: Path) -> None:
    records = '"a ""b"" c",1\n\n"two\r\nlines","1,5"\nplain,é\n5" disk,\n'
    small = read_table(write(tmp_path / "a.csv", "text,n\n" + records))
    path = write(tmp_path / "b.csv", repeated("text,n\n", records, LARGE))
    large = read_table(path)
    assert path.stat().st_size > LARGE - 2**20 and large.fingerprint == fingerprint(path)
    assert rows_of(large.select(range(4))) == rows_of(small) == rows_of(large.select(range(len(large) - 4, len(large))))
    assert large.lines[:4].tolist() == small.lines.tolist() == [2, 4, 6, 7]
    assert set(large.lines.tolist()[4::4]) == set(range(8, 8 + 6 * (len(large) // 4 - 1), 6))
