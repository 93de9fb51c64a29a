"""Cut the samples from a Parquet file of emoji (image, caption, style, group):

python plugins/diffusion_cfg/samples/make.py train.parquet
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
GROUPS = ("Animals & Nature", "Food & Drink", "Smileys & Emotion")
MOST = 280  # images of a style


def main(emoji: str) -> None:
    """Write the animals, dishes and faces of two styles."""
    rows = pq.read_table(emoji).to_pylist()
    for style in ("noto", "blob"):
        some = [row for row in rows if row["style"] == style and row["group"] in GROUPS][:MOST]
        table = pa.table({"image": [row["image"] for row in some], "caption": [row["caption"] for row in some]})
        pq.write_table(table, HERE / f"{style}.parquet", compression="none")


if __name__ == "__main__":
    main(*sys.argv[1:])
