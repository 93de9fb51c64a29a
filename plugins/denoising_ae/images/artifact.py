"""Save and load a `DenoisingCNN` with the noise that it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from plugins.denoising_ae.models.artifact import damaged_weights_refused, read_config, read_tensors, write_config
from plugins.denoising_ae.models.denoising_cnn import DenoisingCNN, DenoisingCNNConfig
from training.artifact.safetensors_io import WEIGHTS

if TYPE_CHECKING:
    from plugins.denoising_ae.images.settings import ImagesSettings

ARCHITECTURE = "DenoisingCNN"


def save_denoiser(model: DenoisingCNN, folder: Path, settings: ImagesSettings) -> None:
    """Write what `load_denoiser` reads."""
    dtype = torch.float16 if settings.half_precision else torch.float32
    tensors = {name: value.to("cpu", dtype).contiguous() for name, value in model.state_dict().items()}
    save_file(tensors, folder / WEIGHTS)
    low, high = settings.levels
    noise = {"name": settings.noise, "low": low, "high": high, "supervision": settings.supervision}
    write_config(folder, ARCHITECTURE, {"network": model.config.to_dict(), "noise": noise})


def load_denoiser(folder: Path) -> tuple[DenoisingCNN, dict[str, Any]]:
    """The network of an artifact, in 32 bits, and its noise: {"name": noise type, "low", "high", "supervision"}.

    Raises:
        UserError: If a file is missing, damaged, or of another format.
    """
    config = read_config(folder, ARCHITECTURE)
    with damaged_weights_refused():
        model = DenoisingCNN(DenoisingCNNConfig(**config["network"]))
        model.load_state_dict(read_tensors(folder))
        return model.eval(), config["noise"]
