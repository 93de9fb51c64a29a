"""diffusion_cfg: text, latents, noise schedule and samplers, against stock diffusers and the papers' laws."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import psutil
import pytest
import torch
from diffusers import DDIMScheduler, LCMScheduler, UNet2DConditionModel
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from plugins._recognition import recognise
from plugins.diffusion_cfg import PLUGIN
from plugins.diffusion_cfg.denoiser.objective import MIN_LOSS_WEIGHT, min_snr_weights
from plugins.diffusion_cfg.denoiser.predictor import TextToImagePredictor
from plugins.diffusion_cfg.models import autoencoders, pipeline_io, text_encoder
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.models.noise_schedule import NoiseSchedule, make_scheduler
from plugins.diffusion_cfg.models.pipeline_io import StableDiffusionPipeline
from plugins.diffusion_cfg.sampling import guidance
from plugins.diffusion_cfg.sampling.generate import generate_images
from plugins.diffusion_cfg.sampling.loop import sample
from plugins.diffusion_cfg.sampling.png_metadata import read_request, save_images
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from plugins.diffusion_cfg.sampling.samplers import SAMPLERS
from plugins.diffusion_cfg.sampling.schedulers import usable_samplers
from plugins.diffusion_cfg.sampling.validate import validated
from tests.shapes import CAPTIONS
from tests.tiny_diffusion import tiny_pipeline
from training.errors import UserError

REQUEST = GenerationRequest("red disc", steps=4, guidance_scale=3.0)
PREDICTION_TYPES = ["epsilon", "v_prediction", "flow_prediction"]


@pytest.fixture(scope="module")
def model() -> LoadedPipeline:
    return LoadedPipeline(tiny_pipeline(), "micro")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A latent pipeline, saved."""
    folder = tmp_path_factory.mktemp("pipeline") / "latent"
    pipeline_io.save_pipeline(tiny_pipeline(latent=True), folder, half_precision=False)
    return folder


@pytest.fixture(scope="module")
def fashion() -> LoadedPipeline:
    """A starter: latents of trained weights."""
    return LoadedPipeline.load(PLUGIN.starters["fashion"])


# -- text and pixels ---------------------------------------------------------------------------------------------------


@given(st.text(max_size=40))
@settings(max_examples=30)
def test_every_text_can_be_tokenised(text: str) -> None:
    tokenizer = text_encoder.train_tokenizer(CAPTIONS, 600, 64)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id not in ids or "<|endoftext|>" in text.lower()


def test_words_of_the_captions_are_single_tokens() -> None:
    assert text_encoder.train_tokenizer(CAPTIONS, 600, 8).tokenize("red square") == ["red</w>", "square</w>"]


def test_the_same_captions_give_the_same_vocabulary() -> None:
    """A resumed run, and each of several processes, trains it again; sub-words of one count came in any order."""
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcdefghij"), random.integers(3, 8))) for _ in range(300)]
    captions = [" ".join(random.choice(words, 4)) for _ in range(200)]
    made = [text_encoder.train_tokenizer(captions, 700, 16).get_vocab() for _ in range(6)]
    assert all(vocabulary == made[0] for vocabulary in made) and len(made[0]) == 700


def test_the_pixel_autoencoder_is_the_identity() -> None:
    vae, pixels = autoencoders.make_pixel_autoencoder(3), torch.rand(2, 3, 16, 16) * 2 - 1
    latents = autoencoders.encode_images(vae, pixels)
    assert torch.allclose(latents, pixels, atol=1e-5)
    assert torch.allclose(autoencoders.decode_latents(vae, latents), pixels, atol=1e-5)


