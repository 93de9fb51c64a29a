"""A table given back with predictions: its cells, the predictions, and no formula that a spreadsheet would run."""

import json
from pathlib import Path

import pyarrow as pa

from tests.files import rows_of, write
from training.data.predictions_csv import predictions_writer, temporary_file, write_predictions
from training.data.table import read_table
from training.data.table_stream import stream_table


def test_rows_without_a_prediction_get_blanks(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "in.csv", "text,n\ngood,1.0\n,2.0\n"))
    scored = write_predictions(table, ("label", "probability"), {0: ("yes", "0.9")})
    assert scored.name == "in-scored.csv"
    assert rows_of(read_table(scored)) == [("good", "1.0", "yes", "0.9"), (None, "2.0", None, None)]


def test_formulas_get_an_apostrophe_and_numbers_do_not(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "in.csv", 'text,n\n=1+1,-5\n"@SUM(A1,A2)",+1.5e3\n-x,"-1,5"\n'))
    scored = write_predictions(table, ("label",), {0: ("=cmd",), 1: ("-0.5",), 2: ("a",)})
    assert rows_of(read_table(scored)) == [
        ("'=1+1", "-5", "'=cmd"),
        ("'@SUM(A1,A2)", "+1.5e3", "-0.5"),
        ("'-x", "-1,5", "a"),
    ]


def test_a_file_scored_twice_keeps_its_first_predictions(tmp_path: Path) -> None:
    path = write(tmp_path / "in.csv", "text,n\na,1\nb,2\n")
    for label in ("x", "y", "z"):
        path = write_predictions(read_table(path), ("label",), {0: (label,)})
    assert read_table(path).names == ("text", "n", "label_before", "label_before_before", "label")
    assert rows_of(read_table(path))[0] == ("a", "1", "x", "y", "z")


def test_scored_file_is_read_as_the_file_that_was_scored(tmp_path: Path) -> None:
    cells = ["=1+1", "-x", "'=1+1", "''-x", "@anna", "'tis", "-5", "+49 30 1234", "- bullet", "\tTab", "plain", None]
    names = ("predicted_label", "probability")
    table = read_table(write(tmp_path / "in.jsonl", "\n".join(json.dumps({"text": cell}) for cell in cells)))
    for _ in range(2):
        scored = write_predictions(table, names, dict.fromkeys(range(len(cells)), ("=yes", "0.9")))
        assert '"\'=1+1"' in scored.read_text() and '"\'=yes"' in scored.read_text()
        table = read_table(scored)
        assert table.names == ("text", *names)
        assert table.column("text").to_pylist() == cells
        assert set(table.strings("predicted_label")) == {"=yes"}


def test_single_column_of_the_name_of_a_prediction_is_replaced_only_by_its_equal(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "in.csv", "text,translation\na,x\nb,\n"))
    same = write_predictions(table, ("translation",), {0: ("x",)})
    assert read_table(same).names == ("text", "translation")
    tags = write_predictions(
        read_table(write(tmp_path / "t.csv", "w,predicted_tag\na,O\n")), ("predicted_tag",), {0: "B"}
    )
    assert rows_of(read_table(tags)) == [("a", "B")]
    other = write_predictions(table, ("translation",), {0: ("x",), 1: ("y",)})
    assert read_table(other).names == ("text", "translation_before", "translation")


def test_chunks_are_written_one_after_the_other(tmp_path: Path) -> None:
    path = write(tmp_path / "in.csv", "a,b\n" + "".join(f"{n},x\n" for n in range(10)))
    target = temporary_file(path.name, "-scored.csv")
    with predictions_writer(target) as write_chunk:
        for chunk in stream_table(path, 3):
            write_chunk(chunk, {"score": pa.array([float(cell) / 2 for cell in chunk.strings("a")])})
    assert read_table(target).strings("score") == ["0", "0.5", "1", "1.5", "2", "2.5", "3", "3.5", "4", "4.5"]


def test_records_of_a_table_are_left_blank(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "in.jsonl", '{"text": "a", "more": {"x": 1}}\n'))
    assert rows_of(read_table(write_predictions(table, ("label",), {0: ("b",)}))) == [("a", None, "b")]
