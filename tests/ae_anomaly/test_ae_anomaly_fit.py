"""ae_anomaly: what is refused and told before training, what is learned, what is answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from plugins.ae_anomaly import PLUGIN
from plugins.ae_anomaly.detector.file_scores import file_scores
from plugins.ae_anomaly.detector.thresholds import benjamini_hochberg, parse_threshold, peaks_over_threshold
from plugins.ae_anomaly.fit.predictor import load
from plugins.testing import check_plugin
from tests.files import write
from tests.orders import TINY, settings, write_orders
from tests.tables import task_of
from training.data.table import read_table
from training.errors import UserError
from training.fit.loop import fit


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """How a run ended, its detector, and the data's folder."""
    folder = tmp_path_factory.mktemp("anomaly")
    chosen = settings(write_orders(folder / "orders.csv"), steps=400)
    (folder / "run").mkdir()
    progress = fit(task_of(chosen), chosen, folder / "run")
    return progress, load(folder / "run" / "artifact"), folder


def test_ae_anomaly_keeps_the_contract(tmp_path: Path) -> None:
    row = {"weight": 3, "price": 9, "country": "fr", "carrier": "gls"}
    data = write_orders(tmp_path / "orders.csv", 60, 6)
    check_plugin(PLUGIN, tmp_path, {"fit": {"data": str(data), **TINY}}, {"fit": lambda model: model.score([row])})


def test_noise_levels_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="noise_levels: 'much' was given"):
        settings(tmp_path / "x.csv", noise_levels="much")


# -- what is learned -------------------------------------------------------------------------------------------------------


def test_broken_rules_between_columns_are_found(fitted: Any) -> None:
    """Each cell of an odd row is common; only together are they odd. Chance is 0.5, and one column alone gives about that."""
    progress, model, folder = fitted
    assert progress.best_metrics["auroc"] > 0.9
    table = read_table(write_orders(folder / "new.csv", 200, 40, seed=1))
    scores = model.scores(table)[0]
    assert roc_auc_score([int(cell or 0) for cell in table.strings("is_anomaly")], scores) > 0.9


def test_the_report_shows_the_worst_rows_and_which_cells_stand_out(fitted: Any) -> None:
    """Of the ten rows with the highest scores most break a rule, though the task was not told which."""
    _, _, folder = fitted
    lines = (folder / "orders.csv").read_text().splitlines()
    report = json.loads((folder / "run" / "report.json").read_text())["Most anomalous held-out rows"]
    assert report["columns"] == ["line", "anomaly score (usual: 0)", "label", "what stands out"]
    scores = [float(row[1]) for row in report["rows"]]
    assert len(scores) == 10 and scores == sorted(scores, reverse=True) and scores[-1] > 1
    for line, _, label, stands_out in report["rows"]:
        cells = dict(zip(lines[0].split(","), lines[line - 1].split(","), strict=True))
        assert label == ("anomaly" if cells["is_anomaly"] == "1" else "normal")
        assert all(cells[part.split(": ")[0]] == part.split(": ")[1] for part in stands_out.split(", ") if ": " in part)
    assert sum(row[2] == "anomaly" for row in report["rows"]) >= 8
    assert any("carrier: " in row[3] or "country: " in row[3] for row in report["rows"])


def test_the_report_of_rows_without_labels_shows_the_worst_too(tmp_path: Path) -> None:
    data = write_orders(tmp_path / "orders.csv")
    data.write_text(data.read_text().replace("is_anomaly", "group"))
    task = task_of(settings(data, steps=2, columns="group=ignore"))
    batch = task.collate(list(task.eval_data), np.random.default_rng(0), training=False)
    with torch.no_grad():
        outputs = task.predict(task.model, batch)
    table = task.score(outputs).tables["Most anomalous held-out rows"]
    assert table["columns"] == ["line", "anomaly score (usual: 0)", "what stands out"]
    assert len(table["rows"]) == 10 and all(row[2] for row in table["rows"])


def test_p_values_of_new_normal_rows_are_about_uniform(fitted: Any) -> None:
    _, model, folder = fitted
    p_values = file_scores(model, write_orders(folder / "more.csv", 300, 0, seed=2)).p_values
    assert 0.35 < p_values.mean() < 0.65 and (p_values < 0.1).mean() < 0.3


