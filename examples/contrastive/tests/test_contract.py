"""Both kinds keep the contract of the studio, and learn."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selfsup_contrastive import PLUGIN

from plugins.testing import check_plugin
from training.errors import UserError
from training.fit.loop import fit
from training.settings import parse_settings

TINY = {"image_size": 16, "width": 8, "embedding_size": 16, "batch_size": 16}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs and bars of any brightness and place: 40 of each, in folders that name them."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    down, across = np.mgrid[:16, :16]
    for kind in ("disc", "bar"):
        (folder / kind).mkdir()
        for number in range(40):
            y, x = rng.integers(5, 11, 2)
            shape = (down - y) ** 2 + (across - x) ** 2 < 16 if kind == "disc" else abs(down - y) < 2
            pixels = np.where(shape, rng.integers(150, 255), rng.integers(0, 80)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / kind / f"{number}.png")
    return folder


def test_both_kinds_keep_the_contract(images: Path, tmp_path: Path) -> None:
    image = images / "disc" / "0.png"
    settings = {kind: {"data": str(images), **TINY} for kind in ("simclr", "byol")}
    calls = dict.fromkeys(settings, lambda model: [*model.embed(image), model.similarity(image, image)])
    check_plugin(PLUGIN, tmp_path, settings, calls)


@pytest.mark.parametrize("kind", ["simclr", "byol"])
def test_neighbours_share_their_label_after_training_without_labels(kind: str, images: Path, tmp_path: Path) -> None:
    """Chance gives an accuracy of 0.5."""
    record = PLUGIN.kind(kind)
    settings = parse_settings(
        record.trained_by, {"data": str(images), **TINY, "steps": 100, "eval_share": 0.5, "device": "cpu"}
    )
    progress = fit(record.build(record.read(settings), settings), settings, tmp_path)
    assert progress.best_metrics["knn_accuracy"] > 0.85, progress.best_metrics


def test_a_batch_of_simclr_is_never_cut(images: Path, tmp_path: Path) -> None:
    record = PLUGIN.kind("simclr")
    settings = parse_settings(
        record.trained_by, {"data": str(images), **TINY, "gradient_accumulation": 2, "device": "cpu"}
    )
    with pytest.raises(UserError, match="this loss compares the rows of a batch"):
        fit(record.build(record.read(settings), settings), settings, tmp_path)


def test_the_teacher_moves_after_each_step_and_gets_no_gradient(images: Path, tmp_path: Path) -> None:
    record = PLUGIN.kind("byol")
    settings = parse_settings(
        record.trained_by, {"data": str(images), **TINY, "steps": 1, "teacher_decay": 0.75, "device": "cpu"}
    )
    task = record.build(record.read(settings), settings)
    before = [weight.clone() for weight in task.model.teacher.parameters()]
    fit(task, settings, tmp_path)
    student = [*task.model.encoder.parameters(), *task.model.projector.parameters()]
    for old, new, other in zip(before, task.model.teacher.parameters(), student, strict=True):
        assert new.grad is None and np.allclose(new, 0.75 * old + 0.25 * other.detach(), atol=1e-6)
