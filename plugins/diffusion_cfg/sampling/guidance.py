"""Ways of combining what the denoiser says with the caption and without: one function a method, each of its paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

APG_THRESHOLD_SHARE, APG_MOMENTUM = 1.0, -0.5


def classifier_free(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """u + w (c - u): Ho & Salimans (2022), eq. 6, with w = 1 + their w: scale 1 is the conditional model, exactly."""
    return conditional if scale == 1 else unconditional + scale * (conditional - unconditional)


def rescaled(guided: Tensor, conditional: Tensor, share: float) -> Tensor:
    """Bring a guided prediction's deviation back to the conditional one's, by a share: Lin et al. (2024), eq. 15 and 16."""
    if not share:
        return guided
    axes = tuple(range(1, guided.ndim))
    calm = guided * (conditional.std(axes, keepdim=True) / guided.std(axes, keepdim=True).clamp(min=1e-8))
    return share * calm + (1 - share) * guided


class AdaptiveProjection:
    """Guidance on the clean picture without the part that only makes it stronger: Sadat et al. (2024), Algorithm 1.

    The difference of the two predictions gets reverse momentum, its norm is capped, and what of it is parallel to the
    conditional picture is left out. The cap is the norm of the conditional picture: the paper's is a number for each model.
    """

    def __init__(
        self, momentum: float = APG_MOMENTUM, threshold_share: float = APG_THRESHOLD_SHARE, parallel: float = 0.0
    ):
        self.momentum, self.threshold_share, self.parallel = momentum, threshold_share, parallel
        self.average: Tensor | None = None

    def __call__(self, conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
        """The guided clean picture of the two, (batch, channels, height, width) each."""
        difference = conditional - unconditional
        if self.average is not None:
            difference = difference + self.momentum * self.average
        self.average = difference
        cap = self.threshold_share * _norm(conditional)
        difference = difference * (cap / _norm(difference)).clamp(max=1)
        direction = conditional / _norm(conditional)
        parallel = (difference * direction).sum((1, 2, 3), keepdim=True) * direction
        return conditional + (scale - 1) * (difference - (1 - self.parallel) * parallel)


def cfg_plus_plus_step(clean: Tensor, unconditional_noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """DDIM's step with the unconditional noise put back: Chung et al. (2024), Algorithm 2.

    Args:
        clean: x_0 of the guided prediction, its scale in [0, 1].
        alpha, sigma: Of the next timestep.
    """
    return alpha * clean + sigma * unconditional_noise


def _norm(values: Tensor) -> Tensor:
    return values.flatten(1).norm(dim=1).clamp(min=1e-8).reshape(-1, 1, 1, 1)
