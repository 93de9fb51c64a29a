"""Large tables chunk by chunk: pieces of the size asked for, with the cells and the messages of a file read whole."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.files import write
from training.data import csv_blocks, table_format
from training.data.table import Table, read_table
from training.data.table_stream import read_rows, stream_table
from training.errors import UserError


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(table_format, "PARQUET_ROWS", 700)


def cells(pieces: list[Table]) -> dict[str, list]:
    return {name: [cell for piece in pieces for cell in piece.column(name).to_pylist()] for name in pieces[0].names}


ODD = 'name,"say, so",n\n"a ""b"" c","1,234",\n\n,"two\nlines",NA\nplain,=x,é\n'


def test_a_csv_is_streamed_as_it_is_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "odd.csv", ODD)
    whole = read_table(path)
    for rows in (1, 2, 100):
        pieces = list(stream_table(path, rows))
        assert cells(pieces) == cells([whole]) and max(map(len, pieces)) <= rows
        assert [line for piece in pieces for line in piece.lines] == whole.lines.tolist() == [2, 4, 6]
        assert {(piece.fingerprint, piece.source, piece.notices) for piece in pieces} == {
            (whole.fingerprint, "odd.csv", whole.notices)
        }


def test_every_piece_but_the_last_is_as_long_as_asked(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(5000), "b": [f"v{n % 7}" for n in range(5000)]})
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";")
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    write(tmp_path / "a.csv.gz", gzip.compress((tmp_path / "a.csv").read_bytes()))
    for name in ("a.csv", "a.csv.gz", "a.parquet", "a.jsonl"):
        pieces = list(stream_table(tmp_path / name, 999))
        assert [int(cell) for cell in cells(pieces)["a"]] == list(range(5000))
        assert [len(piece) for piece in pieces] == [999] * 5 + [5]
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


GROWN = r"""
import re, sys
from pathlib import Path
from training.data import table_format
from training.data.streams import shards, sources
path, reader = Path(sys.argv[1]), sys.argv[2]

def most():
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])

before = most()
if reader == "table":
    rows = sum(len(table) for table in table_format.parquet_tables(path, None, 256))
else:
    rows = sum(1 for _ in shards.read_rows(sources.Shard(str(path), path.stat().st_size), "text"))
print(rows, most() - before)
"""


@pytest.fixture(scope="module", params=[1_000, 1_000_000], ids=["many row groups", "one"])
def large_parquet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, random = tmp_path_factory.mktemp("large") / "a.parquet", np.random.default_rng(0)
    rows = [random.bytes(400).hex() for _ in range(40_000)]
    pq.write_table(pa.table({"text": rows, "more": rows[::-1]}), path, row_group_size=request.param)
    return path


@pytest.mark.parametrize("reader", ["table", "stream"])
def test_of_a_parquet_file_a_part_is_in_memory(reader: str, large_parquet: Path) -> None:
    """A reader of several row groups kept all that it had read, and a row group was read as a whole."""
    command = [sys.executable, "-c", GROWN, str(large_parquet), reader]
    count, kilobytes = map(int, subprocess.run(command, capture_output=True, check=True).stdout.split())
    assert count == 40_000 and kilobytes * 1024 < 0.6 * large_parquet.stat().st_size  # 0.3 to 0.5; was 0.8 to 1.5


def test_a_bad_byte_far_down_is_named_by_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"a,b\n" + b"1,2\n" * 2**19 + b"1,\x81\x8d\n")
    with pytest.raises(UserError, match=f"line {2**19 + 2} is no UTF-8"):
        read_table(path)
