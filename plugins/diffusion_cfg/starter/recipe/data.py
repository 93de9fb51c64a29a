"""Make the starters' training files, captioned Fashion-MNIST and captioned emoji: Parquet, columns image and caption.

python -m plugins.diffusion_cfg.starter.recipe.data fashion FOLDER_OF_FASHION_MNIST fashion.parquet
python -m plugins.diffusion_cfg.starter.recipe.data emoji train.parquet emoji.parquet [held-out.parquet]
"""

from __future__ import annotations

import io
import json
import lzma
import sys
from collections.abc import Collection
from pathlib import Path

import numpy as np

DARK, BRIGHT = 0.3, 0.7  # quantiles of a class's mean brightness
NARROW, WIDE = 0.3, 0.7  # quantiles of a class's width
ADJECTIVE_PROBABILITY = 0.35  # of naming the brightness, and of naming the width
HUES = {"red": 0, "orange": 18, "yellow": 34, "green": 85, "blue": 150, "purple": 196, "pink": 234}  # of 256
COLOURS = {*HUES, "brown", "black", "white", "grey"}
COLOURED = 90  # saturation of 255 above which a pixel has a colour
ONE_COLOUR = 0.85  # share of the coloured pixels within three sixteenths of the circle of hues


def fashion(folder: Path, split: str = "train") -> tuple[list[bytes], list[str]]:
    """PNG files of 28 x 28 and their captions: paraphrases of the class, some with dark, bright, narrow or wide."""
    with lzma.open(folder / f"{split}_images.npy.xz") as file:
        images = np.load(file)
    labels = np.load(folder / f"{split}_labels.npy")
    phrases = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    random = np.random.default_rng(0)
    brightness = images.reshape(len(images), -1).sum(1) / np.maximum(1, (images > 20).reshape(len(images), -1).sum(1))
    width = (images > 20).any(1).sum(1)
    limits = {
        c: (np.quantile(brightness[labels == c], (DARK, BRIGHT)), np.quantile(width[labels == c], (NARROW, WIDE)))
        for c in range(10)
    }
    captions = []
    for row, label in enumerate(labels):
        text = str(random.choice(phrases[str(label)]))
        (dark, bright), (narrow, wide) = limits[int(label)]
        adjectives = []
        if random.random() < ADJECTIVE_PROBABILITY:
            adjectives += ["dark"] if brightness[row] < dark else ["bright"] if brightness[row] > bright else []
        if random.random() < ADJECTIVE_PROBABILITY:
            adjectives += ["narrow"] if width[row] < narrow else ["wide"] if width[row] > wide else []
        captions.append(_describe(text, adjectives))
    return [_png(image) for image in images], captions


def emoji(file: Path, held_out: Collection[str] = ()) -> tuple[list[bytes], list[str]]:
    """Images as they are, then recoloured copies of those of one colour; half of the captions also name the style.

    Few pictures are green, and a colour hardly ever comes with two shapes: copies in another hue, named in the caption,
    teach both apart.

    Args:
        held_out: Captions that no copy may get.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(file).to_pydict()
    random = np.random.default_rng(0)
    images = [cell["bytes"] for cell in table["image"]]
    captions = [
        f"{caption}, {style}" if random.random() < 0.5 else caption
        for caption, style in zip(table["caption"], table["style"], strict=True)
    ]
    for image, caption in zip(images[:], table["caption"], strict=True):
        colour = str(random.choice(list(HUES)))
        shape = " ".join(word for word in caption.split() if word not in COLOURS)
        renamed = f"{colour} {shape}"
        if renamed != caption and renamed not in held_out and (copy := recoloured(image, colour)):
            images.append(copy)
            captions.append(renamed)
    return images, captions


def recoloured(image: bytes, colour: str) -> bytes | None:
    """The image with its colour turned to another hue; None if it has no colour, or several."""
    from PIL import Image

    with Image.open(io.BytesIO(image)) as file:
        pixels = np.asarray(file.convert("HSV"))
    hues = pixels[..., 0][(pixels[..., 1] > COLOURED) & (pixels[..., 2] > COLOURED)]
    shares = np.bincount(hues // 16, minlength=16) / max(1, len(hues))
    peak = int(shares.argmax())
    if len(hues) < pixels[..., 0].size // 8 or shares.take([peak - 1, peak, peak + 1], mode="wrap").sum() < ONE_COLOUR:
        return None
    turned = pixels.copy()
    turned[..., 0] += np.uint8((HUES[colour] - np.median(hues[hues // 16 == peak])) % 256)
    stream = io.BytesIO()
    Image.fromarray(turned, "HSV").convert("RGB").save(stream, "PNG")
    return stream.getvalue()


def write(images: list[bytes], captions: list[str], target: Path) -> None:
    """Write the Hub's format: a column of records of bytes and path, and the captions."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [{"bytes": data, "path": None} for data in images]
    image_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(cells, image_type), "caption": captions}), target)


def captions_of(*files: Path) -> set[str]:
    """All captions of Parquet files."""
    import pyarrow.parquet as pq

    return {caption for file in files for caption in pq.read_table(file, columns=["caption"])["caption"].to_pylist()}


def _describe(text: str, adjectives: list[str]) -> str:
    if not adjectives:
        return text
    first, _, rest = text.partition(" ")
    words = " ".join(adjectives)
    return f"a {words} {rest}" if first in ("a", "an") else f"{words} {text}"


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


if __name__ == "__main__":
    dataset, source, target, *others = sys.argv[1], *map(Path, sys.argv[2:])
    write(*(fashion(source) if dataset == "fashion" else emoji(source, captions_of(*others))), target)
