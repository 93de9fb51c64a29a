"""Two moons in the plane, where the score is known exactly: the field that sampling follows can be drawn, and a point dropped into it."""

from __future__ import annotations

import itertools
import math

import numpy as np

LABELS = ("both", "upper moon", "lower moon")
EACH, WIDTH = 14, 0.13  # Gaussians a moon, and their deviation
REACH = 3.2  # the picture goes from -REACH to REACH
LAST = 0.995  # of the way to noise: where sampling starts


def centres() -> tuple[np.ndarray, np.ndarray]:
    """Centres of the Gaussians, (28, 2), and which moon each belongs to."""
    angles = np.linspace(0, math.pi, EACH)
    upper = np.stack([np.cos(angles) - 0.5, np.sin(angles) - 0.2], 1)
    lower = np.stack([0.5 - np.cos(angles), 0.2 - np.sin(angles)], 1)
    return 1.2 * np.concatenate([upper, lower]), np.repeat([1, 2], EACH)


def levels(time: float) -> tuple[float, float]:
    """alpha and sigma at a time from 0 (the moons) to 1 (noise): the cosine schedule, alpha = cos(pi t / 2) (Nichol & Dhariwal, 2021)."""
    return math.cos(time * math.pi / 2), math.sin(time * math.pi / 2)


def score(places: np.ndarray, time: float, label: str = "both") -> np.ndarray:
    """Gradient of log p_t, exactly: p_t is a mixture of Gaussians around alpha times the centres.

    Args:
        places: (points, 2).
    """
    means, moons = centres()
    if label != LABELS[0]:
        means = means[moons == LABELS.index(label)]
    alpha, sigma = levels(time)
    variance = (alpha * WIDTH) ** 2 + sigma**2
    away = alpha * means[None] - places[:, None]  # (points, centres, 2)
    logits = -(away**2).sum(-1) / (2 * variance)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    return (shares[..., None] * away).sum(1) / variance


def guided_score(places: np.ndarray, time: float, label: str, scale: float) -> np.ndarray:
    """Classifier-free guidance of the two exact scores (Ho & Salimans, 2022): both moons as the unconditional one."""
    blind = score(places, time)
    return blind if label == LABELS[0] else blind + scale * (score(places, time, label) - blind)


def density(places: np.ndarray, time: float) -> np.ndarray:
    """p_t, (points,)."""
    means, _ = centres()
    alpha, sigma = levels(time)
    variance = (alpha * WIDTH) ** 2 + sigma**2
    squares = ((places[:, None] - alpha * means[None]) ** 2).sum(-1)
    return np.exp(-squares / (2 * variance)).mean(1) / (2 * math.pi * variance)


def path(start: np.ndarray, label: str, scale: float, steps: int, time: float = LAST) -> np.ndarray:
    """Where a point dropped at `time` goes: the probability flow by DDIM's steps (Song et al., 2021), (steps + 1, 2)."""
    at, found = np.asarray(start, float)[None], [np.asarray(start, float)]
    times = np.linspace(time, 0, steps + 1)
    for now, following in itertools.pairwise(times):
        alpha, sigma = levels(now)
        noise = -sigma * guided_score(at, now, label, scale)
        clean = (at - sigma * noise) / alpha
        alpha, sigma = levels(following)
        at = alpha * clean + sigma * noise
        found.append(at[0])
    return np.stack(found)


def nearest(place: np.ndarray) -> float:
    """How far a place is from the nearest centre, in the Gaussians' deviations."""
    means, _ = centres()
    return float(np.sqrt(((means - place) ** 2).sum(1)).min() / WIDTH)
