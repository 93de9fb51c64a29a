"""What is said of a table's columns, and which are taken for the texts and the label."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.files import PUBLISHED, needs_published, write
from training.data import column_guess
from training.data.column_guess import TextColumns, describe_columns, guess_text_columns
from training.data.table import Table, read_table, text_table
from training.errors import UserError


@needs_published
def test_columns_of_published_data_sets_are_guessed() -> None:
    def guess(name: str) -> TextColumns:
        return guess_text_columns(read_table(PUBLISHED / name))

    assert guess("text_sst2/dev.tsv") == TextColumns("sentence", None, "label")
    assert guess("text_banking77/dev.csv") == TextColumns("text", None, "category")
    assert guess("text_agnews/dev.csv") == TextColumns("text", "text_pair", "label")
    assert guess("text_sms_spam/SMSSpamCollection") == TextColumns("text", None, "label")
    assert guess("pairs_qnli/dev.tsv") == TextColumns("question", "sentence", "label")
    assert guess("pairs_sick/dev.tsv") == TextColumns("sentence_A", "sentence_B", "entailment_judgment")


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


def test_columns_are_found_however_another_file_spells_them() -> None:
    table = text_table({"Review Text": ["good"], "LABEL": ["1"], "id": ["7"]}, "eval.csv")
    assert table.spelled_as(["review_text", "label"]).names == ("review_text", "label", "id")
    both = text_table({"Label": ["1"], "LABEL": ["2"]}, "eval.csv")
    assert both.spelled_as(["label"]) is both  # which of the two is meant is not known
    exact = text_table({"label": ["1"], "Label": ["2"]}, "eval.csv")
    assert exact.spelled_as(["label"]) is exact


def test_a_column_described_in_pieces_is_described_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(
        tmp_path,
        some=[None, None, None, "word", "a longer text", None, "word", "x"],
        flag=["yes", None, "no", "yes", "no", "no", "yes", "yes"],
        number=[1.5, None, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        kind=["a", "b", "a", "b", "a", "b", "a", "c"],
        odd=["1", "2", "3", "4", "5", "6", "7", "eight"],
        empty=pa.nulls(8, pa.string()).to_pylist(),
        tags=[["a", "b"]] * 8,
    )
    whole = describe_columns(table)
    monkeypatch.setattr(column_guess, "DESCRIBED_ROWS", 3)
    assert describe_columns(table) == whole
    about = {column["name"]: column for column in whole}
    assert [about[name]["type"] for name in table.names] == [
        "text", "yes/no", "number", "category", "text", "empty", "list",
    ]  # fmt: skip
    assert (about["some"]["filled"], about["some"]["distinct"], about["some"]["shortest"]) == (4, 3, 1)


def test_distinct_values_are_counted_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(tmp_path, text=[f"text {number}" for number in range(20)])
    monkeypatch.setattr(column_guess, "DESCRIBED_ROWS", 4)
    monkeypatch.setattr(column_guess, "MAX_DISTINCT", 12)
    [described] = describe_columns(table)
    assert (described["filled"], described["distinct"], described["type"]) == (20, 12, "text")


def test_rows_of_a_view_are_those_of_a_selection(tmp_path: Path) -> None:
    table = table_of(tmp_path, a=[*range(9)], b=[f"text {number}" for number in range(9)])
    view, selected = table.view([5, 2, 7]), table.select([5, 2, 7])
    assert view.names == selected.names and view.lines.tolist() == selected.lines.tolist() and len(view) == 3
    assert [view.strings(name) for name in view.names] == [["5", "2", "7"], ["text 5", "text 2", "text 7"]]
    with pytest.raises(UserError, match="'c' is not in"):
        view.column("c")