# -- the forward process -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
@given(timestep=st.integers(1, 999), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_the_target_converts_back_to_image_and_noise(prediction_type: str, timestep: int, seed: int) -> None:
    schedule = NoiseSchedule.from_config(make_scheduler(prediction_type, "cosine", False).config)
    clean, noise = torch.randn(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    timesteps = torch.tensor([timestep, timestep])
    noisy, target = schedule.add_noise(clean, noise, timesteps), schedule.target(clean, noise, timesteps)
    predicted_clean, predicted_noise = schedule.to_clean_and_noise(target, noisy, timesteps)
    alpha = float(schedule.alpha_sigma(timesteps[:1])[0])
    assert torch.allclose(predicted_clean, clean, atol=1e-4 / max(alpha, 1e-3))
    assert torch.allclose(predicted_noise, noise, atol=1e-3)
    assert torch.allclose(schedule.from_clean(clean, noisy, timesteps), target, atol=2e-2)


def test_the_last_timestep_of_zero_terminal_snr_is_pure_noise() -> None:
    zero, plain = (
        NoiseSchedule.from_config(make_scheduler("v_prediction", "scaled_linear", zero_terminal_snr).config)
        for zero_terminal_snr in (True, False)
    )
    assert float(zero.alpha_sigma_curves[0][-1]) < 1e-3 < 0.05 < float(plain.alpha_sigma_curves[0][-1])


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
def test_min_snr_weights_make_the_loss_that_of_x_0_with_the_snr_capped(prediction_type: str) -> None:
    """Hang et al. (2023): squared error of x_0, times min(SNR, gamma)."""
    schedule = NoiseSchedule.from_config(make_scheduler(prediction_type, "scaled_linear", False).config)
    timesteps = torch.tensor([100, 300, 500])
    alpha, sigma = schedule.alpha_sigma(timesteps)
    clean, noise, error = torch.randn(3, 3, 2, 4, 4).unbind()
    noisy = schedule.add_noise(clean, noise, timesteps)
    prediction = schedule.target(clean, noise, timesteps) + error
    predicted_clean = schedule.to_clean_and_noise(prediction, noisy, timesteps)[0]
    expected = (predicted_clean - clean).square().flatten(1).mean(1) * (alpha / sigma).square().clamp(max=5)
    weights = min_snr_weights(schedule, timesteps, 5.0)
    assert (weights > MIN_LOSS_WEIGHT).all()
    assert torch.allclose(error.square().flatten(1).mean(1) * weights, expected, rtol=1e-3)


# -- sampling ----------------------------------------------------------------------------------------------------------


def stock_pipeline(folder: Path) -> Any:
    with pipeline_io.quiet_libraries():
        stock = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    stock.set_progress_bar_config(disable=True)
    return stock


def assert_as_stock(ours: torch.Tensor, stock: Any, seeds: range, steps: int, negative_prompt: str = "") -> None:
    """Our images, in [-1, 1], equal those of the stock pipeline, in [0, 1], to 1e-4."""
    images = stock(
        ["red disc"] * len(seeds),
        negative_prompt=[negative_prompt] * len(seeds),
        guidance_scale=3.0,
        num_inference_steps=steps,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        output_type="np",
    ).images
    assert np.abs(images - (ours.clamp(-1, 1).permute(0, 2, 3, 1).numpy() + 1) / 2).max() < 1e-4


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpm++", "unipc", "euler"])
def test_images_equal_those_of_the_stock_pipeline(sampler: str, folder: Path) -> None:
    request = GenerationRequest("red disc", "blue", 3.0, 5, sampler, seed=7, n_images=2)
    stock = stock_pipeline(folder)
    stock.scheduler = getattr(diffusers, SAMPLERS[sampler].scheduler).from_config(stock.scheduler.config)
    assert_as_stock(generate_images(LoadedPipeline.load(folder), request), stock, range(7, 9), 5, "blue")


@pytest.mark.parametrize("sampler", ["ddim", "euler", "unipc"])
def test_deterministic_samplers_reach_the_same_latents(sampler: str, fashion: LoadedPipeline) -> None:
    """All follow one probability flow (Song et al., 2021); latents exceed 1, where DDIM would clip."""
    expected, latents = (
        list(sample(fashion, GenerationRequest("a dress", guidance_scale=3.0, sampler=name)))[-1].latents
        for name in ("dpm++", sampler)
    )
    assert expected.abs().max() > 2
    assert (latents - expected).norm() < 0.2 * expected.norm()


@pytest.mark.parametrize("name", PLUGIN.starters)
def test_stock_ddim_from_a_saved_pipeline_does_not_clip(name: str) -> None:
    stock = stock_pipeline(PLUGIN.starters[name])
    scheduler: Any = DDIMScheduler.from_config(stock.scheduler.config)
    assert not scheduler.config["clip_sample"]


def test_flow_images_equal_those_of_the_stock_pipeline(tmp_path: Path) -> None:
    pipeline_io.save_pipeline(tiny_pipeline("flow_prediction"), tmp_path / "flow", half_precision=False)
    ours = generate_images(LoadedPipeline.load(tmp_path / "flow"), REQUEST)
    assert_as_stock(ours, stock_pipeline(tmp_path / "flow"), range(1), 4)


@pytest.mark.parametrize("takes_guidance_scale", [True, False])
def test_a_consistency_model_uses_lcm_only_and_equals_stock(takes_guidance_scale: bool, tmp_path: Path) -> None:
    pipeline: Any = tiny_pipeline("epsilon")
    if takes_guidance_scale:
        torch.manual_seed(0)
        pipeline.unet = UNet2DConditionModel.from_config({**pipeline.unet.config, "time_cond_proj_dim": 16})
    pipeline.scheduler = LCMScheduler.from_config(pipeline.scheduler.config)
    pipeline_io.save_pipeline(pipeline, tmp_path / "lcm", half_precision=False)
    model = LoadedPipeline.load(tmp_path / "lcm")
    assert usable_samplers(model) == ["lcm"]
    ours = generate_images(model, replace(REQUEST, sampler="lcm"))
    assert_as_stock(ours, stock_pipeline(tmp_path / "lcm"), range(1), 4)


def test_in_16_bits_the_images_are_nearly_the_same(model: LoadedPipeline) -> None:
    half = LoadedPipeline(tiny_pipeline())
    half.bf16 = True
    assert 0 < (generate_images(half, REQUEST) - generate_images(model, REQUEST)).abs().mean() < 0.05


def test_the_same_seed_gives_the_same_bits(model: LoadedPipeline) -> None:
    assert torch.equal(generate_images(model, REQUEST), generate_images(model, REQUEST))
    assert not torch.equal(generate_images(model, REQUEST), generate_images(model, replace(REQUEST, seed=1)))


@given(method=st.sampled_from(["cfg", "apg"]), seed=st.integers(0, 50), negative=st.sampled_from(["", "blue"]))
@settings(max_examples=6)
def test_guidance_at_scale_1_is_the_conditional_model(
    model: LoadedPipeline, method: str, seed: int, negative: str
) -> None:
    request = GenerationRequest("red disc", negative, 1.0, 2, seed=seed, guidance_method=method)
    outside_interval = replace(request, guidance_scale=9.0, interval_low=0.0, interval_high=0.0)
    assert torch.equal(generate_images(model, request), generate_images(model, outside_interval))


@given(seed=st.integers(0, 99), scale=st.floats(0, 20))
@settings(max_examples=30)
def test_guidance_methods_agree_where_the_papers_say_so(seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    conditional, unconditional = torch.randn(2, 2, 3, 4, 4, generator=generator).unbind()
    guided = guidance.classifier_free(conditional, unconditional, scale)
    assert torch.equal(guidance.classifier_free(conditional, unconditional, 1.0), conditional)
    assert torch.allclose(guidance.classifier_free(conditional, unconditional, 0.0), unconditional, atol=1e-5)
    assert torch.allclose(guidance.classifier_free(conditional, conditional, scale), conditional, atol=1e-4)
    assert torch.allclose(guidance.AdaptiveProjection()(conditional, unconditional, 1.0), conditional, atol=1e-5)
    without_projection = guidance.AdaptiveProjection(momentum=0.0, threshold_share=1e9, parallel=1.0)
    assert torch.allclose(without_projection(conditional, unconditional, scale), guided, atol=1e-3)
    rescaled = guidance.rescale(guided, conditional, 1.0)
    assert torch.allclose(rescaled.std((1, 2, 3)), conditional.std((1, 2, 3)), rtol=1e-3)


def test_cfg_plus_plus_renoises_with_the_unconditional_prediction(model: LoadedPipeline) -> None:
    request = GenerationRequest("red disc", guidance_scale=0.6, steps=3, sampler="ddim", guidance_method="cfg++")
    steps = list(sample(model, request))
    assert all(step.unconditional is not None for step in steps)
    assert torch.allclose(steps[-1].latents, steps[-1].clean, atol=0.1)  # the last step has hardly any noise to add
    plain = list(sample(model, replace(request, guidance_method="cfg")))
    assert not torch.equal(steps[-1].latents, plain[-1].latents)


def test_clean_and_noise_of_a_step_add_up_to_x_t(model: LoadedPipeline) -> None:
    for step in sample(model, REQUEST):
        assert torch.allclose(step.alpha * step.clean + step.sigma * step.noise, step.noisy, atol=1e-3)


def test_sampling_can_be_stopped_between_steps(model: LoadedPipeline) -> None:
    numbers = []
    for step in sample(model, replace(REQUEST, steps=50)):
        numbers.append(step.number)
        if step.number == 2:
            break
    assert numbers == [1, 2]


def test_an_initial_image_is_kept_at_low_strength(model: LoadedPipeline) -> None:
    start = model.encode_images([np.full((8, 8, 3), 200, np.uint8)])
    low, high = (
        generate_images(model, replace(REQUEST, steps=20, guidance_scale=1.0, strength=strength), start)
        for strength in (0.05, 1.0)
    )
    initial = model.decode(start)
    assert (low - initial).abs().mean() < (high - initial).abs().mean()


def test_the_metadata_of_a_png_generate_it_again(model: LoadedPipeline) -> None:
    request = GenerationRequest("red disc", "blue", 2.5, 3, "euler", seed=5, n_images=2, guidance_rescale=0.3)
    first = save_images(model, request, generate_images(model, request))
    restored, provenance = read_request(first[1])
    assert (restored.seed, restored.width, provenance.fingerprint) == (6, 8, model.fingerprint)
    again = save_images(model, restored, generate_images(model, restored))
    difference = np.asarray(Image.open(first[1]), int) - np.asarray(Image.open(again[0]), int)
    assert np.abs(difference).max() <= 1  # in a batch of two before, alone now


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpm++", "unipc", "euler"])
def test_an_image_of_several_is_that_of_its_seed_alone(sampler: str, model: LoadedPipeline) -> None:
    request = replace(REQUEST, sampler=sampler, n_images=3, seed=7)
    several = generate_images(model, request)
    for number in range(3):
        alone = generate_images(model, replace(request, n_images=1, seed=7 + number))
        assert (several[number : number + 1] - alone).abs().max() < 1 / 255  # half a level: [-1, 1] has 255 of 2 / 255


def test_other_programs_see_the_strength_of_image_to_image(tmp_path: Path) -> None:
    predictor = TextToImagePredictor(tiny_pipeline(), "tiny")
    given = tmp_path / "given.png"
    Image.fromarray(np.full((8, 8, 3), 200, np.uint8)).save(given)
    [varied] = predictor.vary(given, "red disc", strength=0.65, steps=2)
    [generated] = predictor.generate("red disc", steps=2)
    assert Image.open(varied).text["parameters"].endswith(", Denoising strength: 0.65")  # type: ignore[attr-defined]
    assert "Denoising strength" not in Image.open(generated).text["parameters"]  # type: ignore[attr-defined]


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": "  "}, "prompt is empty: write what"),
        ({"prompt": "red disc " * 9}, r"has 18 tokens; this model reads 6.*would be truncated"),
        ({"negative_prompt": "blue " * 9}, "negative prompt has 9 tokens"),
        ({"guidance_scale": -1.0}, "guidance_scale: -1 was given; 0 to 50"),
        ({"guidance_scale": float("nan")}, "guidance_scale: nan"),
        ({"steps": 0}, "steps: 0 was given; 1 to 1000"),
        ({"steps": 10_000}, "steps: 10000 was given"),
        ({"seed": 2**63}, "seed: 9223372036854775808 was given; 0 to 9223372036854775743 is allowed"),
        ({"sampler": "lcm"}, "lcm needs a model that was distilled for it; this model can use: dpm"),
        ({"sampler": "magic"}, "no sampler 'magic'"),
        ({"width": 15}, "width: 15 was given; this model generates multiples of 2 up to 2048, such as 16"),
        ({"n_images": 0}, "n_images: 0 was given"),
        ({"guidance_method": "magic"}, "no guidance method 'magic'"),
        ({"guidance_method": "cfg++"}, "of the sampler ddim only"),
        ({"guidance_method": "cfg++", "sampler": "ddim"}, "takes 0 to 1"),
        ({"interval_low": 0.8, "interval_high": 0.2}, "guidance interval is 0.8 to 0.2"),
    ],
)
def test_an_impossible_request_is_refused_with_the_reason(
    changes: dict[str, Any], message: str, model: LoadedPipeline
) -> None:
    with pytest.raises(UserError, match=message):
        next(sample(model, replace(REQUEST, **changes)))


def test_a_flow_model_names_its_samplers() -> None:
    flow = LoadedPipeline(tiny_pipeline("flow_prediction"))
    assert usable_samplers(flow) == ["dpm++", "unipc", "euler"]
    assert torch.isfinite(generate_images(flow, replace(REQUEST, sampler="euler"))).all()
    with pytest.raises(UserError, match="ddpm does not fit how this model was trained"):
        generate_images(flow, replace(REQUEST, sampler="ddpm"))


def test_latents_that_are_not_finite_stop_the_sampling() -> None:
    damaged = LoadedPipeline(tiny_pipeline())
    with torch.no_grad():
        damaged.unet.conv_out.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="After step 1 of 4 the latents are no longer finite"):
        generate_images(damaged, REQUEST)


