"""Feedback and weights to go on from: few labelled anomalies are learned from, and nothing labelled is measured with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from plugins.ae_anomaly.detector.file_scores import file_scores
from plugins.ae_anomaly.fit.data import prepare
from plugins.ae_anomaly.fit.predictor import load
from plugins.ae_anomaly.fit.settings import FitSettings
from tests.files import write
from tests.orders import TINY, settings, write_orders
from tests.tables import sheet_of, task_of
from training.data.table_stream import read_training_rows
from training.errors import UserError
from training.fit.loop import fit
from training.settings import parse_settings

RANDOM = np.random.default_rng(0)


def write_cloud(path: Path, normal: int, is_anomaly: int, labelled: bool) -> Path:
    """A cloud around 0; the anomalous rows are a denser spot well inside it, which no detector can tell without a word."""
    spot = RANDOM.normal(size=(is_anomaly, 3)) * 0.25 + [0.7, -0.7, 0.7]
    frame = pd.DataFrame(np.r_[RANDOM.normal(size=(normal, 3)), spot].round(4), columns=["a", "b", "c"])
    if labelled:
        frame["is_anomaly"] = np.r_[np.zeros(normal), np.ones(is_anomaly)].astype(int)
    frame.to_csv(path, index=False)
    return path


def trained(folder: Path, **values: Any) -> Any:
    folder.mkdir()
    chosen = parse_settings(FitSettings, {**TINY, "steps": 200, **{name: str(value) for name, value in values.items()}})
    fit(task_of(chosen), chosen, folder)
    return load(folder / "artifact")


def test_twelve_judged_anomalies_show_where_the_others_are(tmp_path: Path) -> None:
    """Without a verdict the spot looks more than normal (measured 0.31, chance 0.5), with twelve it is told (measured 0.94)."""
    data = write_cloud(tmp_path / "train.csv", 400, 0, False)
    feedback = write_cloud(tmp_path / "verdicts.csv", 0, 12, True)
    test, is_anomaly = write_cloud(tmp_path / "test.csv", 200, 80, False), np.r_[np.zeros(200), np.ones(80)]
    assert roc_auc_score(is_anomaly, file_scores(trained(tmp_path / "without", data=data), test).scores) < 0.5
    assert (
        roc_auc_score(
            is_anomaly, file_scores(trained(tmp_path / "with", data=data, feedback_data=feedback), test).scores
        )
        > 0.8
    )


def test_judged_rows_are_in_no_figure(tmp_path: Path) -> None:
    data = write_orders(tmp_path / "orders.csv", 600, 30)
    frame = pd.read_csv(data)
    frame.iloc[[*range(40), *range(600, 610)]].to_csv(tmp_path / "verdicts.csv", index=False)
    plain = settings(data)
    feedback = settings(data, feedback_data=str(tmp_path / "verdicts.csv"))
    before, after = prepare(read_training_rows(plain), plain), prepare(read_training_rows(feedback), feedback)
    assert before.anomalous.sum() == 30 and after.anomalous.sum() == 20  # the ten that were labelled are gone
    assert len(after.labelled_anomalies) == 10 and len(after.held_out) < len(before.held_out)
    rows = {row.tobytes() for row in after.evaluation.numbers}
    assert not rows & {row.tobytes() for row in after.labelled_anomalies.numbers}
    assert "10 labelled anomalies are learned from" in str(sheet_of(feedback).findings)


def test_a_row_judged_an_anomaly_is_not_learned_as_normal(tmp_path: Path) -> None:
    data = write_orders(tmp_path / "orders.csv", 100, 0)
    frame = pd.read_csv(data).iloc[:5].assign(is_anomaly=1)
    frame.to_csv(tmp_path / "verdicts.csv", index=False)
    feedback = settings(data, feedback_data=str(tmp_path / "verdicts.csv"), eval_share=0)
    assert len(prepare(read_training_rows(feedback), feedback).train) == 95


def test_verdicts_without_a_column_of_them_are_refused(tmp_path: Path) -> None:
    data = write_orders(tmp_path / "orders.csv", 60, 0)
    feedback = write(tmp_path / "bare.csv", "weight,price,country,carrier\n1,3,fr,gls\n")
    with pytest.raises(UserError, match=r"bare\.csv has no labels: add a column is_anomaly"):
        prepare(read_training_rows(settings(data)), settings(data, feedback_data=str(feedback)))


def test_training_goes_on_from_weights(tmp_path: Path) -> None:
    data = write_orders(tmp_path / "orders.csv", 300, 0)
    first = trained(tmp_path / "first", data=data)
    short = settings(data, model=str(tmp_path / "first" / "artifact"), steps=1, learning_rate=1e-5)
    task = task_of(short)
    assert task.data.encoder.to_dict() == first.encoder.to_dict()
    weights, began = first.model.state_dict(), task.model.state_dict()
    assert all((weights[name] == began[name]).all() for name in weights)
