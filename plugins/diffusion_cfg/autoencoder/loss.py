"""What a reconstruction costs: the error of its pixels, of its edges at three scales, and of the latents' distribution."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SCALES = 3


def reconstruction_loss(made: Tensor, pictures: Tensor, edge_weight: float) -> Tensor:
    """Mean absolute error of pixels plus that of neighbours' differences, at full, half and quarter size, (batch,).

    The gradient difference of Mathieu et al. (2016, eq. 6) with exponent 1, in place of the perceptual network of Rombach et
    al. (2022): nothing has to be downloaded, and flat drawings keep their outlines.
    """
    total = (made - pictures).abs().flatten(1).mean(1)
    if not edge_weight:
        return total
    for scale in range(SCALES):
        for axis in (2, 3):
            if pictures.shape[axis] > 1:
                difference = torch.diff(made, dim=axis) - torch.diff(pictures, dim=axis)
                total = total + edge_weight / SCALES * difference.abs().flatten(1).mean(1)
        if min(pictures.shape[2:]) < 2 or scale == SCALES - 1:
            break
        made, pictures = functional.avg_pool2d(made, 2), functional.avg_pool2d(pictures, 2)
    return total


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Of the posterior to the unit Gaussian, a mean over the latents, (batch,) (Kingma & Welling, 2014, App. B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).flatten(1).mean(1)


def psnr(made: Tensor, pictures: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of pictures in [-1, 1], (batch,)."""
    error = (made.clamp(-1, 1) - pictures).square().flatten(1).mean(1).clamp(min=1e-10)
    return 10 * torch.log10(4 / error)
