"""Read labelled texts as `classify` does, and check the settings of the experiment. Needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.bert_finetune.classify.data import ClassifyData
from plugins.bert_finetune.classify.data import read as read_classify
from plugins.bert_finetune.label_efficiency.shares import parse_shares

if TYPE_CHECKING:
    from plugins.bert_finetune.label_efficiency.settings import LabelEfficiencySettings


def read(settings: LabelEfficiencySettings) -> ClassifyData:
    """Read, clean, check and split the data of the settings.

    Raises:
        UserError: As `classify`; or for shares that cannot be read.
    """
    parse_shares(settings.shares)
    return read_classify(settings)
