"""The task of `lora`: low-rank adapters of the attention layers (Hu et al., 2022), by peft; everything else as in `denoiser`."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from plugins.diffusion_cfg.data.captioned_images import read
from plugins.diffusion_cfg.denoiser.network import Denoiser
from plugins.diffusion_cfg.denoiser.task import DenoisingTask
from plugins.diffusion_cfg.models import pipeline_io
from training.errors import UserError
from training.fit.batches import step_seed
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    from plugins.diffusion_cfg.data.captioned_images import Halves
    from plugins.diffusion_cfg.settings import LoraSettings

UNET_LAYERS = ("to_q", "to_k", "to_v", "to_out.0")
TEXT_LAYERS = ("q_proj", "k_proj", "v_proj", "out_proj")
ADAPTER = "pytorch_lora_weights.safetensors"  # diffusers' name


def build(settings: LoraSettings) -> LoraTask:
    """Read the pictures, load the pipeline, put the adapters in.

    Raises:
        UserError: What the preflight sheet would show in red.
    """
    if not settings.model:
        raise UserError("model: nothing to adapt was named. Choose a starter, a run, or a Stable Diffusion of the Hub.")
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    pipeline = pipeline_io.read(Path(settings.model))
    channels = pipeline.vae.config["in_channels"]
    own = settings.model_copy(update={"channels": {1: "grey"}.get(channels, "colour")})
    return LoraTask(settings, channels, read(own, captions=True), pipeline)


class LoraTask(DenoisingTask):
    """Only the adapters are trained, checkpointed and clipped; the artifact is the whole pipeline, and the adapters beside it."""

    settings: LoraSettings

    def __init__(self, settings: LoraSettings, channels: int, halves: Halves, pipeline: Any):
        super().__init__(settings, channels, halves, pipeline, settings.text_layers)
        self.facts |= {"rank": settings.rank, "adapter": ADAPTER}

    def network(self) -> torch.nn.Module:
        from peft import LoraConfig

        rank = self.settings.rank
        alpha: Any = self.settings.lora_alpha or rank  # peft's annotation says int, a float counts too
        unet = self.pipeline.unet.requires_grad_(False)
        unet.add_adapter(
            LoraConfig(r=rank, lora_alpha=alpha, init_lora_weights="gaussian", target_modules=list(UNET_LAYERS))
        )
        if not self.settings.text_layers:
            return Denoiser(unet)
        encoder = self.pipeline.text_encoder.requires_grad_(False)
        encoder.add_adapter(
            LoraConfig(r=rank, lora_alpha=alpha, init_lora_weights="gaussian", target_modules=list(TEXT_LAYERS))
        )
        return Denoiser(unet, encoder)

    def save(self, model: Any, folder: Path) -> None:
        """A pipeline with the adapters merged into it, and the adapters alone for `load_lora_weights`."""
        self._save_adapters(model, folder)
        merged = self.finished(copy.deepcopy(model).cpu())
        for part in (merged.unet, merged.text_encoder):
            _merge(part)
        pipeline_io.write(merged, folder, self.settings.half_precision)

    def _save_adapters(self, model: Any, folder: Path) -> None:
        from diffusers import StableDiffusionPipeline
        from diffusers.utils import convert_state_dict_to_diffusers
        from peft.utils import get_peft_model_state_dict

        def of(part: Any) -> Any:
            if part is None:
                return None
            return {name: value.cpu() for name, value in convert_state_dict_to_diffusers(get_peft_model_state_dict(part)).items()}  # fmt: skip

        StableDiffusionPipeline.save_lora_weights(
            folder, unet_lora_layers=of(model.unet), text_encoder_lora_layers=of(model.text_encoder)
        )

    def findings(self) -> list[Finding]:
        whole = sum(p.numel() for p in self.model.parameters())
        trained = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        return [*super().findings(), Finding("green", f"The adapters are {trained / whole:.1%} of the weights")]


def _merge(part: Any) -> None:
    """Add the adapters into the weights they sit beside, and take them out of the module."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    found = [(name, module) for name, module in part.named_modules() if isinstance(module, BaseTunerLayer)]
    for name, module in found:
        module.merge()
        parent = part.get_submodule(name.rpartition(".")[0])
        setattr(parent, name.rpartition(".")[2], module.get_base_layer())
    part._hf_peft_config_loaded = False
    if hasattr(part, "peft_config"):
        del part.peft_config
