"""Pictures of visitors, decoded in a process with limits of memory and time: the page's process gets raw pixels."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from spaces_app.services.worker import Worker
from training.data.images.decode import DecodedImage
from training.errors import UserError

SECONDS = 60.0
MEMORY_MB = 3072  # 89 million pixels of 16 bits in colour with alpha take 1.4 GB while they are turned upright


class PictureDecoder:
    """Decodes files as `training.data.images.decode.decode` does."""

    def __init__(self, worker: Worker):
        self._worker = worker

    def __call__(self, path: Path, name: str, max_pixels: int) -> DecodedImage:
        """The image.

        Raises:
            UserError: If it is none, damaged, too large, or takes more time or memory than it may.
        """
        with tempfile.TemporaryDirectory(prefix="selfsup-pixels-") as arrays:
            call = {"path": str(path.resolve()), "name": name, "max_pixels": max_pixels, "arrays": arrays}
            answer = self._worker.run(["decode"], SECONDS, {"call": call}, MEMORY_MB)
            if "error" in answer:
                raise UserError(answer["error"])
            if "defect" in answer:
                raise RuntimeError(answer["defect"])
            return _image(answer["result"], Path(arrays))


def _image(about: dict[str, Any], arrays: Path) -> DecodedImage:
    alpha = arrays / "alpha.npy"
    return DecodedImage(
        np.load(arrays / "pixels.npy", allow_pickle=False),
        np.load(alpha, allow_pickle=False) if alpha.exists() else None,
        tuple(about["notices"]),
        base64.b64decode(about["icc_profile"]),
        about["texts"],
    )
