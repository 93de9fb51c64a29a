"""diffusion_cfg's trainers: the contract, learning, bad input, what is cached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from plugins.diffusion_cfg import PLUGIN, endpoints
from plugins.diffusion_cfg.data.resize import fitted
from plugins.diffusion_cfg.models import pipeline_io, unet
from plugins.diffusion_cfg.settings import DenoiserSettings
from plugins.testing import check_plugin
from tests.pictures import encoded, write_zip
from tests.shapes import CAPTIONS, TINY, shape, write_shapes
from training.errors import UserError
from training.fit.loop import fit
from training.settings import parse_settings

MICRO = {**TINY, "image_size": 8, "batch_size": 4, "preview_prompts": "red disc"}
SMALL_PARTS = {
    "size": "small",
    "factor": "2",
    "latent_channels": 2,
    "image_size": 16,
    "batch_size": 4,
    "eval_share": 0.1,
}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cached latents go where the test's files are; and the smallest network is smaller still."""
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(unet.SIZES, "tiny", unet.Size((32, 32), 1, 32, 1))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_shapes(tmp_path / "shapes.parquet")


def settings(name: str, **values: Any) -> Any:
    return parse_settings(PLUGIN.trainer(name).settings, values)


def train(name: str, folder: Path, **values: Any) -> tuple[Any, dict[str, float]]:
    """The weights of a run, loaded, and its metrics."""
    made = settings(name, **values)
    folder.mkdir()
    progress = fit(PLUGIN.trainer(name).build(made), made, folder)
    return PLUGIN.load(folder / "artifact"), progress.metrics


def test_diffusion_cfg_keeps_the_contract(tmp_path: Path, data: Path) -> None:
    base = tmp_path / "runs" / "base"
    made = settings("denoiser", data=str(data), **MICRO)
    pipeline_io.write(PLUGIN.trainer("denoiser").build(made).pipeline, base, half_precision=False)
    samples = {
        "denoiser": {"data": str(data), **MICRO, "ema_decay": 0.5},
        "autoencoder": {"data": str(data), **SMALL_PARTS},
        "lora": {
            "data": str(data),
            "model": str(base),
            "rank": 2,
            "eval_share": 0.1,
            "text_layers": True,
            "preview_steps": 1,
        },
    }
    draw = {name: lambda model: endpoints.reverse(model, "red disc", steps=2) for name in ("denoiser", "lora")}
    check_plugin(PLUGIN, tmp_path / "runs", samples, draw)


def test_the_denoiser_learns_what_captions_say(tmp_path: Path) -> None:
    """Untrained, the error is 1 and captions save nothing of it; a random picture has the caption's colour half of the time."""
    data = write_shapes(tmp_path / "many.parquet", 120)
    model, metrics = train("denoiser", tmp_path / "run", data=str(data), **{**MICRO, "batch_size": 16}, steps=100, learning_rate=4e-3, ema_decay=0.9, eval_every=100)  # fmt: skip
    assert metrics["loss"] < 0.5
    assert metrics["caption_gain"] > 0.1
    for caption in CAPTIONS:
        from PIL import Image

        [file] = endpoints.generate(model, caption, guidance_scale=2, steps=8)
        red, _, blue = np.asarray(Image.open(file), int)[3:5, 3:5].reshape(-1, 3).mean(0)
        assert (red > blue) == caption.startswith("red"), caption


def test_the_autoencoder_learns_to_bring_pictures_back(tmp_path: Path, data: Path) -> None:
    """Each picture's mean colour gives 10.1 dB, the mean of all pictures 13.3."""
    latent, metrics = train("autoencoder", tmp_path / "run", data=str(data), **{**SMALL_PARTS, "size": "medium", "batch_size": 8, "image_size": 8}, steps=100, learning_rate=5e-3, ema_decay=0.8, eval_every=100, edge_weight=0, kl_weight=1e-6)  # fmt: skip
    assert metrics["psnr"] > 15
    latent_cache = latent.vae.config["scaling_factor"]
    assert 0.05 < latent_cache < 50


def test_a_denoiser_works_in_a_trained_latent_space_and_stock_diffusers_loads_it(tmp_path: Path, data: Path) -> None:
    train("autoencoder", tmp_path / "ae", data=str(data), **SMALL_PARTS, steps=1)
    latent = {**MICRO, "image_size": 0, "autoencoder": str(tmp_path / "ae" / "artifact")}
    model, _ = train("denoiser", tmp_path / "run", data=str(data), **latent, steps=1)
    assert (model.factor, model.latent_channels, model.size) == (2, 2, (16, 16))
    with pipeline_io.quietly():
        from diffusers import StableDiffusionPipeline

        stock = StableDiffusionPipeline.from_pretrained(tmp_path / "run" / "artifact", safety_checker=None)
    stock.set_progress_bar_config(disable=True)
    assert stock("red disc", num_inference_steps=1).images[0].size == (16, 16)  # type: ignore[union-attr]
    again, _ = train("denoiser", tmp_path / "on", data=str(data), model=str(tmp_path / "run" / "artifact"), image_size=0, steps=1, eval_share=0.1)  # fmt: skip
    assert again.size == (16, 16)


