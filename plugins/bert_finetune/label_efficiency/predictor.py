"""Inference with the best classifier of the experiment, and its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins.bert_finetune.classify.predictor import ClassifierPredictor, load_as
from plugins.bert_finetune.label_efficiency.endpoints import LabelEfficiency
from training.errors import UserError


class LabelEfficiencyPredictor(ClassifierPredictor, LabelEfficiency):
    """A classifier with the records of the experiment that trained it."""

    def label_efficiency(self) -> list[dict[str, Any]]:
        studies = self.record.get("studies")
        if not studies:
            raise UserError("These weights have no results of a label_efficiency experiment.")
        return studies[0]["records"]


def load(folder: Path) -> LabelEfficiencyPredictor:
    """Load the artifact of an experiment."""
    return load_as(LabelEfficiencyPredictor, folder)
