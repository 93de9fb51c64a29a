"""The network to train: created or loaded, with packed attention where its architecture allows, and saved as a plain
one.

`use_packed_attention` registers an attention function with transformers (`set_attn_implementation`) and swaps the
model's class for a subclass, `model.__class__ = PackedX`: tested with transformers 5.23. Both are checked against the
plain network on a trial batch and undone if the logits differ.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from accelerate.utils import send_to_device
from transformers import GPT2Config, GPT2LMHeadModel

from plugins.gpt_prompting.models import loading
from plugins.gpt_prompting.models.fused_gelu import use_fused_gelu
from plugins.gpt_prompting.pretrain.chunked_cross_entropy import chunked_cross_entropy
from plugins.gpt_prompting.pretrain.corpus import Segment
from plugins.gpt_prompting.pretrain.induction_head_init import init_induction_heads
from plugins.gpt_prompting.pretrain.packing import pack
from training.errors import UserError
from training.nn.cpu_copy import cpu_copy
from training.nn.packed_attention import PACKED

if TYPE_CHECKING:
    from plugins.gpt_prompting.pretrain.settings import PretrainSettings

DROPOUTS = ("resid_pdrop", "embd_pdrop", "hidden_dropout", "resid_dropout", "embed_dropout", "dropout")
# Narrower networks start with larger weights: with 0.02 their attention learns nothing for a long time.
INITIALIZER_RANGE, GPT2_WIDTH = 0.02, 768
TRIAL_LENGTHS = (7, 3)  # tokens of the segments of the trial batch
TRIAL_TOLERANCE = 1e-3  # of the standard deviation of the logits


class Output(NamedTuple):
    """What `forward` returns.

    Args:
        losses: Of the tokens that have a target, (labelled,).
        hidden: Their last hidden states, (labelled, width), from a packed network.
        logits: Their logits, (labelled, vocabulary), from any other.
    """

    losses: torch.Tensor
    hidden: torch.Tensor | None
    logits: torch.Tensor | None


class PackedHead:
    """Mix-in of a causal language model: of a packed batch, only tokens that have a target pass through the output
    layer."""

    def forward(self: Any, *inputs: Any, packed: dict | None = None, **more: Any) -> Any:
        """Return an `Output` for a packed batch, else what the class itself returns."""
        if packed is None:
            return super().forward(*inputs, **more)  # type: ignore[misc]
        output = self.base_model(
            packed["input_ids"], position_ids=packed["position_ids"], layout=packed["layout"], use_cache=False
        )
        hidden = output.last_hidden_state[0][packed["labelled"]]  # (labelled, width)
        table = self.get_output_embeddings().weight
        return Output(chunked_cross_entropy(hidden, table, packed["targets"], packed["weights"]), hidden, None)


def forward(model: Any, batch: dict) -> Output:
    """Run a network on a packed batch; one without packed attention gets the segments padded and computes every
    logit."""
    if is_packed(model):
        return model(packed=batch)
    blocks, back = batch["layout"]["blocks"], batch["layout"]["back"]
    logits = []
    for block in blocks:
        output = model(input_ids=batch["input_ids"][0][block], use_cache=False)  # causal: padding comes after
        logits.append(output.logits.flatten(0, 1))
    labelled = torch.cat(logits)[back[batch["labelled"]]].float()
    losses = torch.nn.functional.cross_entropy(labelled, batch["targets"], reduction="none") * batch["weights"]
    return Output(losses, None, labelled)


def logits_of(model: Any, output: Output, rows: torch.Tensor) -> torch.Tensor:
    """Compute the logits of some of the labelled tokens, (rows, vocabulary)."""
    if output.logits is not None:
        return output.logits[rows]
    assert output.hidden is not None
    return model.get_output_embeddings()(output.hidden[rows]).float()


def is_packed(model: Any) -> bool:
    """Whether a network, inside any wrapper, has a `PackedHead`."""
    return any(isinstance(module, PackedHead) for module in model.modules())


def make_model(settings: PretrainSettings, tokenizer: Any) -> Any:
    """Create a GPT-2 of the settings' size, or load `settings.model`; with LoRA adapters if `lora_rank` says so.

    Raises:
        UserError: If the model cannot be read, or does not belong to the tokenizer.
    """
    if settings.model:
        changes = dict.fromkeys(DROPOUTS, settings.dropout)
        model = loading.load_network(Path(settings.model), tokenizer, settings.weights_dtype, **changes)
    else:
        model = GPT2LMHeadModel(new_config(settings, tokenizer))
        if settings.induction_head_init:
            init_induction_heads(model)
    use_packed_attention(model)
    return add_lora(model, settings.lora_rank, settings.lora_alpha) if settings.lora_rank else model


def new_config(settings: PretrainSettings, tokenizer: Any) -> GPT2Config:
    """Configure an untrained GPT-2 of the settings' size."""
    size = settings.shape()
    return GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=size.positions,
        n_embd=size.width,
        n_layer=size.layers,
        n_head=size.heads,
        initializer_range=INITIALIZER_RANGE * max(1.0, math.sqrt(GPT2_WIDTH / size.width)),
        resid_pdrop=settings.dropout,
        embd_pdrop=settings.dropout,
        attn_pdrop=0.0,  # fused attention kernels have no dropout
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def use_packed_attention(model: Any, is_tried: bool = True) -> None:
    """Switch a network to packed attention and `PackedHead`, if it then computes what it computed before.

    Args:
        is_tried: Whether that is checked; a network without values has nothing to compare.
    """
    use_fused_gelu(model)
    plain = type(model)
    try:
        before = _trial_logits(model) if is_tried else torch.zeros(())
        model.set_attn_implementation(PACKED)
        model.__class__ = type(f"Packed{plain.__name__}", (PackedHead, plain), {"plain_class": plain})
        if not is_tried:
            return
        after = _trial_logits(model)
        if (after - before).abs().max() <= TRIAL_TOLERANCE * before.std():
            return
    except (TypeError, ValueError, AttributeError, RuntimeError, NotImplementedError):
        pass  # an architecture with other inputs, another output layer or its own attention
    model.__class__ = plain
    model.set_attn_implementation("sdpa" if getattr(plain, "_supports_sdpa", False) else "eager")


