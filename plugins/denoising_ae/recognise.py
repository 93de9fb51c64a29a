"""What an artifact of this plugin is, by its config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins.denoising_ae.compare.autoencoder_pair import AutoencoderPair
from plugins.denoising_ae.images.image_denoiser import ImageDenoiser
from plugins.denoising_ae.tables.table_imputer import TableImputer
from training.artifact.safetensors_io import read_config


def load_as_made(folder: Path) -> Any:
    """An `ImageDenoiser`, a `TableImputer` or an `AutoencoderPair`.

    Raises:
        UserError: If a file is missing, damaged, or of another format.
    """
    predictors = {"TableDenoiser": TableImputer, "AutoencoderPair": AutoencoderPair}
    return predictors.get(str(read_config(folder).get("architecture")), ImageDenoiser).load(folder)
