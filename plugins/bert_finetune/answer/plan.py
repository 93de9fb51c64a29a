"""The network of `answer` as `training plan` traces it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import AutoModelForQuestionAnswering

from plugins.bert_finetune.plan import with_head

if TYPE_CHECKING:
    from plugins.bert_finetune.answer.settings import AnswerSettings
    from training.fit.trace import Sketch


def network(settings: AnswerSettings) -> Sketch:
    """Rows of `max_length` tokens."""
    return with_head(AutoModelForQuestionAnswering, settings)
