"""What a user's file becomes: a table, a notice, or one sentence naming the line."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.data import (
    Table,
    TextColumns,
    describe_columns,
    fingerprint,
    guess_text_columns,
    load_hub_dataset,
    read_table,
)
from training.errors import UserError
from training.preflight import Finding, Sheet

SHARED = Path(__file__).parents[1].parent / "shared"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the data sets are not beside this checkout")

REFUSED = {
    "empty.csv": ["empty.csv is empty (0 bytes)"],
    "header_only.csv": ["header text, label but no rows"],
    "dup_columns.csv": ["'text' 2 times (columns 1 and 3)"],
    "ragged.csv": ["line 3 has 3 fields, 2 expected", "line 4: a quote is opened and never closed"],
    "nul_bytes.csv": ["NUL byte in line 2"],
    "bad_line.jsonl": ["line 2 is not valid JSON", "character 24"],
    "missing_key.jsonl": ["line 2 lacks 'text'"],
    "not_parquet.parquet": ["is not a Parquet file"],
    "corpus_blank.txt": ["only blank lines"],
}
NOTICED = {
    "no_header.csv": "No header found: columns named text, label",
    "semicolon.csv": "Separator ; found",
    "latin1.csv": "Not UTF-8: read as Windows-1252",
    "utf16.csv": "UTF-16 by its byte order mark",
}
ROW_COUNTS = {
    "text_sst2/train.tsv": 6920,
    "text_sst2/dev.tsv": 872,
    "pairs_sick/train.tsv": 4500,
    "pairs_qnli/train.tsv": 6000,
    "pairs_qnli/dev.tsv": 1000,
    "text_banking77/train.csv": 9003,
    "text_banking77/dev.csv": 1000,
    "text_agnews/train.csv": 5000,
    "text_agnews/dev.csv": 1000,
    "text_sms_spam/SMSSpamCollection": 4164,
    "mt_multi30k/dev.tsv": 1014,
    "ner_wnut17/dev.conll": 15733,
    "gpt_dialog/validation.parquet": 1200,
}


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows_of(table: Table) -> list[tuple]:
    return [tuple(row.values()) for row in table.head(len(table))]


def refusal(path: Path, **limits: int) -> str:
    with pytest.raises(UserError) as caught:
        read_table(path, **limits)
    assert str(path.parent) not in str(caught.value)
    return str(caught.value)


# Files that are wrong


@needs_shared
@pytest.mark.parametrize("name", REFUSED)
def test_bad_file_is_refused_naming_the_place(name: str) -> None:
    message = refusal(SHARED / "data/text_bad_inputs" / name)
    assert all(words in message for words in [name, *REFUSED[name]])


@needs_shared
@pytest.mark.parametrize("name", NOTICED)
def test_odd_file_is_read_with_a_notice(name: str) -> None:
    table = read_table(SHARED / "data/text_bad_inputs" / name)
    assert table.names == ("text", "label")
    assert [notice.title for notice in table.notices] == [NOTICED[name]]


@needs_shared
@pytest.mark.parametrize("name", ["bom.csv", "space_in_header.csv", "array.json", "float_labels_class.csv"])
def test_harmless_oddities_pass_without_a_notice(name: str) -> None:
    table = read_table(SHARED / "data/text_bad_inputs" / name)
    assert (table.names, table.notices) == (("text", "label"), ())
    assert set(table.strings("label")) == {"0", "1"}


@needs_shared
def test_cell_of_a_million_characters_is_read_whole() -> None:
    table = read_table(SHARED / "data/text_bad_inputs/long_text.csv.gz")
    assert max(len(text or "") for text in table.strings("text")) >= 999_999


@needs_shared
@pytest.mark.parametrize("name", ROW_COUNTS)
def test_published_data_set_has_its_row_count(name: str) -> None:
    assert len(read_table(SHARED / "data" / name)) == ROW_COUNTS[name]


@needs_shared
def test_columns_of_published_data_sets_are_guessed() -> None:
    def guess(name: str) -> TextColumns:
        return guess_text_columns(read_table(SHARED / "data" / name))

    assert guess("text_sst2/dev.tsv") == TextColumns("sentence", None, "label")
    assert guess("text_banking77/dev.csv") == TextColumns("text", None, "category")
    assert guess("text_agnews/dev.csv") == TextColumns("text", "text_pair", "label")
    assert guess("text_sms_spam/SMSSpamCollection") == TextColumns("text", None, "label")
    assert guess("pairs_qnli/dev.tsv") == TextColumns("question", "sentence", "label")
    assert guess("pairs_sick/dev.tsv") == TextColumns("sentence_A", "sentence_B", "entailment_judgment")


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


def test_empty_file_is_refused(tmp_path: Path) -> None:
    assert "empty (0 bytes)" in refusal(write(tmp_path / "a.csv", ""))
    assert "empty (0 bytes)" in refusal(write(tmp_path / "a.csv.gz", gzip.compress(b"")))


def test_header_without_rows_is_refused(tmp_path: Path) -> None:
    assert "no rows" in refusal(write(tmp_path / "a.csv", "text,label\n"))
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "a.parquet")
    assert "no rows" in refusal(tmp_path / "a.parquet")


def test_file_above_the_limit_is_refused_by_size(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"\0" * 3 * 2**20)  # were it read, the NUL bytes would be what is refused
    assert "3.0 MiB, more than 2.0 MiB" in refusal(path, max_bytes=2**21)


def test_gzip_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv.gz", gzip.compress(b"text,label\n" + b"a,1\n" * 2**20))
    assert path.stat().st_size < 2**16
    assert "unpacks to more than" in refusal(path, max_bytes=2**16)


def test_cut_off_gzip_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"text,label\n" + os.urandom(4096).hex().encode() + b",1\n")
    assert "damaged gzip" in refusal(write(tmp_path / "a.csv.gz", whole[:-200]))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"PK\x03\x04rest", "Excel"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"%PDF-1.7", "PDF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"PAR1 but not really", "not a Parquet file"),
    ],
)
def test_file_that_is_no_table_is_named_whatever_it_is_called(tmp_path: Path, head: bytes, words: str) -> None:
    assert words in refusal(write(tmp_path / "reviews.csv", head))


def test_missing_file_is_refused_without_its_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path / "reviews.csv") == "There is no file reviews.csv."


def test_bytes_of_no_known_encoding_are_refused(tmp_path: Path) -> None:
    assert "line 2" in refusal(write(tmp_path / "a.csv", b"text,label\n\x81\x8d\xe9,1\n"))


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


# Files that are right


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_accents_survive_every_encoding(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "a.csv", "text,label\ntrès bon café,1\n".encode(encoding))
    assert rows_of(read_table(path)) == [("très bon café", "1")]


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


CELLS = st.text(st.one_of(st.sampled_from('",;|\n'), st.characters(exclude_categories=["C"])), max_size=12)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", [".csv", ""])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8))
def test_what_a_csv_writer_writes_reads_back(tmp_path: Path, delimiter: str, suffix: str, rows: list[tuple]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([("text", "label", "note"), *rows])
    table = read_table(write(tmp_path / f"table{suffix}", text.getvalue()))
    assert rows_of(table) == [tuple(cell or None for cell in row) for row in rows]


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv", "a"])
def test_gzip_is_told_by_content(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, gzip.compress(b"text,label\ngood,1\n"))
    assert rows_of(read_table(path)) == [("good", "1")]


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


def test_parquet_keeps_its_types_and_writes_whole_numbers_plainly(tmp_path: Path) -> None:
    columns = {"text": pa.array(["a", "b"]).dictionary_encode(), "label": [1.0, None], "score": [0.5, 2.0]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert rows_of(table) == [("a", 1.0, 0.5), ("b", None, 2.0)]
    assert (table.strings("label"), table.strings("score")) == (["1", None], ["0.5", "2"])


# Table, columns, fingerprint


def reviews(tmp_path: Path) -> Table:
    return read_table(write(tmp_path / "reviews.csv", "text,label\na,1\nb,0\nc,1\n"))


def test_missing_column_is_refused_listing_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^Column 'labels' is not in reviews.csv; it has: text, label.$"):
        reviews(tmp_path).strings("labels")


def test_selected_rows_keep_their_lines(tmp_path: Path) -> None:
    chosen = reviews(tmp_path).select([2, 0])
    assert (chosen.head(5), chosen.lines.tolist()) == (
        [{"text": "c", "label": "1"}, {"text": "a", "label": "1"}],
        [4, 2],
    )


def test_fingerprint_follows_the_bytes_not_the_name(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, content) for name, content in [("a", "x"), ("b", "x"), ("c", "y")]]
    first, second, third = map(fingerprint, paths)
    assert first == second != third
    assert len(first) == 16


def test_columns_are_described_in_words(tmp_path: Path) -> None:
    content = "text,stars,kind,on,day,none\n" + "".join(
        f"some words {i},{i}.5,{'ab'[i % 2]},{i % 2},2024-01-0{i},\n" for i in range(1, 9)
    )
    described = describe_columns(read_table(write(tmp_path / "a.csv", content)))
    assert [column["type"] for column in described] == ["text", "number", "category", "yes/no", "date", "empty"]
    assert described[0] | {"examples": None} == {
        "name": "text", "type": "text", "filled": 8, "distinct": 8, "shortest": 12, "longest": 12, "examples": None,
    }  # fmt: skip
    assert json.dumps(described)


def table_of(tmp_path: Path, **columns: list) -> Table:
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    return read_table(tmp_path / "a.parquet")


def test_unknown_names_are_chosen_by_content(tmp_path: Path) -> None:
    table = table_of(tmp_path, nr=[*range(6)], kind=["x", "y"] * 3, said=[f"a longer text {i}" for i in range(6)])
    assert guess_text_columns(table) == TextColumns("said", None, "kind")


def test_two_unrelated_text_columns_are_no_pair(tmp_path: Path) -> None:
    table = table_of(tmp_path, review=["a b", "c d"], answer=["e f g", "h i j"], label=["x", "y"])
    assert guess_text_columns(table) == TextColumns("review", None, "label")


def test_given_columns_are_taken_as_given(tmp_path: Path) -> None:
    table = table_of(tmp_path, premise=["a", "b"], hypothesis=["c", "d"], label=["x", "y"], other=["p", "q"])
    assert guess_text_columns(table, text_column="hypothesis") == TextColumns("hypothesis", None, "label")
    assert guess_text_columns(table, label_column="other") == TextColumns("premise", "hypothesis", "other")
    assert guess_text_columns(table, text_pair_column="hypothesis") == TextColumns("premise", "hypothesis", "label")
    with pytest.raises(UserError, match="'lable' is not in"):
        guess_text_columns(table, label_column="lable")


def test_missing_label_is_refused_with_the_best_candidate(tmp_path: Path) -> None:
    table = table_of(tmp_path, text=["good film", "bad film"], notes=["seen monday", "seen tuesday"])
    with pytest.raises(UserError, match=r"its columns are text, notes. Choose one \(notes: 2 values in 2 rows\)"):
        guess_text_columns(table)
    assert guess_text_columns(table, need_label=False) == TextColumns("text")


# The Hub


@pytest.mark.parametrize("name", ["../x", "a/b/c", "/etc", "a/b:c:d", "tests", "csv", ""])
def test_name_that_could_read_this_machine_is_no_dataset(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    with pytest.raises(UserError, match="no dataset of the Hub"):
        load_hub_dataset(name, "train")


def in_child(code: str, **environment: str) -> str:
    """Run code that must meet its environment before the Hub's client is imported."""
    env = {**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def test_hub_out_of_reach_is_said_in_a_sentence(tmp_path: Path) -> None:
    code = "from training.data import load_hub_dataset; load_hub_dataset('owner/reviews', 'train')"
    assert "UserError: The Hub could not be reached" in in_child(code, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))


