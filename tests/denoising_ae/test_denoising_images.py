"""denoising_ae on images: noise, metrics, networks, tiles, the kind `images`, endpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from plugins.denoising_ae import PLUGIN
from plugins.denoising_ae.images import report
from plugins.denoising_ae.images.inference.dihedral import SYMMETRIES, inverse_transform, transform
from plugins.denoising_ae.images.inference.image_denoiser import ImageDenoiser
from plugins.denoising_ae.images.inference.opponent_colour import from_opponent, to_opponent
from plugins.denoising_ae.images.inference.progress import run_to_end
from plugins.denoising_ae.images.inference.tiling import denoise_tiled
from plugins.denoising_ae.images.metrics import psnr, ssim
from plugins.denoising_ae.images.pairs import match_pairs
from plugins.denoising_ae.images.patches import random_shrunk_patch
from plugins.denoising_ae.images.predictor import ImageDenoisingPredictor
from plugins.denoising_ae.images.request import DenoiseRequest
from plugins.denoising_ae.images.task import BLIND
from plugins.denoising_ae.inspect.noise_conditioning import denoise_at_levels
from plugins.denoising_ae.models.deeper_unet import deepened
from plugins.denoising_ae.models.denoising_cnn import DenoisingCNN, DenoisingCNNConfig
from plugins.denoising_ae.noise.blind_spots import mask_blind_spots
from plugins.denoising_ae.noise.corruptions import corrupt
from plugins.denoising_ae.noise.level_estimation import estimate_noise
from plugins.denoising_ae.noise.noise_types import NOISE_TYPES
from plugins.denoising_ae.tools import corrupt as corrupt_image
from plugins.testing import check_plugin
from tests.files import write
from tests.pictures import encoded, png16, scene, write_zip
from training.data.images.decode import decode
from training.data.images.image_set import ImageSet
from training.data.images.kept_pixels import KeptPixels
from training.data.images.read import read_images
from training.errors import UserError
from training.fit.loop import fit
from training.preflight import auto
from training.settings import parse_settings

KIND = PLUGIN.kind("images")
SETTINGS = KIND.trained_by
TINY = {"patch_size": 16, "batch_size": 4, "eval_images": 2, "eval_share": 0.25}
SHAPES = (
    DenoisingCNNConfig(width=4, depth=3),
    DenoisingCNNConfig(width=4, depth=2, blocks=2, channels=3, downsample_factor=1),
    DenoisingCNNConfig(variant="resnet", width=4, depth=6, noise_conditioned=False),
    DenoisingCNNConfig(width=4, depth=2, downsample_factor=4),
)


def random_network(config: DenoisingCNNConfig) -> DenoisingCNN:
    torch.manual_seed(0)
    model = DenoisingCNN(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def noisy_scene(height: int, width: int, channels: int = 1, level: float = 25) -> np.ndarray:
    """uint8, clipped at black and white as a file has it."""
    return eight_bits(corrupt(scene(height, width, channels).astype(np.float32) / 255, "gaussian", level, 0))


def eight_bits(image: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def denoiser(config: DenoisingCNNConfig) -> ImageDenoiser:
    return ImageDenoiser(random_network(config), {"name": "gaussian"})


def predictor(config: DenoisingCNNConfig) -> ImageDenoisingPredictor:
    return ImageDenoisingPredictor(denoiser(config))


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    return write_zip(tmp_path / "scenes.zip", {f"{n}.png": encoded(scene(40, 48, 3, n)) for n in range(8)})


@pytest.mark.parametrize("room", [True, False])
def test_images_decoded_into_a_file_give_the_same_batches(
    scenes: Path, tmp_path: Path, room: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so do those that the disk has no room for, which are decoded when they are sampled."""
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    settings = parse_settings(KIND.settings, {"data": str(scenes), "noise": "gaussian"})

    def batch() -> tuple[type, torch.Tensor]:
        task: Any = KIND.build(KIND.read(settings), settings)
        return type(task.train_images), task.collate([3, 0, 2], np.random.default_rng(1), True)["noisy"]

    kind, expected = batch()
    assert kind is list
    monkeypatch.setattr("plugins.denoising_ae.images.data.MAX_DECODED_BYTES", 0)
    if not room:
        monkeypatch.setattr("training.data.images.kept_pixels.MAX_SHARE_OF_DISK", 0.0)
    kind, found = batch()
    assert kind is (KeptPixels if room else ImageSet) and torch.equal(found, expected)


