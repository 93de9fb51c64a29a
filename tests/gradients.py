"""Two ways to compute the same network are held to each other."""

from __future__ import annotations

import torch


def assert_alike(whole: torch.nn.Module, wanted: torch.Tensor, part: torch.nn.Module, found: torch.Tensor) -> None:
    """The logits of both, (rows, classes), are the same, and so are the gradients of all weights."""
    torch.testing.assert_close(found, wanted)
    for logits in (wanted, found):
        logits.logsumexp(-1).sum().backward()
    weights = dict(part.named_parameters())
    for name, parameter in whole.named_parameters():
        torch.testing.assert_close(weights[name].grad, parameter.grad, msg=name)
