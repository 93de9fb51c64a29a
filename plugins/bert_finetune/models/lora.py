"""Low-rank adapters of encoders (LoRA; Hu et al., 2022): add them to a network, and save them alone."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from training.nn import adapters

if TYPE_CHECKING:
    from plugins.bert_finetune.settings import FineTuningSettings

HEADS = ("qa_outputs", "classifier", "score")  # trained as they are, without adapters


def add_lora(model: Any, settings: FineTuningSettings, exclude: str = "") -> Any:
    """Freeze the network and add adapters to its linear layers, if the settings ask for it; the head stays trainable.

    Args:
        exclude: Pattern of names of further layers that get no adapter.
    """
    if not settings.lora_rank:
        return model
    from peft import LoraConfig, get_peft_model  # only LoRA runs pay for its import

    # No `task_type`: peft 0.21's model for question answering takes token types and positions, and drops them.
    heads = [name for name, _ in model.named_children() if name in HEADS]
    unadapted = "|".join([*(rf"{name}(\..*)?" for name in heads), *([exclude] if exclude else [])])
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha or 2 * settings.lora_rank,  # type: ignore[arg-type] - annotated int, a factor
        lora_dropout=0.0,
        target_modules="all-linear",
        exclude_modules=unadapted,
        modules_to_save=heads,
    )
    return get_peft_model(model, config)


def save_adapter(model: Any, folder: Path, base: adapters.Base) -> None:
    """Write adapters and head in peft's form, in float16, and the configuration of the network with this head.

    Args:
        base: The weights that the adapters were trained on.
    """
    from peft import get_peft_model_state_dict

    folder.mkdir(parents=True)
    state = get_peft_model_state_dict(model, save_embedding_layers=False)  # "auto" asks the Hub whether they changed
    tensors = {name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in state.items()}
    save_file(tensors, folder / adapters.WEIGHTS, metadata={"format": "pt", **base.metadata()})
    config = copy.copy(model.peft_config["default"])
    config.base_model_name_or_path, config.inference_mode = base.name, True
    config.save_pretrained(folder)
    network = model.get_base_model()
    architecture = copy.copy(network.config)
    architecture.architectures = [type(network).__name__]
    architecture.save_pretrained(folder)