# -- noise -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NOISE_TYPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_noise_is_the_same_for_the_same_seed_and_grows_with_its_level(name: str, channels: int) -> None:
    clean = scene(40, 56, channels).astype(np.float32) / 255
    weak, strong = (
        NOISE_TYPES[name].default_range if name not in ("poisson", "jpeg") else NOISE_TYPES[name].default_range[::-1]
    )
    at_weak, at_strong = corrupt(clean, name, weak, 3), corrupt(clean, name, strong, 3)
    assert at_strong.shape == clean.shape and at_strong.dtype == np.float32
    assert np.abs(at_weak - clean).mean() < np.abs(at_strong - clean).mean()
    assert np.array_equal(at_strong, corrupt(clean, name, strong, 3))
    if name not in ("blur", "jpeg"):
        assert not np.array_equal(at_strong, corrupt(clean, name, strong, 4))
    assert NOISE_TYPES[name].conditioning(weak) < NOISE_TYPES[name].conditioning(strong)


def test_gaussian_noise_has_its_deviation_and_poisson_that_of_its_photons() -> None:
    grey = np.full((300, 300, 1), 0.5, np.float32)
    assert (corrupt(grey, "gaussian", 25, 0) - grey).std() * 255 == pytest.approx(25, rel=0.02)
    assert (corrupt(grey, "poisson", 50, 0) - grey).std() == pytest.approx((0.5 / 50) ** 0.5, rel=0.02)


@pytest.mark.parametrize(
    ("name", "level"), [("gaussian", -1), ("gaussian", 151), ("jpeg", 0), ("masked_blocks", 1), ("poisson", 0)]
)
def test_a_level_outside_its_range_is_refused(name: str, level: float) -> None:
    with pytest.raises(UserError, match=rf"Level {level} was given; {name} takes"):
        corrupt(scene(8, 8).astype(np.float32), name, level, 0)


@pytest.mark.parametrize(
    "values",
    [
        {"level_high": 151},
        {"level_low": 30, "level_high": 20},
        {"noise": "jpeg", "level_low": 0},
        {"noise": "blur", "level_high": 50},
    ],
)
def test_settings_refuse_levels_outside_their_range(values: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"levels [\d.]+ to [\d.]+ were given; \w+ takes"):
        parse_settings(SETTINGS, values)


def test_an_unknown_noise_is_refused_with_the_list_of_names() -> None:
    with pytest.raises(UserError, match=r"no noise 'snow'; there are: gaussian, poisson"):
        corrupt(scene(8, 8).astype(np.float32), "snow", 1, 0)


@pytest.mark.parametrize("level", [5, 15, 25, 50])
def test_the_noise_level_is_estimated_from_the_image(level: float) -> None:
    noisy = corrupt(scene(200, 300, 3).astype(np.float32) / 255, "gaussian", level, 1)
    assert estimate_noise(noisy).level == pytest.approx(level, rel=0.06)
    assert estimate_noise(noisy[:10]).level is None


def test_blur_is_the_convolution_with_a_gaussian_cut_off_at_three_sigma() -> None:
    clean = scene(30, 21, 3).astype(np.float32) / 255
    for sigma in (0, 0.4, 1.5, 12):  # at 12 the mirrored border is wider than the image
        reach = int(np.ceil(3 * sigma))
        weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2)) if sigma else np.ones(1)
        expected = clean.astype(np.float64)
        for axis in (0, 1):
            padding = [(reach, reach) if axis == each else (0, 0) for each in range(3)]
            padded, side = np.pad(expected, padding, mode="symmetric"), clean.shape[axis]
            slices = [padded.take(range(start, start + side), axis) for start in range(2 * reach + 1)]
            expected = np.tensordot(weights / weights.sum(), slices, 1)
        blurred = corrupt(clean, "blur", sigma, 0)
        assert blurred.dtype == np.float32 and np.abs(blurred - expected).max() < 1e-6


