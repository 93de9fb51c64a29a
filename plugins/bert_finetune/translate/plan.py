"""The network of `translate` as `training plan` traces it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForSeq2SeqLM, BertConfig, EncoderDecoderConfig, EncoderDecoderModel

from plugins.bert_finetune.models import loading
from plugins.bert_finetune.plan import planned_config, ready
from training.fit.trace import Sketch
from training.nn.load_pretrained import VocabularySize

if TYPE_CHECKING:
    from plugins.bert_finetune.translate.settings import TranslateSettings


def network(settings: TranslateSettings) -> Sketch:
    """Pairs of `max_length` tokens a side; as many are computed as a row has on its longer side."""
    config = planned_config(settings)
    if config.is_encoder_decoder:
        model: Any = AutoModelForSeq2SeqLM.from_config(config)
    else:
        decoder = BertConfig(**{**config.to_dict(), "is_decoder": True, "add_cross_attention": True})
        if not settings.model:
            decoder = loading.new_config(
                settings, VocabularySize(settings.vocabulary_size), is_decoder=True, add_cross_attention=True
            )
            decoder.num_hidden_layers = settings.decoder_layers
        model = EncoderDecoderModel(EncoderDecoderConfig.from_encoder_decoder_configs(config, decoder))
    ready(model, settings)
    length = settings.max_length

    def loss(rows: int) -> torch.Tensor:
        ids = torch.ones(rows, length, dtype=torch.int64)
        logits = model(input_ids=ids, attention_mask=ids, decoder_input_ids=ids).logits
        return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids.flatten())

    return Sketch(model, loss, length)
