"""What a row is spoiled with before it is restored: hidden cells, cells of other rows, noise on numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from training.data.tabular.features import HIDDEN


def spoil(
    numbers: Tensor, ids: Tensor, mask_share: float, swap_share: float, noise: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Corrupt rows cell by cell (Vincent et al., 2008: masking, Gaussian; swapping as in Yoon et al., 2020, §4.1).

    Args:
        numbers: Scaled, NaN where missing, (rows, number features).
        ids: Category ids, (rows, category features).
        mask_share, swap_share: Share of the cells that are hidden, or taken from another row of the batch.
        noise: Standard deviation added to numbers, in theirs.

    Returns:
        Numbers with 0 where none is visible, what is visible (1 or 0), ids: each with a first axis of one member, as
        `TableAutoencoder` takes them.
    """
    numbers, ids = _swapped(numbers, swap_share), _swapped(ids.long(), swap_share)
    visible = torch.isfinite(numbers).float()
    shown = numbers.nan_to_num(0.0) + noise * torch.randn_like(numbers)
    visible = visible * (torch.rand_like(shown) >= mask_share)
    ids = torch.where(torch.rand(ids.shape, device=ids.device) < mask_share, HIDDEN, ids)
    return (shown * visible)[None], visible[None], ids[None]


def _swapped(cells: Tensor, share: float) -> Tensor:
    """A share of the cells as another row of the batch has them, each column with rows of its own."""
    if not cells.numel() or not share:
        return cells
    others = torch.rand(cells.shape, device=cells.device).argsort(0)
    return torch.where(torch.rand(cells.shape, device=cells.device) < share, cells.gather(0, others), cells)
