"""PSNR of denoising by the estimated level, blind and told the true level, on pictures as people have them.

python -m benchmarks.denoise_kinds --weights plugins/denoising_ae/starter/natural --data photographs.zip --images 4
Gaussian noise of level 25 in part of the picture, enlarged, through JPEG, clipped; other noises; and pictures without
noise. Everything is rounded to 8 bits, as files are. Last column: what the estimate says, or why the network was blind.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from plugins.denoising_ae.images.inference.image_denoiser import ImageDenoiser
from plugins.denoising_ae.noise.corruptions import corrupt
from training.data.images.read import read_images

LEVEL = 25
MAX_SIDE = 384  # pixels; the middle of a larger image
MAX_PSNR = 99.0
Case = tuple[str, np.ndarray, np.ndarray]  # name, noisy (height, width) uint8, clean float in [0, 1]


def main() -> None:
    """Print a row per kind: PSNR of the noisy picture, ours, blind and told; the estimate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=4)
    options = parser.parse_args()
    denoiser, images = ImageDenoiser.load(options.weights), read_images(options.data).as_channels(1)
    rows: dict[str, list[tuple[float, ...]]] = {}
    said: dict[str, list[str]] = {}
    for row in range(min(len(images), options.images)):
        for name, noisy, clean in kinds(middle(images[row][..., 0]).astype(np.float32) / 255, row):
            pixels = noisy[..., None]
            ours = denoiser.denoise(pixels)
            results = (pixels, ours.pixels, *(denoiser.denoise_at_level(pixels, level) for level in (None, LEVEL)))
            rows.setdefault(name, []).append(tuple(psnr(result[..., 0] / 255, clean) for result in results))
            said.setdefault(name, []).append(ours.reason or f"{ours.noise_level:.1f}")
    print(f"{'kind':<24} noisy   ours  blind   told  estimates")
    for name, scores in rows.items():
        means = " ".join(f"{value:6.2f}" for value in np.mean(scores, 0))
        print(f"{name:<24}{means}  {'; '.join(dict.fromkeys(said[name]))}")


def middle(pixels: np.ndarray) -> np.ndarray:
    top, left = (max(0, side - MAX_SIDE) // 2 for side in pixels.shape)
    return pixels[top : top + MAX_SIDE, left : left + MAX_SIDE]


def kinds(clean: np.ndarray, seed: int) -> Iterator[Case]:
    """Every kind of picture made of one clean one, (height, width) in [0, 1]."""
    yield "clean", eight_bits(clean), clean
    yield "text without noise", eight_bits(page(clean.shape)), page(clean.shape)
    noisy = gaussian(clean, seed)
    yield "plain", noisy, clean
    saturated = np.clip(clean / max(float(np.quantile(clean, 0.3)), 0.05), 0, 1)
    for name, truth in {"saturated": saturated, "white page": page(clean.shape), "dark": 0.15 * clean}.items():
        yield name, gaussian(truth, seed), truth
    quarter = clean.shape[0] // 4
    for name, grey in {"letterbox black": 0.0, "letterbox grey": 0.5, "letterbox white": 1.0}.items():
        bars, barred = clean.copy(), noisy.copy()
        bars[:quarter] = bars[-quarter:] = grey
        barred[:quarter], barred[-quarter:] = eight_bits(bars[:quarter]), eight_bits(bars[-quarter:])
        yield name, barred, bars
    for factor in (2, 3):
        for how in (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.NEAREST):
            truth = enlarged(eight_bits(clean), factor, how) / np.float32(255)
            yield f"enlarged x{factor} {how.name.lower()}", enlarged(noisy, factor, how), truth
    for quality in (90, 60):
        yield f"through JPEG {quality}", jpeg(noisy, quality), clean
    for name, level in (("poisson", 30), ("poisson", 200), ("salt_and_pepper", 0.1), ("salt_and_pepper", 0.02)):
        yield f"{name} {level:g}", eight_bits(corrupt(clean[..., None], name, level, seed)[..., 0]), clean
    speckle = clean * (1 + 0.2 * np.random.default_rng(seed).normal(size=clean.shape))
    yield "speckle", eight_bits(speckle), clean


def eight_bits(image: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def gaussian(clean: np.ndarray, seed: int) -> np.ndarray:
    return eight_bits(corrupt(clean[..., None], "gaussian", LEVEL, seed)[..., 0])


def enlarged(pixels: np.ndarray, factor: int, how: Image.Resampling) -> np.ndarray:
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((image.width * factor, image.height * factor), how))


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def page(shape: tuple[int, ...]) -> np.ndarray:
    """Black text on white."""
    image = Image.new("L", (shape[1], shape[0]), 255)
    draw = ImageDraw.Draw(image)
    for top in range(12, shape[0] - 16, 18):
        draw.text((14, top), "The quick brown fox jumps over the lazy dog. " * 3, fill=20)
    return np.asarray(image).astype(np.float32) / 255


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    return min(MAX_PSNR, float(-10 * np.log10(max(1e-12, np.square(image - clean).mean()))))


if __name__ == "__main__":
    main()
