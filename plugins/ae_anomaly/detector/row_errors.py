"""Row errors: reconstruction errors of every ensemble member and column, and distances to reference rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.data.tabular.features import HIDDEN, Encoded
from training.nn.tabular_autoencoder import TableAutoencoder, feature_errors, spread

ROWS_PER_PASS = 256  # rows a pass, filled up: a matrix product of another shape rounds otherwise, and a row must score the same in any company
INPUT_NEIGHBOUR, LATENT_NEIGHBOUR = 1, 5  # which nearest remembered row is measured to
EXTRA_CANDIDATES = 4  # further candidates, since their first distances are rounded
MIN_SQUARED_ERROR = 1e-6  # squared error that counts as none
ONE_HOT_VALUE = 0.5**0.5  # so that two other categories are at a squared distance of 1
MIN_VALUES_FOR_ADDING = 20  # values a category feature from which on adding is quicker than multiplying
MAX_ONE_HOT_WIDTH = 1000  # dimensions of the space in which categories are compared; more are folded by their remainder


@dataclass(frozen=True, eq=False)
class RowErrors:
    """What is measured of rows before anything is calibrated.

    Args:
        parts: Logarithms: of each member's error on clean rows and on noised or half-hidden ones, of what categories
            surprise with, and of the distances in input and latent space, (rows, parts).
        columns: Log errors a column, (rows, columns).
        latent: Codes of the first member, (rows, latent).
        as_expected: Whether the network expects the very category of the cell, bool (rows, columns).
    """

    parts: np.ndarray
    columns: np.ndarray
    latent: np.ndarray
    as_expected: np.ndarray | None = None

    def select(self, rows: np.ndarray) -> RowErrors:
        """What was measured of some rows; without the codes, which no score needs."""
        expected = None if self.as_expected is None else self.as_expected[rows]
        return RowErrors(self.parts[rows], self.columns[rows], np.zeros(0), expected)


@dataclass(frozen=True, eq=False)
class ReferenceRows:
    """Remembered training rows: numbers and categories as one vector, (rows, space), and codes of all members, (rows, codes).

    There are no codes, (rows, 0), where the distance between them does not count.
    """

    inputs: Tensor
    latents: Tensor
    numbers: int  # columns of the inputs that come before the categories

    @cached_property
    def by_category(self) -> Tensor:
        """What each category adds to the scalar products with the remembered rows, (values, rows)."""
        return ONE_HOT_VALUE * self.inputs[:, self.numbers :].T.contiguous()

    @classmethod
    def of(cls, model: TableAutoencoder, rows: Encoded, most: int, seed: int, with_codes: bool) -> ReferenceRows:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
        kept = rows.select(chosen)
        if not with_codes:
            return cls(as_vectors(model, kept), torch.zeros(len(kept), 0), model.config.numbers)
        codes = [_latents(model, part) for part in _filled_up(kept)]
        return cls(as_vectors(model, kept), torch.cat(codes)[: len(kept)], model.config.numbers)


def measure_rows(model: TableAutoencoder, rows: Encoded, encoder: Any, memory: ReferenceRows | None) -> RowErrors:
    """Measure rows; the answer for a row is the same to the bit whichever others are asked with it."""
    measured = [_probe_chunk(model, part, encoder, memory) for part in _filled_up(rows)]
    names = ("parts", "columns", "latent", "as_expected")
    parts = (np.concatenate([getattr(one, name) for one in measured]) for name in names)
    return RowErrors(*(part[: len(rows)] for part in parts))


def _filled_up(rows: Encoded) -> Iterator[Encoded]:
    """Pieces of exactly CHUNK rows; the last one repeats its last row."""
    for start in range(0, len(rows), ROWS_PER_PASS):
        yield rows.select(np.minimum(np.arange(start, start + ROWS_PER_PASS), len(rows) - 1))


@torch.inference_mode()
def _probe_chunk(model: TableAutoencoder, rows: Encoded, encoder: Any, memory: ReferenceRows | None) -> RowErrors:
    device = next(model.parameters()).device
    numbers, ids = torch.as_tensor(rows.numbers, device=device), torch.as_tensor(rows.categories, device=device)
    clean = model(*spread(model.config, numbers, ids))
    hidden = [model(*view) for view in views(model, numbers, ids)]
    passes = [feature_errors(model, output, numbers, ids) for output in (clean, *hidden)]
    # What is asked of hidden cells: half of them are hidden in each view, so the two views together ask for all.
    squared, entropy = passes[1][0] + passes[2][0], passes[1][1] + passes[2][1]
    squared = squared if _hides(model) else squared / 2
    clean_error, squared = (_with_new_holes(each, rows, encoder) for each in (passes[0][0], squared))
    surprise = _surprise(rows, ids, entropy, encoder)
    parts = [
        (each.mean(-1) + MIN_SQUARED_ERROR).log() for each in (clean_error, squared) if model.config.numbers
    ]  # (members, rows)
    parts.append((surprise.sum(-1) + 0.1).log()[None])
    if memory is not None:
        asked = as_vectors(model, rows)
        near = neighbour_distance(asked, memory.inputs, INPUT_NEIGHBOUR, _products(model, rows, asked, memory))
        has_codes = memory.latents.shape[1] > 0
        far = (
            neighbour_distance(_codes(clean.latent), memory.latents, LATENT_NEIGHBOUR)
            if has_codes
            else torch.ones_like(near)
        )
        parts.append(torch.stack([near, far]).log())
    number_owner = torch.as_tensor(encoder.owners()[0], device=device)
    columns = surprise.index_add(1, number_owner, squared.mean(0)) if model.config.numbers else surprise
    return RowErrors(
        torch.cat(parts).T.cpu().numpy(),
        (columns + 1e-4).log().cpu().numpy(),
        clean.latent[0].cpu().numpy(),
        _as_expected(model, rows, ids, hidden, encoder),
    )


def _as_expected(model: TableAutoencoder, rows: Encoded, ids: Tensor, hidden: list[Any], encoder: Any) -> np.ndarray:
    """Whether each cell's category is the most probable one in the view that hides it, bool (rows, columns)."""
    expected = np.zeros(rows.unseen.shape, dtype=bool)
    of_number, of_category = encoder.owners()
    if not len(of_category):
        return expected
    # Category i is hidden in view 1 - i % 2; each member's logits, averaged: (rows, values of all categories).
    logits = [output.logits.mean(0) for output in hidden]
    expected[:, of_category] = True
    for place, column in enumerate(of_category):
        start = int(model.starts[place])
        chances = logits[1 - place % 2][:, start : start + model.config.sizes[place]]
        expected[:, column] &= (chances.argmax(-1) == ids[:, place]).cpu().numpy()
    expected[:, of_number] = False
    return expected & ~rows.unseen


