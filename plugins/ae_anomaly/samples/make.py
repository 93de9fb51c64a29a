"""Cut the samples from the original files: `python plugins/ae_anomaly/samples/make.py hypothyroid.csv breastw.npz`.

The first is UCI "Thyroid Disease" in the form of the Weka data sets, the second `4_breastw.npz` of ADBench.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
CELL_FEATURES = [
    "clump_thickness",
    "cell_size_uniformity",
    "cell_shape_uniformity",
    "marginal_adhesion",
    "epithelial_cell_size",
    "bare_nuclei",
    "bland_chromatin",
    "normal_nucleoli",
    "mitoses",
]  # the columns of breast-cancer-wisconsin.data, in their order


def main(hypothyroid: str, breastw: str) -> None:
    """Write both tables; rows that starter/sample.csv has are left out of the first."""
    rows = pd.read_csv(hypothyroid, dtype=str, keep_default_na=False).drop(columns="diagnosis")
    held_out = pd.read_csv(HERE.parent / "starter" / "sample.csv", dtype=str, keep_default_na=False)
    known = set(held_out.itertuples(index=False, name=None))
    keep = [row not in known for row in rows[held_out.columns].itertuples(index=False, name=None)]
    rows[keep].to_csv(HERE / "hypothyroid.csv", index=False, lineterminator="\n")
    arrays = np.load(breastw)
    cells = pd.DataFrame(arrays["X"].astype(int), columns=CELL_FEATURES)
    cells["is_anomaly"] = arrays["y"].astype(int)
    cells.to_csv(HERE / "breast-cancer.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
