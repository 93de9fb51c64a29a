"""What an artifact of this plugin is, told by its config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.artifact.safetensors_io import CONFIG, damaged


def load_as_made(folder: Path) -> Any:
    """A `Cleaner` of pictures, a `Restorer` of tables or an `AutoencoderPair`.

    Raises:
        UserError: If a file is missing, damaged, or of another format.
    """
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(error) from error
    made = found.get("architecture") if isinstance(found, dict) else None
    if made == "TableDenoiser":
        from plugins.denoising_ae.tables.table_imputer import Restorer

        return Restorer.load(folder)
    if made == "AutoencoderPair":
        from plugins.denoising_ae.compare.autoencoder_pair import AutoencoderPair

        return AutoencoderPair.load(folder)
    from plugins.denoising_ae.images.image_denoiser import Cleaner

    return Cleaner.load(folder)
