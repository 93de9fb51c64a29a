"""From reconstructions to scores: errors of every member and column, distances to remembered rows, all calibrated on clean rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.tabular.encoder import HIDDEN, Encoded
from training.tabular.network import TableAutoencoder, feature_errors, spread

CHUNK = 2048
NEIGHBOURS = 5
LEAST = 1e-6  # squared error that counts as none
WIDEST = 1000  # dimensions of the space in which categories are compared; more are folded by their remainder
TAIL = 0.1  # share of the calibration rows that show how a tail falls


@dataclass(frozen=True, eq=False)
class Probe:
    """What is measured of rows before anything is calibrated.

    Args:
        parts: Logarithms: of each member's error on clean rows and on noised or half-hidden ones, of what categories
            surprise with, and of the distances in input and latent space, (rows, parts).
        columns: Log errors a column, (rows, columns).
        latent: Codes of the first member, (rows, latent).
    """

    parts: np.ndarray
    columns: np.ndarray
    latent: np.ndarray


@dataclass(frozen=True, eq=False)
class Memory:
    """Remembered training rows: numbers and categories as one vector (rows, space), and codes of all members (rows, codes)."""

    inputs: Tensor
    latents: Tensor

    @classmethod
    def of(cls, model: TableAutoencoder, rows: Encoded, most: int, seed: int) -> Memory:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
        kept = rows.select(chosen)
        codes = [_latents(model, *tensors) for tensors in _chunks(model, kept)]
        return cls(space(model, kept), torch.cat(codes))


def probe(model: TableAutoencoder, rows: Encoded, encoder: Any, memory: Memory | None) -> Probe:
    """Measure rows; the answer for a row does not depend on which others are asked with it."""
    measured = [_probe_chunk(model, rows.select(slice(start, start + CHUNK)), encoder, memory) for start in range(0, len(rows), CHUNK)]  # fmt: skip
    return Probe(*(np.concatenate([getattr(one, name) for one in measured]) for name in ("parts", "columns", "latent")))


@torch.inference_mode()
def _probe_chunk(model: TableAutoencoder, rows: Encoded, encoder: Any, memory: Memory | None) -> Probe:
    (numbers, ids), device = next(_chunks(model, rows)), next(model.parameters()).device
    unseen = torch.as_tensor(rows.unseen, device=device)
    clean = model(*spread(model.config, numbers, ids))
    passes = [feature_errors(model, clean, numbers, ids)]
    passes += [feature_errors(model, model(*view), numbers, ids) for view in views(model, numbers, ids)]
    parts, columns = [], torch.zeros(len(rows), len(encoder.columns), device=device)
    number_owner, category_owner = (torch.as_tensor(each, device=device) for each in encoder.owners())
    never = float(np.log(encoder.rows + 1.0))
    # What is asked of hidden cells: half of them are hidden in each view, so the two views together ask for all.
    squared, entropy = passes[1][0] + passes[2][0], passes[1][1] + passes[2][1]
    if not _hides(model):
        squared = squared / 2
    if model.config.numbers:
        for each in (passes[0][0], squared):
            parts.append((each.mean(-1) + LEAST).log())  # (members, rows)
        columns.index_add_(1, number_owner, squared.mean(0))
    surprise = unseen.float() * never
    if model.config.sizes:
        surprise = surprise.index_add(1, category_owner, torch.where(ids == HIDDEN, 0.0, entropy.mean(0)))
    parts.append((surprise.sum(-1) + 0.1).log()[None])
    columns = (columns + surprise + 1e-4).log()
    found = torch.cat(parts)
    if memory is not None:
        near = nearest(space(model, rows), memory.inputs), nearest(_codes(clean.latent), memory.latents)
        found = torch.cat([found, torch.stack(near).log()])
    return Probe(found.T.cpu().numpy(), columns.cpu().numpy(), clean.latent[0].cpu().numpy())


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


def space(model: TableAutoencoder, rows: Encoded) -> Tensor:
    """Rows as vectors whose squared distance adds up differences of numbers and 1 for every other category, (rows, space)."""
    device = next(model.parameters()).device
    numbers = torch.as_tensor(np.clip(np.nan_to_num(rows.numbers), -1e3, 1e3), device=device)
    sizes = model.config.sizes
    if not sizes:
        return numbers
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    width = min(WIDEST, int(sum(sizes)))
    places = torch.as_tensor((rows.categories + starts) % width, device=device)
    hot = torch.zeros(len(rows), width, device=device).scatter_add_(1, places.long(), torch.full(places.shape, 0.5**0.5, device=device))  # fmt: skip
    return torch.cat([numbers, hot], dim=1)


def nearest(asked: Tensor, known: Tensor) -> Tensor:
    """Distance to the 5th nearest remembered row that is not the row itself, (rows,). Equal rows count as the row itself once."""
    count = min(NEIGHBOURS + 1, len(known))
    near = torch.cdist(asked, known, compute_mode="use_mm_for_euclid_dist").topk(count, largest=False).values
    itself = near[:, 0] < 1e-3
    return torch.where(itself, near[:, -1], near[:, max(0, count - 2)]).clamp(min=1e-3)


def _codes(latent: Tensor) -> Tensor:
    """Codes of all members side by side, (rows, members x latent)."""
    return latent.permute(1, 0, 2).flatten(1)


@torch.inference_mode()
def _latents(model: TableAutoencoder, numbers: Tensor, ids: Tensor) -> Tensor:
    return _codes(model(*spread(model.config, numbers, ids)).latent)


def _chunks(model: TableAutoencoder, rows: Encoded) -> Any:
    device = next(model.parameters()).device
    for start in range(0, len(rows), CHUNK):
        part = rows.select(slice(start, start + CHUNK))
        yield torch.as_tensor(part.numbers, device=device), torch.as_tensor(part.categories, device=device)


@dataclass(frozen=True, eq=False)
class Calibration:
    """What clean rows score, so that members, columns and distances are comparable.

    Args:
        mean: Of each part on clean rows, (parts,).
        scale: Deviation of each part, (parts,).
        weights: What each part counts in the score, (parts,).
        scores: Scores of the clean rows, ascending, (rows,).
        columns: Log errors a column of the clean rows, each column ascending, (rows, columns).
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    scores: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, clean: Probe, weights: np.ndarray) -> Calibration:
        """Measure the probe of clean rows."""
        mean, scale = clean.parts.mean(0), np.maximum(clean.parts.std(0), 0.1)
        made = cls(mean, scale, weights, np.zeros(1), np.sort(clean.columns, axis=0))
        return cls(mean, scale, weights, np.sort(made.score(clean)), made.columns)

    def score(self, rows: Probe) -> np.ndarray:
        """Anomaly scores, (rows,): weighted z-scores of log errors; clean rows have about 0."""
        return ((rows.parts - self.mean) / self.scale) @ self.weights

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """Conformal p-values: (1 + clean rows at least as odd) / (1 + clean rows) (Bates et al., 2023, eq. 2)."""
        above = len(self.scores) - np.searchsorted(self.scores, scores, side="left")
        return (1 + above) / (1 + len(self.scores))

    def column_surprise(self, rows: Probe) -> np.ndarray:
        """Nats of surprise a column, (rows, columns): -log of the share of clean rows with at least that error.

        Beyond the worst clean row the tail goes on falling as its last tenth does.
        """
        known, count = self.columns, len(self.columns)
        tail = known[-max(1, int(TAIL * count)) :]
        slope = np.maximum((tail - tail[0]).mean(0), 0.1)
        found = np.empty_like(rows.columns)
        for place in range(known.shape[1]):
            above = count - np.searchsorted(known[:, place], rows.columns[:, place], side="left")
            beyond = np.maximum(0.0, rows.columns[:, place] - known[-1, place]) / slope[place]
            found[:, place] = -np.log((1 + above) / (1 + count)) + beyond
        return found

    def shares(self, rows: Probe) -> np.ndarray:
        """Each column's share of what is odd in a row, (rows, columns), summing to 1; an average column has none."""
        odd = np.maximum(self.column_surprise(rows) - 1.0, 0.0)
        total = odd.sum(1, keepdims=True)
        return np.where(total > 0, odd / np.maximum(total, 1e-9), 1.0 / odd.shape[1])


def part_weights(model: TableAutoencoder, memory: bool, has_surprise: bool) -> np.ndarray:
    """What each part of a probe counts: errors 1 in all (a quarter of it categories, where there are any), the distance in input space 1."""
    members = model.config.members
    of_numbers = np.full(2 * members, 1 / (2 * members)) if model.config.numbers else np.zeros(0)
    of_categories = 0.25 if model.config.numbers else 1.0
    numbers = of_numbers * (1 - of_categories) if has_surprise else of_numbers
    parts = [
        numbers,
        [of_categories if has_surprise else 0.0],
        [1.0, 0.0] if memory else [],
    ]  # codes are measured, and do not count: they lost more than they gained
    return np.concatenate(parts)
