"""The page's desk on the starter: alerts, pictures, maps, drift, feedback."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from plugins.ae_anomaly import PLUGIN
from plugins.ae_anomaly.detector.feedback import move_threshold, write_feedback
from plugins.ae_anomaly.inspect.columns import learned_columns, nearest_values
from plugins.ae_anomaly.inspect.drift import measure_drift, stability_index
from plugins.ae_anomaly.inspect.projection import project_rows
from plugins.ae_anomaly.inspect.scoring_view import explain_row, scoring_view, view_at_threshold, write_scored_at
from training.errors import UserError

SAMPLE = Path(__file__).parents[2] / "plugins" / "ae_anomaly" / "starter" / "sample.csv"


@pytest.fixture(scope="module")
def model() -> Any:
    return PLUGIN.kind("fit").load(PLUGIN.starters["hypothyroid"])


def test_the_desk_counts_alerts_and_a_moved_threshold_counts_others(model: Any) -> None:
    found = scoring_view(model, SAMPLE, "alerts=9")
    assert found["said"].startswith("**9 alerts** in 120 rows") and "AUROC" in found["said"]
    low, high = found["range"]
    assert low <= found["limit"] <= high
    assert view_at_threshold(model, SAMPLE, high + 1)["said"].startswith("**0 alerts**")
    assert view_at_threshold(model, SAMPLE, low - 1)["said"].startswith("**120 alerts**")


def test_where_labels_are_known_two_curves_are_drawn_and_without_them_none(model: Any, tmp_path: Path) -> None:
    assert all(curve is not None for curve in scoring_view(model, SAMPLE, "")["curves"])
    pd.read_csv(SAMPLE).drop(columns="is_anomaly").to_csv(tmp_path / "bare.csv", index=False)
    assert scoring_view(model, tmp_path / "bare.csv", "")["curves"] == (None, None)


def test_the_oddest_row_is_explained_in_a_picture(model: Any) -> None:
    row = scoring_view(model, SAMPLE, "")["worst"]["data"][0][0]
    found = explain_row(model, SAMPLE, row)
    assert "Changed to be normal" in found["said"] and len(found["figure"].axes) == 2
    with pytest.raises(UserError, match="the file has rows 1 to 120"):
        explain_row(model, SAMPLE, 121)


def test_the_scored_file_has_the_verdicts_of_the_moved_threshold(model: Any) -> None:
    limit = scoring_view(model, SAMPLE, "alerts=9")["limit"]
    frame = pd.read_csv(write_scored_at(model, SAMPLE, limit))
    assert frame["is_anomalous"].sum() == 9 and len(frame) == 120
    assert frame["reasons"][frame["is_anomalous"] == 1].notna().all()


@pytest.mark.parametrize(
    "way", ["PCA", pytest.param("UMAP", marks=pytest.mark.slow), "latent 1 and 2"]
)  # its first call compiles for 20 s
def test_rows_are_mapped(model: Any, way: str) -> None:
    found = project_rows(model, SAMPLE, way)
    assert len(found) == 120 and np.isfinite(found[["x", "y"]].to_numpy()).all()


def test_a_map_is_coloured_by_score_label_number_or_category(model: Any) -> None:
    assert project_rows(model, SAMPLE, colour="score")["colour"].dtype.kind == "f"
    assert (project_rows(model, SAMPLE)["colour"] == "anomaly").sum() == 11  # as many as the desk calls
    assert set(project_rows(model, SAMPLE, colour="label")["colour"]) == {"0", "1"}
    assert project_rows(model, SAMPLE, colour="age")["colour"].dtype.kind == "f"
    assert set(project_rows(model, SAMPLE, colour="sex")["colour"]) <= {"F", "M", "(missing)"}
    with pytest.raises(UserError, match="'colour' is not in sample"):
        project_rows(model, SAMPLE, colour="colour")


def test_without_umap_the_map_says_what_to_install(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(UserError, match="pip install umap-learn"):
        project_rows(model, SAMPLE, "UMAP")


def test_drift_names_the_column_that_moved(model: Any, tmp_path: Path) -> None:
    frame = pd.read_csv(SAMPLE)
    frame["age"] += 40
    frame.to_csv(tmp_path / "older.csv", index=False)
    found = measure_drift(model, tmp_path / "older.csv")
    assert found["data"][0][0] == "age" and "`age`" in found["said"] and "largest gap" in found["said"]
    assert stability_index(np.asarray([0.5, 0.5]), np.asarray([0.5, 0.5])) == 0


def test_the_shipped_drifted_sample_shows_the_three_columns_that_were_changed(model: Any) -> None:
    found = measure_drift(model, SAMPLE.with_name("sample-drifted.csv"))
    assert {line[0] for line in found["data"][:3]} == {"age", "TSH", "T3"}
    assert found["said"].startswith("**3 of 28 columns moved far**")


def test_a_few_rows_are_not_called_moved_for_what_is_chance(model: Any, tmp_path: Path) -> None:
    few = pd.read_csv(SAMPLE).sample(8, random_state=0)
    few.to_csv(tmp_path / "few.csv", index=False)
    found = measure_drift(model, tmp_path / "few.csv")
    index = {line[0]: line[1] for line in found["data"]}
    assert index["referral_source"] > 0.25, "beyond the usual limit, by chance alone"
    assert "`referral_source`" not in found["said"]


def test_without_an_alert_it_is_said_why(model: Any) -> None:
    said = scoring_view(model, SAMPLE, "fdr=0.01")["said"]
    assert said.startswith("**0 alerts**")
    smallest = 1 / (len(model.calibration.scores) + 1)
    assert f"none can be below {smallest:.4f}" in said and "Choose a quantile" in said
    assert "No row reaches" not in scoring_view(model, SAMPLE, "alerts=9")["said"]


def test_values_are_listed_with_the_cosines_of_their_vectors(model: Any) -> None:
    columns = learned_columns(model)
    assert "referral_source" in columns and "is_anomaly" not in columns
    rows = {value: (count, nearest) for value, count, nearest in nearest_values(model, "referral_source")}
    vectors = {one["value"]: np.asarray(one["vector"]) for one in model.embeddings("referral_source")}
    first, second = vectors["SVI"], vectors["SVHC"]
    cosine = float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
    assert rows["SVI"][1].startswith(f"SVHC ({cosine:.2f})") and cosine > 0.4
    assert rows["SVHC"][1].startswith("SVI (") and rows["STMW"][1].startswith("SVHD (")


def test_a_threshold_moves_no_further_than_the_verdicts_ask() -> None:
    scores, is_anomaly = np.asarray([1.0, 2.0, 3.0, 4.0]), np.asarray([False, False, True, True])
    assert move_threshold(scores, is_anomaly, 2.5) == 2.5  # no verdict against it
    assert move_threshold(scores, is_anomaly, 1.0) == 2.5
    assert move_threshold(scores, ~is_anomaly & False, 3.0) > 4  # all are normal
    assert move_threshold(scores[:0], is_anomaly[:0], 7.0) == 7.0


def test_verdicts_become_a_file(model: Any) -> None:
    rows = [line[0] for line in scoring_view(model, SAMPLE, "")["worst"]["data"]]
    feedback = {rows[0]: True, rows[1]: False, rows[5]: False}
    frame = pd.read_csv(write_feedback(model, SAMPLE, feedback))
    assert sorted(frame["is_anomaly"]) == [0, 0, 1] and "TSH" in frame
    with pytest.raises(UserError, match="Row 500 has a verdict"):
        write_feedback(model, SAMPLE, {500: True})
    with pytest.raises(UserError, match="No row has a verdict"):
        write_feedback(model, SAMPLE, {})
