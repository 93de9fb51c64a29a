"""Low-rank adapters (LoRA; Hu et al., 2022) on a pipeline's attention layers, trained by the denoising loss."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.save_and_load import get_peft_model_state_dict
from safetensors.torch import save_file

from plugins.diffusion_cfg.data.captioned_images import SplitImages
from plugins.diffusion_cfg.denoiser.network import ConditionalDenoiser
from plugins.diffusion_cfg.denoiser.task import DenoisingTask
from plugins.diffusion_cfg.lora.settings import LoraSettings
from plugins.diffusion_cfg.models import pipeline_io
from training.errors import UserError
from training.fit.batches import step_seed
from training.nn.cpu_copy import cpu_copy
from training.preflight.sheet import Finding

UNET_LAYERS = ["to_q", "to_k", "to_v", "to_out.0"]
TEXT_ENCODER_LAYERS = ["q_proj", "k_proj", "v_proj", "out_proj"]
ADAPTER_FILE = "pytorch_lora_weights.safetensors"  # diffusers' name
KOHYA_NAMES = {"lora_A": "lora_down", "lora_B": "lora_up"}  # peft's name of a factor -> that of kohya's sd-scripts


def build(data: SplitImages, settings: LoraSettings) -> LoraTask:
    """Load the pipeline and add the adapters.

    Raises:
        UserError: If no pipeline is named, or it cannot be read.
    """
    if not settings.model:
        raise UserError(
            "model: no pipeline to adapt was given. Choose a starter, a run, or a Stable Diffusion of the Hub."
        )
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    return LoraTask(settings, data, pipeline_io.read_pipeline(Path(settings.model), settings.weights_dtype))


class LoraTask(DenoisingTask):
    """Only the adapters are trained and checkpointed; the artifact holds the merged pipeline and the adapters."""

    settings: LoraSettings

    def __init__(self, settings: LoraSettings, data: SplitImages, pipeline: Any):
        super().__init__(settings, data, pipeline, settings.train_text_encoder)
        self.facts |= {"lora_rank": settings.lora_rank, "adapter": ADAPTER_FILE}

    def make_network(self) -> torch.nn.Module:
        self._add_adapters(self.pipeline.unet, UNET_LAYERS)
        if not self.settings.train_text_encoder:
            return ConditionalDenoiser(self.pipeline.unet)
        self._add_adapters(self.pipeline.text_encoder, TEXT_ENCODER_LAYERS)
        return ConditionalDenoiser(self.pipeline.unet, self.pipeline.text_encoder)

    @property
    def alpha(self) -> Any:
        """What the adapters are scaled by, times the rank; peft's annotation says int, a float works too."""
        return self.settings.lora_alpha or self.settings.lora_rank

    def _add_adapters(self, network: Any, layers: list[str]) -> None:
        rank, alpha = self.settings.lora_rank, self.alpha
        network.requires_grad_(False)
        config = LoraConfig(r=rank, lora_alpha=alpha, init_lora_weights="gaussian", target_modules=layers)
        with _shown_as_fp32(network):
            network.add_adapter(config)

    def save(self, model: Any, folder: Path) -> None:
        """Save the pipeline with the adapters merged, and the adapters alone, for `load_lora_weights` and others."""
        adapters = _kohya_weights(model.unet, "lora_unet", self.alpha)
        if model.text_encoder is not None:
            adapters |= _kohya_weights(model.text_encoder, "lora_te", self.alpha)
        save_file(adapters, folder / ADAPTER_FILE, {"format": "pt"})
        merged = self.to_pipeline(cpu_copy(model, torch.float32))
        for network in (merged.unet, merged.text_encoder):
            _merge_adapters(network)
        pipeline_io.save_pipeline(merged, folder, self.settings.half_precision)

    def findings(self) -> list[Finding]:
        total = sum(parameter.numel() for parameter in self.model.parameters())
        trained = sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)
        return [*super().findings(), Finding("green", f"The adapters are {trained / total:.1%} of the parameters")]


@contextlib.contextmanager
def _shown_as_fp32(network: torch.nn.Module) -> Iterator[None]:
    """Inside, weights stand aside for fp32 tensors without memory: peft rounds adapters to the type that it adapts."""
    kept = [(parameter, parameter.data) for parameter in network.parameters()]
    for parameter, data in kept:
        parameter.data = torch.zeros((), dtype=torch.float32).expand(data.shape)
    try:
        yield
    finally:
        for parameter, data in kept:
            parameter.data = data


def _kohya_weights(network: Any, prefix: str, alpha: float) -> dict[str, torch.Tensor]:
    """The adapters by the names of kohya's sd-scripts, on the CPU, each layer with its alpha.

    All programs that read adapters of Stable Diffusion read these, diffusers among them. diffusers' own names have no
    place for alpha but the file's metadata, which others do not read: they would draw as if alpha were the rank.
    """
    weights: dict[str, torch.Tensor] = {}
    for name, value in get_peft_model_state_dict(network).items():
        layer, factor = name.removesuffix(".weight").rsplit(".", 1)
        if prefix == "lora_te" and not layer.startswith("text_model."):  # transformers 5 dropped this level
            layer = f"text_model.{layer}"
        layer = f"{prefix}_{layer.replace('.', '_')}"
        weights[f"{layer}.{KOHYA_NAMES[factor]}.weight"] = value.detach().cpu().contiguous()
        weights[f"{layer}.alpha"] = torch.tensor(float(alpha))
    return weights


def _merge_adapters(network: Any) -> None:
    """Add the adapters to the weights that they modify, and remove them from the module."""
    adapted = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, BaseTunerLayer)]
    for name, layer in adapted:
        layer.merge()
        parent_name, _, attribute = name.rpartition(".")
        setattr(network.get_submodule(parent_name), attribute, layer.get_base_layer())
    if adapted:
        network._hf_peft_config_loaded = False
        del network.peft_config
