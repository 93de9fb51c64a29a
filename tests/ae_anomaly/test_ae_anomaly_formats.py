"""ae_anomaly: one table scores the same in every format and order; answers name what differs; drift; training on."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from plugins.ae_anomaly import PLUGIN
from plugins.ae_anomaly.detector.file_scores import Reasons, file_scores
from plugins.ae_anomaly.fit.predictor import load
from plugins.ae_anomaly.inspect.drift import measure_drift
from plugins.ae_anomaly.inspect.figures import plot_histogram
from plugins.ae_anomaly.inspect.scoring_view import scoring_view
from plugins.ae_anomaly.sklearn_estimator import AnomalyAutoencoder
from tests.files import write
from tests.orders import settings
from tests.tables import task_of
from training.cli.execute import with_weights
from training.data.table import read_table
from training.fit.loop import fit

ROWS = 240
CODES = [1234567890123456700 + n for n in range(3)]


def columns(rows: int, seed: int = 0) -> dict[str, list[Any]]:
    """A number, a category, yes or no, an instant, a long integer, holes and a constant."""
    random = np.random.default_rng(seed)
    stamps = np.datetime64("2024-06-01T08:00:00") + random.integers(0, 10**7, rows) * np.timedelta64(1, "s")
    return {
        "price": [None if n % 17 == 3 else round(float(random.normal(1500, 150)), 2) for n in range(rows)],
        "town": [("Köln", "Bern", "Oslo")[n % 3] for n in range(rows)],
        "paid": [bool(n % 2) for n in range(rows)],
        "at": [str(stamp) for stamp in stamps],
        "account": [CODES[n % 3] for n in range(rows)],
        "unit": ["kg"] * rows,
    }


def save(cells: dict[str, list[Any]], target: Path) -> Path:
    """Write a table in the format of the name."""
    suffix = target.suffixes[0]
    if suffix == ".parquet":
        stamps = pa.array(np.asarray(cells["at"], "datetime64[us]"))
        pq.write_table(pa.table({**cells, "at": stamps}), target)
        return target
    if suffix == ".jsonl":
        names = list(cells)
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in zip(*cells.values(), strict=True)]
        content = "\n".join(lines).encode()
    else:
        frame = pd.DataFrame(cells)
        content = frame.to_csv(index=False, sep={".tsv": "\t", ".csv": ","}[suffix]).encode()
    return write(target, gzip.compress(content) if target.suffix == ".gz" else content)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("formats")
    chosen = settings(save(columns(ROWS), folder / "train.csv"), steps=40)
    fit(task_of(chosen), chosen, folder)
    return load(folder / "artifact")


FORMATS = ("a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.csv.gz", "a.jsonl.gz")


@given(seed=st.integers(0, 10**6), rows=st.integers(1, 40))
@hypothesis_settings(
    max_examples=8, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_table_scores_the_same_in_every_format_and_order(model: Any, tmp_path: Path, seed: int, rows: int) -> None:
    cells = columns(rows, seed)
    tables = [read_table(save(cells, tmp_path / name)) for name in FORMATS]
    expected = model.scores(tables[0])[0]
    for table in tables[1:]:
        assert np.array_equal(model.scores(table)[0], expected)
    order = np.random.default_rng(seed).permutation(rows)
    turned = {name: [cells[name][row] for row in order] for name in reversed(cells)}
    assert np.array_equal(model.scores(read_table(save(turned, tmp_path / "b.csv")))[0], expected[order])
    alone = [model.scores(tables[0].select([row]))[0][0] for row in (0, rows - 1)]
    assert alone == [expected[0], expected[-1]]


def test_equal_rows_score_the_same_to_the_bit_wherever_they_stand(model: Any, tmp_path: Path) -> None:
    table = read_table(save(columns(1), tmp_path / "a.csv")).select([0] * 40)
    assert len(set(model.scores(table)[0])) == 1


def test_a_record_means_the_same_typed_or_as_text_alone_or_beside_others(model: Any) -> None:
    text = {
        "price": "1.434,50",
        "town": "Bern",
        "paid": "YES",
        "at": "03.06.2024 12:30:10",
        "account": str(CODES[1]),
        "unit": "kg",
    }
    typed = {**text, "price": 1434.5, "paid": True, "at": "2024-06-03T14:30:10+02:00", "account": CODES[1]}
    alone = [model.score([row])[0]["anomaly_score"] for row in (text, typed)]
    together = [one["anomaly_score"] for one in model.score([text, typed])]
    assert {*alone, *together} == {alone[0]}


# -- what is answered ------------------------------------------------------------------------------------------------------


def test_drift_names_a_column_that_went_missing_and_a_constant_that_changed(model: Any, tmp_path: Path) -> None:
    cells = columns(ROWS)

    def said(**changes: Any) -> str:
        return measure_drift(model, save({**cells, **changes}, tmp_path / "a.csv"))["said"]

    assert said().startswith("No column moved.")
    assert "columns moved far**: `at` (100% missing" in said(at=[None] * ROWS)
    assert "columns moved far**: `unit` (100% of its cells are unlike" in said(unit=["lb"] * ROWS)


def test_reasons_name_only_cells_that_differ_from_what_was_expected(model: Any) -> None:
    row = {"price": 9e5, "town": "Bern", "paid": True, "at": "2024-06-03T14:30:10", "account": CODES[1], "unit": "kg"}
    found = model.explain(row)
    blamed = [one for one in found["columns"] if one["share"] > 0]
    assert blamed[0]["column"] == "price" and all(str(one["actual"]) != one["expected"] for one in blamed)


def test_rows_without_a_reason_keep_their_place() -> None:
    shares = np.zeros((4, 3))
    shares[0], shares[2] = [0.5, 0.5, 0], [0, 0, 1]
    words = Reasons.of(shares, np.zeros((4, 3), bool)).words(["a", "b", "c"]).to_pylist()
    assert words == ["a 50%; b 50%", "", "c 100%", ""]


def test_the_histogram_reaches_the_worst_row() -> None:
    clean = np.random.default_rng(0).normal(size=300)
    scores = np.append(np.zeros(500), 400.0)
    axes = plot_histogram(clean, scores, 2.0).axes[0]
    assert axes.get_xlim()[1] >= 400


def test_ties_at_the_threshold_are_said(model: Any, tmp_path: Path) -> None:
    cells = {name: values * 30 for name, values in columns(1).items()}
    assert (
        "30 rows share the score of the threshold"
        in scoring_view(model, save(cells, tmp_path / "a.csv"), "alerts=5")["said"]
    )


def test_a_scored_file_scored_again_keeps_every_column_of_the_users(model: Any, tmp_path: Path) -> None:
    file = save({**columns(5), "p_value": ["mine"] * 5, "p_value_before": ["mine too"] * 5}, tmp_path / "a.csv")
    for _ in range(3):
        file = model.score_file(file)
    table = read_table(file)
    cells = [table.strings(name)[0] for name in table.names]
    assert len(table.names) == 8 + 4 and cells.count("mine") == 1 and cells.count("mine too") == 1


def test_cells_that_are_not_read_are_counted_when_a_file_is_scored(model: Any, tmp_path: Path) -> None:
    cells = columns(30)
    file = save({**cells, "price": ["cheap", *cells["price"][1:]]}, tmp_path / "a.csv")
    assert "1 cell of 'price' counted as missing: not a number" in " ".join(
        one.title for one in file_scores(model, file).findings
    )


def test_training_goes_on_from_weights_by_name(tmp_path: Path) -> None:
    data = save(columns(ROWS), tmp_path / "a.csv")
    first = settings(data, steps=2)
    fit(task_of(first), first, tmp_path)
    more = with_weights(PLUGIN, settings(data, steps=2, model=str(tmp_path / "artifact")))
    kind = PLUGIN.kind("fit")
    task: Any = kind.build(kind.read(more), more)
    assert task.data.encoder == load(tmp_path / "artifact").encoder


# -- the estimator ---------------------------------------------------------------------------------------------------------

SMALL = {"preset": "fast", "steps": 4, "latent_size": 2}


def test_the_estimator_says_which_columns_it_leaves_out_of_a_frame() -> None:
    frame = pd.DataFrame({"id": range(40), "x": np.random.default_rng(0).normal(size=40), "k": ["a", "b"] * 20})
    with pytest.warns(UserWarning, match=r"1 columns are left out: 'id' \(another whole number in every row: an id\)"):
        AnomalyAutoencoder(**SMALL).fit(frame)


def test_the_estimator_learns_from_every_column_of_an_array() -> None:
    ranks = np.c_[np.random.default_rng(0).permutation(60), np.random.default_rng(1).permutation(60)].astype(float)
    detector = AnomalyAutoencoder(**SMALL, random_state=np.random.RandomState(0)).fit(ranks)
    usual, odd = detector.score_samples(np.asarray([[30.0, 30.0], [1e6, 30.0]]))
    assert odd < usual


def test_the_estimator_takes_frames_of_mixed_kinds() -> None:
    x = np.random.default_rng(0).normal(size=40)
    mixed = [n if n % 2 else ("a", "b")[n % 4 // 2] for n in range(3)] * 13 + [1]
    frame = pd.DataFrame(
        {"x": x, "mixed": mixed, "interval": pd.cut(x, 3), "when": pd.date_range("2024-01-01", periods=40)}
    )
    assert AnomalyAutoencoder(**SMALL).fit(frame).score_samples(frame).shape == (40,)
    with pytest.raises(ValueError, match="0 rows"):
        AnomalyAutoencoder(**SMALL).fit(frame[:0])
