"""Captioned images that a tiny network learns in seconds: a red or blue square or disc on white."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.pictures import encoded, write_parquet, write_zip

COLOURS = {"red": (220, 30, 30), "blue": (30, 60, 220)}
KINDS = ("square", "disc")
CAPTIONS = [f"{colour} {kind}" for colour in COLOURS for kind in KINDS]
TINY: dict[str, Any] = {
    "size": "tiny", "image_size": 16, "batch_size": 8, "max_length": 8, "vocabulary_size": 600, "eval_share": 0.1,
    "preview_steps": 2, "eval_images": 8,
}  # fmt: skip


def shape(caption: str, seed: int = 0, side: int = 16) -> np.ndarray:
    """A shape at about the middle, (side, side, 3) uint8."""
    colour, kind = caption.split()
    random = np.random.default_rng(seed)
    top, left = side / 2 + random.integers(-1, 2, 2)
    rows, columns = np.mgrid[0:side, 0:side] + 0.5 - np.asarray([top, left]).reshape(2, 1, 1)
    inside = np.maximum(abs(rows), abs(columns)) < side / 3 if kind == "square" else np.hypot(rows, columns) < side / 3
    image = np.full((side, side, 3), 255, np.uint8)
    image[inside] = COLOURS[colour]
    return image


def write_shapes(path: Path, count: int = 40, captions: bool = True) -> Path:
    """A Parquet file of them, or a zip with metadata.jsonl, by the path's end."""
    texts = [CAPTIONS[row % len(CAPTIONS)] for row in range(count)]
    images = [encoded(shape(text, row)) for row, text in enumerate(texts)]
    if path.suffix == ".parquet":
        return write_parquet(path, list(images), **({"caption": texts} if captions else {}))
    files = {f"{row}.png": data for row, data in enumerate(images)}
    lines = "".join(f'{{"file_name": "{row}.png", "caption": "{text}"}}\n' for row, text in enumerate(texts))
    return write_zip(path, files | ({"metadata.jsonl": lines.encode()} if captions else {}))
