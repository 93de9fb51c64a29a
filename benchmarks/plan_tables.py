"""Write the tables of docs/scaling.md: what `training plan` says of GPT-2, BERT-large and a LoRA of Stable Diffusion.

`python -m benchmarks.plan_tables`; two minutes on a laptop, since no network is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from diffusers import UNet2DConditionModel
from peft import LoraConfig
from transformers import CLIPTextConfig, CLIPTextModel

from plugins._discovery import find
from plugins.diffusion_cfg import plan as diffusion
from plugins.diffusion_cfg.lora.task import UNET_LAYERS
from training.cli.plan import sketch_of
from training.fit.trace import Sketch, trace
from training.preflight.machines import find_machine
from training.preflight.plan import memory, micro_batch, speed, spell_bytes
from training.settings import parse_settings

COLUMNS = (
    "parameters",
    "weights",
    "gradients",
    "optimiser",
    "activations",
    "checkpointed",
    "peak",
    "peak, checkpointed",
)
COLUMNS += ("peak, sharded over 8", "tokens or images a second, A100")


def main() -> None:
    """Print the table."""
    print("| network, rows at once | " + " | ".join(COLUMNS) + " |")
    print("|---|" + "---:|" * len(COLUMNS))
    for title, make, settings in networks():
        print(f"| {title} | " + " | ".join(cells(make, settings)) + " |", flush=True)


def cells(make: Any, settings: Any) -> Iterator[str]:
    """The cells of a row."""
    one, eight = find_machine("A100-80GB"), find_machine("8xA100-80GB")
    together = settings.model_copy(update={"batch_size": 8 * settings.batch_size})
    plain, checkpointed = (
        trace(partial(make, chosen), chosen, micro_batch(chosen, one))
        for chosen in (settings, settings.model_copy(update={"gradient_checkpointing": True}))
    )
    needed = memory(plain, settings, one)
    yield f"{plain.parameters / 1e6:,.0f} M"
    for part in (needed.weights, needed.gradients, needed.optimizer, plain.activation_bytes):
        yield spell_bytes(part)
    yield spell_bytes(checkpointed.activation_bytes)
    yield spell_bytes(needed.peak)
    yield spell_bytes(memory(checkpointed, settings, one).peak)
    yield spell_bytes(memory(checkpointed, together.model_copy(update={"sharding": "full"}), eight).peak)
    yield f"{speed(plain, settings, one).tokens_a_second:,.0f}"


def networks() -> Iterator[tuple[str, Any, Any]]:
    """Title, sketch and settings of each row."""
    gpt, bert, lora = (find(plugin).kind(kind) for plugin, kind in KINDS)
    for size in ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"):
        values = {"model": "scratch", "size": size, "max_length": 1024, "batch_size": 8, "precision": "bf16"}
        yield f"{size}, 8 x 1,024 tokens", sketch_of(gpt), parse_settings(gpt.trained_by, values).with_usual()
    values = {"model": "scratch", "size": "bert-large", "vocabulary_size": 30_522, "max_length": 512}
    settings = parse_settings(bert.trained_by, {**values, "batch_size": 8, "precision": "bf16"}).with_usual()
    yield "BERT-large, 8 x 512 tokens", sketch_of(bert), settings
    for dtype in ("fp32", "bf16"):
        values = {"model": "auto", "batch_size": 4, "precision": "bf16", "weights_dtype": dtype}
        settings = parse_settings(lora.trained_by, values).with_usual()
        yield f"LoRA of Stable Diffusion 1.5, weights in {dtype}, 4 x 512 pixels", stable_diffusion, settings


KINDS = (("gpt_prompting", "pretrain"), ("bert_finetune", "pretrain"), ("diffusion_cfg", "lora"))


def stable_diffusion(settings: Any) -> Sketch:
    """The U-Net of Stable Diffusion 1.5 (Rombach et al., 2022) with adapters, its text encoder frozen."""
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    text = CLIPTextModel(CLIPTextConfig(hidden_size=768, num_hidden_layers=1, num_attention_heads=12))

    def freeze(network: Any, _: Any) -> None:
        network.requires_grad_(False)
        network.add_adapter(LoraConfig(r=settings.lora_rank, target_modules=UNET_LAYERS))

    return diffusion.sketch(settings, unet, text, False, 8, freeze)


if __name__ == "__main__":
    main()
