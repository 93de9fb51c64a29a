"""Guidance methods: how the conditional and the unconditional prediction are combined, one function per paper."""

from __future__ import annotations

from torch import Tensor

APG_THRESHOLD_SHARE, APG_MOMENTUM = 1.0, -0.5


def classifier_free(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """u + w (c - u): Ho & Salimans (2022), eq. 6, with w = 1 + their w: scale 1 is the conditional model, exactly."""
    return conditional if scale == 1 else unconditional + scale * (conditional - unconditional)


def rescale(guided: Tensor, conditional: Tensor, share: float) -> Tensor:
    """Rescale a guided prediction to the conditional one's deviation, by a share: Lin et al. (2024), eq. 15 and 16."""
    if not share:
        return guided
    axes = tuple(range(1, guided.ndim))
    rescaled = guided * (conditional.std(axes, keepdim=True) / guided.std(axes, keepdim=True).clamp(min=1e-8))
    return share * rescaled + (1 - share) * guided


class AdaptiveProjection:
    """Guidance on x_0 without the component parallel to the conditional image (APG): Sadat et al. (2024), Algorithm 1.

    The difference of the two predictions gets negative momentum, its norm is capped, and its component parallel to the
    conditional x_0 is removed. The cap is the norm of the conditional x_0: the paper's is a constant for each model.
    """

    def __init__(
        self, momentum: float = APG_MOMENTUM, threshold_share: float = APG_THRESHOLD_SHARE, parallel: float = 0.0
    ):
        self.momentum, self.threshold_share, self.parallel = momentum, threshold_share, parallel
        self.average: Tensor | None = None

    def __call__(self, conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
        """The guided x_0, in the shape of its inputs, (batch, channels, height, width)."""
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
    """A DDIM step that renoises with the unconditional noise: Chung et al. (2024), Algorithm 2.

    Args:
        clean: x_0 of the guided prediction, its scale in [0, 1].
        alpha, sigma: Of the next timestep.
    """
    return alpha * clean + sigma * unconditional_noise


def _norm(values: Tensor) -> Tensor:
    return values.flatten(1).norm(dim=1).clamp(min=1e-8).reshape(-1, 1, 1, 1)
