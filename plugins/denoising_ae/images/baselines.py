"""What filters without a network reach on the same pictures."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import convolve, gaussian_filter
from torch import Tensor

from plugins.denoising_ae.images.metrics import psnr
from plugins.denoising_ae.noise.blind_spots import mask_blind_spots

SIGMAS = (0.4, 0.6, 0.8, 1.0, 1.4, 2.0, 3.0)  # pixels
AROUND = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]]) / 8


def gaussian_filter_psnr(noisy: Tensor, clean: Tensor) -> float:
    """PSNR of the Gaussian filter whose width fits this picture best, which only the clean one can tell.

    Args:
        noisy, clean: (channels, height, width) in [0, 1].
    """
    pixels, reference = noisy.cpu().numpy(), clean.cpu()
    filtered = (gaussian_filter(pixels, sigma=(0, sigma, sigma)) for sigma in SIGMAS)
    return max(psnr(torch.from_numpy(each), reference) for each in filtered)


def neighbour_error(noisy: Tensor) -> float:
    """Squared error, times 100, of the mean of the eight pixels around, at the pixels that are masked.

    Args:
        noisy: (channels, height, width) in [0, 1].
    """
    pixels = noisy.permute(1, 2, 0).cpu().numpy()
    _, mask = mask_blind_spots(pixels, np.random.default_rng(0))
    around = np.stack([convolve(pixels[..., channel], AROUND) for channel in range(pixels.shape[2])], -1)
    return 100 * float(np.square(around - pixels).mean(-1)[mask[..., 0] > 0].mean())
