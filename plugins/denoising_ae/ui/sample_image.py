"""A sample photograph for the page: one that scikit-learn ships (china.jpg, by danielbuechele, CC BY 2.0)."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path

NOISE, LEVEL = "gaussian", 25.0


def sample_photograph() -> Path:
    """A copy of the photograph: the page does not serve files of libraries."""
    spec = importlib.util.find_spec("sklearn")  # importing it takes a second
    assert spec is not None and spec.origin is not None  # it is among the requirements
    shipped = Path(spec.origin).parent / "datasets" / "images" / "china.jpg"
    copy = Path(tempfile.mkdtemp(prefix="selfsup-")) / shipped.name
    shutil.copyfile(shipped, copy)
    return copy


def noisy_sample_photograph() -> Path:
    """The same with noise of one seed."""
    from plugins.denoising_ae.images.files import corrupt_file  # scipy: only when it is asked for

    return corrupt_file(sample_photograph(), NOISE, LEVEL, 0)
