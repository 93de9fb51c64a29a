"""What pre-training is worth with few labels: a linear classifier on the vectors of a network with it, and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from plugins.bert_finetune.encode.predictor import EncoderPredictor
from plugins.bert_finetune.models.linear_probe import linear_probe
from plugins.bert_finetune.models.pooling import embed_texts
from training.data.table import read_table
from training.errors import UserError

DRAWS = 5  # of the labelled texts, over which accuracies are averaged
TESTED = 300  # held-out texts
MOST_LABELS = 400
SEED = 0  # of the network without pre-training


def probe_accuracies(model: EncoderPredictor, train: Path, held_out: Path, labels: int) -> dict[str, Any]:
    """Accuracy on held-out texts after `labels` labelled texts, with and without pre-training.

    The network without is the same, its weights drawn anew (Alain & Bengio, 2017: probes of untrained layers). Neither
    is changed: the classifier on top is all that learns.

    Args:
        train, held_out: Tables with the columns text and label.

    Returns:
        pretrained and untrained (means over 5 draws of the labelled texts), chance (one over the classes), tested.
    """
    if not 1 <= labels <= MOST_LABELS:
        raise UserError(f"{labels} labels were asked for; 1 to {MOST_LABELS} are possible.")
    (texts, classes), (tests, truth) = _read(train, MOST_LABELS), _read(held_out, TESTED)
    draws = [_draw(classes, labels, seed) for seed in range(DRAWS)]

    def accuracy(network: Any) -> float:
        vectors = embed_texts(network, model.tokenizer, [*texts, *tests], model.max_length)
        known, unknown = vectors[: len(texts)], vectors[len(texts) :]
        return float(np.mean([_accuracy(known[rows], classes[rows], unknown, truth) for rows in draws]))

    return {
        "pretrained": accuracy(model.model),
        "untrained": accuracy(_untrained(model.model)),
        "chance": 1 / len(np.unique(classes)),
        "tested": len(tests),
    }


def _read(file: Path, most: int) -> tuple[list[str], np.ndarray]:
    table = read_table(file)
    texts, classes = table.strings("text"), table.strings("label")
    return [text or "" for text in texts[:most]], np.array(classes[:most])


def _draw(classes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Row numbers, (count,); each class is among them where there is room, or the classifier could not name it."""
    order = np.random.default_rng(seed).permutation(len(classes))
    first = [int(row) for row in order[np.unique(classes[order], return_index=True)[1]]]
    rest = [int(row) for row in order if row not in set(first)]
    return np.array([*first, *rest][:count])


def _accuracy(vectors: np.ndarray, classes: np.ndarray, tests: np.ndarray, truth: np.ndarray) -> float:
    if len(np.unique(classes)) == 1:
        return float((truth == classes[0]).mean())
    return float((linear_probe().fit(vectors, classes).predict(tests) == truth).mean())


def _untrained(network: Any) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return type(network)(network.config).eval()