# -- metrics -----------------------------------------------------------------------------------------------------------


def test_psnr_of_a_known_error() -> None:
    clean = torch.full((1, 20, 20), 0.5)
    assert psnr(clean + 0.1, clean) == pytest.approx(20)
    assert psnr(clean, clean) == 100


def test_ssim_of_an_image_with_itself_is_one_and_of_flat_images_the_formulas() -> None:
    clean = torch.from_numpy(scene(30, 40).astype(np.float32) / 255).permute(2, 0, 1)
    assert ssim(clean, clean) == pytest.approx(1)
    assert ssim(clean + 0.2 * torch.randn(clean.shape), clean) < 0.8
    a, b = torch.full((1, 12, 12), 0.5), torch.full((1, 12, 12), 0.7)
    assert ssim(a, b) == pytest.approx((2 * 0.35 + 1e-4) / (0.25 + 0.49 + 1e-4), abs=1e-6)  # no variance on either side
    assert 0 < ssim(clean[:, :1, :1], clean[:, :1, :1]) <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_psnr_and_ssim_equal_those_of_scikit_image(channels: int) -> None:
    """With the settings of Wang et al., 2004, as scikit-image documents them."""
    metrics = pytest.importorskip("skimage.metrics")
    clean = scene(300, 57, channels).astype(np.float64) / 255
    for sigma in (5, 50):
        noisy = np.clip(clean + np.random.default_rng(sigma).normal(0, sigma / 255, clean.shape), 0, 1)
        ours = [torch.from_numpy(image).permute(2, 0, 1) for image in (noisy, clean)]
        wang = {
            "gaussian_weights": True,
            "sigma": 1.5,
            "use_sample_covariance": False,
            "data_range": 1,
            "channel_axis": 2,
        }
        full = metrics.structural_similarity(clean, noisy, full=True, **wang)[1]
        assert psnr(*ours) == pytest.approx(metrics.peak_signal_noise_ratio(clean, noisy, data_range=1), abs=1e-9)
        assert ssim(*ours) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-9)  # windows that lie within the image


def test_ssim_in_bands_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    clean, noisy = torch.rand(3, 60, 33), torch.rand(3, 60, 33)
    whole = ssim(noisy, clean)
    monkeypatch.setattr("plugins.denoising_ae.images.metrics.BAND", 16)
    assert ssim(noisy, clean) == pytest.approx(whole, abs=1e-12)


# -- networks and tiles ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", SHAPES)
def test_tiled_denoising_equals_untiled(config: DenoisingCNNConfig) -> None:
    model = random_network(config)
    picture = np.random.default_rng(0).random((150, 131, config.channels), dtype=np.float32)
    with torch.inference_mode():
        whole = (
            model(torch.from_numpy(picture).permute(2, 0, 1)[None], torch.tensor([20.0]))[0].permute(1, 2, 0).numpy()
        )
    for tile in (16, 40, 64):
        found = denoise_tiled(model, picture, 20.0, tile)
        assert np.abs(found - whole).max() < 1e-5 * np.abs(whole).max()


def test_denoising_yields_its_progress_and_can_be_closed() -> None:
    model, pixels = denoiser(SHAPES[0]), noisy_scene(40, 48, 3)
    work = model.denoise_with_progress(pixels, tile=16)
    assert next(work) == pytest.approx(1 / 27)  # 9 tiles, for luma and two chromas each
    assert list(work)[-1] == 1
    assert np.array_equal(run_to_end(model.denoise_with_progress(pixels)).pixels, model.denoise(pixels).pixels)
    work = model.denoise_with_progress(pixels, tile=16)
    next(work)
    work.close()


