"""The network of `pretrain` as `training plan` traces it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import AutoModelForCausalLM, GPT2LMHeadModel

from plugins.gpt_prompting.pretrain import network as networks
from plugins.gpt_prompting.pretrain.corpus import Segment
from plugins.gpt_prompting.pretrain.packing import pack
from training.fit.trace import Sketch
from training.nn.load_pretrained import VocabularySize, load_config, max_positions

if TYPE_CHECKING:
    from plugins.gpt_prompting.pretrain.settings import PretrainSettings


def network(settings: PretrainSettings) -> Sketch:
    """Rows of `max_length` tokens, every one of which has a target."""
    if settings.model:
        changes = dict.fromkeys(networks.DROPOUTS, settings.dropout)
        model: Any = AutoModelForCausalLM.from_config(load_config(Path(settings.model), **changes))
    else:
        model = GPT2LMHeadModel(networks.new_config(settings, VocabularySize(settings.shape().vocabulary)))
    networks.use_packed_attention(model, is_tried=False)
    length = min(settings.max_length, max_positions(model))
    if settings.lora_rank:
        model = networks.add_lora(model, settings.lora_rank, settings.lora_alpha)
    ids = np.zeros(length, dtype=np.int32)
    row = [Segment(ids, ids, np.ones(length, dtype=np.float32))]
    return Sketch(model, lambda rows: networks.forward(model, pack([row] * rows)).losses.mean(), length)
