"""Two moons: a distribution in the plane whose score is known exactly, to plot score fields and sampling paths."""

from __future__ import annotations

import itertools
import math

import numpy as np

LABELS = ("both", "upper moon", "lower moon")
COMPONENTS_PER_MOON, COMPONENT_STD = 14, 0.13  # of the Gaussian mixture
PLOT_LIMIT, PLOT_PIXELS = 3.2, 560  # the plot goes from -PLOT_LIMIT to PLOT_LIMIT; its size in pixels per side
START_TIME = 0.995  # where sampling starts; 1 is pure noise


def component_means() -> tuple[np.ndarray, np.ndarray]:
    """Means of the mixture's Gaussians, (28, 2), and the moon of each, 1 or 2."""
    angles = np.linspace(0, math.pi, COMPONENTS_PER_MOON)
    upper = np.stack([np.cos(angles) - 0.5, np.sin(angles) - 0.2], 1)
    lower = np.stack([0.5 - np.cos(angles), 0.2 - np.sin(angles)], 1)
    return 1.2 * np.concatenate([upper, lower]), np.repeat([1, 2], COMPONENTS_PER_MOON)


def alpha_sigma(time: float) -> tuple[float, float]:
    """alpha and sigma at a time from 0 (the moons) to 1 (noise), cosine schedule (Nichol & Dhariwal, 2021)."""
    return math.cos(time * math.pi / 2), math.sin(time * math.pi / 2)


def score(points: np.ndarray, time: float, label: str = "both") -> np.ndarray:
    """The exact gradient of log p_t, where p_t is a mixture of Gaussians around alpha times the means.

    Args:
        points: (points, 2).
    """
    means, moons = component_means()
    if label != LABELS[0]:
        means = means[moons == LABELS.index(label)]
    alpha, sigma = alpha_sigma(time)
    variance = (alpha * COMPONENT_STD) ** 2 + sigma**2
    offsets = alpha * means[None] - points[:, None]  # (points, components, 2)
    logits = -(offsets**2).sum(-1) / (2 * variance)
    responsibilities = np.exp(logits - logits.max(1, keepdims=True))
    responsibilities /= responsibilities.sum(1, keepdims=True)
    return (responsibilities[..., None] * offsets).sum(1) / variance


def guided_score(points: np.ndarray, time: float, label: str, scale: float) -> np.ndarray:
    """Classifier-free guidance of the exact scores (Ho & Salimans, 2022), both moons as the unconditional one."""
    unconditional = score(points, time)
    if label == LABELS[0]:
        return unconditional
    return unconditional + scale * (score(points, time, label) - unconditional)


def density(points: np.ndarray, time: float) -> np.ndarray:
    """p_t, (points,)."""
    means, _ = component_means()
    alpha, sigma = alpha_sigma(time)
    variance = (alpha * COMPONENT_STD) ** 2 + sigma**2
    squares = ((points[:, None] - alpha * means[None]) ** 2).sum(-1)
    return np.exp(-squares / (2 * variance)).mean(1) / (2 * math.pi * variance)


def probability_flow_path(
    start: np.ndarray, label: str, scale: float, steps: int, time: float = START_TIME
) -> np.ndarray:
    """The path of a point from `time` to 0: the probability flow by DDIM steps (Song et al., 2021), (steps + 1, 2)."""
    x = np.asarray(start, float)[None]
    path = [x[0]]
    for now, after in itertools.pairwise(np.linspace(time, 0, steps + 1)):
        alpha, sigma = alpha_sigma(now)
        noise = -sigma * guided_score(x, now, label, scale)
        clean = (x - sigma * noise) / alpha
        alpha, sigma = alpha_sigma(after)
        x = alpha * clean + sigma * noise
        path.append(x[0])
    return np.stack(path)


def distance_to_data(point: np.ndarray) -> float:
    """Distance of a point from the nearest mean, in standard deviations of the Gaussians."""
    means, _ = component_means()
    return float(np.sqrt(((means - point) ** 2).sum(1)).min() / COMPONENT_STD)


def pixel_to_point(pixel: tuple[int, int]) -> tuple[float, float]:
    """The point of the plane at a pixel (column, row) of the plot."""
    return (2 * pixel[0] / PLOT_PIXELS - 1) * PLOT_LIMIT, (1 - 2 * pixel[1] / PLOT_PIXELS) * PLOT_LIMIT
