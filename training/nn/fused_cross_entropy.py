"""Cross entropy over a vocabulary together with its gradient, softmax minus one at the target: the logits are read once."""

from __future__ import annotations

import torch


def losses_and_gradient(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross entropy of each token, and its gradient with respect to the logits, a table of its own.

    Args:
        logits: (tokens, vocabulary), float32.
        targets: (tokens,), none to be ignored.

    Returns:
        (tokens,) and (tokens, vocabulary).
    """
    picked, chances = targets[:, None], logits.softmax(-1)
    # the largest logit has the chance exp(0) / sum, so that the sum need not be computed again
    losses = logits.amax(-1) - chances.amax(-1).log() - logits.gather(1, picked)[:, 0]
    return losses, chances.scatter_add_(1, picked, chances.new_full(picked.shape, -1.0))
