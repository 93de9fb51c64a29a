"""Sharded training (FSDP2) on two CPU processes: the curve of one process, half the bytes, one ordinary artifact."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.layered import LayeredTask, settings_of, train
from tests.running import events, losses
from training.errors import UserError
from training.fit.sharding import blocks
from training.runs.queue import child_environment

SETTINGS: dict[str, Any] = {"steps": 12, "ema_decay": 0.9, "checkpoint_every": 5, "eval_every": 6}


def launch(folder: Path, processes: int, **settings: Any) -> list[dict[str, int]]:
    """Train in several processes; returns what each of them held."""
    folder.mkdir(exist_ok=True)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [*launcher, "-m", "tests.layered", str(folder), json.dumps(settings | {"processes": processes})]
    done = subprocess.run(command, env=child_environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"held-{rank}.json").read_text()) for rank in range(processes)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    folder = tmp_path_factory.mktemp("alone")
    return folder, train(folder, **SETTINGS)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, int]]]:
    folder = tmp_path_factory.mktemp("shared")
    return folder, launch(folder, 2, sharding="full", **SETTINGS)


def scores(folder: Path) -> list[float]:
    return [value for event in events(folder, "eval") for value in event["metrics"].values()]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "artifact" / "model.safetensors")


def assert_same_run(folder: Path, alone: Path) -> None:
    """Curve, scores of the averaged weights, and the artifact."""
    assert list(losses(folder).values()) == pytest.approx(list(losses(alone).values()), rel=1e-4)
    assert scores(folder) == pytest.approx(scores(alone), rel=1e-4)
    mine, others = weights(folder), weights(alone)
    assert mine.keys() == others.keys()
    for name, tensor in mine.items():
        torch.testing.assert_close(tensor, others[name], rtol=1e-3, atol=1e-5)


def test_two_processes_that_share_the_weights_give_the_curve_and_the_artifact_of_one(alone: Any, shared: Any) -> None:
    assert_same_run(shared[0], alone[0])
    assert events(shared[0], "eval")[-1]["metrics"]["rows"] == 37  # nobody counts the batches that keep others company
    samples = [[event["items"][0]["text"] for event in events(each, "sample")] for each in (shared[0], alone[0])]
    assert [float(text) for text in samples[0]] == pytest.approx([float(text) for text in samples[1]], rel=1e-3)


def test_each_of_two_processes_holds_half_of_weights_gradients_and_optimiser(alone: Any, shared: Any) -> None:
    whole = alone[1]
    for held in shared[1]:
        assert held.keys() == {"weights", "gradients", "optimizer"}
        for part, size in held.items():
            assert 0.45 * whole[part] < size <= 0.55 * whole[part], part


def test_a_checkpoint_of_two_processes_is_resumed_by_one(alone: Any, shared: Any, tmp_path: Path) -> None:
    shutil.copytree(shared[0] / "checkpoint" / "step-000000005", tmp_path / "checkpoint" / "step-000000005")
    train(tmp_path, sharding="full", **SETTINGS)
    assert events(tmp_path, "started")[0]["resumed"]
    assert min(losses(tmp_path)) == 6
    expected = {step: loss for step, loss in losses(alone[0]).items() if step > 5}
    assert losses(tmp_path) == pytest.approx(expected, rel=1e-4)
    for name, tensor in weights(tmp_path).items():
        torch.testing.assert_close(tensor, weights(alone[0])[name], rtol=1e-3, atol=1e-5)


def test_processes_that_read_different_rows_are_refused_in_words(tmp_path: Path) -> None:
    """Their gradients were averaged, and nobody was told."""
    with pytest.raises(AssertionError, match="The processes read different data: 1 others than 0"):
        launch(tmp_path, 2, odd_rank="1", **SETTINGS)


@pytest.mark.slow
def test_four_processes_resume_the_checkpoint_of_two_and_hold_a_quarter_each(
    alone: Any, shared: Any, tmp_path: Path
) -> None:
    shutil.copytree(shared[0] / "checkpoint" / "step-000000005", tmp_path / "checkpoint" / "step-000000005")
    held = launch(tmp_path, 4, sharding="full", **SETTINGS)
    expected = {step: loss for step, loss in losses(alone[0]).items() if step > 5}
    assert losses(tmp_path) == pytest.approx(expected, rel=1e-4)
    for part, size in alone[1].items():
        assert all(0.2 * size < each[part] <= 0.3 * size for each in held), part


def test_a_checkpoint_of_another_network_is_refused_in_words(shared: Any, tmp_path: Path) -> None:
    shutil.copytree(shared[0] / "checkpoint" / "step-000000005", tmp_path / "checkpoint" / "step-000000005")
    with pytest.raises(UserError, match="does not fit the model, or is damaged"):
        train(tmp_path, sharding="full", layers=7, **SETTINGS)


def test_an_ordinary_checkpoint_is_refused_by_a_sharded_run(alone: Any, tmp_path: Path) -> None:
    shutil.copytree(alone[0] / "checkpoint" / "step-000000005", tmp_path / "checkpoint" / "step-000000005")
    with pytest.raises(UserError, match="does not fit the model, or is damaged"):
        train(tmp_path, sharding="full", **SETTINGS)


def test_the_layers_are_what_is_gathered_one_after_the_other() -> None:
    assert len(list(blocks(LayeredTask(layers=4).model))) == 4


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"sharding": "full", "precision": "fp16"}, "sharding full needs precision"),
        ({"sharding": "full", "backup": "owner/name"}, "backup does not hold"),
        ({"weights_dtype": "bf16", "precision": "fp32"}, "weights_dtype bf16 needs precision bf16"),
        ({"weights_dtype": "bf16", "precision": "bf16", "ema_decay": 0.99}, "ema_decay 0.99 has no effect"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(values: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        settings_of(**values)


def test_undecided_precision_of_bf16_weights_is_bf16() -> None:
    assert settings_of(weights_dtype="bf16", precision="auto").with_usual().precision == "bf16"
    assert settings_of(precision="auto").with_usual().precision == "fp32"
