"""The network to train: new or continued, quick where its architecture allows, whole and plain when it is saved."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from plugins.gpt_prompting.models import loading
from plugins.gpt_prompting.pretrain.chunked_cross_entropy import chunked_cross_entropy
from plugins.gpt_prompting.pretrain.corpus import Segment
from plugins.gpt_prompting.pretrain.induction_head_init import init_induction_heads
from plugins.gpt_prompting.pretrain.packing import pack
from training.errors import UserError
from training.nn.packed_attention import PACKED

if TYPE_CHECKING:
    from plugins.gpt_prompting.pretrain.settings import PretrainSettings

DROPOUTS = ("resid_pdrop", "embd_pdrop", "hidden_dropout", "resid_dropout", "embed_dropout", "dropout")
INITIALIZER_RANGE, GPT2_WIDTH = (
    0.02,
    768,
)  # narrower networks begin with larger weights, or attention learns nothing for long
TRIAL_LENGTHS = (7, 3)  # tokens of the segments on which the quick way is held to the plain one
TRIAL_TOLERANCE = 1e-3  # of the deviation of the logits


class Output(NamedTuple):
    """losses: of the tokens that have a label, (labelled,); hidden: their last hidden states, or logits: (labelled, vocabulary)."""

    losses: torch.Tensor
    hidden: torch.Tensor | None
    logits: torch.Tensor | None


class PackedHead:
    """Mixed into a causal language model: given a packed batch, only tokens that have a label meet the vocabulary."""

    def forward(self: Any, *inputs: Any, packed: dict | None = None, **more: Any) -> Any:
        """With `packed` an `Output`, else what the class itself gives."""
        if packed is None:
            return super().forward(*inputs, **more)  # type: ignore[misc]
        found = self.base_model(
            packed["input_ids"], position_ids=packed["position_ids"], layout=packed["layout"], use_cache=False
        )
        hidden = found.last_hidden_state[0][packed["at"]]  # (labelled, width)
        table = self.get_output_embeddings().weight
        return Output(chunked_cross_entropy(hidden, table, packed["targets"], packed["weights"]), hidden, None)


def forward(model: Any, batch: dict) -> Output:
    """Run the network on a packed batch; one that cannot be quick sees the segments padded, and computes every logit."""
    if is_packed(model):
        return model(packed=batch)
    blocks, back = batch["layout"]["blocks"], batch["layout"]["back"]
    logits = []
    for block in blocks:
        found = model(input_ids=batch["input_ids"][0][block], use_cache=False)  # causal: padding comes after
        logits.append(found.logits.flatten(0, 1))
    asked = torch.cat(logits)[back[batch["at"]]].float()
    losses = torch.nn.functional.cross_entropy(asked, batch["targets"], reduction="none") * batch["weights"]
    return Output(losses, None, asked)


def logits_of(model: Any, out: Output, rows: torch.Tensor) -> torch.Tensor:
    """Logits of some of the labelled tokens, (rows, vocabulary)."""
    if out.logits is not None:
        return out.logits[rows]
    assert out.hidden is not None
    return model.get_output_embeddings()(out.hidden[rows]).float()


def is_packed(model: Any) -> bool:
    """Whether its head is `QuickHead`, inside whatever wraps it."""
    return any(isinstance(module, PackedHead) for module in model.modules())


def make_model(settings: PretrainSettings, tokenizer: Any) -> Any:
    """A new GPT-2 of the settings' size, or the network of `settings.model`, with adapters where wished.

    Raises:
        UserError: If the model cannot be read, or does not belong to the tokenizer.
    """
    if settings.model:
        changes = dict.fromkeys(DROPOUTS, settings.dropout)
        model = loading.load_network(Path(settings.model), **changes)
        loading.check_vocabulary(tokenizer, model)
    else:
        model = GPT2LMHeadModel(new_config(settings, tokenizer))
        if settings.copying_heads:
            init_induction_heads(model)
    use_packed_attention(model)
    return add_lora(model, settings.lora_rank) if settings.lora_rank else model


def new_config(settings: PretrainSettings, tokenizer: Any) -> GPT2Config:
    """Of an untrained GPT-2 of the settings' size."""
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
        attn_pdrop=0.0,  # or no fused kernel could be used
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def use_packed_attention(model: Any) -> None:
    """Give the network the packed attention and the quick head, if it then computes what it computed before."""
    fused_activations(model)
    plain = type(model)
    try:
        before = _trial_logits(model)
        model.set_attn_implementation(PACKED)
        model.__class__ = type(f"Quick{plain.__name__}", (PackedHead, plain), {"plain_class": plain})
        after = _trial_logits(model)
        if (after - before).abs().max() <= TRIAL_TOLERANCE * before.std():
            return
    except (TypeError, ValueError, AttributeError, RuntimeError, NotImplementedError):
        pass  # an architecture with other inputs, another head or an attention of its own
    model.__class__ = plain
    model.set_attn_implementation("sdpa" if getattr(plain, "_supports_sdpa", False) else "eager")


def _trial_logits(model: Any) -> torch.Tensor:
    """Of two made-up segments, (labelled, vocabulary); dropout is off."""
    size, rng = model.get_input_embeddings().num_embeddings, np.random.default_rng(0)
    rows = [rng.integers(0, size, length + 1).astype(np.int32) for length in TRIAL_LENGTHS]
    segments = [Segment(row[:-1], row[1:], np.ones(len(row) - 1, dtype=np.float32)) for row in rows]
    was, device = model.training, next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        out = forward(model, _moved(pack([segments]), device))
        logits = logits_of(model, out, torch.arange(len(out.losses), device=device))
    model.train(was)
    return logits


def _moved(batch: dict, device: Any) -> dict:
    from accelerate.utils import send_to_device

    return send_to_device(batch, device)  # type: ignore[return-value]


def fused_activations(model: Any) -> None:
    """GPT-2's GELU by torch's own kernel: the same formula in one pass over the values in place of eight."""
    for module in model.modules():
        for name, child in list(module.named_children()):
            if type(child).__name__ == "NewGELUActivation":
                setattr(module, name, torch.nn.GELU(approximate="tanh"))


def add_lora(model: Any, rank: int) -> Any:
    """Freeze the network and add low-rank adapters to its linear layers (Hu et al., 2022), the head left out.

    Raises:
        UserError: If the network has no layer that peft can adapt.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    is_gpt2 = any(type(module).__name__ == "Conv1D" for module in model.modules())
    targets = ["c_attn", "c_proj", "c_fc"] if is_gpt2 else "all-linear"
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM, r=rank, lora_alpha=2 * rank, target_modules=targets, fan_in_fan_out=is_gpt2
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise UserError(f"LoRA cannot adapt this network ({str(error)[:200]}): set lora_rank to 0.") from None


def save(model: Any, tokenizer: Any, folder: Path, half: bool) -> None:
    """Write what `AutoModelForCausalLM` reads: adapters merged, the class its own, in 16-bit numbers if so wished."""
    copied = copy.deepcopy(model)
    if hasattr(copied, "merge_and_unload"):
        copied = copied.merge_and_unload()
    copied.__class__ = getattr(type(copied), "plain_class", type(copied))
    (copied.half() if half else copied).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
