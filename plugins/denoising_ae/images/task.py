"""Task of `images`: denoise patches corrupted at random levels; evaluated by PSNR and SSIM on whole images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from plugins.denoising_ae.images import baselines
from plugins.denoising_ae.images.artifact import load_denoiser, save_denoiser
from plugins.denoising_ae.images.metrics import psnr, ssim
from plugins.denoising_ae.images.patches import corrupt_at_random_level, random_patches, random_shrunk_patch
from plugins.denoising_ae.images.preview import preview
from plugins.denoising_ae.images.scores import ImageScores, evaluation_levels, summarise
from plugins.denoising_ae.models.deeper_unet import deepened
from plugins.denoising_ae.models.denoising_cnn import DenoisingCNN, DenoisingCNNConfig
from plugins.denoising_ae.noise.blind_spots import mask_blind_spots
from plugins.denoising_ae.noise.corruptions import corrupt
from plugins.denoising_ae.noise.level_estimation import NoiseEstimate, estimate_noise, level_to_use
from training.data.images.decode import to_channels
from training.figures import Baseline, Figure
from training.fit.batches import step_seed
from training.task import Score, Task

if TYPE_CHECKING:
    from plugins.denoising_ae.images.data import DenoisingImages
    from plugins.denoising_ae.images.settings import ImagesSettings

MAX_SCORED_SIDE = 512  # pixels; larger evaluation images are cropped to their middle
MIN_ERROR = 1e-4  # where the psnr loss stops falling: 60 dB
ALL_PIXELS = np.ones((1, 1, 1), np.float32)
BLIND_MEANING = "Squared error of pixels predicted from those around, times 100. Nothing predicts the noise in it."
BLIND = float("nan")  # as a conditioning level


class EvalImage(NamedTuple):
    """An evaluation image, by number, and the level it is corrupted at."""

    image: int
    level: float


class Example(NamedTuple):
    """A training patch.

    Args:
        noisy: The network's input, (size, size, channels).
        target: What it should predict, the same shape.
        level: The level that it is conditioned on, or `BLIND`.
        weight: 1 for pixels that count in the loss, 0 for others, broadcastable to (size, size, 1).
    """

    noisy: np.ndarray
    target: np.ndarray
    level: float
    weight: np.ndarray = ALL_PIXELS


def build(data: DenoisingImages, settings: ImagesSettings) -> ImagesTask:
    """Decode the images and make the network."""
    return ImagesTask(data, settings)


class ImagesTask(Task):
    """`train_data` numbers the training images; a step crops one patch from each image that it samples."""

    model: DenoisingCNN
    metric, maximize = "psnr", True

    def __init__(self, data: DenoisingImages, settings: ImagesSettings):
        self.settings = settings
        self.train_images, self.train_targets = data.train.decoded()
        self.eval_images, self.eval_targets = data.evaluation.decoded()
        self.eval_names = [data.evaluation.images.name(row) for row in range(len(data.evaluation))]
        torch.manual_seed(step_seed(settings.seed, 0, 0))
        if settings.model:
            trained, _ = load_denoiser(Path(settings.model))
            self.model = deepened(trained, settings.added_blocks) if settings.added_blocks else trained
        else:
            self.model = DenoisingCNN(DenoisingCNNConfig(**settings.network_config()))
        self.train_data: Sequence = range(len(self.train_images))
        uncorrupted = self.eval_targets is not None or settings.noise == "none"
        self.levels = (0.0,) if uncorrupted else evaluation_levels(settings.noise, *settings.levels)
        self.eval_data: Sequence = [
            EvalImage(image, level) for level in self.levels for image in range(len(self.eval_images))
        ]
        self._filter_psnr: dict[EvalImage, float] = {}
        self.no_clean_reference = settings.noise == "none" and self.eval_targets is None
        if self.no_clean_reference:
            self.metric, self.maximize = "loss", False
        sizes = {"images": len(self.train_images), "eval_images": len(self.eval_images)}
        self.facts = {**sizes, **self.model.config.to_dict()}

    # -- training ------------------------------------------------------------------------------------------------------

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        """Patches (batch, channels, size, size) with levels and weights; for evaluation whole images of any size."""
        if not training:
            return {"eval_images": rows, "pairs": [self._eval_pair(row) for row in rows]}
        examples = [self._example(row, rng) for row in rows]
        return {
            "noisy": _stacked([example.noisy for example in examples]),
            "target": _stacked([example.target for example in examples]),
            "level": torch.tensor([example.level for example in examples]),
            "weight": _stacked([example.weight for example in examples]),
        }

    def _example(self, row: int, rng: np.random.Generator) -> Example:
        settings = self.settings
        if self.train_targets is not None:
            noisy, clean = random_patches([self.train_images[row], self.train_targets[row]], settings.patch_size, rng)
            return Example(noisy, clean, BLIND)
        clean = self._clean_patch(row, rng)
        if settings.channels == "both" and rng.random() < 0.5:
            return _as_colour(self._corrupted(_as_grey(clean), rng))
        return self._corrupted(clean, rng)

    def _clean_patch(self, row: int, rng: np.random.Generator) -> np.ndarray:
        """Before noise is added; what is noisy already keeps its scale, as shrinking would take noise away."""
        image, size, smallest = self.train_images[row], self.settings.patch_size, self.settings.smallest_scale
        if smallest < 1 and self.settings.noise != "none" and rng.random() < 0.5:
            return random_shrunk_patch(image, size, smallest, rng)
        return random_patches([image], size, rng)[0]

    def _corrupted(self, clean: np.ndarray, rng: np.random.Generator) -> Example:
        """An example under the chosen supervision; with noise none the patch counts as noisy already."""
        settings = self.settings
        if settings.noise == "none":
            return _blind_spot_example(clean, rng)
        noisy, level = corrupt_at_random_level(clean, settings.noise, settings.levels, rng)
        if settings.supervision == "noise2void":
            return _blind_spot_example(noisy, rng)
        if settings.supervision == "noise2noise":
            second, _ = corrupt_at_random_level(clean, settings.noise, settings.levels, rng)
            return Example(noisy, second, BLIND)
        conditioned = rng.random() < settings.noise_conditioning_probability
        return Example(noisy, clean, level if conditioned else BLIND)

    def losses(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Error per patch over the pixels that count, (batch,), 1 at a PSNR of 20; its logarithm for the psnr loss."""
        level = batch["level"] if self.model.config.noise_conditioned else None
        error = model(batch["noisy"], level) - batch["target"]
        error = error.abs() * 10 if self.settings.loss == "l1" else error.square() * 100
        weight = batch["weight"].expand(len(error), 1, *error.shape[-2:])
        means = (error * weight).mean(1).flatten(1).sum(1) / weight.flatten(1).sum(1)
        return (means + MIN_ERROR).log() if self.settings.loss == "psnr" else means

    # -- evaluation ----------------------------------------------------------------------------------------------------

    def _eval_pair(self, row: EvalImage) -> tuple[Tensor, Tensor]:
        """Noisy and clean, (channels, height, width) each; an image has the same noise at every evaluation."""
        image = _middle(self.eval_images[row.image])
        if self.eval_targets is not None:
            return _tensor(image), _tensor(_middle(self.eval_targets[row.image]))
        clean = image.astype(np.float32) / 255
        if self.settings.noise == "none":
            return _tensor(clean), _tensor(clean)
        return _tensor(corrupt(clean, self.settings.noise, row.level, row.image)), _tensor(clean)

    def predict(self, model: torch.nn.Module, batch: dict[str, Any]) -> list:
        """`ImageScores` of each image, its true level not given; the blind-spot loss where no clean image exists."""
        if self.no_clean_reference:
            return [self._blind_spot_loss(model, noisy) for noisy, _ in batch["pairs"]]
        scores = []
        for row, (noisy, clean) in zip(batch["eval_images"], batch["pairs"], strict=True):
            denoised = self._denoised(model, noisy)
            before, after = psnr(noisy, clean), psnr(denoised, clean)
            scores.append(ImageScores(row[1], before, after, ssim(denoised, clean), self._filtered(row, noisy, clean)))
        return scores

    def _filtered(self, row: EvalImage, noisy: Tensor, clean: Tensor) -> float:
        """PSNR after the best Gaussian filter: the same at every evaluation."""
        if row not in self._filter_psnr:
            self._filter_psnr[row] = baselines.gaussian_filter_psnr(noisy, clean)
        return self._filter_psnr[row]

    def _denoised(self, model: torch.nn.Module, noisy: Tensor) -> Tensor:
        """An image (channels, height, width) denoised as `ImageDenoiser` does it."""
        pixels = noisy.permute(1, 2, 0).cpu().numpy()
        estimate = estimate_noise(pixels) if self.settings.noise == "gaussian" else NoiseEstimate(None)
        level = level_to_use(estimate, self.settings.noise, self.model.config.noise_conditioned)
        if level == 0:
            return noisy.float()
        return model(noisy[None], None if level is None else torch.tensor([level], device=noisy.device))[0].float()

    def _blind_spot_loss(self, model: torch.nn.Module, noisy: Tensor) -> float:
        masked, mask = mask_blind_spots(noisy.permute(1, 2, 0).cpu().numpy(), np.random.default_rng(0))
        error = (model(_tensor(masked)[None].to(noisy.device))[0] - noisy).square().mean(0)
        return 100 * float(error[torch.from_numpy(mask[..., 0] > 0).to(noisy.device)].mean())

    def score(self, outputs: list) -> Score:
        """Means over the images: PSNR and SSIM over all levels, and PSNR at each."""
        if self.no_clean_reference:
            value = float(np.mean(outputs))
            guess = Baseline("the mean of the pixels around", self._blind_spot_baseline)
            return Score(
                {"loss": value}, figures=(Figure("loss", "Blind-spot error", value, BLIND_MEANING, (guess,), False),)
            )
        names = [self.eval_names[row.image] for row in self.eval_data]
        return summarise(outputs, names, self.levels)

    @cached_property
    def _blind_spot_baseline(self) -> float:
        """`_blind_spot_loss` of the mean of a pixel's neighbours."""
        pictures = (self._eval_pair(row)[0] for row in self.eval_data)
        return float(np.mean([baselines.neighbour_error(picture) for picture in pictures]))

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """The first held-out image at the middle level: noisy, denoised, clean side by side."""
        if not self.eval_data:
            return []
        row = self.eval_data[len(self.levels) // 2 * len(self.eval_images)]
        noisy, clean = self._eval_pair(row)
        reference = None if self.no_clean_reference else clean
        return preview(partial(self._denoised, model), noisy.to(device), reference, row.level)

    def save(self, model: torch.nn.Module, folder: Path) -> None:
        save_denoiser(cast(DenoisingCNN, model), folder, self.settings)


def _blind_spot_example(noisy: np.ndarray, rng: np.random.Generator) -> Example:
    masked, mask = mask_blind_spots(noisy, rng)
    return Example(masked, noisy, BLIND, mask)


def _as_grey(patch: np.ndarray) -> np.ndarray:
    return to_channels(np.rint(patch * 255).astype(np.uint8), 1).astype(np.float32) / 255


def _as_colour(example: Example) -> Example:
    """A grey example for a network of three channels: all channels equal, the noise too."""
    return example._replace(noisy=np.repeat(example.noisy, 3, 2), target=np.repeat(example.target, 3, 2))


def _stacked(patches: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2)  # (batch, channels, height, width)


def _tensor(image: np.ndarray) -> Tensor:
    scaled = image if image.dtype == np.float32 else image.astype(np.float32) / 255
    return torch.from_numpy(np.ascontiguousarray(scaled)).permute(2, 0, 1)


def _middle(image: np.ndarray) -> np.ndarray:
    top, left = (max(0, side - MAX_SCORED_SIDE) // 2 for side in image.shape[:2])
    return image[top : top + MAX_SCORED_SIDE, left : left + MAX_SCORED_SIDE]