@needs_shared
def test_hub_dataset_arrives_with_its_class_names(tmp_path: Path) -> None:
    code = """
import datasets
from training.data import load_hub_dataset
features = datasets.Features(text=datasets.Value("string"), label=datasets.ClassLabel(names=["bad", "good"]))
rows = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, -1]}, features=features)
rows.push_to_hub("alice/reviews")
table = load_hub_dataset("alice/reviews", "train")
print(table.strings("label"), table.source, len(table.fingerprint))
try:
    load_hub_dataset("alice/nothing", "train")
except ValueError as error:
    print(error)
"""
    sys.path.insert(0, str(SHARED / "hub"))
    from loopback_hub import LoopbackHub  # pyright: ignore[reportMissingImports]

    with LoopbackHub() as hub:
        output = in_child(code, **hub.env("hf_alice_write", home=tmp_path))
    assert "['good', 'bad', None] alice/reviews 16" in output
    assert "There is no dataset alice/nothing on the Hub" in output


# The sheet


def test_red_rows_block_with_every_reason() -> None:
    sheet = Sheet((Finding("green", "fine"), Finding("red", "One class", "add another"), Finding("red", "No rows")))
    with pytest.raises(UserError, match=r"^One class: add another; No rows$"):
        sheet.raise_if_blocked()
    assert (sheet.blocked, sheet.to_dict()["verdict"]) == (True, "red")


def test_sheet_without_rows_is_green() -> None:
    Sheet(()).raise_if_blocked()
    assert json.dumps(Sheet(()).to_dict()) == '{"verdict": "green", "findings": [], "columns": [], "sample": []}'
