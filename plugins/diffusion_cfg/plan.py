"""Denoisers and autoencoders as `training plan` traces them: made from configurations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import diffusers
import torch
from transformers import CLIPTextConfig, CLIPTextModel

from plugins.diffusion_cfg.denoiser.network import ConditionalDenoiser
from plugins.diffusion_cfg.models import autoencoders
from plugins.diffusion_cfg.models.pipeline_io import model_index
from training.errors import UserError
from training.fit.trace import Sketch

if TYPE_CHECKING:
    from plugins.diffusion_cfg.settings import DiffusionSettings


def component(folder: Path, name: str) -> Any:
    """A network of a pipeline, with new weights.

    Raises:
        UserError: If the folder has none.
    """
    place = folder / name
    if not (place / "config.json").is_file():
        raise UserError(f"{folder.name} has no {name} whose configuration can be read.")
    if name == "text_encoder":
        return CLIPTextModel(CLIPTextConfig.from_pretrained(place))
    network_class = getattr(diffusers, model_index(folder)[name][1])
    return network_class.from_config(network_class.load_config(place))


def latent_size(settings: DiffusionSettings, unet: Any, factor: int) -> int:
    """Height and width of the latents that are trained on."""
    size = unet.config["sample_size"]
    own = size if isinstance(size, int) else size[0]
    return settings.image_size // factor if settings.image_size else own


def sketch(
    settings: DiffusionSettings,
    unet: Any,
    text_encoder: Any,
    trains_text: bool,
    factor: int,
    freeze: Callable[[Any, Any], None] | None = None,
) -> Sketch:
    """A denoiser on latents of the settings' size.

    Args:
        factor: Pixels of a latent's side.
        freeze: Called with both networks, to freeze what is not trained.
    """
    if freeze:
        freeze(unet, text_encoder)
    config = text_encoder.config
    model = ConditionalDenoiser(unet, text_encoder if trains_text else None)
    size, channels = latent_size(settings, unet, factor), unet.config["in_channels"]

    def loss(rows: int) -> torch.Tensor:
        noisy = torch.zeros(rows, channels, size, size)
        ids = torch.zeros(rows, config.max_position_embeddings, dtype=torch.int64)
        text = ids if trains_text else torch.zeros(*ids.shape, config.hidden_size)
        prediction = model(noisy, torch.zeros(rows, dtype=torch.int64), text)
        return (prediction.float() - noisy).square().flatten(1).mean(1).mean()

    return Sketch(model, loss, 1)


def pipeline_factor(folder: Path) -> int:
    """Pixels of a latent's side."""
    return autoencoders.downsample_factor(component(folder, "vae"))