def test_a_row_is_explained_and_repaired(fitted: Any) -> None:
    row = {"weight": 5.0, "price": 15.0, "country": "fr", "carrier": "dhl", "is_anomaly": "0"}
    found = fitted[1].explain(row)
    assert found["is_anomalous"] and found["columns"][0]["column"] in ("country", "carrier")
    expected = {one["column"]: one["expected"] for one in found["columns"]}
    assert (
        expected["carrier"] == "gls"
        and expected["country"] == "de"
        and float(expected["price"]) == pytest.approx(15, abs=3)
    )
    assert not found["repair"]["is_anomalous"] and set(found["repair"]["changes"]) <= {"country", "carrier"}
    assert sum(one["share"] for one in found["columns"]) == pytest.approx(1, abs=1e-3)


def test_a_row_scores_the_same_alone_and_among_others(fitted: Any) -> None:
    _, model, folder = fitted
    table = read_table(folder / "orders.csv")
    together = model.scores(table)[0]
    alone = [model.scores(table.select([row]))[0][0] for row in (0, 7, 510)]
    assert together[[0, 7, 510]].tolist() == alone  # to the bit


def test_a_file_is_scored_with_reasons_and_without_formulas(fitted: Any, tmp_path: Path) -> None:
    lines = "country,carrier,price,weight,memo\nfr,gls,15,5,=cmd()\nfr,gls,40,5,plain\n"
    scored = fitted[1].score_file(write(tmp_path / "in.csv", lines), "quantile=0.95")
    table = read_table(scored)
    assert table.strings("is_anomalous") == ["0", "1"]
    assert '"\'=cmd()"' in scored.read_text() and table.strings("memo")[0] == "=cmd()"  # read back as it was
    reasons = table.strings("reasons")[1] or ""
    assert reasons.split()[0] in ("price", "weight")


def test_features_and_embeddings_are_given(fitted: Any) -> None:
    _, model, folder = fitted
    latent = read_table(model.encode_file(folder / "orders.csv"))
    assert latent.names == ("latent_0", "latent_1", "latent_2", "latent_3") and len(latent) == 525
    values = model.embeddings("country")
    assert {one["value"] for one in values} == {"fr", "de", "it"} and all(len(one["nearest"]) == 2 for one in values)
    percentiles = model.embeddings("weight")
    assert abs(float(percentiles[0]["nearest"][0]) - float(percentiles[0]["value"])) < 2  # its neighbours are near it
    with pytest.raises(UserError, match="those are: weight, price, country, carrier"):
        model.embeddings("order")


def test_damaged_weights_say_so(tmp_path: Path, fitted: Any) -> None:
    source = fitted[2] / "run" / "artifact"
    for name in ("config.json", "model.safetensors"):
        write(tmp_path / name, (source / name).read_bytes())
    write(tmp_path / "model.safetensors", (source / "model.safetensors").read_bytes()[:2000])
    with pytest.raises(UserError, match="cannot be read"):
        load(tmp_path)
    write(tmp_path / "config.json", json.dumps({"architecture": "BertModel"}))
    with pytest.raises(UserError, match="These weights are BertModel"):
        load(tmp_path)


# -- thresholds ------------------------------------------------------------------------------------------------------------


def test_thresholds_keep_what_they_promise() -> None:
    random = np.random.default_rng(0)
    clean, new = np.sort(random.normal(size=4000)), random.normal(size=200_000)
    assert (new > peaks_over_threshold(clean, 0.002)).mean() == pytest.approx(0.002, rel=0.6)
    assert (new > parse_threshold("quantile=0.95", clean, new, new)).mean() == pytest.approx(0.05, rel=0.2)
    assert parse_threshold("1.5", clean, new, new) == 1.5
    assert (new >= parse_threshold("alerts=7", clean, new, new)).sum() == 7


def test_false_discoveries_stay_below_the_rate() -> None:
    random, rates = np.random.default_rng(0), []
    for _ in range(40):
        clean, scores = (
            np.sort(random.normal(size=1000)),
            np.concatenate([random.normal(size=180), random.normal(5, 1, 20)]),
        )
        p_values = (1 + 1000 - np.searchsorted(clean, scores)) / 1001
        called = scores >= benjamini_hochberg(scores, p_values, 0.2)
        rates.append(called[:180].sum() / max(1, called.sum()))
    assert np.mean(rates) < 0.2


@pytest.mark.parametrize("words", ["often", "quantile=2", "fdr=", "pot=0.9", "alerts=0", "nan"])
def test_a_threshold_that_is_none_is_refused(words: str) -> None:
    with pytest.raises(UserError, match=r"write quantile=0\.99"):
        parse_threshold(words, np.arange(100.0), np.zeros(1), np.ones(1))
