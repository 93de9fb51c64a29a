"""Records in one JSON object, and objects over several lines."""

import json

import pytest

from training.data.table import read_table
from training.errors import UserError

ROWS = [{"text": f"film {n}", "label": "ab"[n % 2]} for n in range(24)]
TEXTS, LABELS = [row["text"] for row in ROWS], [row["label"] for row in ROWS]
FORMS = {
    "a list under a name": {"version": "1", "data": ROWS},
    "pandas": {
        "text": {str(n): text for n, text in enumerate(TEXTS)},
        "label": {str(n): x for n, x in enumerate(LABELS)},
    },
    "pandas, split": {
        "columns": ["text", "label"],
        "index": list(range(24)),
        "data": [[*row.values()] for row in ROWS],
    },
    "columns": {"text": TEXTS, "label": LABELS},
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("form", FORMS)
def test_one_object_that_holds_all_records_is_a_table(tmp_path, form, indent):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(FORMS[form], indent=indent))
    table = read_table(path)
    assert table.names == ("text", "label") and table.strings("text") == TEXTS and table.strings("label") == LABELS
    [notice] = table.notices
    assert notice.level == "green" and notice.title == "rows.json is one object, read as 24 rows"


def test_objects_over_several_lines_are_records_on_their_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row, indent=2) for row in ROWS))
    table = read_table(path)
    assert table.strings("label") == LABELS and table.lines.tolist() == list(range(1, 97, 4))


def test_a_lone_record_with_a_list_stays_a_record(tmp_path):
    path = tmp_path / "talk.jsonl"
    path.write_text(json.dumps({"id": 1, "messages": [{"role": "user", "content": "a"}]}) + "\n")
    assert read_table(path).names == ("id", "messages")


def test_records_whose_keys_are_ids_take_no_field_for_each(tmp_path):
    """6,000 rows of 33 bytes took 443 MB and quadratic time: every id was a field of every row."""
    path = tmp_path / "ids.jsonl"
    path.write_text("".join(json.dumps({"text": "x", "nodes": {f"k{n}": {"v": n}}}) + "\n" for n in range(3000)))
    table = read_table(path)
    assert str(table.columns["nodes"].type) == "string" and table.strings("nodes")[7] == '{"k7": {"v": 7}}'


def test_several_lists_of_records_are_named(tmp_path):
    path = tmp_path / "splits.json"
    path.write_text(json.dumps({"train": ROWS, "test": ROWS}))
    with pytest.raises(UserError, match="several lists of records: train, test"):
        read_table(path)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ('<?xml version="1.0"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4"/>', "a translation memory"),
        ('<?xml version="1.0"?>\n<xliff version="1.2"/>', "an XLIFF file"),
        ('<?xml version="1.0"?>\n<rows/>', "an XML file: convert it to CSV"),
        ("<!DOCTYPE html><html></html>", "a web page: download the file itself"),
    ],
)
def test_a_file_of_tags_is_refused_by_its_name(tmp_path, head, words):
    path = tmp_path / "file.tmx"
    path.write_text(head)
    with pytest.raises(UserError, match=words):
        read_table(path)


@pytest.mark.parametrize(
    "record",
    [
        {"tokens": ["a", "b"], "tags": ["O", "B"]},
        {"prompt": [{"role": "user", "content": "a?"}] * 2, "completion": [{"role": "assistant", "content": "b"}] * 2},
        {"id": 1, "text": "order", "items": [{"sku": "a"}]},
        {"id": 1, "items": [{"sku": "a"}]},
    ],
)
def test_a_lone_record_on_one_line_is_one_row(tmp_path, record):
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(record) + "\n")
    table = read_table(path)
    assert table.names == tuple(record) and len(table) == 1 and not table.notices


def test_a_record_over_several_lines_is_one_row_and_told(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"id": 1, "text": "order", "items": [{"sku": "a"}]}, indent=2))
    table = read_table(path)
    assert len(table) == 1 and table.notices[0].title == "one.json is one object, read as 1 row"


def test_short_columns_over_several_lines_are_a_table(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"text": ["a", "b"], "label": [0, 1]}, indent=2))
    assert read_table(path).strings("text") == ["a", "b"]


@pytest.mark.parametrize(
    ("columns", "words"), [(["a", "a"], "column name 'a' 2 times"), (["a", "b", "c"], "row 1 of 'data' has 2 values")]
)
def test_rows_that_do_not_fit_their_columns_are_refused(tmp_path, columns, words):
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"columns": columns, "data": [[1, 2], [3, 4]]}))
    with pytest.raises(UserError, match=words):
        read_table(path)


@pytest.mark.parametrize("is_reversed", [False, True])
def test_records_with_many_keys_are_spelled_in_every_part_of_a_file(tmp_path, is_reversed, monkeypatch):
    """300 keys in the first 65,536 rows and 50 in the 50 after them were refused as of several kinds."""
    monkeypatch.setattr("training.data.json_table.CHUNK_RECORDS", 600)
    counts = [{f"k{n % 300}": n} for n in range(600)] + [{f"k{n}": n} for n in range(50)]
    counts = counts[50:] + counts[:50] if is_reversed else counts
    counts = [{"k": 1}] * 600 + counts if is_reversed else counts
    path = tmp_path / "counts.jsonl"
    path.write_text("".join(json.dumps({"text": "a", "counts": count}) + "\n" for count in counts))
    assert read_table(path).strings("counts") == [json.dumps(count) for count in counts]
