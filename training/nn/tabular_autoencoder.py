"""Ensemble of denoising autoencoders for encoded tables; members with own noise, trained by batched products."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from training.data.tabular.encoder import TableEncoder
from training.data.tabular.features import HIDDEN
from training.nn.tabular_embeddings import CategoryEmbeddings, NumberCode, NumberEmbedding, bin_edges

# Outputs are filled up to a multiple of this when rows are scored: with 5, 6, 7 or 9 of them MKL rounds odd rows of a
# product otherwise than even ones, and a row would score by its place.
LANES = 16
MIN_ENTROPY = 0.2  # nats: else a category that hardly varies would outweigh the others


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network, JSON-ready.

    Args:
        numbers: Scaled numbers per row.
        sizes: Ids of each category feature.
        noise: Standard deviation of the noise on scaled numbers, one per member: as many members as entries.
        mask: Share of the cells hidden in training, one per member.
        latent_size: Width of the bottleneck; 0: none.
        number_embedding: "plain" values, or beside them a piecewise linear or periodic code (Gorishniy et al., 2022).
        edges: Bin edges of the piecewise linear code, (numbers, 13).
    """

    numbers: int
    sizes: tuple[int, ...]
    noise: tuple[float, ...]
    mask: tuple[float, ...]
    width: int = 128
    blocks: int = 2
    latent_size: int = 16
    number_embedding: NumberEmbedding = "plain"
    edges: tuple[tuple[float, ...], ...] = ()

    @property
    def members(self) -> int:
        return len(self.noise)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NetworkConfig:
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**{**fields, "edges": tuple(tuple(row) for row in values["edges"])})

    @classmethod
    def for_encoder(cls, encoder: TableEncoder, **values: Any) -> NetworkConfig:
        """Return the configuration for a fitted encoder."""
        edges: tuple[tuple[float, ...], ...] = ()
        if values.get("number_embedding") == "piecewise_linear":
            edges = tuple(bin_edges(feature.scaler) for feature in encoder.numbers)
        return cls(len(encoder.numbers), tuple(feature.size for feature in encoder.categories), edges=edges, **values)


class Output(NamedTuple):
    """Outputs of the members: numbers (members, rows, numbers), logits of all vocabularies, concatenated
    (members, rows, sum of sizes), latent (members, rows, latent)."""

    numbers: Tensor
    logits: Tensor
    latent: Tensor


class TableAutoencoder(nn.Module):
    """Residual MLPs around a bottleneck; category embeddings are shared by the members."""

    shrink: Tensor
    starts: Tensor

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.config = config
        self.embeddings = CategoryEmbeddings(config.sizes)
        self.code = NumberCode(config.number_embedding, config.numbers, config.edges)
        members, width, latent = config.members, config.width, config.latent_size
        self.hides = max(config.mask, default=0) > 0 or bool(config.sizes)
        inputs = self.code.width + self.embeddings.width + (config.numbers if self.hides else 0)
        outside = max(1, config.blocks // 2)
        self.enter = MemberLinear(members, inputs, width)
        self.encoder = nn.ModuleList(Residual(members, width) for _ in range(outside))
        self.squeeze = MemberLinear(members, width, latent) if latent else None
        self.widen = MemberLinear(members, latent, width) if latent else None
        self.decoder = nn.ModuleList(Residual(members, width) for _ in range(outside))
        self.leave = MemberLinear(members, width, config.numbers + sum(config.sizes))
        self.register_buffer(
            "shrink", torch.tensor([1 / math.sqrt(1 + s * s) for s in config.noise])[:, None, None], persistent=False
        )
        starts = [0, *np.cumsum(config.sizes, dtype=int).tolist()][: len(config.sizes)]  # of the vocabularies' logits
        self.register_buffer("starts", torch.tensor(starts, dtype=torch.long), persistent=False)

    def forward(self, numbers: Tensor, visible: Tensor, categories: Tensor) -> Output:
        """Reconstruct rows.

        Args:
            numbers: Scaled, possibly with noise, 0 where not visible, (members, rows, numbers).
            visible: 1 for numbers that are not hidden or missing, (members, rows, numbers).
            categories: Ids, 0 where hidden, (members, rows, category features).
        """
        shown = numbers * self.shrink
        inputs = [self.code(shown) * (visible.repeat(1, 1, self.code.copies)), self.embeddings(categories)]
        hidden = self.enter(torch.cat([*inputs, visible] if self.hides else inputs, dim=-1))
        for block in self.encoder:
            hidden = block(hidden)
        latent = hidden
        if self.squeeze is not None and self.widen is not None:
            latent = self.squeeze(nn.functional.layer_norm(hidden, hidden.shape[-1:]))
            hidden = self.widen(latent)
        for block in self.decoder:
            hidden = block(hidden)
        out = self.leave(nn.functional.layer_norm(hidden, hidden.shape[-1:]))
        return Output(out[..., : self.config.numbers], out[..., self.config.numbers :], latent)

    @torch.no_grad()
    def number_vectors(self, feature: int, scaled: Any) -> Any:
        """Return the first layer's response to values of one number, members in a row, (values, members x width)."""
        rows = torch.zeros(self.config.members, len(scaled), self.config.numbers)
        empty = self.code(rows * self.shrink)
        rows[:, :, feature] = torch.as_tensor(scaled)
        change = self.code(rows * self.shrink) - empty
        vectors = torch.bmm(change, self.enter.weight[:, : self.code.width])
        return vectors.permute(1, 0, 2).flatten(1).numpy()

    def normalisers(self, logits: Tensor) -> Tensor:
        """Return logsumexp per vocabulary, (…, category features).

        Neighbouring vocabularies of one size in one call.
        """
        parts, start = [], 0
        for size, features in groupby(self.config.sizes):
            count = len(list(features))
            wide = logits[..., start : start + count * size].unflatten(-1, (count, size))
            parts.append(wide.logsumexp(-1))
            start += count * size
        return torch.cat(parts, dim=-1)

    def log_probabilities(self, logits: Tensor) -> Tensor:
        """Log softmax within each vocabulary, (…, sum of sizes)."""
        if not self.config.sizes:
            return logits
        sizes = torch.tensor(self.config.sizes, device=logits.device)
        return logits - self.normalisers(logits).repeat_interleave(sizes, dim=-1)


class MemberLinear(nn.Module):
    """One linear layer per member: (members, rows, inputs) -> (members, rows, outputs)."""

    def __init__(self, members: int, inputs: int, outputs: int):
        super().__init__()
        bound = 1 / math.sqrt(max(1, inputs))
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, rows: Tensor) -> Tensor:
        weight, bias = self.weight.to(rows.dtype), self.bias.to(rows.dtype)
        outputs = weight.shape[-1]
        if not self.training and outputs % LANES:
            extra = (0, -outputs % LANES)
            weight, bias = nn.functional.pad(weight, extra), nn.functional.pad(bias, extra)
        return torch.baddbmm(bias, rows, weight)[..., :outputs]


