"""diffusion_cfg: text, latents, noise and samplers, held against stock diffusers and the papers' laws."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.diffusion_cfg import endpoints
from plugins.diffusion_cfg.framework import assembly, autoencoders, networks, noise, text
from plugins.diffusion_cfg.framework.diffuser import Diffuser
from plugins.diffusion_cfg.recognise import load_as_made
from plugins.diffusion_cfg.sampling import guidance
from plugins.diffusion_cfg.sampling.drawing import draw, recipe_in, save_pictures
from plugins.diffusion_cfg.sampling.loop import sample
from plugins.diffusion_cfg.sampling.recipe import Recipe
from plugins.diffusion_cfg.sampling.samplers import usable
from plugins.diffusion_cfg.starter import FOLDERS
from tests.shapes import CAPTIONS
from training.errors import UserError

MICRO = networks.Size((32, 32), 1, 32, 1)
WORDS = Recipe("red disc", steps=4, guidance_scale=3.0)


def pipeline(prediction: str = "v", latent: bool = False, zero: bool = True) -> Any:
    """Random weights in the form of a Stable Diffusion of 8 x 8 latents."""
    torch.manual_seed(0)
    tokenizer = text.train_tokenizer(CAPTIONS, 600, 8)
    vae = autoencoders.make_autoencoder(autoencoders.Depth((8, 8), 1), 3, 4, 16) if latent else autoencoders.make_pixel_autoencoder(3)  # fmt: skip
    unet = networks.make_unet(MICRO, 4 if latent else 3, 8, 32)
    scheduler = noise.make_scheduler(prediction, "scaled_linear", zero and prediction == "v")
    return assembly.assemble(vae, text.make_text_encoder(tokenizer, 32, 1), tokenizer, unet, scheduler)


@pytest.fixture(scope="module")
def model() -> Diffuser:
    return Diffuser(pipeline(), "micro")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A latent pipeline, saved."""
    place = tmp_path_factory.mktemp("pipeline") / "latent"
    assembly.write(pipeline(latent=True), place, half_precision=False)
    return place


@pytest.fixture(scope="module")
def fashion() -> Diffuser:
    """A starter: latents of trained weights."""
    return Diffuser.load(FOLDERS["fashion"])


# -- text and pixels -------------------------------------------------------------------------------------------------------