@pytest.mark.parametrize("config", SHAPES)
def test_the_receptive_field_is_that_of_the_config(config: DenoisingCNNConfig) -> None:
    """No pixel further away changes an output pixel, and one at that distance does, for some place in the stride."""
    model, side = random_network(config).double(), 2 * config.receptive_radius + 4 * config.stride
    picture = torch.rand(1, config.channels, side, side, dtype=torch.float64, requires_grad=True)
    furthest = 0
    for place in range(side // 2, side // 2 + config.stride):
        [gradient] = torch.autograd.grad(model(picture)[0, 0, place, place], picture)
        rows = gradient[0].abs().sum((0, 2)).nonzero()
        furthest = max(furthest, int((rows - place).abs().max()))
    assert furthest == config.receptive_radius


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3), (16, 17)])
def test_images_of_any_size_pass(size: tuple[int, int]) -> None:
    for config in SHAPES:
        assert random_network(config)(torch.rand(2, config.channels, *size)).shape == (2, config.channels, *size)


def test_an_untrained_network_returns_its_input() -> None:
    image = torch.rand(1, 1, 20, 20)
    assert torch.equal(DenoisingCNN(SHAPES[0])(image), image)


@pytest.mark.parametrize("config", SHAPES[:2])
def test_a_deeper_network_computes_the_same_at_first_and_trains_every_block(config: DenoisingCNNConfig) -> None:
    model = random_network(config)
    deeper = deepened(model, 2)
    noisy, level = torch.rand(2, config.channels, 21, 18), torch.tensor([25.0, BLIND])
    assert deeper.config == replace(config, blocks=config.blocks + 2)
    torch.testing.assert_close(deeper(noisy, level), model(noisy, level))
    deeper(noisy, level).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for name, weight in deeper.named_parameters() if "second" in name)  # fmt: skip


def test_blocks_are_added_to_u_nets_and_to_weights_only() -> None:
    with pytest.raises(UserError, match="no weights to add blocks to"):
        parse_settings(SETTINGS, {"model": "scratch", "added_blocks": 1})
    with pytest.raises(UserError, match="set it to 0"):
        deepened(random_network(SHAPES[2]), 1)


def test_the_conditioning_level_changes_the_output_and_nan_is_blind() -> None:
    model, picture = random_network(SHAPES[0]), torch.rand(1, 1, 16, 16)
    assert not torch.equal(model(picture, torch.tensor([50.0])), model(picture, torch.tensor([10.0])))
    assert torch.equal(model(picture), model(picture, torch.tensor([torch.nan])))


# -- image denoiser ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", SHAPES[:2])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_grey_and_colour_of_both_depths_pass_through_any_network(
    config: DenoisingCNNConfig, channels: int, kind: Any
) -> None:
    pixels = (noisy_scene(20, 24, channels).astype(kind) << (8 if kind is np.uint16 else 0)).astype(kind)
    found = denoiser(config).denoise(pixels)
    assert found.pixels.shape == pixels.shape and found.pixels.dtype == kind
    assert np.array_equal(denoiser(config).denoise(pixels, 0).pixels, pixels)


def test_networks_of_gaussian_noise_are_conditioned_on_the_estimated_level_and_others_denoise_blind() -> None:
    pixels = np.clip(scene(40, 48) + np.random.default_rng(0).normal(0, 20, (40, 48, 1)), 0, 255).astype(np.uint8)
    model = denoiser(SHAPES[0])
    found = model.denoise(pixels)
    assert found.noise_level and np.array_equal(found.pixels, model.denoise_at_level(pixels, found.noise_level))
    model.noise["name"] = "jpeg"
    assert np.array_equal(model.denoise(pixels).pixels, model.denoise_at_level(pixels, None))
    assert not np.array_equal(model.denoise(pixels).pixels, found.pixels)


def test_the_self_ensemble_is_equivariant_to_rotations_and_reflections() -> None:
    model, pixels = denoiser(SHAPES[2]), noisy_scene(24, 40)
    alone, together = model.denoise(pixels).residual, model.denoise(pixels, self_ensemble=True).residual
    assert not np.allclose(alone, together)
    for number in range(SYMMETRIES):
        assert np.array_equal(inverse_transform(transform(pixels, number), number), pixels)
        found = model.denoise(transform(pixels, number), self_ensemble=True).residual
        assert np.allclose(found, transform(together, number), atol=1e-6)


def test_half_the_strength_removes_half() -> None:
    model, pixels = denoiser(SHAPES[0]), noisy_scene(24, 24)
    assert np.allclose(model.denoise(pixels, 0.5).residual, model.denoise(pixels).residual / 2)


