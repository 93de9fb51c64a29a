"""Load tokenizer and network of an encoder, or create both from the training texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import BertConfig
from transformers.utils import logging

from plugins.bert_finetune import starter
from plugins.bert_finetune.models import lora, mean_pooling
from plugins.bert_finetune.models.bf16_inference import in_fp32_head
from plugins.bert_finetune.models.fast_dropout import use_fast_dropout
from plugins.bert_finetune.models.locked_tokenizer import locked
from plugins.bert_finetune.models.wordpiece import POSITIONS, train_wordpiece
from training.artifact import store
from training.nn import adapters
from training.nn.cpu_copy import cpu_copy
from training.nn.load_pretrained import check_vocabulary, load_config, load_network, load_tokenizer
from training.nn.placement import loading_options, on_device

if TYPE_CHECKING:
    from plugins.bert_finetune.settings import FineTuningSettings, NetworkSettings


def load_for_inference(folder: Path, model_class: Any, kind: str) -> tuple[Any, Any]:
    """Load network (on the GPU, if there is one) and tokenizer.

    Raises:
        UserError: If one cannot be read, or they do not belong together.
    """
    model, tokenizer = load_network(folder, model_class, kind, **loading_options(folder)), load_tokenizer(folder)
    check_vocabulary(tokenizer, model)
    return on_device(in_fp32_head(model)), locked(tokenizer)


def record_of(folder: Path) -> dict[str, Any]:
    """Record of the training (selfsup.json); empty for a repository without one."""
    return store.read_record(folder) if (folder / store.RECORD).is_file() else {}


def facts_of(folder: Path) -> dict[str, Any]:
    """Facts of the training in the record."""
    return record_of(folder).get("facts", {})


def new_config(settings: NetworkSettings, tokenizer: Any, **more: Any) -> BertConfig:
    """Return the configuration of an untrained BERT of the settings' size."""
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.hidden_size,
        max_position_embeddings=max(POSITIONS, settings.max_length),
        pad_token_id=tokenizer.pad_token_id,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.attention_dropout,
        **more,
    )


def load_or_create(
    settings: NetworkSettings, kind: Any, what: str, texts: Sequence[str], untrained: bool = False, **labels: Any
) -> tuple[Any, Any]:
    """Load tokenizer and network of `settings.model`, or make new ones with a vocabulary learned from `texts`.

    Args:
        kind: The `AutoModelFor…` class.
        what: Names the kind in the error: "a text classifier".
        untrained: Whether to use only the size and the vocabulary of `settings.model`, with new weights.
        labels: Go to the configuration.

    Raises:
        UserError: If `settings.model` cannot be read as this kind.
    """
    if settings.model:
        folder, dropouts = Path(settings.model), (settings.dropout, settings.attention_dropout)
        tokenizer = load_tokenizer(folder)
        model = load_network(folder, kind, what, dropouts, dtype=settings.weights_dtype, **labels)
        check_vocabulary(tokenizer, model)
        model = kind.from_config(model.config) if untrained else model
    else:
        tokenizer = train_wordpiece(texts, settings.vocabulary_size, settings.max_length)
        model = kind.from_config(new_config(settings, tokenizer, **labels))
    choose_attention(model, settings)
    use_fast_dropout(model)
    return tokenizer, model


def needs_new_head(model: str, ending: str, labels: dict[str, Any]) -> bool:
    """Whether there are weights without a head for these labels: no head, or one for other labels or another order.

    Args:
        model: The folder of the weights, or empty.
        ending: Suffix of the architectures with such a head: "ForSequenceClassification".
        labels: With `num_labels` and `id2label`.
    """
    if not model:
        return False
    config = load_config(Path(model))
    has_head = any(name.endswith(ending) for name in config.architectures or ())
    if not has_head or config.num_labels != labels["num_labels"]:
        return True
    names = config.id2label or {}
    return names != labels["id2label"] and any(name != f"LABEL_{number}" for number, name in names.items())


def save_network(model: Any, tokenizer: Any, folder: Path, settings: FineTuningSettings) -> None:
    """Write a trained network for `from_pretrained`, with LoRA's adapters merged: it loads without peft.

    Adapters of all-MiniLM-L6-v2 are also kept alone, in `adapter/`: a few MB. (Not with pooling by the mean, which is a
    layer that it lacks.)
    """
    if settings.lora_rank:
        is_pooled = getattr(model.config, mean_pooling.CONFIG, "") == mean_pooling.MEAN
        if starter.is_sentence_encoder(Path(settings.model)) and not is_pooled:
            base = adapters.Base.of(Path(settings.model), starter.SENTENCES_ON_HUB)
            lora.save_adapter(model, folder / adapters.FOLDER, base)
        model = cpu_copy(model, torch.float32).merge_and_unload()
    save_pretrained(model, tokenizer, folder, settings.half_precision)


def save_pretrained(model: Any, tokenizer: Any, folder: Path, half: bool) -> None:
    """Write model and tokenizer for `from_pretrained`: in float16 if `half`, else in float32."""
    logging.disable_progress_bar()  # a bar per file would fill the run's log
    cpu_copy(model, torch.float16 if half else torch.float32).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def choose_attention(model: Any, settings: NetworkSettings) -> None:
    """Use eager attention in bf16 on a CPU: the fused kernel's backward pass took 3 to 7 times as long (torch 2.13)."""
    on_cpu = settings.device == "cpu" or not torch.cuda.is_available()
    if settings.precision == "bf16" and on_cpu:
        model.set_attn_implementation("eager")
