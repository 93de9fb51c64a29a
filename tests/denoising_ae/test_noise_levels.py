"""Noise of real pictures: which level is told, what is left as it is, and what is left to the blind network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from plugins.denoising_ae import PLUGIN
from plugins.denoising_ae.images.predictor import ImageDenoisingPredictor, load
from plugins.denoising_ae.noise.corruptions import corrupt
from plugins.denoising_ae.noise.level_estimation import NoiseEstimate, estimate_noise
from plugins.denoising_ae.noise.named_level import NoiseLevel
from plugins.denoising_ae.tools import corrupt as corrupt_image
from tests.files import write
from tests.pictures import SWAPPED, encoded, png16, scene
from training.data.images.decode import decode
from training.data.images.write_png import to_png
from training.errors import UserError


@pytest.fixture(scope="module")
def natural() -> ImageDenoisingPredictor:
    return load(Path(PLUGIN.kind("images").starters[0]))


def eight_bits(image: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def clean_scene(channels: int = 1) -> np.ndarray:
    """A smooth picture with edges away from black and white, (160, 200, channels) float32."""
    return 0.2 + 0.6 * scene(160, 200, channels, 3).astype(np.float32) / 255


def noisy(clean: np.ndarray, level: float = 25.0) -> np.ndarray:
    return eight_bits(corrupt(clean, "gaussian", level, 0))


def estimate(pixels: np.ndarray, alpha: np.ndarray | None = None) -> NoiseEstimate:
    return estimate_noise(pixels.astype(np.float32) / 255, alpha)


def enlarged(pixels: np.ndarray, factor: int, how: Image.Resampling) -> np.ndarray:
    image = Image.fromarray(pixels[..., 0])
    return np.asarray(image.resize((image.width * factor, image.height * factor), how))[..., None]


def screenshot() -> np.ndarray:
    """Windows and text, (160, 200, 3) uint8."""
    image = Image.new("RGB", (200, 160), (245, 246, 248))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 200, 20), fill=(36, 41, 47))
    for top in range(28, 150, 14):
        draw.text((8, top), "Settings of an application", fill=(9, 105, 218))
    return np.asarray(image)


def test_parts_without_noise_do_not_lower_the_level() -> None:
    """Bars, transparent parts and saturated parts: half of the picture or more."""
    clean, whole = clean_scene(), noisy(clean_scene())
    plain = estimate(whole).level
    assert plain == pytest.approx(25, rel=0.08)
    for grey in (0, 128, 255):
        barred = whole.copy()
        barred[:40], barred[-40:] = grey, grey
        assert estimate(barred).level == pytest.approx(25, rel=0.1)
    alpha = np.zeros(whole.shape[:2], np.uint8)
    alpha[30:130, 40:160] = 255
    cut_out = np.where(alpha[..., None] > 0, whole, eight_bits(clean))
    assert estimate(cut_out, alpha).level == pytest.approx(25, rel=0.1)


@pytest.mark.parametrize("how", [Image.Resampling.BICUBIC, Image.Resampling.BILINEAR])
@pytest.mark.parametrize("factor", [2, 3])
def test_enlarged_noise_is_left_to_the_blind_network(how: Image.Resampling, factor: int) -> None:
    found = estimate(enlarged(noisy(clean_scene()), factor, how))
    assert found.level is None and "neighbouring" in found.reason


def test_noise_that_one_level_does_not_describe_is_left_to_the_blind_network() -> None:
    clean, random = np.linspace(0.02, 0.98, 200, dtype=np.float32)[None, :, None] * np.ones((160, 1, 1), np.float32), np.random.default_rng(0)  # fmt: skip
    photons = corrupt(clean, "poisson", 30, 0)
    speckle = clean * (1 + 0.2 * random.normal(size=clean.shape).astype(np.float32))
    impulses = corrupt(clean_scene(), "salt_and_pepper", 0.1, 0)
    collage = np.concatenate([eight_bits(clean_scene()), noisy(clean_scene())], 1)
    dark = corrupt(0.1 * clean_scene(), "gaussian", 25, 0)
    for pixels in (eight_bits(photons), eight_bits(speckle), eight_bits(impulses), collage, eight_bits(dark)):
        assert estimate(pixels).level is None


@pytest.mark.parametrize("channels", [1, 3])
def test_a_clean_photograph_comes_back_to_the_bit(natural: ImageDenoisingPredictor, channels: int, tmp_path: Path) -> None:  # fmt: skip
    photograph = eight_bits(corrupt(clean_scene(channels), "gaussian", 0.8, 1))  # a camera's own noise
    for pixels in (photograph, eight_bits(clean_scene(channels)), np.full((40, 40, channels), 77, np.uint8)):
        found = natural.denoiser.denoise(pixels)
        assert found.noise_level == 0 and found.reason == "no noise was found"
        assert np.array_equal(found.pixels, pixels)


def test_a_screenshot_comes_back_to_the_bit_also_enlarged(natural: ImageDenoisingPredictor, tmp_path: Path) -> None:
    for factor in (1, 2):
        pixels = screenshot().repeat(factor, 0).repeat(factor, 1)
        result = natural.denoise(write(tmp_path / "s.png", encoded(pixels)))
        assert np.array_equal(decode(result).pixels, pixels)


def psnr(found: np.ndarray, clean: np.ndarray) -> float:
    return float(-10 * np.log10(np.square(found / 255 - clean).mean()))


def test_denoising_by_the_estimate_is_not_worse_than_blind(natural: ImageDenoisingPredictor) -> None:
    """Where much of the picture is without noise it was, by up to 6 dB; on scenes this smooth 0.3 dB are usual."""
    clean = clean_scene()
    barred, bars = noisy(clean), clean.copy()
    barred[:40], barred[-40:], bars[:40], bars[-40:] = 0, 0, 0, 0
    saturated = np.where(np.arange(200)[None, :, None] < 130, np.float32(1.4), clean)
    cases = {
        "plain": (noisy(clean), clean),
        "bars": (barred, bars),
        "saturated": (noisy(saturated), np.clip(saturated, 0, 1)),
        "dark": (noisy(0.1 * clean), 0.1 * clean),
        "enlarged": (enlarged(noisy(clean), 2, Image.Resampling.BICUBIC), enlarged(eight_bits(clean), 2, Image.Resampling.BICUBIC) / 255),
    }  # fmt: skip
    for name, (pixels, truth) in cases.items():
        ours = psnr(natural.denoiser.denoise(pixels).pixels, truth)
        blind = psnr(natural.denoiser.denoise_at_level(pixels, None), truth)
        assert ours > blind - 0.4 and ours > psnr(pixels, truth), name


def test_repeated_pixels_are_denoised_at_their_own_size(natural: ImageDenoisingPredictor) -> None:
    small = noisy(clean_scene())
    large = natural.denoiser.denoise(enlarged(small, 3, Image.Resampling.NEAREST))
    assert np.array_equal(large.pixels, natural.denoiser.denoise(small).pixels.repeat(3, 0).repeat(3, 1))
    assert large.residual.shape == large.pixels.shape


def test_a_caller_names_the_level(natural: ImageDenoisingPredictor, tmp_path: Path) -> None:
    pixels = noisy(clean_scene())
    file = write(tmp_path / "n.png", encoded(pixels))
    for named, level in (("40", 40.0), ("blind", None), (" 12.5 ", 12.5)):
        expected = natural.denoiser.denoise_at_level(pixels, level)
        assert np.array_equal(decode(natural.denoise(file, noise_level=named)).pixels, expected)
    assert np.array_equal(decode(natural.denoise(file, noise_level="0")).pixels, pixels)
    clean = write(tmp_path / "c.png", encoded(eight_bits(clean_scene())))
    assert not np.array_equal(decode(natural.denoise(clean, noise_level="20")).pixels, eight_bits(clean_scene()))
    for wrong in ("loud", "-1", "151", "nan"):
        with pytest.raises(UserError, match="auto, blind or 0 to 150"):
            NoiseLevel.parse(wrong)


def test_where_it_denoises_blind_the_strength_multiplies_what_is_removed(natural: ImageDenoisingPredictor) -> None:
    pixels = enlarged(noisy(clean_scene()), 2, Image.Resampling.BILINEAR)
    once, twice = (natural.denoiser.denoise(pixels, strength).residual for strength in (1, 2))
    assert np.abs(once).mean() > 0 and np.allclose(twice, 2 * once)


def test_depth_alpha_and_profile_come_back(natural: ImageDenoisingPredictor, tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (20, 24, 2)).astype(np.uint16)
    given = write(tmp_path / "g.png", to_png(deep[..., :1], deep[..., 1]))
    found = decode(natural.denoise(given))
    assert found.depth == 16 and found.pixels.shape[2] == 1 and np.array_equal(found.alpha, deep[..., 1])
    for depth in (8, 16):
        pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3)).astype(np.uint8)
        data = (
            encoded(pixels, icc_profile=SWAPPED)
            if depth == 8
            else to_png(pixels.astype(np.uint16) * 257, None, SWAPPED)
        )
        file = write(tmp_path / "p.png", data)
        assert decode(natural.denoise(file)).icc_profile == SWAPPED
        nothing = decode(natural.denoise(file, 0))
        assert nothing.icc_profile == SWAPPED and np.array_equal(nothing.pixels, decode(file).pixels)
        corrupted = decode(corrupt_image(file, "gaussian", 0))
        assert corrupted.icc_profile == b"" and np.array_equal(corrupted.pixels, decode(file).srgb())
    assert decode(natural.denoise(write(tmp_path / "d.png", png16(deep[..., :1])))).depth == 16
