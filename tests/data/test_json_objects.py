"""Records in one JSON object, and objects over several lines."""

import json

import pytest

from training.data.table import read_table
from training.errors import UserError

ROWS = [{"text": f"film {n}", "label": "ab"[n % 2]} for n in range(4)]
TEXTS, LABELS = [row["text"] for row in ROWS], [row["label"] for row in ROWS]
FORMS = {
    "a list under a name": {"version": "1", "data": ROWS},
    "pandas": {
        "text": {str(n): text for n, text in enumerate(TEXTS)},
        "label": {str(n): x for n, x in enumerate(LABELS)},
    },
    "pandas, split": {"columns": ["text", "label"], "index": [0, 1, 2, 3], "data": [[*row.values()] for row in ROWS]},
    "columns": {"text": TEXTS, "label": LABELS},
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("form", FORMS)
def test_one_object_that_holds_all_records_is_a_table(tmp_path, form, indent):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(FORMS[form], indent=indent))
    table = read_table(path)
    assert table.names == ("text", "label") and table.strings("text") == TEXTS and table.strings("label") == LABELS


def test_objects_over_several_lines_are_records_on_their_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row, indent=2) for row in ROWS))
    table = read_table(path)
    assert table.strings("label") == LABELS and table.lines.tolist() == [1, 5, 9, 13]


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
