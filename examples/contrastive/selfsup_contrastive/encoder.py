"""The encoder, its views, and what both kinds do alike."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from selfsup_contrastive.data import ImageRows
from selfsup_contrastive.settings import EncoderSettings
from training.fit.batches import step_seed
from training.task import Score, Task

NEIGHBOURS = 5


class Encoder(nn.Sequential):
    """Images, (batch, 3, size, size) in [0, 1], to features, (batch, 4 x width)."""

    def __init__(self, width: int):
        layers: list[nn.Module] = []
        channels = (3, width, 2 * width, 4 * width)
        for below, above in pairwise(channels):
            layers += [nn.Conv2d(below, above, 3, stride=2, padding=1), nn.GroupNorm(8, above), nn.ReLU()]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def projector(inputs: int, outputs: int) -> nn.Sequential:
    """Features to the vectors that the loss compares: two layers, of which only the training knows."""
    return nn.Sequential(nn.Linear(inputs, 2 * outputs), nn.ReLU(), nn.Linear(2 * outputs, outputs))


def random_views(pixels: np.ndarray, rng: np.random.Generator, min_crop: float) -> Tensor:
    """A random crop of each image, (batch, 3, size, size): mirrored half of the time, of random contrast."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    count = len(images)
    side = np.sqrt(rng.uniform(min_crop, 1, count))
    mirrored = rng.choice([-1.0, 1.0], count)
    centre = rng.uniform(-1, 1, (count, 2)) * (1 - side)[:, None]
    grid = np.zeros((count, 2, 3), np.float32)  # an affine map from the view's coordinates to the image's
    grid[:, 0, 0], grid[:, 1, 1], grid[:, :, 2] = side * mirrored, side, centre
    places = functional.affine_grid(torch.from_numpy(grid), list(images.shape), align_corners=False)
    views = functional.grid_sample(images, places, align_corners=False, padding_mode="reflection")
    contrast, brightness = rng.uniform((0.6, -0.2), (1.4, 0.2), (count, 2)).astype(np.float32).T[..., None, None, None]
    return (views * torch.from_numpy(contrast) + torch.from_numpy(brightness)).clamp(0, 1)


class EncoderTask(Task):
    """Rows are places in `data.pixels`. Trained on two views of each image, evaluated on the images as they are."""

    architecture = ""
    whole_batch = True
    padded = False
    maximize = True

    def __init__(self, data: ImageRows, settings: EncoderSettings):
        self.data, self.settings = data, settings
        self.train_data, self.eval_data = data.train.tolist(), data.held_out.tolist()
        self.metric = "knn_accuracy" if data.labels else "uniformity"
        self.facts = {"images": len(self.train_data), "image_size": settings.image_size}
        torch.manual_seed(step_seed(settings.seed, 0, 0))
        self.model = self.make_model()

    def make_model(self) -> nn.Module:
        """The module that is trained; its `encoder` is what the artifact keeps."""
        raise NotImplementedError

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, Tensor]:
        """`views`, (2, rows, 3, size, size) to train on; `images`, (rows, 3, size, size) to evaluate."""
        pixels = self.data.pixels[rows]
        if not training:
            return {"images": torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255}
        return {"views": torch.stack([random_views(pixels, rng, self.settings.min_crop) for _ in range(2)])}

    def predict(self, model: Any, batch: dict[str, Tensor]) -> list[np.ndarray]:
        """The embedding of each image."""
        return list(functional.normalize(model.encoder(batch["images"]).float(), dim=1).cpu().numpy())

    def score(self, outputs: list[np.ndarray]) -> Score:
        """Accuracy of nearest neighbours among held-out images; uniformity (Wang & Isola, 2020, eq. 3)."""
        vectors = np.stack(outputs)
        distances = np.square(vectors[:, None] - vectors[None]).sum(-1)
        others = ~np.eye(len(vectors), dtype=bool)
        metrics = {"uniformity": float(-np.log(np.exp(-2 * distances[others]).mean())) if len(vectors) > 1 else 0.0}
        if self.data.labels:
            np.fill_diagonal(distances, np.inf)
            labels = np.asarray(self.data.labels)[self.data.held_out]
            near = labels[np.argsort(distances, axis=1, kind="stable")[:, :NEIGHBOURS]]
            metrics["knn_accuracy"] = float(
                np.mean([_majority(row) == label for row, label in zip(near, labels, strict=True)])
            )
        return Score(metrics)

    def save(self, model: Any, folder: Path) -> None:
        """config.json and model.safetensors: the encoder alone."""
        weights = {name: value.contiguous().cpu() for name, value in model.encoder.state_dict().items()}
        save_file(weights, folder / "model.safetensors")
        about = {
            "architecture": self.architecture,
            "width": self.settings.width,
            "image_size": self.settings.image_size,
        }
        (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")


def _majority(labels: np.ndarray) -> str:
    names, counts = np.unique(labels, return_counts=True)
    return str(names[counts.argmax()])
