"""Linear probing then fine-tuning (LP-FT): initialise a new head with a linear probe (Kumar et al., 2022).

A random head sends random gradients into the layers below and distorts, in the first steps, the pre-trained features;
the fewer the labels, the worse. Logistic regression on the frozen features gives the head its weights instead. Its
penalty is chosen by held-out likelihood: a head that is overconfident on memorised rows would leave the layers below
no gradient (arXiv:2202.10054).
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

SelectVectors = Callable[[torch.Tensor, dict[str, Any]], tuple[torch.Tensor, torch.Tensor]]

MIN_RELATIVE_SPREAD = (
    1e-5  # standard deviation of a feature, relative to the largest: below it is rounding, which a weight would amplify
)
ABSENT_CLASS_BIAS = -5.0  # bias of a class without rows, relative to the smallest bias, in nats


def init_head_from_probe(task: Task, rows: list, lengths: Sequence[int], classes: int, select: SelectVectors) -> None:
    """Set the weights of the last linear layer of `task.model` with one output per class.

    Networks without such a layer, and data of one class, are left unchanged.

    Args:
        rows: For `task.collate`; the network computes one forward pass of them.
        lengths: Tokens of each row.
        select: Head input and batch -> feature vectors, (items, width), and class ids, (items,); ids below 0 are
            ignored.
    """
    head = head_of(task.model, classes)
    if head is None:
        return
    vectors, targets = head_inputs(task, task.model, head, rows, lengths, select)
    if len(np.unique(targets)) < 2:
        return
    set_head(head, *_regression(vectors, targets, classes))


def set_head(head: torch.nn.Linear, weight: np.ndarray, bias: np.ndarray) -> None:
    """Write weights, (classes, width), and biases, (classes,), into a linear layer."""
    with torch.no_grad():
        head.weight.copy_(torch.as_tensor(weight))
        if head.bias is not None:
            head.bias.copy_(torch.as_tensor(bias))


def sample_rows(classes: np.ndarray, counts: np.ndarray, max_items: int, seed: int) -> np.ndarray:
    """Sample row numbers until they have `max_items` items; one row of each class comes first, so no class is missing.

    Args:
        classes: Class ids of the items, row by row, (items,).
        counts: Items of each row, (rows,).
    """
    sampled = np.random.default_rng([seed, 6]).permutation(len(counts))
    ranks = np.repeat(np.argsort(sampled), counts)  # of each item: the rank of its row in `sampled`
    order = np.argsort(ranks, kind="stable")
    _, first_items = np.unique(classes[order], return_index=True)
    first_rows = np.unique(ranks[order[first_items]])  # the first row of each class moves to the front
    sampled = np.concatenate([sampled[first_rows], np.delete(sampled, first_rows)])
    return sampled[: np.searchsorted(np.cumsum(counts[sampled]), max_items) + 1]


def head_of(model: torch.nn.Module, classes: int) -> torch.nn.Linear | None:
    """The last linear layer with one output per class; None where there is none."""
    layers = [
        module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == classes and "lora_" not in name
    ]
    return layers[-1] if layers else None


def head_inputs(
    task: Task,
    model: torch.nn.Module,
    head: torch.nn.Linear,
    rows: list,
    lengths: Sequence[int],
    select: SelectVectors,
) -> tuple[np.ndarray, np.ndarray]:
    """What a head of `model` is given for these rows, (items, width), and their class ids, (items,); no dropout."""
    head_inputs: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: head_inputs.append(inputs[0].detach().float()))
    device, was_training = next(model.parameters()).device, model.training
    vectors, targets = [], []
    try:
        with torch.inference_mode():
            model.eval()
            for numbers in batches_by_length(list(lengths)):
                batch: Any = send_to_device(task.evaluation_batch([rows[number] for number in numbers]), device)
                task.predict(model, batch)
                features, ids = (tensor.cpu().numpy() for tensor in select(head_inputs.pop(), batch))
                vectors.append(features[ids >= 0])
                targets.append(ids[ids >= 0])
    finally:
        hook.remove()
        model.train(was_training)
    return np.concatenate(vectors), np.concatenate(targets)


def _regression(vectors: np.ndarray, targets: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights, (classes, width), and biases, (classes,), for vectors that are not standardised."""
    with warnings.catch_warnings():
        # A probe that has not converged is good enough: all weights are trained afterwards.
        warnings.simplefilter("ignore")
        probe = linear_probe(best_inverse_penalty(vectors, targets)).fit(vectors, targets)
    scaler: Any = probe[0]
    regression: Any = probe[-1]
    slopes, constants = _class_coefficients(regression)
    weight, bias = np.zeros((classes, vectors.shape[1])), np.full(classes, constants.min() + ABSENT_CLASS_BIAS)
    varying = scaler.scale_ > MIN_RELATIVE_SPREAD * scaler.scale_.max()
    weight[regression.classes_] = np.where(varying, slopes / scaler.scale_, 0)
    bias[regression.classes_] = constants - weight[regression.classes_] @ scaler.mean_
    return weight.astype(np.float32), bias.astype(np.float32)


def _class_coefficients(regression: Any) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercepts of every class; for two classes scikit-learn stores only the second."""
    if len(regression.classes_) > 2:
        return regression.coef_, regression.intercept_
    half = np.array([[-0.5], [0.5]])
    return half * regression.coef_, half[:, 0] * regression.intercept_
