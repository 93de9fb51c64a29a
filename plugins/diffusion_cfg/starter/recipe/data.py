"""Make the starters' training files, captioned Fashion-MNIST and captioned emoji: Parquet, columns image and caption.

python -m plugins.diffusion_cfg.starter.recipe.data fashion FOLDER_OF_FASHION_MNIST fashion.parquet
python -m plugins.diffusion_cfg.starter.recipe.data emoji train.parquet emoji.parquet
"""

from __future__ import annotations

import io
import json
import lzma
import sys
from pathlib import Path

import numpy as np

DARK, BRIGHT = 0.3, 0.7  # quantiles of a class's mean brightness
NARROW, WIDE = 0.3, 0.7  # quantiles of a class's width
ADJECTIVE_PROBABILITY = 0.35  # of naming the brightness, and of naming the width


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


def emoji(file: Path) -> tuple[list[bytes], list[str]]:
    """Images as they are; half of the captions also name the drawing style."""
    import pyarrow.parquet as pq

    table = pq.read_table(file).to_pydict()
    random = np.random.default_rng(0)
    captions = [
        f"{caption}, {style}" if random.random() < 0.5 else caption
        for caption, style in zip(table["caption"], table["style"], strict=True)
    ]
    return [cell["bytes"] for cell in table["image"]], captions


def write(images: list[bytes], captions: list[str], target: Path) -> None:
    """Write the Hub's format: a column of records of bytes and path, and the captions."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [{"bytes": data, "path": None} for data in images]
    image_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(cells, image_type), "caption": captions}), target)


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
    dataset, source, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    write(*(fashion(source) if dataset == "fashion" else emoji(source)), target)
