"""Fit a new head on the frozen vectors before anything else is trained (Kumar et al., 2022, arXiv:2202.10054).

A head of random weights sends random gradients into the layers below and spoils, in the first steps, what pre-training has
taught them; the fewer the labels, the more so. Logistic regression finds the head that fits what is there. Its penalty is
chosen by held-out likelihood: a head that is sure of rows it only memorised would leave the layers below nothing to learn from.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate.utils import send_to_device

from plugins.bert_finetune.models.batching import batches_by_length
from plugins.bert_finetune.models.linear_probe import best_inverse_penalty, linear_probe

if TYPE_CHECKING:
    from training.task import Task

Pick = Callable[[torch.Tensor, dict[str, Any]], tuple[torch.Tensor, torch.Tensor]]

DEAD = 1e-5  # spread of a dimension, in that of the widest: below it there is rounding, which a weight would blow up
ABSENT = -5.0  # bias of a class that no row read has, in nats below the others


def fit_head(task: Task, rows: list, lengths: Sequence[int], classes: int, pick: Pick) -> None:
    """Set the weights of the last linear layer of `task.model` that has an output a class.

    A network without one stays as it is, and so does one whose rows are all of one class.

    Args:
        rows: For `task.collate`; a pass forward of them is all that the network computes.
        lengths: Tokens of each row.
        pick: Takes what the head is given and the batch; returns the vectors, (items, width), and their class ids, (items,),
            those below 0 to be left out.
    """
    head = _head(task.model, classes)
    if head is None:
        return
    vectors, targets = _vectors(task, head, rows, lengths, pick)
    if len(np.unique(targets)) < 2:
        return
    weight, bias = _regression(vectors, targets, classes)
    with torch.no_grad():
        head.weight.copy_(torch.as_tensor(weight))
        if head.bias is not None:
            head.bias.copy_(torch.as_tensor(bias))


def draw_rows(classes: np.ndarray, counts: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Row numbers drawn at random until they have `most` items, a row of each class before all others, or a rare one may have none.

    Args:
        classes: Class ids of the items, row by row, (items,).
        counts: Items of each row, (rows,).
    """
    drawn = np.random.default_rng([seed, 6]).permutation(len(counts))
    places = np.repeat(np.argsort(drawn), counts)  # of the items' rows in `drawn`
    order = np.argsort(places, kind="stable")
    _, at = np.unique(classes[order], return_index=True)
    firsts = np.unique(places[order[at]])
    drawn = np.concatenate([drawn[firsts], np.delete(drawn, firsts)])
    return drawn[: np.searchsorted(np.cumsum(counts[drawn]), most) + 1]


def _head(model: torch.nn.Module, classes: int) -> torch.nn.Linear | None:
    layers = [
        each
        for name, each in model.named_modules()
        if isinstance(each, torch.nn.Linear) and each.out_features == classes and "lora_" not in name
    ]
    return layers[-1] if layers else None


def _vectors(
    task: Task, head: torch.nn.Linear, rows: list, lengths: Sequence[int], pick: Pick
) -> tuple[np.ndarray, np.ndarray]:
    given: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].detach().float()))
    device, was_training = next(task.model.parameters()).device, task.model.training
    vectors, targets = [], []
    try:
        with torch.inference_mode():
            task.model.eval()
            for numbers in batches_by_length(list(lengths)):
                batch: Any = send_to_device(task.evaluation_batch([rows[number] for number in numbers]), device)
                task.predict(task.model, batch)
                found, wanted = (each.cpu().numpy() for each in pick(given.pop(), batch))
                vectors.append(found[wanted >= 0])
                targets.append(wanted[wanted >= 0])
    finally:
        hook.remove()
        task.model.train(was_training)
    return np.concatenate(vectors), np.concatenate(targets)


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
