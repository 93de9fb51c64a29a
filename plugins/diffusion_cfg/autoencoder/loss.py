"""Autoencoder losses: reconstruction with a gradient difference loss, and the KL divergence of the posterior."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SCALES = 3


def reconstruction_loss(reconstructions: Tensor, images: Tensor, gradient_loss_weight: float) -> Tensor:
    """Mean absolute error of pixels, plus that of neighbours' differences at full, half and quarter size, (batch,).

    The gradient difference loss of Mathieu et al. (2016, eq. 6) with exponent 1, in place of the perceptual network of
    Rombach et al. (2022): nothing has to be downloaded, and flat drawings keep their outlines.
    """
    total = (reconstructions - images).abs().flatten(1).mean(1)
    if not gradient_loss_weight:
        return total
    for scale in range(SCALES):
        for axis in (2, 3):
            if images.shape[axis] > 1:
                difference = torch.diff(reconstructions, dim=axis) - torch.diff(images, dim=axis)
                total = total + gradient_loss_weight / SCALES * difference.abs().flatten(1).mean(1)
        if min(images.shape[2:]) < 2 or scale == SCALES - 1:
            break
        reconstructions, images = functional.avg_pool2d(reconstructions, 2), functional.avg_pool2d(images, 2)
    return total


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of the posterior from the unit Gaussian, averaged over the latents, (batch,).

    Kingma & Welling (2014), App. B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).flatten(1).mean(1)


def psnr(reconstructions: Tensor, images: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of images in [-1, 1], (batch,)."""
    error = (reconstructions.clamp(-1, 1) - images).square().flatten(1).mean(1).clamp(min=1e-10)
    return 10 * torch.log10(4 / error)


def shrunk_and_enlarged(images: Tensor, factor: int) -> Tensor:
    """Images averaged over squares of `factor` pixels and enlarged again, as a baseline without a network."""
    if factor == 1:
        return images
    small = functional.avg_pool2d(images.float(), factor)
    return functional.interpolate(small, size=images.shape[-2:], mode="bicubic", align_corners=False)
