"""Lines of fastText, each with its labels before its text."""

import gzip
from pathlib import Path

import pytest

from tests.files import rows_of, write
from training.data.table import read_table

LINES = "__label__sport The match, at last\n\n__label__city-news A new bridge\nno label here\n"


@pytest.mark.parametrize("name", ["train.txt", "train.csv", "train"])
def test_label_and_text_are_two_columns(tmp_path: Path, name: str) -> None:
    table = read_table(write(tmp_path / name, LINES))
    rows = [("sport", "The match, at last"), ("city-news", "A new bridge"), (None, "no label here")]
    assert rows_of(table) == rows and table.names == ("label", "text")
    assert table.lines.tolist() == [1, 3, 4]


def test_several_labels_are_a_list(tmp_path: Path) -> None:
    path = tmp_path / "train.txt.gz"
    path.write_bytes(gzip.compress(b"__label__a __label__b both\n__label__a one\n__label__b\n"))
    labels = read_table(path).column("label").to_pylist()
    assert labels == [["a", "b"], ["a"], ["b"]]


def test_header_that_begins_so_is_a_header(tmp_path: Path) -> None:
    assert read_table(write(tmp_path / "a.csv", "__label__,text\nx,some words\n")).names == ("__label__", "text")
