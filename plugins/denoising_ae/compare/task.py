"""One of the two autoencoders as a task: the same network, data and steps; only the input is spoiled or not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from plugins.denoising_ae.compare.data import SmallPictures
from plugins.denoising_ae.models.mlp_autoencoder import PictureAutoencoder
from plugins.denoising_ae.noise.corruptions import APPLY
from training.fit.batches import step_seed
from training.task import Task

if TYPE_CHECKING:
    from plugins.denoising_ae.settings import CompareSettings

PLAIN, DENOISING = "plain", "denoising"
ARCHITECTURE, FORMAT = "AutoencoderPair", 1
REMEMBERED = 400  # training pictures that go with the weights, to find neighbours among


class AutoencoderTask(Task):
    """Pictures in, the clean pictures out."""

    keep_last_weights = True  # neither arm is chosen by the pictures that it is measured with

    def __init__(self, arm: str, pictures: SmallPictures, settings: CompareSettings):
        self.arm, self.pictures, self.settings = arm, pictures, settings
        torch.manual_seed(step_seed(settings.seed, 0, 0))
        self.model = PictureAutoencoder(settings.picture_size, settings.hidden_size, settings.latent_size)
        self.train_data: Sequence = range(len(pictures.train))
        self.eval_data: Sequence = range(len(pictures.train), len(pictures.train) + len(pictures.evaluation))
        self.all = np.concatenate([pictures.train, pictures.evaluation])

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, torch.Tensor]:
        """Clean pictures, and for training those that are shown, (batch, size, size)."""
        clean = self.all[np.asarray(rows)]
        shown = clean
        if self.arm == DENOISING:
            shown = np.stack([APPLY[self.settings.noise](one[..., None], self.settings.level, rng)[..., 0] for one in clean])  # fmt: skip
        return {"shown": torch.from_numpy(shown), "clean": torch.from_numpy(clean)}

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Squared error a picture, (batch,)."""
        return (model(batch["shown"]) - batch["clean"]).square().mean((1, 2))

    def save(self, model: torch.nn.Module, folder: Path) -> None:
        """The arm's weights under its own name, so that both arms' artifacts make one folder."""
        from safetensors.torch import save_file

        tensors = {name: value.half().cpu().contiguous() for name, value in model.state_dict().items()}
        save_file(tensors, folder / f"{self.arm}.safetensors")
        chosen = np.rint(255 * self.pictures.train[:REMEMBERED]).astype(np.uint8)
        held_out = np.rint(255 * self.pictures.evaluation[:REMEMBERED]).astype(np.uint8)
        save_file({"train": torch.from_numpy(chosen), "evaluation": torch.from_numpy(held_out)}, folder / "pictures.safetensors")  # fmt: skip
        settings = self.settings
        about: dict[str, Any] = {
            "format": FORMAT,
            "architecture": ARCHITECTURE,
            "network": {
                "size": settings.picture_size,
                "hidden_size": settings.hidden_size,
                "latent_size": settings.latent_size,
            },
            "noise": {"name": settings.noise, "level": settings.level},
        }
        (folder / "config.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
