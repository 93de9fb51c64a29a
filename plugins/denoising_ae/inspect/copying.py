"""Noisy images through a plain and a denoising autoencoder: which of them copies the noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from plugins.denoising_ae.compare.autoencoder_task import PLAIN
from plugins.denoising_ae.compare.metrics import corrupt_each, latents, reconstructions
from plugins.denoising_ae.compare.predictor import AutoencoderPairPredictor
from plugins.denoising_ae.images.preview import array_url
from plugins.denoising_ae.inspect.reconstructions import input_images

SHOWN = 4  # images


def copy_or_clean(predictor: AutoencoderPairPredictor, level: float) -> dict[str, Any]:
    """Held-out images with noise, through both networks.

    Args:
        level: Standard deviation of the noise in units of 1/255.

    Returns:
        images: name -> data URLs; errors: name -> mean squared error against the clean images; latent: how many numbers
        an image becomes; pixels: how many it has.
    """
    clean = input_images(predictor, None, 0)[:SHOWN]
    noisy = corrupt_each(clean, "gaussian", level, 0)
    rows = {"clean": clean, "input": noisy}
    rows |= {arm: reconstructions(model, noisy) for arm, model in predictor.arms.items()}
    return {
        "images": {name: [array_url(image) for image in images] for name, images in rows.items()},
        "errors": {name: float(np.square(images - clean).mean()) for name, images in rows.items() if name != "clean"},
        "latent": latents(predictor.arms[PLAIN], clean).shape[1],
        "pixels": int(clean[0].size),
    }
