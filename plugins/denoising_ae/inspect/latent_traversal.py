"""Latent traversal: an image's representation moved along a principal component and decoded by both autoencoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from plugins.denoising_ae.compare.figures import image_grid
from plugins.denoising_ae.compare.metrics import latents
from plugins.denoising_ae.compare.predictor import AutoencoderPairPredictor
from plugins.denoising_ae.inspect.reconstructions import input_images
from training.errors import UserError

STEPS = 7
MAX_DEVIATIONS = 2.5  # standard deviations to either side


def traverse(predictor: AutoencoderPairPredictor, file: Path | None, first: int, component: int) -> Figure:
    """A row of decoded images per network; in brackets the component's share of the variance.

    Args:
        file: An image of the user's own; None: held-out image number `first`.
        component: Principal component of the training images' representations, from 1.

    Raises:
        UserError: If there is no such component.
    """
    image = input_images(predictor, file, first)[:1]
    rows = {}
    for arm, model in predictor.arms.items():
        direction, share = _principal_component(latents(model, predictor.train_images), component)
        offsets = np.linspace(-MAX_DEVIATIONS, MAX_DEVIATIONS, STEPS)[:, None] * direction
        with torch.inference_mode():
            decoded = model.decode(torch.from_numpy((latents(model, image) + offsets).astype(np.float32)))
        rows[f"{arm} ({share:.0%})"] = decoded.numpy()
    return image_grid(rows)


def _principal_component(representations: np.ndarray, component: int) -> tuple[np.ndarray, float]:
    """One standard deviation along the component, (latent,), and its share of the variance."""
    centred = representations - representations.mean(0)
    _, scale, axes = np.linalg.svd(centred, full_matrices=False)
    if not 1 <= component <= len(axes):
        raise UserError(f"Component {component} was given; there are 1 to {len(axes)}.")
    deviation = scale[component - 1] / len(representations) ** 0.5
    return deviation * axes[component - 1], float(scale[component - 1] ** 2 / (scale**2).sum())
