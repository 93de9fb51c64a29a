"""The network of `classify` as `training plan` traces it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import AutoModelForSequenceClassification

from plugins.bert_finetune.plan import with_head

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings
    from training.fit.trace import Sketch


def network(settings: ClassifySettings) -> Sketch:
    """Rows of `max_length` tokens."""
    return with_head(AutoModelForSequenceClassification, settings, num_labels=2)
