"""What a user's file becomes: a table, a notice, or one sentence naming the line."""

import gzip
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.files import BAD_INPUTS, PUBLISHED, needs_published, refusal, rows_of, write
from training.data.table import Table, fingerprint, read_table
from training.errors import UserError

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


@pytest.mark.parametrize("name", REFUSED)
def test_bad_file_is_refused_naming_the_place(name: str) -> None:
    message = refusal(BAD_INPUTS / name)
    assert all(words in message for words in [name, *REFUSED[name]])


@pytest.mark.parametrize("name", NOTICED)
def test_odd_file_is_read_with_a_notice(name: str) -> None:
    table = read_table(BAD_INPUTS / name)
    assert table.names == ("text", "label")
    assert [notice.title for notice in table.notices] == [NOTICED[name]]


@pytest.mark.parametrize("name", ["bom.csv", "space_in_header.csv", "array.json", "float_labels_class.csv"])
def test_harmless_oddities_pass_without_a_notice(name: str) -> None:
    table = read_table(BAD_INPUTS / name)
    assert (table.names, table.notices) == (("text", "label"), ())
    assert set(table.strings("label")) == {"0", "1"}


def test_cell_of_a_million_characters_is_read_whole() -> None:
    table = read_table(BAD_INPUTS / "long_text.csv.gz")
    assert max(len(text or "") for text in table.strings("text")) >= 999_999


@needs_published
@pytest.mark.parametrize("name", ROW_COUNTS)
def test_published_data_set_has_its_row_count(name: str) -> None:
    assert len(read_table(PUBLISHED / name)) == ROW_COUNTS[name]


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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_accents_survive_every_encoding(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "a.csv", "text,label\ntrès bon café,1\n".encode(encoding))
    assert rows_of(read_table(path)) == [("très bon café", "1")]


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv", "a"])
def test_gzip_is_told_by_content(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, gzip.compress(b"text,label\ngood,1\n"))
    assert rows_of(read_table(path)) == [("good", "1")]


def test_parquet_keeps_its_types_and_writes_whole_numbers_plainly(tmp_path: Path) -> None:
    columns = {"text": pa.array(["a", "b"]).dictionary_encode(), "label": [1.0, None], "score": [0.5, 2.0]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert rows_of(table) == [("a", 1.0, 0.5), ("b", None, 2.0)]
    assert (table.strings("label"), table.strings("score")) == (["1", None], ["0.5", "2"])


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
