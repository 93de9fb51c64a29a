"""Blind noise level estimation: the standard deviation of white Gaussian noise from a single image, where it has some.

After Pyatykh, Hesser & Zheng (2013), "Image noise level estimation by principal component analysis", eq. 6. The patches
of a clean image lie near a subspace of few dimensions; white noise adds its variance to every dimension. So the
smallest eigenvalue of the patches' covariance estimates the variance of the noise. It is one number for the whole
image, and right only if the noise is white and the same everywhere. So it is compared with the *floor*, what even the
smoothest patches deviate from a plane:

- patches that hold no noise are left out: constant ones, transparent ones, and those that are mostly clipped;
- a floor below 2 means no noise, unless a part of the image has much (a collage, a blurred letterbox);
- drawings and screenshots: patches with edges have constant pixels beside them, which noise would not leave;
- an estimate far below the floor means correlated noise (enlarged, demosaiced) or texture: blind is better, or safer;
- a floor far below the estimate means noise of several levels (Poisson, speckle, a collage): blind is better;
- where much of the noise is clipped it is not Gaussian: blind is better, in the dark by 0.1 to 0.5 dB;
- below 8 the finest texture counts as noise in the eigenvalue, and the floor is the better estimate.

The limits were set on photographs: docs/experiments/denoising_ae.md. Unlike the paper we do not iterate over the
patches with the least texture: on BSD68 that was worse from a level of 15 up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from plugins.denoising_ae.noise.patch_statistics import MIN_PATCHES, PATCH, Patches, distinct_lines, patches_of

MIN_SIDE = 2 * PATCH
NO_NOISE = 2.0  # of 255: photographs have floors of 0.4 to 1.9, and with noise of level 2 one of 2.2
TEXTURE = 12.0  # of 255: clean photographs are estimated at up to 10
FAINT = 8.0  # of 255: below, the finest texture is as strong as the noise
WHITE = 0.6  # estimate / floor: noise that was enlarged has 0.03, smoothed 0.2 to 0.4, white 0.7 and more
CLIPPED = 0.15  # share of clipped pixels: dark, white and saturated pictures have 0.25 to 0.5 with noise of level 25
EVEN = 0.6  # floor / estimate: white noise has 0.8 to 1, Poisson 0.4 to 0.7, speckle 0.1 to 0.5
EQUALLY_BRIGHT = 1.45  # estimate of bright over dark parts: white noise has up to 1.37, speckle 1.3 to 2
GAUSSIAN = 0.5  # `heavy_tails`: Gaussian noise has about 1, salt and pepper 0.1
DRAWN = 0.5  # share of the patches with edges that have constant pixels too
MOSTLY_CLIPPED = 0.75


class NoiseEstimate(NamedTuple):
    """What an image shows of its noise.

    Args:
        level: Standard deviation in units of 1/255; 0: no noise; None: not told by one level, so denoise blind.
        reason: Why there is no level, or why it is 0; a part of a sentence.
    """

    level: float | None
    reason: str = ""


NONE_FOUND = NoiseEstimate(0.0, "no noise was found")


def estimate_noise(pixels: np.ndarray, alpha: np.ndarray | None = None) -> NoiseEstimate:
    """Estimate the level of white Gaussian noise.

    Args:
        pixels: (height, width, channels) in [0, 1]; channels of independent noise are estimated together.
        alpha: Opacity (height, width); fully transparent parts are left out.
    """
    if min(pixels.shape[:2]) < MIN_SIDE:
        return NoiseEstimate(None, "the image is too small to tell its noise")
    rows, columns = distinct_lines(pixels)
    if min(rows.sum(), columns.sum()) < PATCH:
        return NONE_FOUND  # noise leaves no equal lines
    pixels, alpha = pixels[rows][:, columns], None if alpha is None else alpha[rows][:, columns]
    patches = patches_of(pixels, alpha)
    if not len(patches):
        return NONE_FOUND
    whole = patches.where(~patches.has_constant_pixels & (patches.clipped < MOSTLY_CLIPPED))
    level = whole.smallest_eigenvalue() if len(whole) >= MIN_PATCHES else 0.0
    some = patches.thinned()
    edges = some.has_constant_pixels[some.deviations > max(NO_NOISE, level / 2)]
    if len(edges) and edges.mean() >= DRAWN:
        return NONE_FOUND
    if len(whole) < MIN_PATCHES:
        return NoiseEstimate(None, "too little of the image shows its noise")
    floor = some.where(some.clipped < MOSTLY_CLIPPED).floor()
    estimate = _judged(level, floor, whole.thinned())
    if estimate.level and patches.clipped.mean() > CLIPPED:
        return NoiseEstimate(None, "much of the noise is clipped at black or white")
    return estimate


def _judged(level: float, floor: float, patches: Patches) -> NoiseEstimate:
    """Decide by estimate and floor: no noise, one level, or noise that one level does not describe."""
    if floor < NO_NOISE:
        noisy = patches.where(patches.deviations > level / 2)  # of a part with noise: what is far smoother is not
        if len(noisy) < MIN_PATCHES or noisy.smallest_eigenvalue() < TEXTURE:
            return NONE_FOUND
        return NoiseEstimate(None, "parts of the image have noise and others none")
    if level < WHITE * floor:
        return NoiseEstimate(None, "neighbouring pixels are alike, as in an enlarged image or in texture")
    if patches.heavy_tails() < GAUSSIAN:
        return NoiseEstimate(None, "single pixels are far off, and the others are not noisy")
    if level < FAINT:
        return NoiseEstimate(min(level, floor)) if level >= NO_NOISE else NONE_FOUND
    if floor < EVEN * level or patches.by_brightness() > EQUALLY_BRIGHT:
        return NoiseEstimate(None, "the noise is not the same everywhere")
    return NoiseEstimate(level)


def level_to_use(estimate: NoiseEstimate, noise: str, noise_conditioned: bool) -> float | None:
    """The level that a network denoises by: 0 leaves the image as it is, None denoises blind.

    Only networks trained on white Gaussian noise go by the estimate: it is better than their own blind judgement.
    Conditioned on it, the starter for photographs gains 0.55 dB at a level of 5, 0.2 dB at 15 and 0.05 dB from 25 up,
    on 8-bit images and through JPEG as well.

    Args:
        noise: The noise type it was trained on.
        noise_conditioned: Whether it takes a noise level as input.
    """
    if noise != "gaussian" or estimate.level is None:
        return None
    return estimate.level if noise_conditioned or estimate.level == 0 else None
