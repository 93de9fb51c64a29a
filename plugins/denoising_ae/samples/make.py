"""Cut the samples: `python plugins/denoising_ae/samples/make.py PHOTOGRAPHS RACCOON FASHION ADULT`.

PHOTOGRAPHS is `skimage/data` of scikit-image 0.16, RACCOON `scipy/misc/face.dat` of SciPy 1.5, FASHION a folder with
train_images.npy.xz and train_labels.npy, ADULT a table of UCI "Adult". README.md says whose they are.
"""

from __future__ import annotations

import bz2
import io
import lzma
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from sklearn.datasets import load_sample_image

HERE = Path(__file__).parent
CROP = 128  # pixels a side
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "brick.png", "grass.png", "gravel.png")
TEXTURES = ("brick", "grass", "gravel")
CLASSES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]


def main(folder: str, raccoon: str, fashion: str, adult: str) -> None:
    """Write every file."""
    pictures = [Image.open(Path(folder) / name).convert("RGB") for name in PHOTOGRAPHS]
    pixels = np.frombuffer(bz2.decompress(Path(raccoon).read_bytes()), np.uint8).reshape(768, 1024, 3)
    pictures += [
        Image.fromarray(pixels),
        *(Image.fromarray(load_sample_image(f"{n}.jpg")) for n in ("china", "flower")),
    ]
    names = [Path(name).stem for name in (*PHOTOGRAPHS, "raccoon", "china", "flower")]
    rows = [
        (f"{name}-{n}", crop)
        for name, picture in zip(names, pictures, strict=True)
        for n, crop in crops(picture, most=1 if name in TEXTURES else 3)
    ]
    write_images(HERE / "photographs.parquet", [crop for _, crop in rows], {"name": [name for name, _ in rows]})
    with lzma.open(Path(fashion) / "train_images.npy.xz") as file:
        images = np.load(file)
    labels = np.load(Path(fashion) / "train_labels.npy")
    some = np.sort(np.concatenate([np.flatnonzero(labels == c)[:120] for c in range(10)]))
    write_images(
        HERE / "fashion.parquet",
        [Image.fromarray(images[row]) for row in some],
        {"label": [CLASSES[labels[row]] for row in some]},
    )
    table = pd.read_csv(adult, dtype=str, keep_default_na=False).sample(2500, random_state=0)
    table.to_csv(HERE / "adult.csv", index=False, lineterminator="\n")


def crops(picture: Image.Image, most: int = 3) -> list[tuple[int, Image.Image]]:
    """Squares of a picture at half its size, where traces of JPEG are gone; at most `most` x 2, spread evenly."""
    half = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)
    tops = np.linspace(0, half.height - CROP, min(2, half.height // CROP)).astype(int)
    lefts = np.linspace(0, half.width - CROP, min(most, half.width // CROP)).astype(int)
    corners = [(int(left), int(top)) for top in tops for left in lefts]
    return [(n, half.crop((left, top, left + CROP, top + CROP))) for n, (left, top) in enumerate(corners)]


def write_images(path: Path, images: list[Image.Image], columns: dict[str, list[str]]) -> None:
    """Write images as lossless WebP, with the columns beside them."""
    files = []
    for image in images:
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", lossless=True, quality=100, method=6)
        files.append({"bytes": buffer.getvalue(), "path": None})
    pq.write_table(pa.table({"image": files, **columns}), path, compression="none")


if __name__ == "__main__":
    main(*sys.argv[1:])
