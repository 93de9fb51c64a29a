"""The network of `tag` as `training plan` traces it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import AutoModelForTokenClassification

from plugins.bert_finetune.plan import with_head

if TYPE_CHECKING:
    from plugins.bert_finetune.tag.settings import TagSettings
    from training.fit.trace import Sketch


def network(settings: TagSettings) -> Sketch:
    """Rows of `max_length` tokens."""
    return with_head(AutoModelForTokenClassification, settings, num_labels=9)
