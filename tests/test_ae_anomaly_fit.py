"""ae_anomaly: what is refused and told before training, what is learnt, what is answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from plugins.ae_anomaly import PLUGIN, build_fit, check_fit, endpoints, load
from plugins.ae_anomaly.settings import FitSettings
from plugins.ae_anomaly.thresholds import benjamini_hochberg, peaks_over_threshold, threshold_of
from plugins.testing import check_plugin
from tests.files import write
from training.data import read_table
from training.errors import UserError
from training.loop import fit
from training.preflight import Level
from training.settings import parse_settings

TINY = {
    "size": "fast",
    "steps": 120,
    "batch_size": 64,
    "latent_size": 4,
    "noise_levels": "0.1, 0.5",
    "memory_rows": 300,
}


def settings(data: Path, **values: Any) -> FitSettings:
    return parse_settings(FitSettings, {"data": str(data), **TINY, **values})


def write_orders(path: Path, rows: int = 500, odd: int = 25, seed: int = 0) -> Path:
    """Orders: the price follows from the weight, the carrier from the country; the odd ones break one of the two."""
    random = np.random.default_rng(seed)
    lines = ["order,weight,price,country,carrier,is_anomaly"]
    for n in range(rows + odd):
        weight, country = random.uniform(1, 9), random.integers(3)
        price, carrier = 3 * weight + random.normal() * 0.1, country
        if n >= rows:
            price, carrier = (price + 9, carrier) if n % 2 else (price, (carrier + 1) % 3)
        lines.append(
            f"N-{n},{weight:.3f},{price:.3f},{('fr', 'de', 'it')[country]},{('gls', 'dhl', 'ups')[carrier]},{int(n >= rows)}"
        )
    return write(path, "\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """How a run ended, its detector, and the data's folder."""
    folder = tmp_path_factory.mktemp("anomaly")
    chosen = settings(write_orders(folder / "orders.csv"), steps=400)
    (folder / "run").mkdir()
    progress = fit(build_fit(chosen), chosen, folder / "run")
    return progress, load(folder / "run" / "artifact"), folder


def test_ae_anomaly_keeps_the_contract(tmp_path: Path) -> None:
    row = {"weight": 3, "price": 9, "country": "fr", "carrier": "gls"}
    data = write_orders(tmp_path / "orders.csv", 60, 6)
    check_plugin(
        PLUGIN, tmp_path, {"fit": {"data": str(data), **TINY}}, {"fit": lambda model: endpoints.score(model, [row])}
    )


# -- before training -------------------------------------------------------------------------------------------------------

