"""A stranger's Stable Diffusion through the Hub: pulled, adapted by LoRA, pushed, pulled again, the same picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plugins._discovery import discover
from plugins._recognition import recognise
from plugins.diffusion_cfg import PLUGIN, endpoints
from plugins.diffusion_cfg.framework import assembly
from tests import loopback
from tests.loopback import Hub
from tests.shapes import write_shapes
from tests.test_diffusion_framework import pipeline
from training.artifact.lineage import describe_run
from training.fit.experiment import run_task
from training.runs.run import Runs
from training.settings import parse_settings

hub, url = loopback.hub, loopback.url  # fixtures
TOKEN = "hf_alice_write"


def drawn(folder: Path) -> np.ndarray:
    [file] = endpoints.generate(PLUGIN.load(folder), "red disc", steps=2, seed=3)
    return np.asarray(Image.open(file), int)


def test_a_pipeline_of_the_hub_is_adapted_and_comes_back_the_same(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    assembly.write(pipeline(latent=True), tmp_path / "theirs", half_precision=False)
    files = {str(path.relative_to(tmp_path / "theirs")): path.read_bytes() for path in (tmp_path / "theirs").rglob("*") if path.is_file()}  # fmt: skip
    hub.make("alice/tiny-diffusion", files)
    pulled = Path(hub.call("pull", "alice/tiny-diffusion")["result"])
    assert recognise(pulled, "alice/tiny-diffusion", [one.plugin for one in discover("builtin") if one.plugin]).name == "diffusion_cfg"  # fmt: skip
    before = drawn(pulled)

    trainer = PLUGIN.trainer("lora")
    values = {"data": str(write_shapes(tmp_path / "shapes.zip", 12)), "model": str(pulled), "steps": 2, "rank": 2, "learning_rate": 0.1, "preview_steps": 1, "device": "cpu"}  # fmt: skip
    run = Runs(tmp_path / "runs").create(PLUGIN.name, "lora", parse_settings(trainer.settings, values))
    settings = run.settings(trainer.settings)
    run_task(trainer.build(settings), settings, run.folder, describe_run(run.id, PLUGIN, trainer, settings, pulled))
    adapted = drawn(run.artifact)
    assert np.abs(adapted - before).max() > 0

    assert "error" not in hub.call("push", run.artifact, "alice/adapted", token=TOKEN)
    again = Path(hub.call("pull", "alice/adapted", token=TOKEN)["result"])
    assert np.array_equal(drawn(again), adapted)
    assert (again / "pytorch_lora_weights.safetensors").is_file()