def test_a_strength_above_one_needs_a_noise_conditioned_network() -> None:
    pixels = noisy_scene(24, 24)
    assert not np.array_equal(
        denoiser(SHAPES[0]).denoise(pixels, 2).residual, denoiser(SHAPES[0]).denoise(pixels).residual
    )
    with pytest.raises(UserError, match="take no noise level"):
        denoiser(SHAPES[2]).denoise(pixels, 1.5)
    with pytest.raises(UserError, match=r"0 \(nothing\) to 2"):
        denoiser(SHAPES[0]).denoise(pixels, 2.1)


def test_the_opponent_colours_keep_white_noise_white() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (200, 200, 3)).astype(np.float32)
    planes = to_opponent(0.5 + noise)
    assert np.allclose(from_opponent(planes), 0.5 + noise, atol=1e-6)
    assert np.allclose(np.cov(planes.reshape(-1, 3).T), 0.01 * np.eye(3), atol=5e-4)


# -- blind spots -------------------------------------------------------------------------------------------------------


def test_one_pixel_of_each_cell_is_replaced_by_a_neighbour() -> None:
    picture = np.arange(32 * 32, dtype=np.float32).reshape(32, 32, 1)  # all different
    hidden, where = mask_blind_spots(picture, np.random.default_rng(0))
    changed = (hidden != picture)[..., 0]
    assert np.array_equal(changed, where[..., 0] > 0) and 9 <= changed.sum() <= 25
    rows, columns = np.nonzero(changed)
    source = hidden[rows, columns, 0].astype(int)
    assert np.abs(source // 32 - rows).max() <= 2 and np.abs(source % 32 - columns).max() <= 2


# -- the kind ----------------------------------------------------------------------------------------------------------


def train(folder: Path, data: Path, **values: Any) -> tuple[dict[str, float], Any]:
    settings = parse_settings(SETTINGS, {"data": str(data), **TINY, **values})
    data, sheet = KIND.examine(settings)
    sheet.raise_if_blocked()
    folder.mkdir()
    progress = fit(KIND.build(data, settings), settings, folder)
    return progress.best_metrics, KIND.load(folder / "artifact").denoiser


@pytest.mark.parametrize(
    "values",
    [
        {"channels": "grey", "ema_decay": 0.5, "half_precision": True, "loss": "psnr"},
        {"channels": "both", "network": "resnet", "noise": "jpeg"},
        {"channels": "colour", "supervision": "noise2noise", "noise": "poisson", "noise_conditioning_probability": 0},
        {"supervision": "noise2void", "noise": "none"},
    ],
)
def test_images_keeps_the_contract(tmp_path: Path, scenes: Path, values: dict[str, Any]) -> None:
    call = {"images": lambda model: model.denoiser.denoise(scene(20, 20, 3)).pixels.tolist()}
    check_plugin(replace(PLUGIN, kinds=(KIND,)), tmp_path, {"images": {"data": str(scenes), **TINY, **values}}, call)


@pytest.mark.parametrize("supervision", ["noise2noise", "noise2void"])
def test_grey_examples_of_a_colour_network_are_as_noisy_as_colour_ones(scenes: Path, supervision: str) -> None:
    settings = {"data": str(scenes), **TINY, "supervision": supervision, "level_low": 50, "channels": "both"}
    parsed = parse_settings(SETTINGS, settings)
    task = KIND.build(KIND.read(parsed), parsed)
    batch = task.collate([0] * 60, np.random.default_rng(0), True)
    grey = (batch["target"].amax(1) == batch["target"].amin(1)).flatten(1).all(1)
    roughness = (batch["target"][..., 1:] - batch["target"][..., :-1]).std((1, 2, 3))
    assert 15 < int(grey.sum()) < 45
    assert float(roughness[grey].mean()) == pytest.approx(float(roughness[~grey].mean()), rel=0.1)


def test_the_network_learns_to_denoise_smooth_scenes(tmp_path: Path, scenes: Path) -> None:
    """A network that returns its input stays at the noisy picture's 20.2 dB."""
    metrics, model = train(
        tmp_path / "run",
        scenes,
        network="resnet",
        steps=80,
        level_low=25,
        level_high=25,
        patch_size=32,
        batch_size=8,
        learning_rate=3e-3,
        ema_decay=0.9,
    )
    assert metrics["psnr"] > metrics["psnr_noisy"] + 4
    noisy = corrupt(scene(64, 64, 1, 99).astype(np.float32) / 255, "gaussian", 25, 0)
    given = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    before, after = (
        np.square(each.astype(float) - scene(64, 64, 1, 99)).mean() for each in (given, model.denoise(given).pixels)
    )
    assert after < before / 2


@pytest.mark.parametrize("channels", [1, 3])
def test_a_shrunk_patch_shows_more_of_the_image(channels: int) -> None:
    ramp = np.broadcast_to(
        np.arange(100, dtype=np.uint8)[:, None, None], (100, 100, channels)
    )  # one grey level a pixel
    rng = np.random.default_rng(0)
    patches = [random_shrunk_patch(ramp, 32, 0.5, rng) for _ in range(40)]
    assert {patch.shape for patch in patches} == {(32, 32, channels)} and patches[0].dtype == np.float32
    spans = np.array([np.ptp(patch) for patch in patches]) * 255 + 1  # pixels of the image along a side
    assert 31 <= spans.min() < 38 and 56 < spans.max() <= 64
    assert np.ptp(random_shrunk_patch(ramp[:32], 32, 0.5, rng)) * 255 == pytest.approx(31, abs=0.1)  # no room


def test_only_clean_images_are_shrunk(tmp_path: Path, scenes: Path) -> None:
    def first_targets(**values: Any) -> torch.Tensor:
        settings = parse_settings(SETTINGS, {"data": str(scenes), **TINY, **values})
        task = KIND.build(KIND.examine(settings)[0], settings)
        return task.collate(list(range(6)), np.random.default_rng(0), training=True)["target"]

    assert not torch.equal(first_targets(smallest_scale=0.5), first_targets())
    assert torch.equal(first_targets(noise="none", smallest_scale=0.5), first_targets(noise="none"))


def test_noise2void_learns_to_denoise_without_clean_images(tmp_path: Path) -> None:
    """Noise2Void on noisy pictures alone: a network that repeats its input would not come below the noise."""
    noisy = {
        f"{n}.png": np.clip(corrupt(scene(40, 48, 1, n).astype(np.float32) / 255, "gaussian", 40, n), 0, 1)
        for n in range(8)
    }
    data = write_zip(
        tmp_path / "noisy.zip", {name: encoded(np.rint(each * 255).astype(np.uint8)) for name, each in noisy.items()}
    )
    _, model = train(
        tmp_path / "run",
        data,
        network="resnet",
        steps=150,
        noise="none",
        supervision="noise2void",
        patch_size=32,
        batch_size=4,
        learning_rate=3e-3,
        ema_decay=0.9,
    )
    clean = scene(40, 48, 1, 0)
    given = np.rint(noisy["0.png"] * 255).astype(np.uint8)
    before, after = (np.square(each.astype(float) - clean).mean() for each in (given, model.denoise(given).pixels))
    assert after < before / 2


def test_pairs_are_matched_by_name_and_the_unmatched_listed(tmp_path: Path) -> None:
    content = {f"clean/{n}.png": encoded(scene(24, 24, 1, n)) for n in range(5)}
    content |= {f"noisy/{n}.jpg": encoded(scene(24, 24, 1, n), "JPEG", quality=10) for n in range(1, 6)}
    content |= {"noisy/7.png": encoded(scene(24, 30)), "clean/7.png": encoded(scene(24, 24))}
    data = write_zip(tmp_path / "pairs.zip", content)
    settings = parse_settings(SETTINGS, {"data": str(data), "noise": "none", **TINY})
    said = " | ".join(f"{one.title}: {one.detail}" for one in KIND.examine(settings)[1].findings)
    assert "5 pairs" in said and "noisy/5, clean/0" in said and "1 pairs are of two sizes" in said
    metrics, _ = train(tmp_path / "run", data, steps=4, noise="none")
    assert metrics["psnr_noisy"] < 45


@pytest.mark.parametrize(
    ("noisy", "clean"),
    [
        ("input/{}.png", "gt/{}.png"),
        ("data/Noisy Images/{}.png", "data/Clean Images/{}.png"),
        ("LQ/{}.png", "HQ/{}.png"),
        ("photo_{}_noisy.png", "photo_{}_clean.png"),
        ("000{}_GP/NOISY_SRGB_010.png", "000{}_GP/GT_SRGB_010.png"),
    ],
)
def test_pairs_are_found_by_the_words_of_other_data_sets(noisy: str, clean: str, tmp_path: Path) -> None:
    content = {noisy.format(n): encoded(scene(24, 24, 1, n), "JPEG", quality=10) for n in range(6)}
    content |= {clean.format(n): encoded(scene(24, 24, 1, n)) for n in range(6)}
    images = read_images(write_zip(tmp_path / "pairs.zip", content | {"cover.png": encoded(scene(24, 24))}))
    found = match_pairs(images)
    assert found is not None
    sides = [[side.name(row) for row in range(len(side))] for side in found[:2]]
    assert sides == [[name.format(n) for n in range(6)] for name in (noisy, clean)]
    assert found[2][0].level == "amber" and found[2][0].title.startswith("6 pairs")
    assert "rename the " in found[2][0].detail and found[2][0].detail.endswith("trained on as a clean one.")


@pytest.mark.parametrize(
    "names",
    [
        ("gt_1.png", "a.png"),
        ("input/1.png", "target/2.png"),
        ("1.png", "2.png"),
        ("low/1.png", "high/1.png"),
        ("input/1.png", "target/1.png", "mask/1.png"),
        ("a/input/1.png", "a/gt/1.png", "a/depth/1.jpg"),
    ],
)
def test_images_without_partners_are_single_clean_ones(names: tuple[str, ...], tmp_path: Path) -> None:
    images = read_images(write_zip(tmp_path / "x.zip", {name: encoded(scene(24, 24)) for name in names}))
    assert match_pairs(images) is None


def test_folders_without_a_common_name_are_refused(tmp_path: Path) -> None:
    data = write_zip(tmp_path / "x.zip", {"noisy/a.png": encoded(scene(9, 9)), "clean/b.png": encoded(scene(9, 9))})
    [row] = KIND.examine(parse_settings(SETTINGS, {"data": str(data)}))[1].findings
    assert row.level == "red" and "noisy/a, clean/b" in row.detail


@pytest.mark.parametrize(
    ("values", "words"),
    [({"noise": "none"}, "nothing to learn"), ({}, "data: no file was given"), ({"data": "text"}, "holds no")],
)
def test_unusable_data_are_a_red_finding(values: dict[str, Any], words: str, tmp_path: Path, scenes: Path) -> None:
    given = {"data": str(scenes) if "noise" in values else "", **values}
    given["data"] = str(write(tmp_path / "x.csv", "a,b\n1,2\n")) if given["data"] == "text" else given["data"]
    sheet = KIND.examine(parse_settings(SETTINGS, given))[1]
    assert sheet.blocked and words in " ".join(f"{one.title} {one.detail}" for one in sheet.findings)


def test_training_continues_from_weights(tmp_path: Path, scenes: Path) -> None:
    first, _ = train(tmp_path / "first", scenes, steps=30, learning_rate=3e-3)
    again, _ = train(
        tmp_path / "again", scenes, steps=1, learning_rate=1e-9, model=str(tmp_path / "first" / "artifact")
    )
    assert again["psnr"] == pytest.approx(first["psnr"], abs=0.1)


def test_training_goes_on_with_blocks_added_to_weights(tmp_path: Path, scenes: Path) -> None:
    first, shallow = train(tmp_path / "first", scenes, steps=30, learning_rate=3e-3)
    start = {"model": str(tmp_path / "first" / "artifact"), "added_blocks": 1}
    again, deeper = train(tmp_path / "again", scenes, steps=1, learning_rate=1e-9, **start)
    assert deeper.model.config.blocks == shallow.model.config.blocks + 1
    assert again["psnr"] == pytest.approx(first["psnr"], abs=0.1)


@pytest.mark.parametrize(("speedup", "precision"), [(1.0, "fp32"), (2.0, "bf16"), (None, "bf16")])
def test_convolutions_are_trained_in_bf16_where_the_machine_is_faster_in_it(
    scenes: Path, speedup: float | None, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "bf16_speedup", lambda device: speedup)
    settings = parse_settings(SETTINGS, {"data": str(scenes), **TINY})
    data, _ = KIND.examine(settings)
    for parameters in (0, 200_000):  # new weights, and those of a small network
        assert KIND.rules().choose(data, settings, parameters)["precision"].value == precision


# -- endpoints and report ----------------------------------------------------------------------------------------------


def test_a_denoised_file_keeps_depth_alpha_and_orientation(tmp_path: Path) -> None:
    model = predictor(SHAPES[0])
    deep = np.random.default_rng(0).integers(0, 65536, (20, 24, 4)).astype(np.uint16)
    found = decode(model.denoise(write(tmp_path / "deep.png", png16(deep))))
    assert found.depth == 16 and np.array_equal(found.alpha, deep[..., 3])
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = model.denoise(write(tmp_path / "t.png", encoded(scene(20, 30), exif=exif)))
    assert turned.name == "t-denoised.png" and decode(turned).pixels.shape == (30, 20, 1)


def test_the_same_seed_corrupts_a_file_the_same_way(tmp_path: Path) -> None:
    file = write(tmp_path / "a.png", encoded(scene(20, 30, 3)))
    first, again, other = (corrupt_image(file, "gaussian", 30, seed).read_bytes() for seed in (1, 1, 2))
    assert first == again != other
    with pytest.raises(UserError, match="seed: -1"):
        corrupt_image(file, "gaussian", 30, -1)


def test_an_image_is_embedded(tmp_path: Path) -> None:
    file = write(tmp_path / "a.png", encoded(scene(20, 30, 3)))
    assert [len(predictor(config).encode(file)) for config in SHAPES] == [16, 8, 4, 8]


def test_several_files_are_denoised_scored_and_offered_for_download(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}.png", encoded(scene(20, 30, 1 + 2 * (n % 2), n))) for n in range(3)]
    *words, found = report.denoise_files(predictor(SHAPES[0]), files, DenoiseRequest(noise="gaussian", level=25))
    assert words[:2] == ["0.png: 100% …", "1.png: 33% …"] and isinstance(found, dict)
    assert len(found["images"]) == 9 and len(found["files"]) == 3
    assert all(float(row[3]) == pytest.approx(20.5, abs=1) for row in found["table"]["data"])  # 25 of 255 is 20.2 dB
    *_, alone = report.denoise_files(predictor(SHAPES[0]), files[:1], DenoiseRequest(clean=files[0]))
    assert isinstance(alone, dict) and alone["table"]["data"][0][3] == "100.00" and "PSNR" in alone["summary"]
    with pytest.raises(UserError, match="belongs to one noisy image"):
        list(report.denoise_files(predictor(SHAPES[0]), files, DenoiseRequest(clean=files[0])))
    with pytest.raises(UserError, match="different sizes"):
        list(
            report.denoise_files(
                predictor(SHAPES[0]),
                files[:1],
                DenoiseRequest(clean=write(tmp_path / "x.png", encoded(scene(9, 9)))),
            )
        )


def test_an_image_is_denoised_blind_and_at_multiples_of_its_estimated_level(tmp_path: Path) -> None:
    file = write(tmp_path / "a.png", encoded(noisy_scene(400, 30, 3, 10)))
    images = denoise_at_levels(predictor(SHAPES[0]), file)
    captions = [caption for _, caption in images]
    assert captions[0].startswith("given, estimated level") and captions[1] == "blind"
    levels = [float(caption.removeprefix("level ")) for caption in captions[2:]]
    assert levels[2] == pytest.approx(2 * levels[1], abs=0.16) and levels[1] == pytest.approx(2 * levels[0], abs=0.16)
    assert all(decode(Path(path)).pixels.shape == (384, 30, 3) for path, _ in images)  # the middle of a large image
    with pytest.raises(UserError, match="take no noise level"):
        denoise_at_levels(predictor(SHAPES[2]), file)
