"""Tensors without values, as `FakeTensorMode` makes them to trace a network that is not computed."""

from __future__ import annotations

import torch
from torch._subclasses.fake_tensor import FakeTensor


def has_values(tensor: torch.Tensor) -> bool:
    """Whether a tensor can be asked for its values."""
    return not isinstance(tensor, FakeTensor)