def _trial_logits(model: Any) -> torch.Tensor:
    """Logits of a batch of two random segments, (labelled, vocabulary), without dropout."""
    size, rng = model.get_input_embeddings().num_embeddings, np.random.default_rng(0)
    rows = [rng.integers(0, size, length + 1).astype(np.int32) for length in TRIAL_LENGTHS]
    segments = [Segment(row[:-1], row[1:], np.ones(len(row) - 1, dtype=np.float32)) for row in rows]
    was_training = model.training
    model.eval()
    with torch.no_grad():
        batch: Any = send_to_device(pack([segments]), model.device)
        output = forward(model, batch)
        logits = logits_of(model, output, torch.arange(len(output.losses), device=model.device))
    model.train(was_training)
    return logits


def add_lora(model: Any, rank: int, alpha: float = 0) -> Any:
    """Freeze a network and add low-rank adapters to its linear layers, the output layer excepted (LoRA: Hu et al.,
    2022).

    Args:
        alpha: The adapters are scaled by alpha / rank; 0: twice the rank.

    Raises:
        UserError: If the network has no layer that peft can adapt.
    """
    from peft import LoraConfig, TaskType, get_peft_model  # 1 s, and most runs have no adapters

    is_gpt2 = any(type(module).__name__ == "Conv1D" for module in model.modules())
    targets = ["c_attn", "c_proj", "c_fc"] if is_gpt2 else "all-linear"
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=rank,
        lora_alpha=alpha or 2 * rank,  # type: ignore[arg-type] - it is a factor
        target_modules=targets,
        fan_in_fan_out=is_gpt2,
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise UserError(f"LoRA cannot adapt this network ({str(error)[:200]}): set lora_rank to 0.") from None


def save(model: Any, tokenizer: Any, folder: Path, half: bool) -> None:
    """Save for `AutoModelForCausalLM`: adapters merged, the class restored, in float16 if `half`."""
    copied = cpu_copy(model, torch.float32)
    if hasattr(copied, "merge_and_unload"):
        copied = copied.merge_and_unload()
    copied.__class__ = getattr(type(copied), "plain_class", type(copied))
    (copied.half() if half else copied).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
