"""The network of `lora` as `training plan` traces it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from peft import LoraConfig

from plugins.diffusion_cfg import plan
from plugins.diffusion_cfg.lora.task import TEXT_ENCODER_LAYERS, UNET_LAYERS
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.diffusion_cfg.lora.settings import LoraSettings
    from training.fit.trace import Sketch


def network(settings: LoraSettings) -> Sketch:
    """Latents of the settings' size; the adapters alone are trained."""
    if not settings.model:
        raise UserError("model: no pipeline to adapt was given.")
    folder = Path(settings.model)
    unet, text_encoder = (plan.component(folder, name) for name in ("unet", "text_encoder"))

    def freeze(*networks: Any) -> None:
        for network, layers in zip(networks, (UNET_LAYERS, TEXT_ENCODER_LAYERS), strict=True):
            network.requires_grad_(False)
            if layers is UNET_LAYERS or settings.train_text_encoder:
                network.add_adapter(LoraConfig(r=settings.lora_rank, target_modules=layers))

    return plan.sketch(settings, unet, text_encoder, settings.train_text_encoder, plan.pipeline_factor(folder), freeze)
