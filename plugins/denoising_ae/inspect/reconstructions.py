"""Reconstructions of the same noisy images by both autoencoders, and the nearest training images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from plugins.denoising_ae.compare.data import small_image
from plugins.denoising_ae.compare.figures import image_grid, plot_records
from plugins.denoising_ae.compare.metrics import corrupt_each, latents, manifold_distance, reconstructions
from plugins.denoising_ae.compare.predictor import AutoencoderPairPredictor
from plugins.denoising_ae.models.mlp_autoencoder import MLPAutoencoder
from plugins.denoising_ae.noise.noise_types import NOISE_TYPES
from training.data.images.decode import decode

COLUMNS = 8  # images side by side
Table = dict[str, list]  # headers and data, as Gradio's Dataframe takes them


def compare_reconstructions(
    predictor: AutoencoderPairPredictor, file: Path | None, first: int, level: float, seed: int
) -> tuple[Figure, Table]:
    """The same noisy images through both networks, as a figure and as a table of errors.

    Args:
        file: An image of the user's own; None: held-out images from number `first` on.
        level: Level of the noise trained with; per cent, unless that is Gaussian.
    """
    clean = input_images(predictor, file, first)
    noise = NOISE_TYPES[predictor.noise["name"]]
    level = level if noise.name == "gaussian" else level / 100
    noisy = corrupt_each(clean, noise.name, min(level, noise.range[1]), seed)
    rows = {"clean": clean, "noisy": noisy}
    rows |= {arm: reconstructions(model, noisy) for arm, model in predictor.arms.items()}
    neighbours = {
        f"nearest, {arm}": predictor.train_images[_nearest(model, predictor.train_images, noisy)]
        for arm, model in predictor.arms.items()
    }
    table = [
        [
            name,
            f"{np.square(images - clean).mean():.4f}",
            f"{manifold_distance(images, predictor.train_images).mean():.4f}",
        ]
        for name, images in rows.items()
    ]
    headers = ["image", "squared error", "distance to real images"]
    return image_grid(rows | neighbours), {"headers": headers, "data": table}


def show_results(predictor: AutoencoderPairPredictor) -> tuple[Figure, Table]:
    """The experiment's results: error curves as a figure, all metrics as a table."""
    study = predictor.study
    return plot_records(study["records"]), {"headers": study["columns"], "data": study["rows"]}


def input_images(predictor: AutoencoderPairPredictor, file: Path | None, first: int) -> np.ndarray:
    """Eight held-out images from `first` on; or the user's own image eight times, for eight samples of the noise."""
    if file is not None:
        return np.repeat(small_image(decode(file).flat(), predictor.train_images.shape[1])[None], COLUMNS, 0)
    return predictor.eval_images[np.arange(first, first + COLUMNS) % len(predictor.eval_images)]


def _nearest(model: MLPAutoencoder, train: np.ndarray, images: np.ndarray) -> np.ndarray:
    """The training image with the most similar representation, by cosine, (images,)."""
    return (_unit(latents(model, images)) @ _unit(latents(model, train)).T).argmax(1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
