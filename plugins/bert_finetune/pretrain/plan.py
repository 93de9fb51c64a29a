"""The network of `pretrain` as `training plan` traces it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForMaskedLM, BertForMaskedLM, BertForPreTraining

from plugins.bert_finetune.plan import planned_config, ready, rows_of
from plugins.bert_finetune.pretrain.network import compute_masked_only, forward
from training.fit.trace import Sketch

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.settings import PretrainSettings


def network(settings: PretrainSettings) -> Sketch:
    """Rows of `max_length` tokens, of which `mask_ratio` are masked."""
    settings = settings.sized()
    config = planned_config(settings)
    if config.model_type == "bert":
        pairs = settings.sentence_objective != "none"
        model: Any = (BertForPreTraining if pairs else BertForMaskedLM)(config)
    else:
        model = AutoModelForMaskedLM.from_config(config)
    compute_masked_only(ready(model, settings))
    inputs, length = rows_of(model, settings, packed=False)

    def loss(rows: int) -> torch.Tensor:
        masked = torch.zeros(round(settings.mask_ratio * rows * length), dtype=torch.int64)
        output = forward(model, inputs(rows) | {"positions": masked, "targets": masked}, losses=True)
        words = output.words.mean()
        return words if output.next_logits is None else words + output.next_logits.float().square().mean()

    return Sketch(model, loss, length)
