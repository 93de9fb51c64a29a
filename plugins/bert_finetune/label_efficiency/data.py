"""Read labelled texts as `classify` does, and check the settings of the experiment. Needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.bert_finetune.classify.data import ClassifyData
from plugins.bert_finetune.classify.data import read as read_classify
from plugins.bert_finetune.label_efficiency.shares import parse_shares
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.bert_finetune.label_efficiency.settings import LabelEfficiencySettings


def read(settings: LabelEfficiencySettings) -> ClassifyData:
    """Read, clean, check and split the data of the settings.

    Raises:
        UserError: As `classify`; or for settings that the experiment does not support.
    """
    parse_shares(settings.shares)
    if settings.multi_label:
        raise UserError("multi_label: this experiment compares classifiers with one label per text.")
    if settings.processes > 1:
        raise UserError("processes: the parts of this experiment run one after another in one process.")
    return read_classify(settings)
