"""ae_anomaly: what is wrong with a table is said before training, and a score never comes back silently wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plugins.ae_anomaly.detector.file_scores import file_scores
from plugins.ae_anomaly.fit.data import read
from plugins.ae_anomaly.fit.labels import read_labels
from plugins.ae_anomaly.fit.predictor import load
from plugins.ae_anomaly.inspect.scoring_view import scoring_view
from tests.files import write
from tests.orders import settings, write_orders
from tests.tables import sheet_of, task_of
from training.data.table import read_table
from training.errors import UserError
from training.fit.loop import fit
from training.preflight.sheet import Level

ODD: dict[str, tuple[str, Level, str]] = {
    "one row": ("a,b\n1,2\n", "red", "1 rows to train on: at least 20"),
    "constant": ("a,b\n" + "".join(f"{n % 5},7\n" for n in range(120)), "amber", "Column 'b' is always"),
    "all constant": ("a,b\n" + "1,7\n" * 120, "red", "No usable column"),
    "empty column": ("a,b\n" + "".join(f"{n % 5},\n" for n in range(120)), "amber", "Column 'b' is left out: empty in every row"),
    "id": ("a,b\n" + "".join(f"{n % 5},{n}\n" for n in range(120)), "amber", "Column 'b' is left out: another whole number in every row: an id"),
    "not numbers": ("a\n" + "".join(f"{n / 7}\n" for n in range(120)) + "oops\n", "amber", "1 cell of 'a' counted as missing: not a number"),
    "infinite": ("a\n" + "".join(f"{n / 7}\n" for n in range(120)) + "inf\n", "amber", "infinite or thousands of deviations"),
    "twins": ("a,b\n" + "1.5,2.5\n3,4\n5,5\n" * 50, "amber", "rows are equal to another row"),
    "wide": (",".join(f"c{n}" for n in range(60)) + "\n" + "".join(",".join(str((n * k) % 7 + k / 9) for k in range(1, 61)) + "\n" for n in range(1, 40)), "amber", "Fewer rows than columns"),
    "other dates": ("a,when\n" + "".join(f"{n % 5},0{n % 9 + 1}/0{n % 7 + 1}/2024\n" for n in range(120)), "amber", "Dates of 'when' leave open which number is the month"),
    "numbers as text": ("a,b\n" + "".join(f'"{1000 + 37 * n:,}",{n % 30}%\n' for n in range(120)), "green", "2 columns read as numbers: a, b"),
    "text ids": ("a,b\n" + "".join(f"{n % 5},user-{n}\n" for n in range(120)), "amber", "Column 'b' is left out: another value in nearly every row: an id"),
    "holes": ("a,b\n" + "".join(f"{n / 7},{'' if n % 10 else n}\n" for n in range(120)), "amber", "1 column is mostly empty: b ("),
    "labels": ("a,is_anomaly\n" + "".join(f"{n / 7},{'abc'[n % 3]}\n" for n in range(120)), "red", "has the values a, b, c: set Normal value (normal_value"),
    "leak": ("a,b,is_anomaly\n" + "".join(f"{n % 9 / 7},{n // 110 * 9 + n % 5},{n // 110}\n" for n in range(120)), "amber", "1 column predicts the label alone"),
    "label of another name": ("a,b,is_fraud\n" + "".join(f"{n % 9 / 7},{n % 5},{'Yes' if n > 110 else 'No'}\n" for n in range(120)), "amber", "Column 'is_fraud' is learned from, and may be the label: Where it says"),
    "label in two words": ("a,b,Is Anomaly\n" + "".join(f"{n % 9 / 7},{n % 5},{'Yes' if n > 110 else 'No'}\n" for n in range(120)), "green", "9 of 120 rows are labelled anomalies in 'Is Anomaly'"),
    "label in capitals": ("a,b,isAnomaly\n" + "".join(f"{n % 9 / 7},{n % 5},{int(n > 110)}\n" for n in range(120)), "green", "9 of 120 rows are labelled anomalies in 'isAnomaly'"),
    "label as a mark": ("a,b,anomaly\n" + "".join(f"{n % 9 / 7},{n % 5},{'x' if n > 110 else ''}\n" for n in range(120)), "green", "9 of 120 rows are labelled anomalies in 'anomaly'"),
    "label in German": ("a,b,outlier\n" + "".join(f"{n % 9 / 7},{n % 5},{'ja' if n > 110 else 'nein'}\n" for n in range(120)), "green", "9 of 120 rows are labelled anomalies in 'outlier'"),
    "words for missing": ("a,b\n" + "".join(f"{n % 9 / 7},{'n.a.' if n % 9 == 0 else n / 7}\n" for n in range(120)), "amber", "Words among the numbers of 'b': 'n.a.'"),
    "nines for missing": ("a,b\n" + "".join(f"{n % 9 / 7},{-9999 if n % 9 == 0 else n / 7}\n" for n in range(120)), "amber", "cells of 'b' are -9999, far from all others"),
    "addresses": ("a,ip\n" + "".join(f"{n % 9 / 7},172.217.100.{100 + n}\n" for n in range(120)), "amber", "Column 'ip' is left out: another value in nearly every row: an id"),
    "phones": ("a,tel\n" + "".join(f"{n % 9 / 7},+49 170 123 {100 + n}\n" for n in range(120)), "amber", "Column 'tel' is left out: another value in nearly every row: an id"),
    "total": ("a,b\n" + "".join(f"{'xy'[n % 2]},{n % 9 / 7}\n" for n in range(120)) + "Total,68.5\n", "amber", "1 row below the table left out: 'Total'"),
    "leading zeros": ("a,zip\n" + "".join(f"{n % 9 / 7},0{1000 + n % 90}\n" for n in range(120)), "amber", "Numbers of 'zip' have leading zeros, such as 01000: Codes"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_tables_are_told(name: str, tmp_path: Path) -> None:
    content, level, words = ODD[name]
    sheet = sheet_of(settings(write(tmp_path / "odd.csv", content)))
    assert any(one.level == level and words in f"{one.title}: {one.detail}" for one in sheet.findings), sheet.findings


@pytest.mark.parametrize(("word", "count"), [("fraud", 40), ("legit", 9), ("Gut", 9), ("NA", 9), ("?", 9), ("k.A.", 9)])
def test_a_single_value_that_need_not_mark_anomalies_is_asked_about(word: str, count: int) -> None:
    with pytest.raises(UserError, match="to the one that is normal"):
        read_labels([word] * count + [None] * (120 - count), "label", "", "t.csv")


def test_a_label_is_not_suspected_where_the_column_was_named(tmp_path: Path) -> None:
    path = write(tmp_path / "odd.csv", ODD["label of another name"][0])
    for chosen in ({"label_column": "is_fraud"}, {"columns": "is_fraud=category"}):
        assert "may be the label" not in str(sheet_of(settings(path, **chosen)).findings)


@pytest.mark.parametrize(("name", "given"), [("is_anomaly", ""), ("Fraud", "fraud")])
def test_labels_of_the_evaluation_file_are_measured_with_where_training_rows_have_none(
    name: str, given: str, tmp_path: Path
) -> None:
    train = write(tmp_path / "train.csv", "a,b\n" + "".join(f"{n % 9 / 7},{n % 5}\n" for n in range(120)))
    test = write(tmp_path / "test.csv", f"a,b,{name}\n" + "".join(f"{n % 9 / 7},{n % 5},{n // 9}\n" for n in range(18)))
    data = read(settings(train, eval_data=str(test), label_column=given))
    assert data.anomalous is not None and data.anomalous.tolist() == [False] * 9 + [True] * 9
    assert data.label.lower() == name.lower() and "does not know" not in str(data.sheet.findings)
    with pytest.raises(UserError, match="Column 'oops' is not in test"):
        read(settings(train, eval_data=str(test), label_column="oops"))


def test_an_evaluation_file_without_the_label_is_told(tmp_path: Path) -> None:
    rows = "".join(f"{n % 9 / 7},{n % 5},{n // 110}\n" for n in range(120))
    train = write(tmp_path / "train.csv", "a,b,is_anomaly\n" + rows)
    test = write(tmp_path / "test.csv", "a,b\n" + "1,2\n" * 20)
    assert "test.csv has no column 'is_anomaly'" in str(read(settings(train, eval_data=str(test))).sheet.findings)


def test_many_values_are_capped_with_a_warning(tmp_path: Path) -> None:
    rows = "".join(f"{n / 7},v{n // 3}\n" for n in range(300))
    sheet = sheet_of(settings(write(tmp_path / "many.csv", "a,b\n" + rows), max_categories=20, eval_share=0))
    said = " ".join(f"{one.title}: {one.detail}" for one in sheet.findings if one.level == "amber")
    assert "Column 'b' has 100 values; the 80 rarest share one id" in said and "Raise max_categories" in said


@pytest.mark.parametrize("columns", [2_500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_columns_pass_the_sheet_with_a_warning(columns: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    head = ",".join(f"c{n}" for n in range(columns))
    rows = "".join(",".join(map(str, random.integers(0, 50, columns) / 2)) + "\n" for _ in range(30))
    sheet = sheet_of(settings(write(tmp_path / "wide.csv", head + "\n" + rows)))
    said = " ".join(one.title for one in sheet.findings if one.level == "amber")
    assert not sheet.blocked and f"{columns:,} columns" in said and "Fewer rows than columns" in said


# -- at scoring time -------------------------------------------------------------------------------------------------------

ROW = {"weight": 5, "price": 15, "country": "fr", "carrier": "gls"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("orders")
    chosen = settings(write_orders(folder / "orders.csv"), steps=60)
    fit(task_of(chosen), chosen, folder)
    return load(folder / "artifact")


def told(model: Any, path: Path) -> str:
    return " ".join(f"{one.level} {one.title}: {one.detail}" for one in file_scores(model, path).findings)


def test_missing_columns_are_named(model: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lacks 1 of the 4 columns that this model knows: carrier"):
        model.score([{name: value for name, value in ROW.items() if name != "carrier"}])
    path = write(tmp_path / "other.csv", "age,sex\n3,f\n4,m\n")
    with pytest.raises(
        UserError, match=r"lacks 4 of the 4 columns .* weight, price, country, carrier\. It has: age, sex"
    ):
        model.score_file(path)
    with pytest.raises(UserError, match="none of the model's columns: weight, price"):
        model.score([{"x": 1}])


def test_new_columns_are_left_alone_and_named(model: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "new.csv", "note,carrier,country,price,weight\n" + "hi,gls,fr,15,5\n" * 2)
    assert "Left alone: 1 column that the model does not know: note" in told(model, path)
    assert file_scores(model, path).scores[0] == pytest.approx(model.score([ROW])[0]["anomaly_score"], abs=1e-5)


def test_an_unseen_category_is_odd_and_said_to_be_unseen(model: Any, tmp_path: Path) -> None:
    first, second = model.score([ROW, {**ROW, "carrier": "pigeon"}])
    assert second["anomaly_score"] > first["anomaly_score"]
    assert second["reasons"][0]["column"] == "carrier" and not second["reasons"][0]["seen_in_training"]
    path = write(tmp_path / "pigeon.csv", "carrier,country,price,weight\npigeon,fr,15,5\ngls,fr,15,5\n")
    assert "amber 50% of the cells of 'carrier' are unlike any of training" in told(model, path)
    assert "(not seen in training)" in (read_table(model.score_file(path)).strings("reasons")[0] or "")
    assert "50% of the cells of 'carrier'" in scoring_view(model, path, "")["said"]


def test_infinite_and_missing_numbers_are_odder_than_present_ones(model: Any) -> None:
    plain, infinite, nothing = model.score([ROW, {**ROW, "price": "inf"}, {**ROW, "price": None}])
    assert infinite["anomaly_score"] > plain["anomaly_score"] < nothing["anomaly_score"]
    assert infinite["is_anomalous"] and infinite["reasons"][0]["column"] == "price"
    assert np.isfinite([infinite["anomaly_score"], nothing["anomaly_score"]]).all()
    assert not nothing["reasons"][0]["seen_in_training"]  # training had no hole there


def test_numbers_written_as_text_score_as_numbers(model: Any) -> None:
    rows = [{**ROW, "price": "1,015"}, {**ROW, "price": 1015}, {**ROW, "price": "15 %"}, {**ROW, "price": 15}]
    scores = [one["anomaly_score"] for one in model.score(rows)]
    assert scores[0] == scores[1] and scores[2] == scores[3]


def test_a_column_of_another_kind_is_refused(model: Any, tmp_path: Path) -> None:
    rows = "carrier,country,price,weight\n" + "gls,fr,cheap,5\n" * 30
    with pytest.raises(UserError, match=r"'price' of text\.csv held numbers in training; here none of 30 .*'cheap'"):
        model.score_file(write(tmp_path / "text.csv", rows))


def test_a_column_that_is_suddenly_empty_is_said(model: Any, tmp_path: Path) -> None:
    rows = "carrier,country,price,weight\n" + "gls,fr,,5\n" * 30
    assert "100% of the cells of 'price' are missing" in told(model, write(tmp_path / "holes.csv", rows))


def test_an_empty_file_and_too_many_rows_are_refused(model: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="but no rows"):
        model.score_file(write(tmp_path / "empty.csv", "carrier,country,price,weight\n"))
    with pytest.raises(UserError, match="0 rows were given; 1 to 10,000"):
        model.score([])
