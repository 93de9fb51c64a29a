"""ICC colour profiles: which one belongs to an image, and conversion to sRGB."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

COLOUR_SPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}  # channels -> ICC's signature of the data
MAX_PROFILE_BYTES = 8 * 2**20
SAME_AS_SRGB = 1  # of 255: a profile that moves no colour by more is sRGB itself


def fits(profile: bytes, channels: int) -> bool:
    """Whether a profile describes images of so many channels."""
    return len(profile) <= MAX_PROFILE_BYTES and colour_space(profile) == COLOUR_SPACES[channels]


@lru_cache(64)
def moves_colours(profile: bytes, channels: int) -> bool:
    """Whether colours of a coarse grid change; a profile that cannot be applied moves none, as in viewers."""
    steps = np.linspace(0, 255, 256 if channels == 1 else 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(*[steps] * channels, indexing="ij"), -1).reshape(1, -1, channels)
    try:
        converted = to_srgb(grid, profile).astype(int)
    except (OSError, ImageCms.PyCMSError):
        return False
    return channels == 4 or bool(np.abs(converted - grid).max() > SAME_AS_SRGB)


@lru_cache(64)
def colour_space(profile: bytes) -> str:
    """Return RGB, GRAY, CMYK and so on; empty if the profile is damaged."""
    try:
        core: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile  # the library's annotation says a file
        return core.xcolor_space.strip()
    except (OSError, ImageCms.PyCMSError, TypeError, ValueError):
        return ""


@lru_cache(64)
def profile_name(profile: bytes) -> str:
    """Return what the profile calls itself, at most 60 characters."""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()[:60]
    except (OSError, ImageCms.PyCMSError):
        return ""


def to_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """Convert 8 bits per channel, (height, width, 1, 3 or 4), to sRGB: 1 channel stays 1, others become 3."""
    channels = pixels.shape[2]
    image = Image.fromarray(pixels[..., 0] if channels == 1 else np.ascontiguousarray(pixels), _mode(channels))
    converted = np.asarray(ImageCms.applyTransform(image, _to_srgb(profile, channels)))
    return converted[..., 1:2] if channels == 1 else converted


def _mode(channels: int) -> str:
    return {1: "L", 3: "RGB", 4: "CMYK"}[channels]


@lru_cache(64)
def _to_srgb(profile: bytes, channels: int) -> ImageCms.ImageCmsTransform:
    """Relative colorimetric with black point compensation, as viewers of photographs use."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        _mode(channels),
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
