"""Encoders as `training plan` traces them: made from a configuration, rows as long as `max_length`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import enable_packing, make_batch
from plugins.bert_finetune.models.fast_dropout import use_fast_dropout
from plugins.bert_finetune.models.lora import add_lora
from training.fit.trace import Sketch
from training.nn.load_pretrained import VocabularySize, load_config, max_positions, set_dropouts

if TYPE_CHECKING:
    from plugins.bert_finetune.settings import FineTuningSettings, NetworkSettings


def planned_config(settings: NetworkSettings, **labels: Any) -> Any:
    """The configuration of `settings.model`, or of a new network of the settings' size."""
    if not settings.model:
        return loading.new_config(settings, VocabularySize(settings.vocabulary_size), **labels)
    config = load_config(Path(settings.model), **labels)
    set_dropouts(config, settings.dropout, settings.attention_dropout)
    return config


def ready(model: Any, settings: NetworkSettings) -> Any:
    """Attention and dropout as training has them."""
    loading.choose_attention(model, settings)
    use_fast_dropout(model)
    return model


def rows_of(model: Any, settings: NetworkSettings, packed: bool) -> tuple[Any, int]:
    """A function from a number of rows to their inputs, and the tokens of a row."""
    length = min(settings.max_length, max_positions(model))
    ids = np.ones(length, dtype=np.int64)

    def inputs(rows: int) -> dict[str, Any]:
        return make_batch([ids] * rows, [0 * ids] * rows if has_types(model) else [None] * rows, 0, packed)[0]

    return inputs, length


def has_types(model: Any) -> bool:
    """Whether a network tells the texts of a pair apart."""
    return getattr(model.config, "type_vocab_size", 0) > 1


def with_head(head: Any, settings: FineTuningSettings, **labels: Any) -> Sketch:
    """An encoder with a head of `AutoModelFor…`, all of whose logits count."""
    model = ready(head.from_config(planned_config(settings, **labels)), settings)
    inputs, length = rows_of(model, settings, enable_packing(model))
    model = add_lora(model, settings)

    def loss(rows: int) -> torch.Tensor:
        output = model(**inputs(rows))
        logits = [output.logits] if hasattr(output, "logits") else [output.start_logits, output.end_logits]
        return torch.stack([each.float().square().mean() for each in logits]).sum()

    return Sketch(model, loss, length)
