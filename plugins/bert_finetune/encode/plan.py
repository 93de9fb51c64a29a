"""The network of `encode` as `training plan` traces it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import AutoModel

from plugins.bert_finetune.models.batching import enable_packing
from plugins.bert_finetune.plan import planned_config, ready, rows_of
from training.fit.trace import Sketch

if TYPE_CHECKING:
    from plugins.bert_finetune.encode.settings import EncodeSettings


def network(settings: EncodeSettings) -> Sketch:
    """Two times `max_length` tokens a row: each sentence is encoded twice."""
    model = ready(AutoModel.from_config(planned_config(settings)), settings)
    inputs, length = rows_of(model, settings, enable_packing(model))

    def loss(rows: int) -> torch.Tensor:
        return model(**inputs(2 * rows)).last_hidden_state.float().square().mean()

    return Sketch(model, loss, 2 * length)
