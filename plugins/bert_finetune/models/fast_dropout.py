"""Dropout on a CPU from 16 random bits per element; torch draws one 64-bit number per element, four times the work."""

from __future__ import annotations

import torch

NUMBERS_PER_DRAW = 4  # 16-bit numbers in one 64-bit draw
MIN_INT16, LEVELS = -(2**15), 2**16


class FastDropout(torch.nn.Dropout):
    """`torch.nn.Dropout` with its probability rounded to 1/65536, from torch's own generator."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Any shape; on other devices than a CPU, in evaluation and for p = 0 or 1, torch's own dropout."""
        if not self.training or self.p in (0.0, 1.0) or self.inplace or input.device.type != "cpu":
            return super().forward(input)
        draws = torch.randint(-(2**63), 2**63 - 1, (-(-input.numel() // NUMBERS_PER_DRAW),), dtype=torch.int64)
        numbers = draws.view(torch.int16)[: input.numel()].view(input.shape)
        keep = numbers >= MIN_INT16 + round(self.p * LEVELS)
        return input * keep.to(input.dtype).mul_(1 / (1 - self.p))


def use_fast_dropout(model: torch.nn.Module) -> None:
    """Swap the class of every dropout module of a model; module names, weights and copies stay as they are."""
    for module in model.modules():
        if type(module) is torch.nn.Dropout:
            module.__class__ = FastDropout
