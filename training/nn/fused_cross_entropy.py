"""Cross entropy over a vocabulary fused with its gradient (softmax minus one-hot target): one pass over logits."""

from __future__ import annotations

import torch


def losses_and_gradient(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the cross entropy per token and its gradient with respect to the logits, in a new tensor.

    Args:
        logits: (tokens, vocabulary), float32.
        targets: Class indices, (tokens,); there is no ignored index.

    Returns:
        Losses, (tokens,), and gradients, (tokens, vocabulary).
    """
    index, probabilities = targets[:, None], logits.softmax(-1)
    # The largest logit has the probability exp(0) / sum, so logsumexp = max - log(max probability): no second pass.
    losses = logits.amax(-1) - probabilities.amax(-1).log() - logits.gather(1, index)[:, 0]
    return losses, probabilities.scatter_add_(1, index, probabilities.new_full(index.shape, -1.0))
