"""Task of one of the two autoencoders: same network, data and steps; only the input is corrupted or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import save_file

from plugins.denoising_ae.models.artifact import write_config
from plugins.denoising_ae.models.mlp_autoencoder import MLPAutoencoder
from plugins.denoising_ae.noise.corruptions import CORRUPTIONS
from training.fit.batches import step_seed
from training.task import Task

if TYPE_CHECKING:
    from plugins.denoising_ae.compare.data import SmallImages
    from plugins.denoising_ae.compare.settings import CompareSettings

PLAIN, DENOISING = "plain", "denoising"
ARCHITECTURE = "AutoencoderPair"
IMAGES = "images.safetensors"
MAX_SAVED_IMAGES = 400  # saved beside the weights, to search neighbours among


class AutoencoderTask(Task):
    """Images in, the clean images out."""

    keep_last_weights = True  # neither arm is selected on the images that it is evaluated on

    def __init__(self, arm: str, images: SmallImages, settings: CompareSettings):
        self.arm, self.images, self.settings = arm, images, settings
        torch.manual_seed(step_seed(settings.seed, 0, 0))
        self.model = MLPAutoencoder(settings.image_size, settings.hidden_size, settings.latent_size)
        trained = len(images.train)
        self.train_data: Sequence = range(trained)
        self.eval_data: Sequence = range(trained, trained + len(images.evaluation))
        self.all_images = np.concatenate([images.train, images.evaluation])

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, torch.Tensor]:
        """Clean images and the inputs, (batch, size, size); the denoising arm is evaluated on noisy inputs too."""
        clean = self.all_images[np.asarray(rows)]
        inputs = clean
        if self.arm == DENOISING:
            corruption, level = CORRUPTIONS[self.settings.noise], self.settings.level
            inputs = np.stack([corruption(image[..., None], level, rng)[..., 0] for image in clean])
        return {"inputs": torch.from_numpy(inputs), "clean": torch.from_numpy(clean)}

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Squared error per image, (batch,)."""
        return (model(batch["inputs"]) - batch["clean"]).square().mean((1, 2))

    def save(self, model: torch.nn.Module, folder: Path) -> None:
        """The arm's weights under its own name, so that both arms share one folder, and some of the images."""
        settings = self.settings
        tensors = {name: value.half().cpu().contiguous() for name, value in model.state_dict().items()}
        save_file(tensors, folder / f"{self.arm}.safetensors")
        images = {"train": self.images.train, "evaluation": self.images.evaluation}
        save_file({name: _as_bytes(part[:MAX_SAVED_IMAGES]) for name, part in images.items()}, folder / IMAGES)
        network = {
            "image_size": settings.image_size,
            "hidden_size": settings.hidden_size,
            "latent_size": settings.latent_size,
        }
        noise = {"name": settings.noise, "level": settings.level}
        write_config(folder, ARCHITECTURE, {"network": network, "noise": noise})


def _as_bytes(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.rint(255 * images).astype(np.uint8))
