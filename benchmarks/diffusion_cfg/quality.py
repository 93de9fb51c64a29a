"""What the starters' pictures are worth against guidance scale, judged by networks that saw real pictures only.

    python -m benchmarks.diffusion_cfg.quality fashion FOLDER_OF_FASHION_MNIST --weights fashion fashion-no-caption-dropout
    python -m benchmarks.diffusion_cfg.quality emoji FOLDER_OF_EMOJI --weights emoji

fashion: share of the pictures that a classifier gives the caption's class, and the Fréchet distance in its features to held-out
pictures. emoji: pictures of captions that were never trained on; does a network that matches pictures and captions find theirs among
them all? Chance and real pictures stand beside. WEIGHTS: a starter, or a folder of a pipeline. With --judge FILE a judge is trained
once, and the same one judges all weights that are measured later.
"""

from __future__ import annotations

import argparse
import json
import lzma
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.diffusion_cfg.judges import (
    Classifier,
    Pairs,
    features_of,
    frechet,
    load_or_train,
    places_of_words,
    retrieval,
    train_classifier,
    train_pairs,
)
from plugins.diffusion_cfg import PLUGIN
from plugins.diffusion_cfg.denoiser.predictor import load
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.generate import generate_images
from plugins.diffusion_cfg.sampling.request import GenerationRequest

SCALES = (0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
AT_ONCE = 50


def fashion(folder: Path, weights: list[str], given: argparse.Namespace) -> None:
    train, labels = _fashion_split(folder, "train")
    real, truths = _fashion_split(folder, "val")
    torch.manual_seed(1)
    judge, classes, steps = Classifier(), torch.from_numpy(labels).long(), given.judge_steps
    load_or_train(given.judge, judge, f"fashion, {steps} steps", lambda: train_classifier(judge, train, classes, steps))
    features, said = features_of(judge, real)
    half = len(features) // 2
    print(
        f"classifier: {np.mean(said == truths):.2%} of {len(real):,} held-out pictures; Fréchet distance of their halves {frechet(features[::2], features[1::2]):.2f} ({half} each)"
    )
    phrases = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    for name in weights:
        model = load(PLUGIN.starters.get(name, Path(name)))
        for scale in given.scales:
            pictures = torch.cat(
                [
                    _drawn(model, phrases[str(label)][0], scale, given.pictures // 10, given.steps, 1000 * label)
                    for label in range(10)
                ]
            )
            wanted = np.repeat(np.arange(10), given.pictures // 10)
            found, judged = features_of(judge, _to_28(pictures))
            print(
                f"{name}, scale {scale:g}: accuracy {np.mean(judged == wanted):.2%}, Fréchet distance {frechet(found, features):.2f}, saturated {float((pictures.abs() >= 0.98).float().mean()):.1%}"
            )


def emoji(folder: Path, weights: list[str], given: argparse.Namespace) -> None:
    train, captions, _ = _emoji_file(folder / "train.parquet")
    real, texts, splits = _emoji_file(folder / "val.parquet")
    rows = [row for row, split in enumerate(splits) if split == "val_unseen_caption"]
    torch.manual_seed(1)
    judge, steps = Pairs(places_of_words(captions)), given.judge_steps
    load_or_train(given.judge, judge, f"emoji, {steps} steps", lambda: train_pairs(judge, train, captions, steps))
    unseen = list(dict.fromkeys(texts[row] for row in rows))
    print(
        f"{len(unseen)} captions that were never trained on. Chance: first {1 / len(unseen):.2%}, in five {5 / len(unseen):.2%}"
    )
    print("real pictures:", _as_text(retrieval(judge, real[rows], [unseen.index(texts[row]) for row in rows], unseen)))
    for name in weights:
        model = load(PLUGIN.starters.get(name, Path(name)))
        for scale in given.scales:
            pictures = torch.cat([_drawn(model, caption, scale, given.each, given.steps, 0) for caption in unseen])
            truths = [place for place in range(len(unseen)) for _ in range(given.each)]
            print(f"{name}, scale {scale:g}:", _as_text(retrieval(judge, pictures, truths, unseen)))


def _drawn(model: LoadedPipeline, caption: str, scale: float, count: int, steps: int, seed: int) -> Tensor:
    parts = [
        generate_images(
            model,
            GenerationRequest(
                caption, guidance_scale=scale, steps=steps, seed=seed + start, n_images=min(AT_ONCE, count - start)
            ),
        )
        for start in range(0, count, AT_ONCE)
    ]
    return torch.cat(parts).clamp(-1, 1).cpu()


def _fashion_split(folder: Path, split: str) -> tuple[Tensor, np.ndarray]:
    with lzma.open(folder / f"{split}_images.npy.xz") as file:
        images = np.load(file)
    return torch.from_numpy(images[:, None].astype(np.float32) / 127.5 - 1), np.load(folder / f"{split}_labels.npy")


def _to_28(pictures: Tensor) -> Tensor:
    """The middle 28 x 28, as grey: the starters pad by two pixels."""
    edge = (pictures.shape[-1] - 28) // 2
    return pictures.mean(1, keepdim=True)[..., edge : edge + 28, edge : edge + 28]


def _emoji_file(file: Path) -> tuple[Tensor, list[str], list[str]]:
    import pyarrow.parquet as pq

    from training.data.images.decode import decode, to_channels

    table = pq.read_table(file).to_pydict()
    pixels = np.stack([to_channels(decode(cell["bytes"]).flat(), 3) for cell in table["image"]])
    return (
        torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1),
        table["caption"],
        table["split"],
    )


def _as_text(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2%}" for name, value in found.items())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=["fashion", "emoji"])
    options.add_argument("folder", type=Path)
    options.add_argument("--weights", nargs="+", required=True)
    options.add_argument("--scales", nargs="+", type=float, default=SCALES)
    options.add_argument("--pictures", type=int, default=2000, help="of fashion, a scale")
    options.add_argument("--each", type=int, default=2, help="of emoji, a caption and scale")
    options.add_argument("--steps", type=int, default=20)
    options.add_argument("--judge-steps", type=int, default=1500)
    options.add_argument("--judge", type=Path, help="file of the judge's weights; written where there is none")
    given = options.parse_args()
    (fashion if given.what == "fashion" else emoji)(given.folder, given.weights, given)


if __name__ == "__main__":
    main()
