"""A photograph to try the page with: one that scikit-learn ships (china.jpg, by danielbuechele, CC BY 2.0)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

NOISE, LEVEL = "gaussian", 25.0  # what the noisy one has


def photograph() -> Path:
    """A copy of it, since the page serves no files of the libraries."""
    import sklearn.datasets

    shipped = Path(sklearn.datasets.__file__).parent / "images" / "china.jpg"
    copied = Path(tempfile.mkdtemp(prefix="selfsup-")) / shipped.name
    shutil.copyfile(shipped, copied)
    return copied


def noisy_photograph() -> Path:
    """The same with noise of one seed."""
    from plugins.denoising_ae.endpoints import corrupt

    return corrupt(photograph(), NOISE, LEVEL, 0)
