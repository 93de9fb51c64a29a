"""How training grows with its images: memory and seconds to the first step, for Parquet, zip and folder.

    python -m benchmarks.growth_images --images 1000 100000

Images are of 28 x 28 random grey pixels, so that no two are copies. Every run is a process of its own under a home of
its own: first time, and second time, when what was made is there. Memory is the most that the process held of its own
(anonymous pages); pages of mapped files are not counted, since the system takes them back where it needs them.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from benchmarks.growth_process import print_growth, print_header

SIDE = 28
FLAGS = {"noise": "gaussian", "size": "small", "channels": "grey", "batch-size": 16, "eval-images": 16}
FORMS = ("parquet", "zip", "folder")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--forms", nargs="+", default=list(FORMS[:2]), choices=FORMS)
    options = parser.parse_args()
    print_header("images")
    for form in options.forms:
        print_growth(form, options.images, partial(write, form=form), "denoising_ae", "images", FLAGS)


def write(place: Path, count: int, form: str) -> Path:
    if form == "parquet":
        return write_parquet(place / "images.parquet", count)
    if form == "zip":
        with zipfile.ZipFile(place / "images.zip", "w") as archive:
            for number, data in enumerate(images(count)):
                archive.writestr(f"{number // 1000}/{number}.png", data)
        return place / "images.zip"
    for number, data in enumerate(images(count)):
        file = place / "images" / str(number // 1000) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return place / "images"


def write_parquet(path: Path, count: int) -> Path:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", kind), ("label", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        rows: list[dict] = []
        for number, data in enumerate(images(count)):
            rows.append({"image": {"bytes": data, "path": f"{number}.png"}, "label": str(number % 10)})
            if len(rows) == 1000 or number == count - 1:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows = []
    return path


def images(count: int) -> Iterator[bytes]:
    generator = np.random.default_rng(0)
    for _ in range(count):
        file = io.BytesIO()
        Image.fromarray(generator.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)).save(file, "PNG", compress_level=1)
        yield file.getvalue()


if __name__ == "__main__":
    main()
