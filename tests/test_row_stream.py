"""Large tables piece by piece: the same cells as the reader of whole files gives, and its messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.files import write
from training.data import table_stream
from training.data.table import Table, read_table
from training.data.table_stream import read_rows, stream_table
from training.errors import UserError


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_stream, "LARGE_BYTES", 0)
    monkeypatch.setattr(table_stream, "BLOCK_BYTES", 4096)


def cells(pieces: list[Table]) -> dict[str, list]:
    return {name: [cell for one in pieces for cell in one.column(name).to_pylist()] for name in pieces[0].names}


ODD = 'name,"say, so",n\n"a ""b"" c","1,234",\n\n,"two\nlines",NA\nplain,=x,é\n'


def test_a_csv_is_streamed_as_it_is_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "odd.csv", ODD)
    whole = read_table(path)
    for rows in (1, 2, 100):
        pieces = list(stream_table(path, rows))
        assert cells(pieces) == cells([whole]) and max(map(len, pieces)) <= rows


def test_thousands_of_rows_in_many_blocks_are_all_there(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(5000), "b": [f"v{n % 7}" for n in range(5000)]})
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";")
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    for name in ("a.csv", "a.parquet", "a.jsonl"):
        pieces = list(stream_table(tmp_path / name, 999))
        assert [int(cell) for cell in cells(pieces)["a"]] == list(range(5000)) and len(pieces) >= 6
        assert len(read_rows(tmp_path / name)) == 5000


def test_windows_text_is_decoded(tmp_path: Path) -> None:
    pieces = list(stream_table(write(tmp_path / "a.csv", "town,n\nKöln,1\nNîmes,2\n".encode("cp1252"))))
    assert cells(pieces)["town"] == ["Köln", "Nîmes"]


def test_a_ragged_line_is_named_by_its_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "a,b\n" + "1,2\n" * 3000 + "1,2,3\n" + "1,2\n" * 10)
    with pytest.raises(UserError, match="line 3002 has 3 fields, 2 expected"):
        list(stream_table(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no file none\.csv"):
        list(stream_table(tmp_path / "none.csv"))
