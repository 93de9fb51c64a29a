"""What "auto" means for `label_efficiency`: the pre-trained encoder beside new weights, all arms for as many steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.bert_finetune import auto, starter
from training.preflight.auto import Choice

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.data import ClassifyData
    from plugins.bert_finetune.label_efficiency.settings import LabelEfficiencySettings


def start(data: ClassifyData, settings: LabelEfficiencySettings) -> Choice:
    """The encoder that the experiment is about; its network is also that of the arm from scratch."""
    return auto.start_from(starter.ENCODER, data.train.joined(), settings)
