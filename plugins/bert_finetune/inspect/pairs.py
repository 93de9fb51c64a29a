"""Whether a classifier takes one text or a pair."""

from __future__ import annotations

from plugins.bert_finetune.classify.predictor import ClassifierPredictor


def takes_pairs(model: ClassifierPredictor) -> bool:
    """Whether it was trained on pairs; of weights without a record of their training, that it may have been."""
    return bool(model.facts.get("text_pair_column", not model.facts))
