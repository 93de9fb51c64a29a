"""How near a picture is to the clean one: PSNR and SSIM of pictures in [0, 1]."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

WINDOW, DEVIATION = 11, 1.5  # pixels
K1, K2 = 0.01, 0.03
EXACT = 100.0  # dB that stand for no error at all


def psnr(picture: Tensor, clean: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of two pictures of one shape, both clipped to [0, 1]; 100 where they are equal."""
    error = (picture.clamp(0, 1) - clean.clamp(0, 1)).double().square().mean().item()
    return EXACT if error < 10 ** (-EXACT / 10) else -10 * math.log10(error)


def ssim(picture: Tensor, clean: Tensor) -> float:
    """Structural similarity (Wang et al., 2004, eq. 13): Gaussian window of 11 x 11, mean over windows and channels.

    Args:
        picture, clean: (channels, height, width); sides shorter than the window get a window of their size.
    """
    x, y = picture.clamp(0, 1).double()[:, None], clean.clamp(0, 1).double()[:, None]
    height, width = (_window(min(WINDOW, side)) for side in x.shape[-2:])

    def mean(values: Tensor) -> Tensor:
        return functional.conv2d(functional.conv2d(values, height[None, None, :, None]), width[None, None, None, :])

    mu_x, mu_y = mean(x), mean(y)
    var_x, var_y, cov = mean(x * x) - mu_x**2, mean(y * y) - mu_y**2, mean(x * y) - mu_x * mu_y
    c1, c2 = K1**2, K2**2
    return float((((2 * mu_x * mu_y + c1) * (2 * cov + c2)) / ((mu_x**2 + mu_y**2 + c1) * (var_x + var_y + c2))).mean())


def _window(size: int) -> Tensor:
    places = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-(places**2) / (2 * DEVIATION**2))
    return weights / weights.sum()
