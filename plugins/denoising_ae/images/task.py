"""Trainer `images`: patches with noise of a drawn level in, clean ones out; scored on whole pictures at fixed levels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from plugins.denoising_ae.images.data import Pictures, prepare
from plugins.denoising_ae.images.metrics import psnr, ssim
from plugins.denoising_ae.images.patches import cut, spoil
from plugins.denoising_ae.images.preview import preview
from plugins.denoising_ae.models import artifact
from plugins.denoising_ae.models.denoising_cnn import Denoiser, DenoiserConfig
from plugins.denoising_ae.noise.blind_spots import hide
from plugins.denoising_ae.noise.corruptions import corrupt
from plugins.denoising_ae.noise.level_estimation import level_to_tell
from plugins.denoising_ae.noise.noise_types import NOISES
from training.data.images.decode import to_channels
from training.fit.batches import step_seed
from training.task import Score, Task

if TYPE_CHECKING:
    from plugins.denoising_ae.settings import ImagesSettings

LARGEST_SCORED = 512  # pixels a side of an evaluation picture; the middle of larger ones is scored
LEAST_ERROR = 1e-4  # where the logarithm of an error stops falling: 60 dB
USUAL_LEVELS = (15.0, 25.0, 50.0)  # at which papers on Gaussian noise report


class Scored(NamedTuple):
    """A picture to score at a level."""

    picture: int
    level: float


class Outcome(NamedTuple):
    """What one scored picture came to: PSNR and SSIM, before in the noisy one and after."""

    level: float
    noisy: float
    psnr: float
    ssim: float


def build(settings: ImagesSettings) -> ImagesTask:
    """Read the pictures, make the network.

    Raises:
        UserError: What the preflight sheet would show in red.
    """
    return ImagesTask(prepare(settings), settings)


class ImagesTask(Task):
    """Rows of `train_data` are pictures; a step cuts one patch from each that it draws."""

    model: Denoiser
    metric, maximize = "psnr", True

    def __init__(self, pictures: Pictures, settings: ImagesSettings):
        self.pictures, self.settings = pictures, settings
        torch.manual_seed(step_seed(settings.seed, 0, 0))
        if settings.model:
            self.model = artifact.load_network(Path(settings.model))
        else:
            self.model = Denoiser(DenoiserConfig(**settings.architecture()))
        self.train_data: Sequence = range(len(pictures.train))
        self.levels = scored_levels(settings.noise, *settings.levels)
        paired = pictures.evaluation_targets is not None
        self.scored_levels = (0.0,) if paired or settings.noise == "none" else self.levels
        self.eval_data: Sequence = [Scored(picture, level) for level in self.scored_levels for picture in range(len(pictures.evaluation))]  # fmt: skip
        self.honest = settings.noise == "none" and not paired  # nobody knows the clean pictures
        if self.honest:
            self.metric, self.maximize = "loss", False
        self.facts = {"pictures": len(pictures.train), "eval_images": len(pictures.evaluation), **self.model.config.to_dict()}  # fmt: skip

    # -- training ------------------------------------------------------------------------------------------------------

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        """Patches (batch, channels, size, size) with their levels and weights; or whole pictures of any size, to score."""
        if not training:
            return {"scored": rows, "pairs": [self._to_score(row) for row in rows]}
        noisy, clean, levels, weights = zip(*(self._example(row, rng) for row in rows), strict=True)
        return {"noisy": _stacked(noisy), "clean": _stacked(clean), "level": torch.tensor(levels), "weight": _stacked(weights)}  # fmt: skip

    def _example(self, row: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
        """What is seen, what it should become, the level that is told (NaN: none), and which pixels count."""
        settings, targets = self.settings, self.pictures.train_targets
        everywhere = np.ones((1, 1, 1), np.float32)
        if targets is not None:
            noisy, clean = cut([self.pictures.train[row], targets[row]], settings.patch_size, random)
            return noisy, clean, float("nan"), everywhere
        [clean] = cut([self.pictures.train[row]], settings.patch_size, random)
        if settings.channels == "both" and random.random() < 0.5:
            return self._both_grey(clean, random, everywhere)
        if settings.noise == "none":
            hidden, where = hide(clean, random)
            return hidden, clean, float("nan"), where
        noisy, level = spoil(clean, settings.noise, settings.levels, random)
        if settings.supervision == "noise2noise":
            return noisy, spoil(clean, settings.noise, settings.levels, random)[0], float("nan"), everywhere
        if settings.supervision == "noise2void":
            hidden, where = hide(noisy, random)
            return hidden, noisy, float("nan"), where
        told = level if random.random() < settings.known_level else float("nan")
        return noisy, clean, told, everywhere

    def _both_grey(self, clean: np.ndarray, random: np.random.Generator, everywhere: np.ndarray) -> Any:
        """A grey example for a network of three channels: all of them alike, the noise too."""
        grey = to_channels(np.rint(clean * 255).astype(np.uint8), 1).astype(np.float32) / 255
        if self.settings.noise == "none" or self.settings.supervision != "clean":
            hidden, where = hide(grey, random)
            return np.repeat(hidden, 3, 2), np.repeat(grey, 3, 2), float("nan"), where
        noisy, level = spoil(grey, self.settings.noise, self.settings.levels, random)
        told = level if random.random() < self.settings.known_level else float("nan")
        return np.repeat(noisy, 3, 2), np.repeat(grey, 3, 2), told, everywhere

    def losses(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Squared or absolute error a patch, over the pixels that count, in units that make 1 of a PSNR of 20, or its logarithm, (batch,)."""
        level = batch["level"] if self.model.config.level_input else None
        error = model(batch["noisy"], level) - batch["clean"]
        error = error.abs() * 10 if self.settings.loss == "absolute" else error.square() * 100
        weight = batch["weight"].expand(len(error), 1, *error.shape[-2:])
        means = (error * weight).mean(1).flatten(1).sum(1) / weight.flatten(1).sum(1)
        return (means + LEAST_ERROR).log() if self.settings.loss == "psnr" else means

    # -- evaluation ----------------------------------------------------------------------------------------------------

    def _to_score(self, row: Scored) -> tuple[Tensor, Tensor]:
        """Noisy and clean, (channels, height, width) each; the noise of a picture is the same at every evaluation."""
        picture = _middle(self.pictures.evaluation[row.picture])
        targets = self.pictures.evaluation_targets
        if targets is not None:
            return _tensor(picture), _tensor(_middle(targets[row.picture]))
        clean = picture.astype(np.float32) / 255
        if self.settings.noise == "none":
            return _tensor(clean), _tensor(clean)
        return _tensor(corrupt(clean, self.settings.noise, row.level, row.picture)), _tensor(clean)

    def predict(self, model: torch.nn.Module, batch: dict[str, Any]) -> list:
        """PSNR and SSIM of each picture, its level not told by anyone; where no clean one exists the blind-spot loss."""
        if self.honest:
            return [self._blind_spot_loss(model, noisy) for noisy, _ in batch["pairs"]]
        found = []
        for row, (noisy, clean) in zip(batch["scored"], batch["pairs"], strict=True):
            denoised = self._denoised(model, noisy)
            found.append(Outcome(row[1], psnr(noisy, clean), psnr(denoised, clean), ssim(denoised, clean)))
        return found

    def _denoised(self, model: torch.nn.Module, noisy: Tensor) -> Tensor:
        """A picture (channels, height, width) denoised as `Cleaner` does it in use."""
        told = level_to_tell(self.settings.noise, self.model.config.level_input, noisy.permute(1, 2, 0).cpu().numpy())
        return model(noisy[None], None if told is None else torch.tensor([told], device=noisy.device))[0].float()

    def _blind_spot_loss(self, model: torch.nn.Module, noisy: Tensor) -> float:
        hidden, where = hide(noisy.permute(1, 2, 0).cpu().numpy(), np.random.default_rng(0))
        error = (model(_tensor(hidden)[None].to(noisy.device))[0] - noisy).square().mean(0)
        chosen = torch.from_numpy(where[..., 0] > 0).to(noisy.device)
        return 100 * float(error[chosen].mean())

    def score(self, outputs: list) -> Score:
        """Means over the pictures: PSNR and SSIM over all levels, and PSNR at each."""
        if self.honest:
            return Score({"loss": float(np.mean(outputs))})
        table = np.asarray(outputs)
        metrics = {"psnr": float(table[:, 2].mean()), "ssim": float(table[:, 3].mean()), "psnr_noisy": float(table[:, 1].mean())}  # fmt: skip
        rows = []
        for level in self.scored_levels:
            at = table[table[:, 0] == level]
            if len(self.scored_levels) > 1:
                metrics[f"psnr_{level:g}"] = float(at[:, 2].mean())
            rows.append([f"{level:g}", *(round(float(value), digits) for value, digits in zip(at[:, 1:].mean(0), (2, 2, 4), strict=True))])  # fmt: skip
        columns = ["level", "PSNR noisy", "PSNR denoised", "SSIM denoised"]
        return Score(
            metrics, {"By noise level": {"columns": columns, "rows": rows}, "By picture": self._by_picture(table)}
        )

    def _by_picture(self, table: np.ndarray) -> dict[str, list]:
        """The pictures with the lowest PSNR first."""
        names = [self.pictures.names[row.picture] for row in self.eval_data]
        order = np.argsort(table[:, 2])[:20]
        rows = [[names[row], f"{table[row, 0]:g}", *np.round(table[row, 1:], 3).tolist()] for row in order]
        return {"columns": ["picture", "level", "PSNR noisy", "PSNR denoised", "SSIM denoised"], "rows": rows}

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """The first held-out picture: noisy, denoised, clean side by side."""
        if not self.eval_data:
            return []
        chosen = self.eval_data[len(self.scored_levels) // 2 * len(self.pictures.evaluation)]
        noisy, clean = self._to_score(chosen)
        return preview(
            partial(self._denoised, model),
            noisy.to(device),
            None if self.honest else clean,
            chosen.level,
        )

    def save(self, model: torch.nn.Module, folder: Path) -> None:
        artifact.save(model, folder, self.settings)


def scored_levels(noise: str, low: float, high: float) -> tuple[float, ...]:
    """Where a range is scored: at 15, 25 and 50 as far as they lie in it (Gaussian noise), else at its ends and in its middle."""
    if noise == "none" or low == high:
        return (low,)
    usual = tuple(level for level in USUAL_LEVELS if noise == "gaussian" and low <= level <= high)
    middle = (low * high) ** 0.5 if NOISES[noise].logarithmic else (low + high) / 2
    return usual or (low, middle, high)


def _stacked(patches: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2)


def _tensor(picture: np.ndarray) -> Tensor:
    scaled = picture if picture.dtype == np.float32 else picture.astype(np.float32) / 255
    return torch.from_numpy(np.ascontiguousarray(scaled)).permute(2, 0, 1)


def _middle(picture: np.ndarray) -> np.ndarray:
    top, left = (max(0, side - LARGEST_SCORED) // 2 for side in picture.shape[:2])
    return picture[top : top + LARGEST_SCORED, left : left + LARGEST_SCORED]
