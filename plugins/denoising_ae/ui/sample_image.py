"""A sample photograph for the page: one that scikit-learn ships (china.jpg, by danielbuechele, CC BY 2.0)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

NOISE, LEVEL = "gaussian", 25.0


def sample_photograph() -> Path:
    """A copy of the photograph: the page does not serve files of libraries."""
    import sklearn.datasets  # 1 s: only when it is asked for

    shipped = Path(sklearn.datasets.__file__).parent / "images" / "china.jpg"
    copy = Path(tempfile.mkdtemp(prefix="selfsup-")) / shipped.name
    shutil.copyfile(shipped, copy)
    return copy


def noisy_sample_photograph() -> Path:
    """The same with noise of one seed."""
    from plugins.denoising_ae.images.files import corrupt_file  # scipy: only when it is asked for

    return corrupt_file(sample_photograph(), NOISE, LEVEL, 0)
