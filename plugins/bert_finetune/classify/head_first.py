"""Fit a new head on the frozen vectors before anything else is trained (Kumar et al., 2022, arXiv:2202.10054).

A head of random weights sends random gradients into the layers below and spoils, in the first steps, what pre-training has
taught them; the fewer the labels, the more so. Logistic regression finds the head that fits what is there. Its penalty is
chosen by held-out likelihood: a head that is sure of rows it only memorised would leave the layers below nothing to learn from.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate.utils import send_to_device

from plugins.bert_finetune.linear_probe import best_inverse_penalty, linear_probe
from plugins.bert_finetune.padding import batches_by_length

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.task import ClassifyTask

MOST_ROWS = 1000  # read for it: a pass forward of them costs about ten training steps
DEAD = 1e-5  # spread of a dimension, in that of the widest: below it there is rounding, which a weight would blow up
ABSENT = -5.0  # bias of a class that no row read has, in nats below the others


def fit_head(task: ClassifyTask) -> None:
    """Set the weights of the last linear layer of `task.model`, a classifier of one label a text.

    A network that has no linear layer with an output a class stays as it is.
    """
    head = _head(task.model, len(task.index))
    if head is None:
        return
    rows = _rows(task.train_data.targets, task.settings.seed)
    targets = task.train_data.targets[rows]
    if len(np.unique(targets)) < 2:
        return
    weight, bias = _regression(_vectors(task, head, rows), targets, len(task.index))
    with torch.no_grad():
        head.weight.copy_(torch.as_tensor(weight))
        if head.bias is not None:
            head.bias.copy_(torch.as_tensor(bias))


def _head(model: torch.nn.Module, classes: int) -> torch.nn.Linear | None:
    layers = [each for each in model.modules() if isinstance(each, torch.nn.Linear) and each.out_features == classes]
    return layers[-1] if layers else None


def _rows(targets: np.ndarray, seed: int) -> np.ndarray:
    """Row numbers drawn at random, one of each class before all others: of 1,000 rows a rare class may have none."""
    drawn = np.random.default_rng([seed, 6]).permutation(len(targets))
    firsts = np.unique(targets[drawn], return_index=True)[1]
    return np.concatenate([drawn[firsts], np.delete(drawn, firsts)])[:MOST_ROWS]


def _vectors(task: ClassifyTask, head: torch.nn.Linear, rows: np.ndarray) -> np.ndarray:
    """What the head is given for these rows, (rows, width)."""
    seen: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().float()))
    device = next(task.model.parameters()).device
    was_training, lengths = task.model.training, [task.train_data.lengths[row] for row in rows]
    batches = batches_by_length(lengths)
    try:
        with torch.inference_mode():
            task.model.eval()
            for batch in batches:
                made = task.collate([task.train_data.plain(int(rows[at])) for at in batch])
                task.predict(task.model, send_to_device(made, device))  # type: ignore[arg-type]
    finally:
        hook.remove()
        task.model.train(was_training)
    found = torch.cat(seen).cpu().numpy()
    return found[np.argsort(np.concatenate(batches))]


def _regression(vectors: np.ndarray, targets: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights, (classes, width), and biases, (classes,), for the vectors as they are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged is good enough: all weights are trained afterwards
        probe = linear_probe(best_inverse_penalty(vectors, targets)).fit(vectors, targets)
    scaler, found = probe[0], probe[-1]
    slopes, constants = _both(found)
    weight, bias = np.zeros((classes, vectors.shape[1])), np.full(classes, constants.min() + ABSENT)
    alive = scaler.scale_ > DEAD * scaler.scale_.max()
    weight[found.classes_] = np.where(alive, slopes / scaler.scale_, 0)
    bias[found.classes_] = constants - weight[found.classes_] @ scaler.mean_
    return weight.astype(np.float32), bias.astype(np.float32)


def _both(found: Any) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and constants of every class: of two classes scikit-learn keeps the second one's alone."""
    if len(found.classes_) > 2:
        return found.coef_, found.intercept_
    half = np.array([[-0.5], [0.5]])
    return half * found.coef_, half[:, 0] * found.intercept_