class Residual(nn.Module):
    """x + W2 silu(W1 norm(x)); W2 is initialised to zero."""

    def __init__(self, members: int, width: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(members, 1, width))
        self.shift = nn.Parameter(torch.zeros(members, 1, width))
        self.inner, self.outer = MemberLinear(members, width, width), MemberLinear(members, width, width)
        nn.init.zeros_(self.outer.weight)

    def forward(self, hidden: Tensor) -> Tensor:
        normed = nn.functional.layer_norm(hidden, hidden.shape[-1:]) * self.scale + self.shift
        return hidden + self.outer(nn.functional.silu(self.inner(normed)))


def spread(config: NetworkConfig, numbers: Tensor, categories: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Expand clean rows to all members: numbers with 0 for missing ones, their visibility, ids."""
    shape = (config.members, -1, -1)
    visible = torch.isfinite(numbers).float()
    return numbers.nan_to_num(0.0).expand(shape), visible.expand(shape), categories.long().expand(shape)


def corrupt(config: NetworkConfig, numbers: Tensor, categories: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Add noise and mask cells, independently for each member (Vincent et al., 2008)."""
    shown, visible, ids = spread(config, numbers, categories)
    sigma = shown.new_tensor(config.noise)[:, None, None]
    shown = shown + sigma * torch.randn_like(shown)
    mask = shown.new_tensor(config.mask)[:, None, None]
    if max(config.mask, default=0) > 0:
        visible = visible * (torch.rand_like(shown) >= mask)
        ids = torch.where(torch.rand(ids.shape, device=ids.device) < mask, HIDDEN, ids)
    return shown * visible, visible, ids


def feature_errors(model: TableAutoencoder, out: Output, numbers: Tensor, categories: Tensor) -> tuple[Tensor, Tensor]:
    """Return squared errors of numbers and cross entropies of categories, (members, rows, features) each.

    They are 0 for missing numbers and unseen ids.
    """
    known = torch.isfinite(numbers)
    squared = torch.where(known, (out.numbers - numbers.nan_to_num(0.0)).square(), 0.0)
    if not model.config.sizes:
        return squared, squared.new_zeros((*squared.shape[:2], 0))
    ids = categories.long()
    picked = out.logits.gather(-1, (ids + model.starts).expand(model.config.members, -1, -1))
    return squared, torch.where(ids == HIDDEN, 0.0, model.normalisers(out.logits) - picked)


def category_weights(encoder: TableEncoder) -> Tensor:
    """Weight of each category feature's cross entropy: one over its entropy, for comparable features, (features,)."""
    return torch.tensor([1 / max(_entropy(feature.counts), MIN_ENTROPY) for feature in encoder.categories])


def row_errors(squared: Tensor, entropy: Tensor, weights: Tensor) -> Tensor:
    """Average the errors of `feature_errors` over the features, categories weighted, (members, rows)."""
    total = squared.sum(-1) + (entropy * weights.to(entropy.device)).sum(-1)
    return total / (squared.shape[-1] + entropy.shape[-1])


def _entropy(counts: tuple[int, ...]) -> float:
    shares = np.asarray([count for count in counts if count]) / max(1, sum(counts))
    return float(-(shares * np.log(shares)).sum())