def _with_new_holes(squared: Tensor, rows: Encoded, encoder: Any) -> Tensor:
    """A number that is missing where none was in training is as anomalous as an error of log(rows + 1) nats of a Gaussian."""
    owner = encoder.owners()[0]
    holes = torch.as_tensor(np.isnan(rows.numbers) & rows.unseen[:, owner], device=squared.device)
    return torch.where(holes, 2 * float(np.log(encoder.rows + 1.0)), squared)


def _surprise(rows: Encoded, ids: Tensor, entropy: Tensor, encoder: Any) -> Tensor:
    """Nats of surprise at each column's categories; what was never seen counts log(rows + 1), (rows, columns)."""
    surprise = torch.as_tensor(rows.unseen, device=ids.device).float() * float(np.log(encoder.rows + 1.0))
    if not entropy.shape[-1]:
        return surprise
    owner = torch.as_tensor(encoder.owners()[1], device=ids.device)
    return surprise.index_add(1, owner, torch.where(ids == HIDDEN, 0.0, entropy.mean(0)))


def _hides(model: TableAutoencoder) -> bool:
    return max(model.config.mask, default=0) > 0


def views(model: TableAutoencoder, numbers: Tensor, ids: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Two further looks at each row: one half of the columns hidden and then the other; without masking, noise and its negative.

    The noise is the same for every row: the score of a row must not depend on the batch it comes in.
    """
    shown, visible, seen = spread(model.config, numbers, ids)
    made = []
    for side in (0, 1):
        if _hides(model):
            number_side = torch.arange(numbers.shape[1], device=numbers.device) % 2 == side
            category_side = torch.arange(ids.shape[1], device=ids.device) % 2 != side
            sight = visible * (~number_side).float()
            made.append((shown * sight, sight, torch.where(category_side, HIDDEN, seen)))
        else:
            draw = torch.randn((model.config.members, 1, numbers.shape[1]), generator=torch.Generator().manual_seed(7))
            sigma = torch.tensor(model.config.noise)[:, None, None]
            noise = (draw * sigma * (1 if side else -1)).to(numbers.device)
            made.append(((shown + noise) * visible, visible, seen))
    return made


def as_vectors(model: TableAutoencoder, rows: Encoded) -> Tensor:
    """Rows as vectors whose squared distance adds up differences of numbers and 1 for every other category, (rows, space)."""
    device = next(model.parameters()).device
    numbers = torch.as_tensor(np.clip(np.nan_to_num(rows.numbers), -1e3, 1e3), device=device)
    if not model.config.sizes:
        return numbers
    places = _places(model, rows)
    hot = torch.zeros(len(rows), min(MAX_ONE_HOT_WIDTH, sum(model.config.sizes)), device=device)
    return torch.cat(
        [numbers, hot.scatter_add_(1, places, torch.full(places.shape, ONE_HOT_VALUE, device=device))], dim=1
    )


def _places(model: TableAutoencoder, rows: Encoded) -> Tensor:
    """Where each category stands among the last columns of the space, (rows, category features)."""
    sizes = model.config.sizes
    places = (rows.categories + np.concatenate([[0], np.cumsum(sizes)[:-1]])) % min(MAX_ONE_HOT_WIDTH, sum(sizes))
    return torch.as_tensor(places, device=next(model.parameters()).device).long()


def neighbour_distance(asked: Tensor, known: Tensor, neighbour: int, products: Tensor | None = None) -> Tensor:
    """Distance to the n-th nearest remembered row that is not the row itself, (rows,). Equal rows count as the row itself once.

    The product formula of the distances finds the candidates; it loses digits where rows are close, so theirs are taken anew.

    Args:
        asked: Rows, (rows, space).
        known: Remembered rows, (remembered, space).
        products: Their scalar products, (rows, remembered), where they are had more cheaply than by a matrix product.
    """
    count = min(neighbour + 1, len(known))
    products = asked @ known.T if products is None else products
    rough = known.square().sum(1) - 2 * products  # squared distances less what all of a row's have in common
    found = rough.topk(min(count + EXTRA_CANDIDATES, len(known)), largest=False).indices
    near = (asked[:, None] - known[found]).square().sum(-1).sqrt().sort(dim=1).values
    itself = near[:, 0] < 1e-3
    return torch.where(itself, near[:, count - 1], near[:, max(0, count - 2)]).clamp(min=1e-3)


def _products(model: TableAutoencoder, rows: Encoded, asked: Tensor, memory: ReferenceRows) -> Tensor | None:
    """Scalar products by adding up what the categories give, where most of a matrix product would be with zeros."""
    sizes, numbers = model.config.sizes, memory.numbers
    if not sizes or sum(sizes) < MIN_VALUES_FOR_ADDING * len(sizes):
        return None
    of_categories = torch.nn.functional.embedding_bag(_places(model, rows), memory.by_category, mode="sum")
    return of_categories + asked[:, :numbers] @ memory.inputs[:, :numbers].T


def _codes(latent: Tensor) -> Tensor:
    """Codes of all members side by side, (rows, members x latent)."""
    return latent.permute(1, 0, 2).flatten(1)


@torch.inference_mode()
def _latents(model: TableAutoencoder, rows: Encoded) -> Tensor:
    device = next(model.parameters()).device
    numbers, ids = torch.as_tensor(rows.numbers, device=device), torch.as_tensor(rows.categories, device=device)
    return _codes(model(*spread(model.config, numbers, ids)).latent)
