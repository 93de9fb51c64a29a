"""The reverse process, a frame a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from plugins.diffusion_cfg.images import data_url
from plugins.diffusion_cfg.sampling.loop import Step, sample

if TYPE_CHECKING:
    from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser
    from plugins.diffusion_cfg.sampling.request import Recipe


@dataclass(frozen=True)
class Frame:
    """A step for the eye; pictures are (channels, height, width) in [-1, 1].

    Args:
        noisy, clean: x_t and the predicted x_0, decoded. noise: the predicted noise, its latents as colours.
        score_length: Norm of the score, -noise / sigma, per latent (root mean square).
        difference: Norm of conditional minus unconditional prediction per latent; 0 where only one was asked.
    """

    number: int
    timestep: float
    snr: float
    noisy: Tensor
    noise: Tensor
    clean: Tensor
    score_length: float
    difference: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, pictures as data URLs."""
        pictures = {name: data_url(getattr(self, name)) for name in ("noisy", "noise", "clean")}
        return {"step": self.number, "timestep": self.timestep, "snr": self.snr, **pictures, "score_length": self.score_length, "difference": self.difference}  # fmt: skip


def film(model: Diffuser, recipe: Recipe, start: Tensor | None = None) -> list[Frame]:
    """Every step of drawing a picture."""
    return [frame(model, step) for step in sample(model, recipe, start)]


def frame(model: Diffuser, step: Step) -> Frame:
    """A step's first picture, decoded."""
    noisy, clean = model.decode(torch.cat([step.noisy[:1], step.clean[:1]]))
    snr = (step.alpha / max(step.sigma, 1e-9)) ** 2
    length = rms(step.noise[:1]) / max(step.sigma, 1e-9)
    return Frame(step.number, step.timestep, snr, noisy, as_colours(step.noise[0]), clean, length, difference(step))


def difference(step: Step) -> float:
    """How far the conditional and the unconditional prediction for the first picture are apart, per latent."""
    return 0.0 if step.unconditional is None else rms(step.conditional[:1] - step.unconditional[:1])


def rms(values: Tensor) -> float:
    """Root mean square."""
    return float(values.float().square().mean().sqrt())


def as_colours(latents: Tensor) -> Tensor:
    """Latents (channels, height, width) as a picture: the first three as colours (one as grey), two deviations to either end."""
    shown = latents[:3] if len(latents) >= 3 else latents[:1]
    return (shown / 2).clamp(-1, 1)
