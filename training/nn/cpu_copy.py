"""A copy of a network in the CPU's memory: what is saved, without a second set of weights on the accelerator."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


def cpu_copy(model: M, dtype: torch.dtype | None = None) -> M:
    """Copy a network to the CPU.

    Args:
        dtype: Of its floating-point weights in the copy; None keeps each one's.
    """

    def convert(tensor: Tensor) -> Tensor:
        return tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None, copy=True)

    return copy_with(model, convert)


def copy_with(model: M, convert: Callable[[Tensor], Tensor]) -> M:
    """Copy a network with `convert(tensor)` in place of each parameter and buffer; shared ones stay shared."""
    made: dict[int, object] = {}
    for parameter in model.parameters():
        made[id(parameter)] = nn.Parameter(convert(parameter), requires_grad=parameter.requires_grad)
    for buffer in model.buffers():
        made[id(buffer)] = convert(buffer)
    return copy.deepcopy(model, made)
