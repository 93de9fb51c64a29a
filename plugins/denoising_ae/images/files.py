"""Image files in and out: decode, corrupt, write PNG, shrink for the browser. Needs no torch."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from plugins.denoising_ae.noise.corruptions import corrupt
from training.data.images.decode import DecodedImage, decode
from training.data.images.write_png import to_png
from training.errors import UserError

MAX_SHOWN_SIDE = 2048  # pixels, on the page; the download has the full size


def corrupt_file(image: Path, noise: str, level: float, seed: int) -> Path:
    """An image file corrupted, as a PNG of 8 bits per channel in sRGB with its alpha.

    Raises:
        UserError: If the file, the noise, its level or the seed cannot be used.
    """
    decoded = decode(image)
    pixels = corrupted_pixels(decoded, noise, level, seed)
    alpha = decoded.alpha
    if alpha is not None and decoded.depth == 16:
        alpha = (alpha >> 8).astype(np.uint8)
    return write_png(image.name, f"-{noise}", to_png(pixels, alpha))


def corrupted_pixels(image: DecodedImage, noise: str, level: float, seed: int) -> np.ndarray:
    """The pixels of an image with noise, uint8 in sRGB.

    Raises:
        UserError: If the noise, its level or the seed cannot be used.
    """
    if not 0 <= seed < 2**63:
        raise UserError(f"seed: {seed} was given; a whole number from 0 up was expected.")
    clean = image.srgb().astype(np.float32) / 255
    return np.rint(np.clip(corrupt(clean, noise, level, seed), 0, 1) * 255).astype(np.uint8)


def write_png(name: str, suffix: str, png: bytes) -> Path:
    """A PNG in a new folder, named after the file it was made from."""
    target = Path(tempfile.mkdtemp(prefix="selfsup-")) / f"{Path(name).stem}{suffix}.png"
    target.write_bytes(png)
    return target


def browser_png(pixels: np.ndarray, icc_profile: bytes = b"") -> str:
    """The path of a PNG that a browser shows: 8 bits in sRGB, not larger than the page needs."""
    flat = DecodedImage(pixels, None, icc_profile=icc_profile).srgb()
    image = Image.fromarray(flat[..., 0] if flat.shape[2] == 1 else np.ascontiguousarray(flat))
    image.thumbnail((MAX_SHOWN_SIDE, MAX_SHOWN_SIDE))
    path = Path(tempfile.mkdtemp(prefix="selfsup-")) / "shown.png"
    image.save(path, compress_level=1)  # noise hardly compresses, and a higher level takes five times as long
    return str(path)
