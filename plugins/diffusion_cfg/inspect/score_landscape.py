"""The landscape -log p between images of two captions, at several noise levels, and how sampling goes down it.

The score is the gradient of log p_t, and the denoiser knows it: score(x) = (x_0 predicted from x - x) / sigma^2
(Vincent, 2011; Song et al., 2021). It is measured on a grid over a plane of images and integrated to heights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.loop import SamplingStep, sample
from plugins.diffusion_cfg.sampling.request import GenerationRequest

GRID = 9  # points per side
MARGIN = 0.4  # of the plane beyond the images, as a share of their distance
VIEWS = ((0.85, False), (0.35, False), (0.35, True))  # share of the timesteps; whether the score is the caption's
BATCH = 64


@dataclass(frozen=True)
class Plane:
    """The plane of three images: two results, and the mean of all images at pure noise.

    Args:
        centre: Latents midway between the two results, (values,).
        axes: Orthonormal: from the first result to the second, and at right angles to that, to the mean; (2, values).
    """

    centre: Tensor
    axes: Tensor

    def place(self, latents: Tensor) -> np.ndarray:
        """Latents, (points, …) -> their projections on the plane, (points, 2)."""
        return ((latents.flatten(1).double().cpu() - self.centre) @ self.axes.T).numpy()

    def latents(self, points: np.ndarray) -> Tensor:
        """Points of the plane, (points, 2) -> latents, (points, values)."""
        return self.centre + torch.from_numpy(points) @ self.axes


@dataclass(frozen=True)
class Landscape:
    """Heights and downhill directions at one noise level.

    Args:
        timestep: Of the noise level.
        caption: Whose score it is; empty for that of all images.
        x, y: Coordinates of the grid, (points,) each.
        heights: -log p_t per latent over the plane, up to a constant, (y, x).
        downhill: The score's components in the plane, (y, x, 2).
    """

    timestep: float
    caption: str
    x: np.ndarray
    y: np.ndarray
    heights: np.ndarray
    downhill: np.ndarray


@dataclass(frozen=True)
class Descent:
    """The images of two captions from one noise, how sampling came to them, and the landscapes on the way.

    Args:
        captions: The two.
        images: The two results and the mean image, decoded, (3, channels, height, width).
        places: Those three on the plane, (3, 2).
        paths: Predicted x_0 of each result's steps on the plane, (steps + 1, 2) each.
        steps: Of the first caption.
    """

    captions: tuple[str, str]
    images: Tensor
    places: np.ndarray
    paths: list[np.ndarray]
    steps: list[SamplingStep]
    landscapes: list[Landscape]


def measure_descent(model: LoadedPipeline, request: GenerationRequest, other: str) -> Descent:
    """Sample the request's caption and another from the same noise; measure landscapes on the plane of both images."""
    steps = [list(sample(model, replace(request, prompt=caption))) for caption in (request.prompt, other)]
    results = torch.cat([own[-1].clean[:1] for own in steps])
    mean = torch.cat([own[0].clean[:1] for own in steps]).mean(0, keepdim=True)
    plane = plane_through(results, mean)
    places = plane.place(torch.cat([results, mean]))
    return Descent(
        captions=(request.prompt, other),
        images=model.decode(torch.cat([results, mean])),
        places=places,
        paths=[plane.place(torch.cat([step.clean[:1] for step in own])) for own in steps],
        steps=steps[0],
        landscapes=[
            _landscape(model, replace(request, prompt=request.prompt if has_caption else ""), plane, places, share)
            for share, has_caption in VIEWS
        ],
    )


def plane_through(results: Tensor, mean: Tensor) -> Plane:
    """The plane through two results, (2, …), and the mean image, (1, …)."""
    first, second = results.flatten(1).double().cpu()
    centre, across = (first + second) / 2, second - first
    across = across / across.norm().clamp(min=1e-9)
    up = mean.flatten().double().cpu() - centre
    up = up - (up @ across) * across
    return Plane(centre, torch.stack([across, up / up.norm().clamp(min=1e-9)]))


def _landscape(
    model: LoadedPipeline, request: GenerationRequest, plane: Plane, places: np.ndarray, share: float
) -> Landscape:
    timestep = round(share * (model.noise_schedule.num_timesteps - 1))
    low, high = places.min(0), places.max(0)
    margin = MARGIN * max(high - low)
    x, y = (np.linspace(low[axis] - margin, high[axis] + margin, GRID) for axis in range(2))
    points = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    downhill = score_on_plane(model, request, plane, points, timestep).reshape(GRID, GRID, 2)
    heights = integrate(downhill, x, y) / len(plane.centre)
    return Landscape(float(timestep), request.prompt, x, y, heights, downhill)


def score_on_plane(
    model: LoadedPipeline,
    request: GenerationRequest,
    plane: Plane,
    points: np.ndarray,
    timestep: int,
) -> np.ndarray:
    """The caption's score at points of the plane, projected on it, (points, 2), in units of x_0.

    Noise of the level is added to each point, and its opposite too: images at this level have noise in them, and what
    it adds to the projection cancels out.
    """
    factor = model.downsample_factor
    shape = (model.latent_channels, *(side // factor for side in model.image_size))
    t = torch.tensor(float(timestep) if model.noise_schedule.alpha_bars is None else timestep, device=model.device)
    alpha, sigma = (float(level) for level in model.noise_schedule.alpha_sigma(t))
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(request.seed)).to(model.device)
    clean = plane.latents(points).float().reshape(-1, *shape).to(model.device)
    caption = model.encode_texts([request.prompt])
    pulls = torch.zeros_like(clean)
    with torch.inference_mode():
        for sign in (1, -1):
            for part in torch.arange(len(clean)).split(BATCH):
                noisy = alpha * clean[part] + sign * sigma * noise
                prediction = model.predict(noisy, t, caption.expand(len(part), -1, -1))
                pulls[part] += (model.noise_schedule.to_clean_and_noise(prediction, noisy, t)[0] - clean[part]) / 2
    return (pulls.flatten(1).double().cpu() @ plane.axes.T).numpy() * (alpha / max(sigma, 1e-6)) ** 2


def integrate(downhill: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Heights whose downhill slopes are nearest to a field, by least squares; the lowest is 0.

    A field that a network predicts is the gradient of no function exactly, so that there are heights for it only in the
    least squares sense.

    Args:
        downhill: (y, x, 2): components along x and y.
    """
    numbers = np.arange(len(y) * len(x)).reshape(len(y), len(x))
    across = (downhill[:, :-1, 0] + downhill[:, 1:, 0]) / 2 * np.diff(x)[None]
    along = (downhill[:-1, :, 1] + downhill[1:, :, 1]) / 2 * np.diff(y)[:, None]
    before = np.concatenate([numbers[:, :-1].ravel(), numbers[:-1].ravel()])
    after = np.concatenate([numbers[:, 1:].ravel(), numbers[1:].ravel()])
    falls = np.concatenate([across.ravel(), along.ravel()])
    differences = np.zeros((len(falls), numbers.size))
    differences[np.arange(len(falls)), before] = 1
    differences[np.arange(len(falls)), after] = -1
    heights = np.linalg.lstsq(differences, falls, rcond=None)[0].reshape(numbers.shape)
    return heights - heights.min()