def test_adapters_alone_give_what_the_merged_pipeline_gives(tmp_path: Path, data: Path) -> None:
    base = tmp_path / "base"
    pipeline = PLUGIN.trainer("denoiser").build(settings("denoiser", data=str(data), **MICRO)).pipeline
    torch.nn.init.normal_(pipeline.unet.conv_out.weight, std=0.1)
    pipeline_io.write(pipeline, base, half_precision=False)
    merged, _ = train("lora", tmp_path / "run", data=str(data), model=str(base), rank=2, steps=2, learning_rate=0.1, half_precision=False, eval_share=0.1, preview_steps=1)  # fmt: skip
    from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser
    from plugins.diffusion_cfg.sampling.generate import draw
    from plugins.diffusion_cfg.sampling.request import Recipe

    recipe = Recipe("red disc", steps=2)
    plain = pipeline_io.read(base)
    before = draw(Diffuser(pipeline_io.read(base)), recipe)
    plain.load_lora_weights(tmp_path / "run" / "artifact")
    after = draw(Diffuser(plain), recipe)
    assert torch.allclose(after, draw(merged, recipe), atol=1e-3)
    assert (after - before).abs().max() > 1e-2


def test_latents_are_computed_once_for_the_same_pictures(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = PLUGIN.trainer("denoiser").build(settings("denoiser", data=str(data), **MICRO)).latents
    from plugins.diffusion_cfg.denoiser import latent_cache

    monkeypatch.setattr(latent_cache, "encode", lambda *_: pytest.fail("encoded again"))
    again = PLUGIN.trainer("denoiser").build(settings("denoiser", data=str(data), **MICRO)).latents
    assert torch.equal(first, again)


@pytest.mark.parametrize("prediction", ["noise", "v", "flow"])
def test_every_prediction_and_a_frozen_text_encoder_train_a_step(prediction: str, tmp_path: Path, data: Path) -> None:
    donor = tmp_path / "donor"
    pipeline_io.write(PLUGIN.trainer("denoiser").build(settings("denoiser", data=str(data), **MICRO)).pipeline, donor, half_precision=False)  # fmt: skip
    model, metrics = train("denoiser", tmp_path / "run", data=str(data), **MICRO, steps=1, prediction=prediction, zero_terminal_snr=prediction != "noise", text_encoder=str(donor))  # fmt: skip
    assert np.isfinite(metrics["loss"])
    assert endpoints.generate(model, "red disc", steps=2)


# -- what is found in the data ---------------------------------------------------------------------------------------------


def titles(made: DenoiserSettings) -> dict[str, str]:
    sheet = PLUGIN.trainer("denoiser").preflight(made)
    return {f"{one.level}: {one.title}": one.detail for one in sheet.findings}


def test_pictures_without_captions_are_listed_and_left_out(tmp_path: Path) -> None:
    files = {f"{row}.png": encoded(shape(CAPTIONS[row % 4], row)) for row in range(6)}
    files |= {f"{row}.txt": CAPTIONS[row % 4].encode() for row in range(4)} | {"lost.txt": b"a caption of nothing"}
    found = titles(settings("denoiser", data=str(write_zip(tmp_path / "x.zip", files)), **MICRO))
    assert found["amber: 2 pictures have no caption and are left out"] == "4.png, 5.png"
    assert found["amber: 1 captions have no picture"] == "lost.txt"


def test_captions_without_pictures_are_listed(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"file_name": f"{row}.png", "caption": "red disc"}) + "\n" for row in range(5))
    files = {f"{row}.png": encoded(shape("red disc", row)) for row in range(3)} | {"metadata.jsonl": lines.encode()}
    found = titles(settings("denoiser", data=str(write_zip(tmp_path / "x.zip", files)), **MICRO))
    assert "3.png, 4.png" in found["amber: 2 rows of metadata.jsonl name pictures that are not there"]


def test_no_captions_at_all_stop_the_run(tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "bare.zip", captions=False)
    found = titles(settings("denoiser", data=str(data), **MICRO))
    assert "has pictures without captions" in found["red: The pictures cannot be used"]
    assert "metadata.jsonl" in found["red: The pictures cannot be used"]
    PLUGIN.trainer("autoencoder").preflight(settings("autoencoder", data=str(data))).raise_if_blocked()


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("denoiser", {"caption_column": "words"}, "Column 'words' is not beside the pictures"),
        ("lora", {}, "nothing to adapt was named"),
    ],
)
def test_what_cannot_be_built_says_why(name: str, changes: dict, words: str, data: Path) -> None:
    values = {"data": str(data)} | ({**MICRO} if name == "denoiser" else {}) | changes
    with pytest.raises(UserError, match=words):
        PLUGIN.trainer(name).build(settings(name, **values))


def test_an_average_that_would_not_leave_the_start_is_told(data: Path) -> None:
    task = PLUGIN.trainer("denoiser").build(settings("denoiser", data=str(data), **MICRO, steps=100, p_uncond=0))
    said = [one.title for one in task.findings()]  # type: ignore[union-attr]
    assert "100 steps are few for ema_decay 0.999" in said
    assert "p_uncond is 0: the unconditional model is not learnt" in said


def test_zero_terminal_snr_needs_another_prediction_than_noise() -> None:
    with pytest.raises(UserError, match="zero_terminal_snr and prediction noise do not fit"):
        settings("denoiser", prediction="noise")


def test_class_labels_are_captions_too(tmp_path: Path) -> None:
    files = {f"{kind}/{row}.png": encoded(shape(f"red {kind}", row)) for kind in ("square", "disc") for row in range(4)}
    found = titles(settings("denoiser", data=str(write_zip(tmp_path / "classes.zip", files)), **MICRO))
    assert found["green: Captions from the column 'label': 2 different, 2 words"] == "disc; square"


def test_pictures_of_any_shape_become_squares() -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    assert fitted(wide, 8, "crop").shape == (8, 8, 3)
    assert fitted(wide, 8, "crop").mean() > 200  # the middle
    padded = fitted(wide, 60, "pad")
    assert padded.shape == (60, 60, 3)
    assert (padded == 255).all(-1).sum() == 100  # nothing is made larger
