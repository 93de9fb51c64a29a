"""Another author's Stable Diffusion through the Hub: pulled, adapted by LoRA, pushed, pulled again, the same image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plugins._recognition import recognise
from plugins.diffusion_cfg import PLUGIN
from plugins.diffusion_cfg.denoiser.predictor import load
from plugins.diffusion_cfg.models import pipeline_io
from tests import loopback
from tests.loopback import Hub
from tests.shapes import write_shapes
from tests.tiny_diffusion import tiny_pipeline
from training.artifact.lineage import describe_run
from training.fit.experiment import run_task
from training.runs.registry import Runs
from training.settings import parse_settings

hub, url = loopback.hub, loopback.url  # fixtures
TOKEN = "hf_alice_write"


def generated(folder: Path) -> np.ndarray:
    [file] = load(folder).generate("red disc", steps=2, seed=3)
    return np.asarray(Image.open(file), int)


def test_a_pipeline_of_the_hub_is_adapted_and_comes_back_the_same(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    theirs = tmp_path / "theirs"
    pipeline_io.save_pipeline(tiny_pipeline(latent=True), theirs, half_precision=False)
    files = [path for path in theirs.rglob("*") if path.is_file()]
    hub.make("alice/tiny-diffusion", {str(path.relative_to(theirs)): path.read_bytes() for path in files})
    pulled = Path(hub.call("pull", "alice/tiny-diffusion")["result"])
    assert recognise(pulled, "alice/tiny-diffusion", [PLUGIN]) == (PLUGIN, PLUGIN.kind("denoiser"))
    before = generated(pulled)

    adapted = adapt(pulled, tmp_path)
    after = generated(adapted)
    assert np.abs(after - before).max() > 0

    assert "error" not in hub.call("push", adapted, "alice/adapted", token=TOKEN)
    again = Path(hub.call("pull", "alice/adapted", token=TOKEN)["result"])
    assert recognise(again, "alice/adapted", [PLUGIN]) == (PLUGIN, PLUGIN.kind("lora"))
    assert np.array_equal(generated(again), after)
    assert (again / "pytorch_lora_weights.safetensors").is_file()


def adapt(pipeline: Path, folder: Path) -> Path:
    """Two steps of LoRA on a pipeline; the artifact."""
    kind = PLUGIN.kind("lora")
    values = {"model": str(pipeline), "steps": 2, "lora_rank": 2, "learning_rate": 0.1, "preview_steps": 1}
    values |= {"data": str(write_shapes(folder / "shapes.zip", 12)), "device": "cpu"}
    run = Runs(folder / "runs").create(PLUGIN.name, kind.name, parse_settings(kind.trained_by, values))
    settings = run.settings(kind.trained_by)
    task = kind.build(kind.read(settings), settings)
    run_task(task, settings, run.folder, describe_run(run.id, PLUGIN, kind, settings, pipeline))
    return run.artifact
