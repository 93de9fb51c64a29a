"""Small files that hold very much: refused at once and in words, before they take memory."""

from __future__ import annotations

import gzip
import json
import time
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.data import shape_limits
from training.data.images.read import read_images
from training.data.table import read_table
from training.errors import UserError


def constant_parquet(path: Path, rows: int, columns: int) -> Path:
    pq.write_table(
        pa.table({f"c{n}": pa.repeat(pa.scalar(7, pa.int64()), rows) for n in range(columns)}), path, compression="zstd"
    )
    return path


def nested(levels: int) -> str:
    return '{"a": ' * levels + "1" + "}" * levels


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path: Path) -> str:
    begun = time.process_time()
    with pytest.raises(UserError) as refused:
        read_table(path)
    assert time.process_time() - begun < 2.0, "it took long to refuse"
    return str(refused.value)


def test_parquet_of_constants_is_judged_by_its_rows(tmp_path: Path) -> None:
    small = constant_parquet(tmp_path / "a.parquet", 40_000_000, 1)
    assert small.stat().st_size < 2**20
    assert "MiB when read: no table is packed so tightly but one of constants" in refusal(small)
    assert len(read_table(constant_parquet(tmp_path / "b.parquet", 1_000_000, 2))) == 1_000_000


def test_parquet_of_one_long_text_is_judged_while_it_is_read(tmp_path: Path) -> None:
    text = pa.array(["x" * 2**20] * 400)
    pq.write_table(pa.table({"text": text}), tmp_path / "a.parquet", use_dictionary=True, compression="zstd")
    assert "takes" in refusal(tmp_path / "a.parquet")


@pytest.mark.parametrize("levels", [30, 250, 500, 900])
def test_records_inside_each_other_are_refused_by_their_line(levels: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", f'{{"text": "x", "a": 1}}\n{{"text": "y", "a": {nested(levels)}}}\n')
    assert "line 2 holds lists or records in each other on more than 20 levels" in refusal(path)


def test_records_of_a_usual_depth_are_read(tmp_path: Path) -> None:
    assert len(read_table(write(tmp_path / "a.jsonl", f'{{"a": {nested(10)}}}\n'))) == 1
    assert not shape_limits.is_nested_deeper({"a": [{"b": [1]}]}, 4)
    assert shape_limits.is_nested_deeper({"a": [{"b": [1]}]}, 2)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("commas.csv", "," * 16_000 + "\n1\n", "has 16,001 columns"),
        ("names.csv", ",".join(f"c{n}" for n in range(50_000)) + "\n", "columns; at most 10,000 are read"),
        ("line.csv", "," * 5_000_000, "The first line of line.csv has more than 1,048,576 characters"),
        ("text.csv", "x" * 5_000_000, "The first line of text.csv has more than 1,048,576 characters"),
        ("zeros.csv.gz", gzip.compress(bytes(64 * 2**20)), "more than 1,048,576 characters"),
        ("commas.csv.gz", gzip.compress(b"," * 2**20), "columns"),
        ("bomb.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 60_000_000, 9), "no table is packed so tightly"),
        ("keys.jsonl", "\n".join(json.dumps({f"k{n}": 1}) for n in range(20_000)), ""),
    ],
)
def test_text_that_grows_is_refused(name: str, content: bytes | str, words: str, tmp_path: Path) -> None:
    assert words in refusal(write(tmp_path / name, content))


def test_a_wide_table_is_read(tmp_path: Path) -> None:
    width = 9_000
    path = write(tmp_path / "a.csv", ",".join(f"c{n}" for n in range(width)) + "\n" + ",".join("1" * width) + "\n")
    assert len(read_table(path).columns) == width


def test_a_member_without_a_name_is_no_image(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(".", b"x")
    with pytest.raises(UserError, match="leaves the archive"):
        read_images(tmp_path / "a.zip")