@given(st.text(max_size=40))
@settings(max_examples=30)
def test_every_text_can_be_read(words: str) -> None:
    tokenizer = text.train_tokenizer(CAPTIONS, 600, 64)
    ids = tokenizer(words, add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id not in ids or "<|endoftext|>" in words.lower()


def test_words_of_the_captions_are_single_tokens() -> None:
    assert text.train_tokenizer(CAPTIONS, 600, 8).tokenize("red square") == ["red</w>", "square</w>"]


def test_pixels_pass_through_their_autoencoder_unchanged() -> None:
    vae, pixels = autoencoders.make_pixel_autoencoder(3), torch.rand(2, 3, 16, 16) * 2 - 1
    latents = autoencoders.to_latents(vae, pixels)
    assert torch.allclose(latents, pixels, atol=1e-5)
    assert torch.allclose(autoencoders.to_pixels(vae, latents), pixels, atol=1e-5)


# -- the forward process ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prediction", ["noise", "v", "flow"])
@given(timestep=st.integers(1, 999), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_a_perfect_prediction_gives_back_picture_and_noise(prediction: str, timestep: int, seed: int) -> None:
    process = noise.Noise.of(noise.make_scheduler(prediction, "cosine", False).config)
    clean, eps = torch.randn(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    at = torch.tensor([timestep, timestep])
    noisy = process.add(clean, eps, at)
    found = process.split(process.target(clean, eps, at), noisy, at)
    alpha = float(process.levels(at[:1])[0])
    assert torch.allclose(found[0], clean, atol=1e-4 / max(alpha, 1e-3))
    assert torch.allclose(found[1], eps, atol=1e-3)
    assert torch.allclose(process.join(clean, noisy, at), process.target(clean, eps, at), atol=2e-2)


def test_the_last_timestep_of_zero_terminal_snr_is_noise_alone() -> None:
    with_end, without = (
        noise.Noise.of(noise.make_scheduler("v", "scaled_linear", zero).config) for zero in (True, False)
    )
    assert float(with_end.curve[0][-1]) < 1e-3 < 0.05 < float(without.curve[0][-1])


@pytest.mark.parametrize("prediction", ["noise", "v", "flow"])
def test_min_snr_weights_make_the_loss_that_of_the_picture_capped(prediction: str) -> None:
    """Hang et al. (2023): error of x_0, times min(SNR, gamma)."""
    from plugins.diffusion_cfg.denoiser.objective import LEAST_WEIGHT, min_snr_weights

    process = noise.Noise.of(noise.make_scheduler(prediction, "scaled_linear", False).config)
    at = torch.tensor([100, 300, 500])
    alpha, sigma = process.levels(at)
    snr = (alpha / sigma).square()
    clean, eps, off = torch.randn(3, 3, 2, 4, 4).unbind()
    noisy = process.add(clean, eps, at)
    wrong = process.split(process.target(clean, eps, at) + off, noisy, at)[0]
    of_picture = (wrong - clean).square().flatten(1).mean(1) * snr.clamp(max=5)
    weights = min_snr_weights(process, at, 5.0)
    assert (weights > LEAST_WEIGHT).all()
    assert torch.allclose(off.square().flatten(1).mean(1) * weights, of_picture, rtol=1e-3)


# -- sampling --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpm++", "unipc", "euler"])
def test_pictures_are_those_of_the_stock_pipeline(sampler: str, folder: Path) -> None:
    from diffusers import StableDiffusionPipeline

    from plugins.diffusion_cfg.sampling.samplers import SAMPLERS

    recipe = Recipe("red disc", "blue", 3.0, 5, sampler, seed=7, n_images=2)
    ours = draw(Diffuser.load(folder), recipe)
    import diffusers

    with assembly.quietly():
        stock = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    stock.set_progress_bar_config(disable=True)
    stock.scheduler = getattr(diffusers, SAMPLERS[sampler].scheduler).from_config(stock.scheduler.config)
    seeds = [torch.Generator().manual_seed(seed) for seed in (7, 8)]
    pictures = stock(["red disc"] * 2, negative_prompt=["blue"] * 2, guidance_scale=3.0, num_inference_steps=5, generator=seeds, output_type="np").images  # fmt: skip
    assert np.abs(pictures - (ours.clamp(-1, 1).permute(0, 2, 3, 1).numpy() + 1) / 2).max() < 1e-4


@pytest.mark.parametrize("sampler", ["ddim", "euler", "unipc"])
def test_samplers_without_new_noise_come_to_the_same_latents(sampler: str, fashion: Diffuser) -> None:
    """All follow one probability flow (Song et al., 2021); latents go beyond 1, where diffusers' DDIM cuts pixels off."""
    ends = [
        list(sample(fashion, Recipe("a dress", guidance_scale=3.0, sampler=name)))[-1].latents
        for name in ("dpm++", sampler)
    ]
    assert ends[0].abs().max() > 2
    assert (ends[1] - ends[0]).norm() < 0.2 * ends[0].norm()


@pytest.mark.parametrize("name", FOLDERS)
def test_stock_ddim_made_of_a_saved_pipeline_cuts_nothing_off(name: str) -> None:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    with assembly.quietly():
        stock = StableDiffusionPipeline.from_pretrained(FOLDERS[name], safety_checker=None)
    assert not DDIMScheduler.from_config(stock.scheduler.config).config["clip_sample"]


def test_flow_pictures_are_those_of_the_stock_pipeline(tmp_path: Path) -> None:
    from diffusers import StableDiffusionPipeline

    assembly.write(pipeline("flow"), tmp_path / "flow", half_precision=False)
    with assembly.quietly():
        stock = StableDiffusionPipeline.from_pretrained(tmp_path / "flow", safety_checker=None)
    stock.set_progress_bar_config(disable=True)
    pictures = stock("red disc", guidance_scale=3.0, num_inference_steps=4, generator=torch.Generator().manual_seed(0), output_type="np").images  # fmt: skip
    ours = draw(Diffuser.load(tmp_path / "flow"), WORDS)
    assert np.abs(pictures - (ours.clamp(-1, 1).permute(0, 2, 3, 1).numpy() + 1) / 2).max() < 1e-4


@pytest.mark.parametrize("told_scale", [True, False])
def test_a_consistency_model_is_sampled_by_lcm_alone_and_as_stock_does(told_scale: bool, tmp_path: Path) -> None:
    from diffusers import LCMScheduler, StableDiffusionPipeline, UNet2DConditionModel

    made = pipeline("noise")
    if told_scale:
        torch.manual_seed(0)
        made.unet = UNet2DConditionModel.from_config({**made.unet.config, "time_cond_proj_dim": 16})
    made.scheduler = LCMScheduler.from_config(made.scheduler.config)
    assembly.write(made, tmp_path / "lcm", half_precision=False)
    model = Diffuser.load(tmp_path / "lcm")
    assert usable(model) == ["lcm"]
    with assembly.quietly():
        stock = StableDiffusionPipeline.from_pretrained(tmp_path / "lcm", safety_checker=None)
    stock.set_progress_bar_config(disable=True)
    pictures = stock("red disc", guidance_scale=3.0, num_inference_steps=4, generator=[torch.Generator().manual_seed(0)], output_type="np").images  # fmt: skip
    ours = draw(model, dataclasses.replace(WORDS, sampler="lcm"))
    assert np.abs(pictures - (ours.clamp(-1, 1).permute(0, 2, 3, 1).numpy() + 1) / 2).max() < 1e-4


def test_in_16_bits_the_pictures_are_nearly_the_same(model: Diffuser) -> None:
    half = Diffuser(pipeline())
    half.bf16 = True
    assert 0 < (draw(half, WORDS) - draw(model, WORDS)).abs().mean() < 0.05


def test_the_same_seed_gives_the_same_bits(model: Diffuser) -> None:
    assert torch.equal(draw(model, WORDS), draw(model, WORDS))
    assert not torch.equal(draw(model, WORDS), draw(model, dataclasses.replace(WORDS, seed=1)))


@given(scale=st.sampled_from(["cfg", "apg"]), seed=st.integers(0, 50), negative=st.sampled_from(["", "blue"]))
@settings(max_examples=6)
def test_guidance_at_scale_1_is_the_conditional_model(model: Diffuser, scale: str, seed: int, negative: str) -> None:
    recipe = Recipe("red disc", negative, 1.0, 2, seed=seed, guidance=scale)
    outside = dataclasses.replace(recipe, guidance_scale=9.0, interval_low=0.0, interval_high=0.0)
    assert torch.equal(draw(model, recipe), draw(model, outside))


@given(seed=st.integers(0, 99), scale=st.floats(0, 20))
@settings(max_examples=30)
def test_ways_of_guiding_agree_where_the_papers_say_so(seed: int, scale: float) -> None:
    told, blind = torch.randn(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(seed)).unbind()
    assert torch.equal(guidance.classifier_free(told, blind, 1.0), told)
    assert torch.allclose(guidance.classifier_free(told, blind, 0.0), blind, atol=1e-5)
    assert torch.allclose(guidance.classifier_free(told, told, scale), told, atol=1e-4)
    assert torch.allclose(guidance.AdaptiveProjection()(told, blind, 1.0), told, atol=1e-5)
    plain = guidance.AdaptiveProjection(momentum=0.0, threshold_share=1e9, parallel=1.0)(told, blind, scale)
    assert torch.allclose(plain, guidance.classifier_free(told, blind, scale), atol=1e-3)
    calmed = guidance.rescaled(guidance.classifier_free(told, blind, scale), told, 1.0)
    assert torch.allclose(calmed.std((1, 2, 3)), told.std((1, 2, 3)), rtol=1e-3)


def test_cfg_plus_plus_at_scale_1_puts_unconditional_noise_back(model: Diffuser) -> None:
    plus = Recipe("red disc", guidance_scale=0.6, steps=3, sampler="ddim", guidance="cfg++")
    steps = list(sample(model, plus))
    assert all(step.unconditional is not None for step in steps)
    last = steps[-1]
    assert torch.allclose(last.latents, last.clean, atol=0.1)  # the last step has hardly any noise to put back
    assert not torch.equal(last.latents, list(sample(model, dataclasses.replace(plus, guidance="cfg")))[-1].latents)


def test_a_step_says_what_its_prediction_means(model: Diffuser) -> None:
    for step in sample(model, WORDS):
        assert torch.allclose(step.alpha * step.clean + step.sigma * step.noise, step.noisy, atol=1e-3)


def test_drawing_can_be_left_between_steps(model: Diffuser) -> None:
    taken = []
    for step in sample(model, dataclasses.replace(WORDS, steps=50)):
        taken.append(step.number)
        if step.number == 2:
            break
    assert taken == [1, 2]


def test_a_picture_to_start_from_shines_through_at_low_strength(model: Diffuser) -> None:
    start = model.encode_pictures([np.full((8, 8, 3), 200, np.uint8)])
    near, far = (draw(model, dataclasses.replace(WORDS, steps=20, guidance_scale=1.0, strength=share), start) for share in (0.05, 1.0))  # fmt: skip
    clean = model.decode(start)
    assert (near - clean).abs().mean() < (far - clean).abs().mean()


def test_a_png_makes_its_picture_again(model: Diffuser) -> None:
    recipe = Recipe("red disc", "blue", 2.5, 3, "euler", seed=5, n_images=2, rescale=0.3)
    first = save_pictures(model, recipe, draw(model, recipe))
    found, about = recipe_in(first[1])
    assert (found.seed, about["fingerprint"]) == (6, model.fingerprint)
    again = save_pictures(model, found, draw(model, found))
    difference = np.asarray(_open(first[1]), int) - np.asarray(_open(again[0]), int)
    assert np.abs(difference).max() <= 1  # in a batch of two before, alone now


def _open(path: Path) -> Any:
    from PIL import Image

    return Image.open(path)


# -- what is refused -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": "  "}, "prompt is empty: write what"),
        ({"prompt": "red disc " * 9}, r"has 18 tokens; this model reads 6.*would not be read"),
        ({"negative_prompt": "blue " * 9}, "negative prompt has 9 tokens"),
        ({"guidance_scale": -1.0}, "guidance_scale: -1 was given; 0 to 50"),
        ({"guidance_scale": float("nan")}, "guidance_scale: nan"),
        ({"steps": 0}, "steps: 0 was given; 1 to 1000"),
        ({"steps": 10_000}, "steps: 10000 was given"),
        ({"sampler": "lcm"}, "lcm needs a model that was distilled for it; this model can use: dpm"),
        ({"sampler": "magic"}, "no sampler 'magic'"),
        ({"width": 15}, "width: 15 was given; this model draws multiples of 2 up to 2048: 16, say"),
        ({"n_images": 0}, "n_images: 0 was given"),
        ({"guidance": "cfg++"}, "of the sampler ddim alone"),
        ({"guidance": "cfg++", "sampler": "ddim"}, "takes 0 to 1"),
        ({"interval_low": 0.8, "interval_high": 0.2}, "guidance interval is 0.8 to 0.2"),
    ],
)
def test_an_order_that_cannot_be_drawn_is_refused_in_words(changes: dict, words: str, model: Diffuser) -> None:
    with pytest.raises(UserError, match=words):
        next(sample(model, dataclasses.replace(WORDS, **changes)))


def test_a_flow_model_names_its_samplers() -> None:
    flow = Diffuser(pipeline("flow"))
    assert usable(flow) == ["dpm++", "unipc", "euler"]
    assert torch.isfinite(draw(flow, dataclasses.replace(WORDS, sampler="euler"))).all()
    with pytest.raises(UserError, match="ddpm cannot follow how this model was trained"):
        draw(flow, dataclasses.replace(WORDS, sampler="ddpm"))


def test_latents_that_are_no_numbers_stop_the_drawing() -> None:
    broken = Diffuser(pipeline())
    with torch.no_grad():
        broken.unet.conv_out.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="After step 1 of 4 the latents are no longer numbers"):
        draw(broken, WORDS)


def test_pipelines_of_another_kind_and_damaged_ones_are_told(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    with pytest.raises(UserError, match="is a FluxPipeline: text to image here takes a StableDiffusionPipeline"):
        load_as_made(tmp_path)
    import psutil

    with monkeypatch.context() as small:
        small.setattr(psutil, "virtual_memory", lambda: type("", (), {"available": 2**10})())
        with pytest.raises(UserError, match=r"needs about .* GB of memory in 32 bits; 0.0 GB are free"):
            load_as_made(folder)
    with pytest.raises(UserError, match="autoencoder alone"):
        endpoints.generate(load_as_made(folder / "vae"), "red disc")  # type: ignore[arg-type]


def test_a_picture_without_a_recipe_is_refused(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    with pytest.raises(UserError, match="does not say how it was made"):
        recipe_in(tmp_path / "plain.png")