ODD: dict[str, tuple[str, Level, str]] = {
    "one row": ("a,b\n1,2\n", "red", "1 rows to train on: at least 20"),
    "constant": ("a,b\n" + "".join(f"{n % 5},7\n" for n in range(120)), "amber", "Column 'b' is always"),
    "all constant": ("a,b\n" + "1,7\n" * 120, "red", "No usable column"),
    "empty column": ("a,b\n" + "".join(f"{n % 5},\n" for n in range(120)), "amber", "Column 'b' is left out: empty in every row"),
    "id": ("a,b\n" + "".join(f"{n % 5},{n}\n" for n in range(120)), "amber", "Column 'b' is left out: another whole number in every row: an id"),
    "not numbers": ("a\n" + "".join(f"{n / 7}\n" for n in range(120)) + "oops\n", "amber", "1 cells of 'a' are no numbers and count as missing"),
    "infinite": ("a\n" + "".join(f"{n / 7}\n" for n in range(120)) + "inf\n", "amber", "infinite or thousands of deviations"),
    "twins": ("a,b\n" + "1.5,2.5\n3,4\n5,5\n" * 50, "amber", "rows are equal to another row"),
    "wide": (",".join(f"c{n}" for n in range(60)) + "\n" + "".join(",".join(str((n * k) % 7 + k / 9) for k in range(1, 61)) + "\n" for n in range(1, 40)), "amber", "Fewer rows than columns"),
    "labels": ("a,is_anomaly\n" + "".join(f"{n / 7},{'abc'[n % 3]}\n" for n in range(120)), "red", "has the values a, b, c: say in normal_value"),
    "leak": ("a,b,is_anomaly\n" + "".join(f"{n % 9 / 7},{n // 110 * 9 + n % 5},{n // 110}\n" for n in range(120)), "amber", "1 columns predict the label alone"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_tables_are_told(name: str, tmp_path: Path) -> None:
    content, level, words = ODD[name]
    sheet = check_fit(settings(write(tmp_path / "odd.csv", content)))
    assert any(one.level == level and words in f"{one.title}: {one.detail}" for one in sheet.findings), sheet.findings


def test_three_thousand_columns_pass_the_sheet(tmp_path: Path) -> None:
    head = ",".join(f"c{n}" for n in range(3_000))
    rows = "".join(",".join(str((n * k) % 11 + 0.5) for k in range(3_000)) + "\n" for n in range(1, 31))
    sheet = check_fit(settings(write(tmp_path / "wide.csv", head + "\n" + rows)))
    assert not sheet.blocked and any("3,000 columns" in one.title for one in sheet.findings)


def test_noise_levels_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="noise_levels: 'much' was given"):
        settings(tmp_path / "x.csv", noise_levels="much")


# -- what is learnt --------------------------------------------------------------------------------------------------------


def test_broken_rules_between_columns_are_found(fitted: Any) -> None:
    """Each cell of an odd row is common; only together are they odd. Chance is 0.5, and one column alone gives about that."""
    progress, model, folder = fitted
    assert progress.best_metrics["auroc"] > 0.9
    table = read_table(write_orders(folder / "new.csv", 200, 40, seed=1))
    scores = model.scores(table)[0]
    assert roc_auc_score([int(cell or 0) for cell in table.strings("is_anomaly")], scores) > 0.9


def test_p_values_of_new_normal_rows_are_about_uniform(fitted: Any) -> None:
    _, model, folder = fitted
    p_values = model.scores(read_table(write_orders(folder / "more.csv", 300, 0, seed=2)))[1]
    assert 0.35 < p_values.mean() < 0.65 and (p_values < 0.1).mean() < 0.3


def test_a_row_is_explained_and_repaired(fitted: Any) -> None:
    row = {"weight": 5.0, "price": 15.0, "country": "fr", "carrier": "dhl", "is_anomaly": "0"}
    found = endpoints.explain(fitted[1], row)
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
    assert together[[0, 7, 510]] == pytest.approx(alone, abs=1e-4)


def test_a_file_is_scored_with_reasons_and_without_formulas(fitted: Any, tmp_path: Path) -> None:
    lines = "country,carrier,price,weight,memo\nfr,gls,15,5,=cmd()\nfr,gls,40,5,plain\n"
    table = read_table(endpoints.score_file(fitted[1], write(tmp_path / "in.csv", lines), "quantile=0.95"))
    assert table.strings("is_anomalous") == ["0", "1"] and table.strings("memo")[0] == "'=cmd()"
    reasons = table.strings("reasons")[1] or ""
    assert reasons.split()[0] in ("price", "weight")


def test_unseen_values_are_odd_and_missing_columns_named(fitted: Any) -> None:
    row = {"weight": 5, "price": 15, "country": "fr", "carrier": "gls"}
    first, second = endpoints.score(fitted[1], [row, {**row, "carrier": "pigeon"}])
    assert second["anomaly_score"] > first["anomaly_score"] and second["reasons"][0]["column"] == "carrier"
    with pytest.raises(UserError, match="lacks 1 of the 4 columns that this model knows: carrier"):
        endpoints.score(fitted[1], [{name: value for name, value in row.items() if name != "carrier"}])
    with pytest.raises(UserError, match="none of the model's columns: weight, price"):
        endpoints.score(fitted[1], [{"x": 1}])


def test_features_and_embeddings_are_given(fitted: Any) -> None:
    _, model, folder = fitted
    latent = read_table(endpoints.encode_file(model, folder / "orders.csv"))
    assert latent.names == ("latent_0", "latent_1", "latent_2", "latent_3") and len(latent) == 525
    values = endpoints.embeddings(model, "country")
    assert {one["value"] for one in values} == {"fr", "de", "it"} and all(len(one["nearest"]) == 2 for one in values)
    with pytest.raises(UserError, match="its categories are: country, carrier"):
        endpoints.embeddings(model, "weight")


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
    assert (new > threshold_of("quantile=0.95", clean, new, new)).mean() == pytest.approx(0.05, rel=0.2)
    assert threshold_of("1.5", clean, new, new) == 1.5
    assert (new >= threshold_of("alerts=7", clean, new, new)).sum() == 7


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
        threshold_of(words, np.arange(100.0), np.zeros(1), np.ones(1))
