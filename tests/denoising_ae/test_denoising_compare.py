"""denoising_ae's experiment: a plain and a denoising autoencoder, measured, kept together, looked into."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plugins.denoising_ae import PLUGIN
from plugins.denoising_ae.compare.data import read, small_image
from plugins.denoising_ae.compare.metrics import corrupt_each, linear_probe, manifold_distance, nearest_neighbours
from plugins.denoising_ae.compare.results import comparison_table, summary
from plugins.denoising_ae.inspect.latent_traversal import traverse
from plugins.denoising_ae.inspect.reconstructions import compare_reconstructions
from plugins.testing import check_plugin
from tests.files import write
from tests.pictures import encoded, scene, write_parquet, write_zip
from training.cli.main import main
from training.errors import UserError
from training.fit.experiment import read_results
from training.settings import parse_settings

KIND = PLUGIN.kind("compare")
SETTINGS = KIND.trained_by
TINY = {
    "image_size": 12,
    "hidden_size": 48,
    "latent_size": 200,
    "batch_size": 16,
    "seeds": 2,
    "eval_share": 0.25,
    "learning_rate": 3e-3,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars lying and standing, each at a place of its own: two classes."""
    pictures, labels = [], []
    random = np.random.default_rng(0)
    for number in range(160):
        picture = np.zeros((12, 12, 1), np.uint8)
        at = random.integers(0, 10)
        picture[at : at + 2] = 230
        pictures.append(encoded(picture if number % 2 else picture.transpose(1, 0, 2).copy()))
        labels.append(("standing", "lying")[number % 2])
    return write_parquet(tmp_path_factory.mktemp("data") / "bars.parquet", pictures, label=labels)


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare") / "run"
    flags = [
        word
        for name, value in {**TINY, "steps": 400, "level": 100}.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    assert main(["denoising_ae", "compare", "--data", str(data), "--folder", str(folder), *flags]) == 0
    return folder


def test_compare_keeps_the_contract(tmp_path: Path, data: Path) -> None:
    call = {"compare": lambda model: model.comparison()}
    settings = {"compare": {**TINY, "data": str(data), "seeds": 1}}
    check_plugin(replace(PLUGIN, kinds=(KIND,)), tmp_path, settings, call)


def test_the_denoising_autoencoder_is_better_on_noisy_images(finished: Path) -> None:
    """More numbers than pixels: the plain one may copy. Below the noise itself (0.15) is what chance does not give."""
    results = read_results(finished)
    assert len(results) == 4
    found = {key: mean for key, (mean, _, _) in summary(results).items()}
    assert found["mse_at_1", "denoising"] < 0.85 * found["mse_at_1", "plain"] < 0.1
    assert found["probe_noisy", "denoising"] > 0.85


def test_results_are_in_card_report_endpoint_and_figure(finished: Path) -> None:
    card = (finished / "artifact" / "README.md").read_text()
    assert "## Plain vs. denoising autoencoder" in card and "plain_vs_denoising.png" in card
    assert "Error against noise level" in json.loads((finished / "report.json").read_text())
    records = KIND.load(finished / "artifact").comparison()
    assert {one["arm"] for one in records} == {"plain", "denoising"}
    assert all(one["low"] <= one["mean"] <= one["high"] for one in records)


def test_differences_are_of_the_same_seed() -> None:
    results = [
        {"part": "", "arm": arm, "seed": seed, "eval_mse": value + 0.1 * seed}
        for seed in range(3)
        for arm, value in (("plain", 0.5), ("denoising", 0.4))
    ]
    [row] = comparison_table(results)["rows"]
    assert row[3] == "-0.1000 (-0.1000 to -0.1000)" and row[4] == "less"


def test_reconstructions_and_traversals_of_both(finished: Path, tmp_path: Path) -> None:
    pair = KIND.load(finished / "artifact")
    _, table = compare_reconstructions(pair, None, 0, 100, 0)
    assert [row[0] for row in table["data"]] == ["clean", "noisy", "plain", "denoising"]
    error = {row[0]: float(row[1]) for row in table["data"]}
    assert error["denoising"] < error["noisy"]
    own = write(tmp_path / "own.png", encoded(scene(40, 30, 3)))
    assert len(compare_reconstructions(pair, own, 0, 50, 1)[0].axes) == 6 * 8
    assert len(traverse(pair, own, 0, 2).axes) == 2 * 7
    with pytest.raises(UserError, match="there are 1 to"):
        traverse(pair, None, 0, 5000)


def test_metrics_of_known_cases() -> None:
    real = np.random.default_rng(0).random((30, 6, 6), dtype=np.float32)
    assert manifold_distance(real[:5], real) == pytest.approx(0, abs=1e-3)
    assert manifold_distance(real[:5] + 0.25, real) == pytest.approx(0.25, abs=0.02)
    assert np.square(corrupt_each(real, "gaussian", 51, 0) - real).mean() == pytest.approx(0.04, rel=0.1)
    classes = np.arange(60) % 2
    vectors = np.random.default_rng(1).normal(size=(60, 8)) + 4 * classes[:, None]
    shuffled = np.random.default_rng(2).normal(size=(60, 8))
    for ask in (linear_probe, nearest_neighbours):
        accuracy, chance = ask(vectors, classes, [vectors, shuffled], classes)
        assert accuracy > 0.9 and chance < 0.75


def test_images_are_made_small_and_grey() -> None:
    assert small_image(scene(40, 60, 3), 12).shape == (12, 12)
    assert small_image(np.full((5, 9, 1), 255, np.uint8), 12) == pytest.approx(1)


def test_without_labels_there_is_no_probe_and_an_amber_finding(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {f"{n}.png": encoded(scene(14, 14, 1, n)) for n in range(45)})
    settings = parse_settings(SETTINGS, {**TINY, "data": str(path)})
    assert "No labels" in KIND.examine(settings)[1].findings[-1].title
    assert read(settings).classes is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"level": 0.99, "noise": "masked_blocks"}, "takes 0 to 0.95"),
        ({"data": ""}, "data: no file was given"),
        ({"processes": 2}, "processes: decided by this experiment"),
        ({"model": "fashion"}, "no setting 'model'"),
    ],
)
def test_unusable_settings_and_data_are_refused(values: dict[str, Any], words: str, data: Path) -> None:
    given: dict[str, Any] = {"data": str(data), **values}
    with pytest.raises(UserError, match=words):
        KIND.examine(parse_settings(SETTINGS, given))[1].raise_if_blocked()
