"""GPT-2's GELU as one kernel: torch's tanh approximation in place of the eight operations of transformers'
NewGELUActivation."""

from __future__ import annotations

from typing import Any

from torch.nn import GELU
from transformers.activations import NewGELUActivation


def use_fused_gelu(model: Any) -> Any:
    """Replace every NewGELUActivation of a model in place; values differ by rounding only. Returns the model."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, NewGELUActivation):
                setattr(module, name, GELU(approximate="tanh"))
    return model
