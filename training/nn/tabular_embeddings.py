"""Input embeddings of table cells: vectors of categories, piecewise linear or periodic codes of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

NumberEmbedding = Literal["plain", "piecewise_linear", "periodic"]
BINS, FREQUENCIES = 12, 6


class CategoryEmbeddings(nn.Module):
    """One embedding table per category feature, equal widths in one lookup; width min(32, 1.6 n^0.56), at least 2."""

    def __init__(self, sizes: Sequence[int]):
        super().__init__()
        self.sizes = tuple(sizes)
        self.widths = tuple(max(2, min(32, round(1.6 * size**0.56))) for size in sizes)
        self.groups = sorted(set(self.widths))
        self.width = sum(self.widths)
        self.members_of = [
            [index for index, width in enumerate(self.widths) if width == group] for group in self.groups
        ]
        self.tables = nn.ModuleList(
            nn.Embedding(sum(sizes[index] for index in places), group)
            for group, places in zip(self.groups, self.members_of, strict=True)
        )
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.5)  # type: ignore[arg-type]
        for number, places in enumerate(self.members_of):
            offsets = [0, *torch.tensor([sizes[index] for index in places]).cumsum(0).tolist()][:-1]
            self.register_buffer(f"offsets_{number}", torch.tensor(offsets), persistent=False)
            self.register_buffer(f"places_{number}", torch.tensor(places), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Ids (members, rows, features) -> concatenated vectors, (members, rows, width)."""
        parts = [
            table(ids[..., getattr(self, f"places_{n}")] + getattr(self, f"offsets_{n}")).flatten(-2)
            for n, table in enumerate(self.tables)
        ]
        return torch.cat(parts, dim=-1) if parts else ids.new_zeros((*ids.shape[:-1], 0), dtype=torch.float32)

    def vectors(self, feature: int) -> Tensor:
        """Return the table of one feature, (its ids, its width)."""
        group = self.groups.index(self.widths[feature])
        before = self.members_of[group].index(feature)
        start = int(getattr(self, f"offsets_{group}")[before])
        table: Any = self.tables[group]
        return table.weight[start : start + self.sizes[feature]]


class NumberCode(nn.Module):
    """Numbers, concatenated with a piecewise linear (eq. 1) or periodic (eq. 2) code of Gorishniy et al., 2022."""

    edges: Tensor

    def __init__(self, kind: NumberEmbedding, numbers: int, edges: Sequence[Sequence[float]]):
        super().__init__()
        self.kind = kind if numbers else "plain"
        self.copies = {"plain": 1, "piecewise_linear": 1 + BINS, "periodic": 1 + 2 * FREQUENCIES}[self.kind]
        self.width = numbers * self.copies
        if self.kind == "periodic":
            self.frequencies = nn.Parameter(torch.randn(FREQUENCIES, numbers) * 0.3)
        if self.kind == "piecewise_linear":
            self.register_buffer("edges", torch.tensor(edges).T.contiguous(), persistent=False)

    def forward(self, numbers: Tensor) -> Tensor:
        """(members, rows, numbers) -> (members, rows, copies x numbers), all numbers of one copy together."""
        if self.kind == "plain":
            return numbers
        wide = numbers[..., None, :]  # (members, rows, 1, numbers)
        if self.kind == "periodic":
            angle = 2 * math.pi * self.frequencies * wide
            parts = torch.cat([wide, angle.sin(), angle.cos()], dim=-2)
        else:
            low, high = self.edges[:-1], self.edges[1:]
            parts = torch.cat([wide, ((wide - low) / (high - low)).clamp(0, 1)], dim=-2)
        return parts.flatten(-2)


def bin_edges(scaler: Any) -> tuple[float, ...]:
    """Return bin edges at the training rows' quantiles, strictly increasing."""
    quantiles = scaler.scaled(np.quantile(scaler.quantiles, np.linspace(0, 1, BINS + 1))).astype(float)
    return tuple(float(value) for value in np.maximum.accumulate(quantiles + 1e-3 * np.arange(BINS + 1)))
