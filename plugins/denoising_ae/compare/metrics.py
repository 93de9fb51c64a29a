"""What the two autoencoders are compared by: errors, what they memorised, how far from real pictures, what a probe can read."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from plugins.denoising_ae.noise.corruptions import corrupt
from plugins.denoising_ae.noise.noise_types import NOISES

SHARES = (0.0, 0.5, 1.0, 1.5, 2.0)  # of the level trained with, at which errors are measured
NEIGHBOURS = 10
PROBED = 2000  # training pictures that a probe reads
PENALTIES = (1e1, 1e2, 1e3, 1e4)


def noised(pictures: np.ndarray, noise: str, level: float, seed: int) -> np.ndarray:
    """Pictures (pictures, size, size), each with noise of its own; at level 0 as they are."""
    if not level:
        return pictures
    return np.stack([corrupt(one[..., None], noise, level, seed + place)[..., 0] for place, one in enumerate(pictures)])


def levels_of(noise: str, level: float) -> list[float]:
    """The levels at which errors are measured: shares of that of training, within what the noise takes."""
    return [min(share * level, NOISES[noise].range[1]) for share in SHARES]


@torch.inference_mode()
def latents(model: Any, pictures: np.ndarray) -> np.ndarray:
    """Representations, (pictures, latent)."""
    return model.encode(torch.from_numpy(np.ascontiguousarray(pictures, np.float32))).numpy()


@torch.inference_mode()
def reconstructions(model: Any, pictures: np.ndarray) -> np.ndarray:
    """What the model gives back, (pictures, size, size)."""
    return model(torch.from_numpy(np.ascontiguousarray(pictures, np.float32))).numpy()


def error(model: Any, given: np.ndarray, clean: np.ndarray) -> float:
    """Mean squared error of what is given back, against the clean pictures."""
    return float(np.square(reconstructions(model, given) - clean).mean())


def manifold_distance(pictures: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Root mean squared distance a pixel to the nearest of the real pictures, (pictures,): near those, near the data."""
    flat, known = pictures.reshape(len(pictures), -1), real.reshape(len(real), -1)
    squared = (flat**2).sum(1)[:, None] - 2 * flat @ known.T + (known**2).sum(1)
    return np.sqrt(np.maximum(squared.min(1), 0) / flat.shape[1])


def probe(train: np.ndarray, classes: np.ndarray, tests: list[np.ndarray], truth: np.ndarray) -> list[float]:
    """Accuracy of a linear classifier on frozen representations, on each of several versions of the test pictures.

    Ridge regression on the classes, its penalty chosen by leave-one-out: it has one solution, which is found, not approached.
    """
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=PENALTIES))
    model.fit(train[:PROBED], classes[:PROBED])
    return [float((model.predict(test) == truth).mean()) for test in tests]


def neighbours(train: np.ndarray, classes: np.ndarray, tests: list[np.ndarray], truth: np.ndarray) -> list[float]:
    """Accuracy of the vote of the ten nearest by cosine, likewise."""
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(NEIGHBOURS, metric="cosine", algorithm="brute").fit(train[:PROBED], classes[:PROBED])
    return [float((model.predict(test) == truth).mean()) for test in tests]


def measure(model: Any, pictures: Any, noise: str, level: float) -> dict[str, float]:
    """All measures of one autoencoder on `SmallPictures`; the noise on the held-out pictures is the same for every model."""
    train, clean = pictures.train, pictures.evaluation
    spoiled = noised(clean, noise, level, 0)
    some = train[: len(clean)]
    found = {
        "train_error": error(model, some, some),
        "test_error": error(model, clean, clean),
        **{
            f"error_{share:g}": error(model, noised(clean, noise, at, 0), clean)
            for share, at in zip(SHARES, levels_of(noise, level), strict=True)
        },
        "distance_noisy": float(manifold_distance(spoiled, train).mean()),
        "distance": float(manifold_distance(reconstructions(model, spoiled), train).mean()),
        "distance_clean": float(manifold_distance(clean, train).mean()),
    }
    at_clean, at_noisy = latents(model, clean), latents(model, spoiled)
    moved = np.linalg.norm(at_noisy - at_clean, axis=1)
    found["latent_shift"] = float((moved / np.linalg.norm(at_clean - at_clean.mean(0), axis=1)).mean())
    if pictures.train_classes is not None:
        known, truth = latents(model, train[:PROBED]), pictures.evaluation_classes
        for name, ask in (("probe", probe), ("neighbours", neighbours)):
            found[f"{name}_clean"], found[f"{name}_noisy"] = ask(known, pictures.train_classes, [at_clean, at_noisy], truth)  # fmt: skip
    return found
