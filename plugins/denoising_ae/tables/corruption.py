"""Row corruption for training: masked cells, cells swapped between rows, Gaussian noise on numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from training.data.tabular.features import HIDDEN


def corrupt_rows(
    numbers: Tensor, ids: Tensor, mask_ratio: float, swap_ratio: float, noise_std: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Corrupt rows cell by cell (masking and Gaussian noise: Vincent et al., 2008; swapping: Yoon et al., 2020, §4.1).

    Args:
        numbers: Scaled, NaN where missing, (rows, number features).
        ids: Category ids, (rows, category features).
        mask_ratio, swap_ratio: Fraction of the cells that is masked, or swapped with another row of the batch.
        noise_std: Standard deviation of the noise, in units of the scaled numbers.

    Returns:
        Numbers with 0 where none is visible, visibility (1 or 0), ids: each with a leading axis of one ensemble member,
        as `TableAutoencoder` takes them.
    """
    numbers, ids = _swapped(numbers, swap_ratio), _swapped(ids.long(), swap_ratio)
    visible = torch.isfinite(numbers).float()
    noisy = numbers.nan_to_num(0.0) + noise_std * torch.randn_like(numbers)
    visible = visible * (torch.rand_like(noisy) >= mask_ratio)
    ids = torch.where(torch.rand(ids.shape, device=ids.device) < mask_ratio, HIDDEN, ids)
    return (noisy * visible)[None], visible[None], ids[None]


def _swapped(cells: Tensor, ratio: float) -> Tensor:
    """A fraction of the cells replaced by another row's, each column with its own permutation of the rows."""
    if not cells.numel() or not ratio:
        return cells
    permutation = torch.rand(cells.shape, device=cells.device).argsort(0)
    return torch.where(torch.rand(cells.shape, device=cells.device) < ratio, cells.gather(0, permutation), cells)
