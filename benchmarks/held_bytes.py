"""Bytes of weights, gradients and optimiser that a process of a run holds at a step."""

from __future__ import annotations

from typing import Any

import torch

from training.fit.loop import _Fit


def run_measured(fit: _Fit) -> dict[str, int]:
    """Train to the end; returns what this process held at the last step: `weights`, `gradients`, `optimizer`."""
    held: dict[str, int] = {}
    update = fit._update

    def update_and_measure(ratio: float) -> torch.Tensor:
        held["gradients"] = sum(local_bytes(weight.grad) for weight in fit.trained if weight.grad is not None)
        norm = update(ratio)
        states = [value for state in fit.optimizer.state.values() for value in state.values()]
        held["optimizer"] = sum(map(local_bytes, states))
        held["weights"] = sum(map(local_bytes, fit.model.parameters()))
        return norm

    fit._update = update_and_measure  # type: ignore[method-assign]
    fit.run()
    return held


def local_bytes(tensor: Any) -> int:
    """Bytes of a tensor, or of the share of it that this process holds."""
    local = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return local.numel() * local.element_size()
