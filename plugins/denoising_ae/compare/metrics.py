"""Metrics of the two autoencoders: errors, distance to real images, accuracy of probes on the representation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.linear_model import RidgeClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from plugins.denoising_ae.models.mlp_autoencoder import MLPAutoencoder
from plugins.denoising_ae.noise.corruptions import corrupt
from plugins.denoising_ae.noise.noise_types import NOISE_TYPES

if TYPE_CHECKING:
    from plugins.denoising_ae.compare.data import SmallImages

MULTIPLES = (0.0, 0.5, 1.0, 1.5, 2.0)  # of the training level, at which errors are measured
NEIGHBOURS = 10
MAX_PROBE_IMAGES = 2000  # training images that the probe and the neighbours are fitted on
RIDGE_PENALTIES = (1e1, 1e2, 1e3, 1e4)


def corrupt_each(images: np.ndarray, noise: str, level: float, seed: int) -> np.ndarray:
    """Images (images, size, size), each with its own noise; unchanged at level 0."""
    if not level:
        return images
    noisy = (corrupt(image[..., None], noise, level, seed + number) for number, image in enumerate(images))
    return np.stack([image[..., 0] for image in noisy])


def evaluation_levels(noise: str, level: float) -> list[float]:
    """The levels at which errors are measured: multiples of the training level, within the range of the noise."""
    return [min(multiple * level, NOISE_TYPES[noise].range[1]) for multiple in MULTIPLES]


@torch.inference_mode()
def latents(model: MLPAutoencoder, images: np.ndarray) -> np.ndarray:
    """Representations, (images, latent)."""
    return model.encode(torch.from_numpy(np.ascontiguousarray(images, np.float32))).numpy()


@torch.inference_mode()
def reconstructions(model: MLPAutoencoder, images: np.ndarray) -> np.ndarray:
    """The model's output, (images, size, size)."""
    return model(torch.from_numpy(np.ascontiguousarray(images, np.float32))).numpy()


def reconstruction_error(model: MLPAutoencoder, inputs: np.ndarray, clean: np.ndarray) -> float:
    """Mean squared error of the reconstructions against the clean images."""
    return float(np.square(reconstructions(model, inputs) - clean).mean())


def manifold_distance(images: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Root mean squared distance per pixel to the nearest real image, (images,): small on the data manifold."""
    flat, flat_real = images.reshape(len(images), -1), real.reshape(len(real), -1)
    squared = (flat**2).sum(1)[:, None] - 2 * flat @ flat_real.T + (flat_real**2).sum(1)
    return np.sqrt(np.maximum(squared.min(1), 0) / flat.shape[1])


def linear_probe(
    train: np.ndarray, classes: np.ndarray, tests: list[np.ndarray], test_classes: np.ndarray
) -> list[float]:
    """Accuracy of a linear classifier on frozen representations, for each of several versions of the test images.

    Ridge regression on the classes, its penalty chosen by leave-one-out: the solution has a closed form.
    """
    model = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=RIDGE_PENALTIES))
    model.fit(train[:MAX_PROBE_IMAGES], classes[:MAX_PROBE_IMAGES])
    return [float((model.predict(test) == test_classes).mean()) for test in tests]


def nearest_neighbours(
    train: np.ndarray, classes: np.ndarray, tests: list[np.ndarray], test_classes: np.ndarray
) -> list[float]:
    """Accuracy of the majority vote of the ten nearest neighbours by cosine, likewise."""
    model = KNeighborsClassifier(NEIGHBOURS, metric="cosine", algorithm="brute")
    model.fit(train[:MAX_PROBE_IMAGES], classes[:MAX_PROBE_IMAGES])
    return [float((model.predict(test) == test_classes).mean()) for test in tests]


def evaluate(model: MLPAutoencoder, images: SmallImages, noise: str, level: float) -> dict[str, float]:
    """All metrics of one autoencoder; the noise on the held-out images is the same for every model."""
    clean = images.evaluation
    noisy = corrupt_each(clean, noise, level, 0)
    metrics = _errors(model, images, noise, level) | _distances(model, images.train, clean, noisy)
    latents_clean, latents_noisy = latents(model, clean), latents(model, noisy)
    shift = np.linalg.norm(latents_noisy - latents_clean, axis=1)
    spread = np.linalg.norm(latents_clean - latents_clean.mean(0), axis=1)
    metrics["latent_shift"] = float((shift / spread).mean())
    if images.train_classes is not None and images.evaluation_classes is not None:
        train = latents(model, images.train[:MAX_PROBE_IMAGES])
        for name, classify in (("probe", linear_probe), ("knn", nearest_neighbours)):
            accuracies = classify(
                train, images.train_classes, [latents_clean, latents_noisy], images.evaluation_classes
            )
            metrics[f"{name}_clean"], metrics[f"{name}_noisy"] = accuracies
    return metrics


def _errors(model: MLPAutoencoder, images: SmallImages, noise: str, level: float) -> dict[str, float]:
    clean = images.evaluation
    train = images.train[: len(clean)]
    errors = {
        "train_mse": reconstruction_error(model, train, train),
        "eval_mse": reconstruction_error(model, clean, clean),
    }
    for multiple, noise_level in zip(MULTIPLES, evaluation_levels(noise, level), strict=True):
        noisy = corrupt_each(clean, noise, noise_level, 0)
        errors[f"mse_at_{multiple:g}"] = reconstruction_error(model, noisy, clean)
    return errors


def _distances(model: MLPAutoencoder, train: np.ndarray, clean: np.ndarray, noisy: np.ndarray) -> dict[str, float]:
    return {
        "manifold_distance_noisy": float(manifold_distance(noisy, train).mean()),
        "manifold_distance": float(manifold_distance(reconstructions(model, noisy), train).mean()),
        "manifold_distance_clean": float(manifold_distance(clean, train).mean()),
    }
