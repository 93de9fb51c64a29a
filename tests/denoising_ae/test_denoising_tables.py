"""denoising_ae on tables: corrupted rows, masked cell prediction, imputation and correction."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from plugins.denoising_ae import PLUGIN
from plugins.denoising_ae.tables.corruption import corrupt_rows
from plugins.testing import check_plugin
from tests.files import write
from training.errors import UserError
from training.fit.loop import fit
from training.settings import parse_settings

KIND = PLUGIN.kind("tables")
SETTINGS = KIND.trained_by
TINY = {"size": "small", "latent_size": 8, "batch_size": 64, "learning_rate": 5e-3}


def rows(count: int = 300) -> list[list[str]]:
    """The town determines rain, land and twice the rain; luck is independent."""
    random = np.random.default_rng(0)
    towns = [("bergen", 90, "norway"), ("cairo", 5, "egypt"), ("leeds", 50, "england")]
    found = []
    for _ in range(count):
        town, rain, land = towns[random.integers(3)]
        value = rain + random.integers(-4, 5)
        found.append([town, str(value), land, str(2 * value), str(random.integers(0, 1000))])
    return found


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [["town", "rain", "land", "double", "luck"], *rows()]
    return write(tmp_path_factory.mktemp("tables") / "towns.csv", "\n".join(",".join(line) for line in lines))


@pytest.fixture(scope="module")
def trained(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, float], Any]:
    settings = parse_settings(SETTINGS, {"data": str(table), **TINY, "steps": 250})
    folder = tmp_path_factory.mktemp("run")
    progress = fit(KIND.build(KIND.read(settings), settings), settings, folder)
    return progress.best_metrics, KIND.load(folder / "artifact")


def test_tables_keeps_the_contract(tmp_path: Path, table: Path) -> None:
    call = {"tables": lambda model: model.denoise_table(table)}
    check_plugin(replace(PLUGIN, kinds=(KIND,)), tmp_path, {"tables": {"data": str(table), **TINY}}, call)


def test_masked_cells_are_predicted_from_the_others(trained: tuple[dict[str, float], Any]) -> None:
    """Chance: a third of the towns, and an error of 1; `luck` stays at 1, so the mean of three columns is a third."""
    metrics, _ = trained
    assert metrics["category_accuracy"] > 0.95 and metrics["most_frequent_accuracy"] < 0.5
    assert metrics["number_error"] < 0.6


def test_missing_cells_are_imputed_and_implausible_ones_corrected(
    tmp_path: Path, trained: tuple[dict[str, float], Any]
) -> None:
    _, model = trained
    lines = ["town,rain,land,double,luck", "cairo,,egypt,10,5", ",90,norway,180,7", "leeds,5000,england,100,9"]
    lines += ["xyz,50,england,100,9", "leeds,50,england,100,9"]
    file = write(tmp_path / "x.csv", "\n".join(lines))
    with model.denoise_table(file).open() as lines:
        found = list(csv.DictReader(lines))
    assert abs(int(found[0]["rain"]) - 5) <= 6 and found[0]["changes"].startswith("rain: (missing) -> ")
    assert found[1]["town"] == "bergen" and found[3]["town"] == "leeds"
    assert abs(int(found[2]["rain"]) - 50) <= 15
    assert found[4]["changes"] == ""


def test_cells_are_masked_swapped_and_noised_by_their_ratios() -> None:
    torch.manual_seed(0)
    numbers, ids = torch.arange(4000.0).reshape(1000, 4), torch.randint(3, 9, (1000, 2))
    shown, visible, seen = corrupt_rows(numbers, ids, 0.3, 0, 0)
    assert visible.mean().item() == pytest.approx(0.7, abs=0.03) and (seen == 0).float().mean().item() == pytest.approx(
        0.3, abs=0.04
    )
    assert torch.equal(shown[0], numbers * visible[0])
    swapped, _, _ = corrupt_rows(numbers, ids, 0, 0.2, 0)
    assert (swapped[0] != numbers).float().mean().item() == pytest.approx(0.2, abs=0.03)
    assert set(swapped[0][:, 1].tolist()) <= set(numbers[:, 1].tolist())  # from the same column
    noised, _, _ = corrupt_rows(numbers, ids, 0, 0, 0.5)
    assert (noised[0] - numbers).std().item() == pytest.approx(0.5, abs=0.03)


def test_unusable_tables_are_a_red_finding(tmp_path: Path) -> None:
    for text, words in (
        ("a,b\n1,2\n", "at least 20"),
        ("a\n" + "\n".join(str(n % 7) for n in range(50)), "Fewer than two"),
    ):
        settings = parse_settings(SETTINGS, {"data": str(write(tmp_path / "x.csv", text))})
        sheet = KIND.examine(settings)[1]
        assert sheet.blocked and words in " ".join(f"{one.title} {one.detail}" for one in sheet.findings)
    with pytest.raises(UserError, match="all 0"):
        parse_settings(SETTINGS, {"mask_ratio": 0, "swap_ratio": 0, "noise_std": 0})


def test_training_continues_from_weights_with_their_encoder(table: Path, tmp_path: Path) -> None:
    """Other settings would fit another encoder: the one of the weights is used."""
    settings = parse_settings(SETTINGS, {"data": str(table), **TINY, "steps": 1})
    fit(KIND.build(KIND.read(settings), settings), settings, tmp_path)
    more = parse_settings(SETTINGS, {**settings.model_dump(), "max_categories": 2, "model": str(tmp_path / "artifact")})
    data = KIND.read(more)
    task = KIND.build(data, more)
    assert len(data.encoder.categories[0].values) == 2
    assert len(task.encoder.categories[0].values) == 3


def test_filled_cells_are_written_as_the_column_writes_and_others_are_left_alone(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lines = ["preis;rabatt;datum;gewicht;changes"]
    for _ in range(200):
        x = random.normal(100, 8)
        day = f"{random.integers(1, 29):02d}.{random.integers(1, 13):02d}.2023"
        lines.append(f"{x:.2f};{x / 5:.1f} %;{day};{round(2000 * x):,};note".replace(",", "."))
    lines = [lines[0], *(_european(line) for line in lines[1:])]
    settings = parse_settings(SETTINGS, {"data": str(write(tmp_path / "a.csv", "\n".join(lines))), **TINY, "steps": 3})
    fit(KIND.build(KIND.read(settings), settings), settings, tmp_path)
    model = KIND.load(tmp_path / "artifact")
    holes = [lines[0], ";20,0 %;05.03.2023;200.000;note", "100,00;;05.03.2023;200.000;note", "100,00;20,0 %;;;note"]
    target = model.denoise_table(write(tmp_path / "holes.csv", "\n".join(holes)))
    with target.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert re.fullmatch(r"\d{2,3},\d\d", found[0]["preis"]) and re.fullmatch(r"\d\d,\d %", found[1]["rabatt"])
    assert re.fullmatch(r"\d\d\.\d\d\.2023", found[2]["datum"]) and re.fullmatch(r"\d{3}\.\d{3}", found[2]["gewicht"])
    assert [row["gewicht"] for row in found[:2]] == ["200.000"] * 2 and found[0]["changes_before"] == "note"
    with model.denoise_table(target).open(newline="") as file:
        again = list(csv.DictReader(file))
    assert [row["preis"] for row in again] == [row["preis"] for row in found]  # our output is our input


def _european(line: str) -> str:
    price, discount, day, weight, note = line.split(";")
    return ";".join((price.replace(".", ","), discount.replace(".", ","), day, weight, note))