def test_a_pipeline_of_another_class_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    with pytest.raises(UserError, match="is a FluxPipeline: text to image here takes a StableDiffusionPipeline"):
        PLUGIN.kind("denoiser").load(tmp_path)


def test_a_pipeline_that_does_not_fit_into_memory_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("", (), {"available": 2**10})())
    with pytest.raises(UserError, match=r"needs about .* GB of memory; 0.0 GB are free"):
        PLUGIN.kind("denoiser").load(folder)


def test_pipelines_and_autoencoders_are_recognised_as_their_kinds(folder: Path) -> None:
    assert recognise(folder, "pipeline", [PLUGIN])[1].name == "denoiser"
    assert recognise(folder / "vae", "vae", [PLUGIN])[1].name == "autoencoder"


def test_a_folder_without_an_autoencoder_is_refused(folder: Path) -> None:
    PLUGIN.kind("autoencoder").load(folder / "vae")
    with pytest.raises(UserError, match=r"unet is no autoencoder .*: train one with autoencoder"):
        PLUGIN.kind("autoencoder").load(folder / "unet")


def test_an_image_without_generation_parameters_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    with pytest.raises(UserError, match="holds no generation parameters"):
        read_request(tmp_path / "plain.png")


def test_a_call_on_a_shared_server_is_bounded(monkeypatch: pytest.MonkeyPatch, model: LoadedPipeline) -> None:
    steps = model.noise_schedule.num_timesteps
    request = GenerationRequest(CAPTIONS[0], steps=steps, n_images=2000 // steps + 1)
    assert validated(model, request).steps == steps
    monkeypatch.setenv("SELFSUP_SHARED", "1")
    with pytest.raises(UserError, match="a shared server takes 2,000 a call"):
        validated(model, request)
    assert validated(model, replace(request, n_images=2000 // steps)).n_images == 2000 // steps
