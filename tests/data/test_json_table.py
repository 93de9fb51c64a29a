"""What JSON lines and JSON arrays become, and how they are refused."""

import gzip
import json
from pathlib import Path

import pytest

from tests.files import refusal, rows_of, write
from training.data.table import read_table


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"text": "a"}\n{"text": "b"\n', "line 2 is not valid JSON"),
        ('{"text": "a"}\n\n["b"]\n', "line 3 is not a record"),
        ('{"text": "a"}\n{"sentence": "b"}\n', "line 2 lacks 'text'"),
        ('[{"text": "a"},\n {"text": "b"}', "line 2 is not valid JSON"),
        ('[\n{"text": "a"},\n{"text": b}]', "line 3 is not valid JSON"),
        ('{"text": "a"}\n{"text": "\\ud800"}\n', "line 2 holds half a character"),
        ("[" * 100_000, "too deep"),
        ("[]", "no records"),
    ],
)
def test_bad_json_is_refused_naming_its_line(tmp_path: Path, content: str, words: str) -> None:
    assert words in refusal(write(tmp_path / "a.json", content))


@pytest.mark.parametrize("name", ["a.jsonl", "a.json.gz", "a.csv"])
def test_json_lines_keep_their_types(tmp_path: Path, name: str) -> None:
    content = b'{"text": "a", "label": 1, "tags": ["x", "y"]}\n{"text": "b", "label": 2, "tags": []}\n'
    table = read_table(write(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content))
    assert rows_of(table) == [("a", 1, ["x", "y"]), ("b", 2, [])]
    assert table.strings("tags") == ["x, y", ""]


def test_json_array_knows_the_line_of_each_record(tmp_path: Path) -> None:
    records = [{"text": "a", "label": 1}, {"text": "b", "label": 2}]
    table = read_table(write(tmp_path / "a.json", json.dumps(records, indent=1)))
    assert (rows_of(table), table.lines.tolist()) == ([("a", 1), ("b", 2)], [2, 6])


def test_json_column_of_mixed_kinds_is_text_with_a_notice(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.jsonl", '{"label": 1}\n{"label": "b"}\n{"label": null}\n'))
    assert table.strings("label") == ["1", "b", None]
    assert [notice.level for notice in table.notices] == ["amber"]
