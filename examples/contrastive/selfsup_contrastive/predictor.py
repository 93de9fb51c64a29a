"""A trained encoder at work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from selfsup_contrastive.encoder import Encoder
from selfsup_contrastive.settings import Embed
from training.artifact.safetensors_io import damaged, read_config, read_tensors
from training.data.images.decode import decode, to_channels


class EncoderPredictor(Embed):
    """Encoder and image size of one artifact."""

    def __init__(self, folder: Path):
        about = read_config(folder)
        try:
            self._encoder, self._size = Encoder(int(about["width"])), int(about["image_size"])
            self._encoder.load_state_dict(read_tensors(folder))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise damaged(error) from error
        self._encoder.eval()

    def embed(self, image: Path) -> list[float]:
        return self._vector(image).tolist()

    def similarity(self, first: Path, second: Path) -> float:
        return float(self._vector(first) @ self._vector(second))

    @torch.inference_mode()
    def _vector(self, image: Path) -> Tensor:
        pixels = to_channels(decode(image).flat(), 3)
        resized = np.asarray(Image.fromarray(pixels).resize((self._size, self._size)))
        tensor = torch.from_numpy(resized.copy()).permute(2, 0, 1)[None].float() / 255
        return functional.normalize(self._encoder(tensor), dim=1)[0]


def load(folder: Path) -> EncoderPredictor:
    """Read an artifact of either kind.

    Raises:
        UserError: If a file is missing or damaged.
    """
    return EncoderPredictor(folder)
