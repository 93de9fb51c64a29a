"""The judges of `quality`: networks that have seen real pictures only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_model, save_model
from scipy import linalg
from torch import Tensor, nn
from torch.nn import functional


def load_or_train(file: Path | None, judge: nn.Module, about: str, train: Callable[[], None]) -> None:
    """Give a judge the weights of a file; where there is none, train it and write them there.

    Args:
        about: What it is trained on and for how long; the weights of a file must be of the same.

    Raises:
        SystemExit: If they are of another.
    """
    if file and file.exists():
        with safe_open(file, "pt") as weights:
            written = (weights.metadata() or {}).get("about")
        if written != about:
            raise SystemExit(f"--judge: {file} is a judge of {written}; {about} was asked for. Name another file.")
        load_model(judge, file)
    else:
        train()
        if file:
            save_model(judge, str(file), {"about": about})
    judge.eval()


def body(channels: int, width: int, stages: int) -> nn.Sequential:
    """Convolutions that halve the picture at each stage, then the mean over what is left."""
    layers: list[nn.Module] = []
    for stage in range(stages):
        before, after = channels if stage == 0 else width * 2 ** (stage - 1), width * 2**stage
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.Conv2d(after, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Classifier(nn.Module):
    """Classes of grey pictures in [-1, 1]; `features` is the layer before the last, for the Fréchet distance."""

    def __init__(self, classes: int = 10, width: int = 24):
        super().__init__()
        self.features = body(1, width, 3)
        self.last = nn.Linear(width * 4, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.last(self.features(pictures))


def train_classifier(model: Classifier, pictures: Tensor, labels: Tensor, steps: int, batch: int = 128) -> None:
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.01)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    for _ in range(steps):
        rows = torch.randint(len(pictures), (batch,))
        functional.cross_entropy(model(pictures[rows]), labels[rows], label_smoothing=0.05).backward()
        optimizer.step()
        optimizer.zero_grad()
        rates.step()


def features_of(model: nn.Module, pictures: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Features (pictures, width) and predicted classes (pictures,)."""
    kept, said = [], []
    with torch.inference_mode():
        for part in pictures.split(256):
            found = model.features(part)  # type: ignore[operator]
            kept.append(found)
            said.append(model.last(found).argmax(1))  # type: ignore[operator]
    return torch.cat(kept).double().numpy(), torch.cat(said).numpy()


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance of two Gaussians fitted to features (Heusel et al., 2017, eq. 6)."""
    means = first.mean(0), second.mean(0)
    one, two = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = np.real(linalg.sqrtm(one @ two))
    return float(((means[0] - means[1]) ** 2).sum() + np.trace(one + two - 2 * root))


class Pairs(nn.Module):
    """Pictures and captions in one space: convolutions, and the mean of word vectors (after Radford et al., 2021)."""

    def __init__(self, words: dict[str, int], width: int = 32, space: int = 128):
        super().__init__()
        self.words = words
        self.pictures = nn.Sequential(body(3, width, 4), nn.Linear(width * 8, space))
        self.captions = nn.EmbeddingBag(len(words) + 1, space, mode="mean")
        self.sharpness = nn.Parameter(torch.tensor(2.3))

    def of_pictures(self, pictures: Tensor) -> Tensor:
        return functional.normalize(self.pictures(pictures), dim=1)

    def of_captions(self, captions: Sequence[str]) -> Tensor:
        bags = [[self.words.get(word, 0) for word in words_of(caption)] or [0] for caption in captions]
        offsets = torch.tensor(np.cumsum([0, *(len(bag) for bag in bags[:-1])]))
        return functional.normalize(
            self.captions(torch.tensor([place for bag in bags for place in bag]), offsets), dim=1
        )


def words_of(caption: str) -> list[str]:
    return caption.lower().replace(",", " ").replace(":", " ").replace("-", " ").split()


def places_of_words(captions: Sequence[str]) -> dict[str, int]:
    """Every word, numbered from 1 in the order of its first use."""
    return {word: place for place, word in enumerate(dict.fromkeys(w for text in captions for w in words_of(text)), 1)}


def train_pairs(judge: Pairs, pictures: Tensor, captions: list[str], steps: int, batch: int = 128) -> None:
    """By the contrast of each pair against the batch's other pairs; equal captions are no contrast."""
    model: Any = judge.train()
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.05)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps)
    for _ in range(steps):
        rows = torch.randint(len(pictures), (batch,))
        texts = [captions[int(row)] for row in rows]
        logits = model.of_pictures(_moved(pictures[rows])) @ model.of_captions(texts).T * model.sharpness.exp()
        same = torch.tensor([[a == b for b in texts] for a in texts]).float()
        wanted = same / same.sum(1, keepdim=True)
        loss = functional.cross_entropy(logits, wanted) + functional.cross_entropy(logits.T, wanted)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        rates.step()


def _moved(pictures: Tensor) -> Tensor:
    """Each picture up to a tenth larger or smaller, and moved by up to a tenth of its side."""
    count = len(pictures)
    places = torch.zeros(count, 2, 3)
    places[:, 0, 0] = places[:, 1, 1] = 1 + 0.1 * (2 * torch.rand(count) - 1)
    places[:, :, 2] = 0.2 * (2 * torch.rand(count, 2) - 1)
    grid = functional.affine_grid(places, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def retrieval(model: Pairs, pictures: Tensor, truths: list[int], captions: list[str]) -> dict[str, float]:
    """How often a picture's own caption is first, among the first five, and its mean reciprocal rank, among all captions."""
    with torch.inference_mode():
        scores = torch.cat([model.of_pictures(part) for part in pictures.split(64)]) @ model.of_captions(captions).T
    own = scores[torch.arange(len(truths)), truths][:, None]
    ranks = (scores > own).sum(1).double() + 1
    return {
        "first": float((ranks == 1).double().mean()),
        "in five": float((ranks <= 5).double().mean()),
        "reciprocal rank": float((1 / ranks).mean()),
    }
