"""What pre-training is worth with few labels: the same network fine-tuned on them with it, and without."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from plugins.bert_finetune.encode.predictor import EncoderPredictor
from plugins.bert_finetune.models.pooling import backbone
from training.data.table import read_table
from training.errors import UserError

MOST_LABELS, TESTED = 400, 200  # labelled texts to draw from, and held-out texts
MOST_TOKENS = 48  # of a text
LEARNING_RATE, WARM_UP, WEIGHT_DECAY = 5e-4, 0.1, 0.01
BATCH, STEPS = 16, 90
SEED = 0  # of the weights drawn anew, the labels and their order


def fine_tuned_accuracies(model: EncoderPredictor, train: Path, held_out: Path, labels: int) -> dict[str, Any]:
    """Accuracy on held-out texts after fine-tuning on `labels` labelled texts, with and without pre-training.

    The network without is the same, its weights drawn anew. Both learn for the same steps at the same rate; the model
    itself is not changed.

    Args:
        train, held_out: Tables with the columns text and label.

    Returns:
        pretrained, untrained, chance (one over the classes), tested (texts), steps.
    """
    if not 1 <= labels <= MOST_LABELS:
        raise UserError(f"{labels} labels were asked for; 1 to {MOST_LABELS} are possible.")
    (texts, names), (tests, truth) = _read(train, MOST_LABELS), _read(held_out, TESTED)
    classes, ids = np.unique(names, return_inverse=True)
    rows = _draw(ids, labels)
    inputs, answers = _tokens(model, [texts[row] for row in rows]), torch.from_numpy(ids[rows])
    held = _tokens(model, tests)

    def accuracy(network: nn.Module) -> float:
        predicted = _fine_tuned(network, inputs, answers, len(classes))(held)
        return float((classes[predicted.argmax(1).numpy()] == truth).mean())

    network = backbone(model.model)
    return {
        "pretrained": accuracy(copy.deepcopy(network).cpu().float()),
        "untrained": accuracy(_untrained(network)),
        "chance": 1 / len(classes),
        "tested": len(tests),
        "steps": STEPS,
    }


def _read(file: Path, most: int) -> tuple[list[str], np.ndarray]:
    table = read_table(file)
    texts, classes = table.strings("text"), table.strings("label")
    return [text or "" for text in texts[:most]], np.array(classes[:most])


def _draw(classes: np.ndarray, count: int) -> np.ndarray:
    """Row numbers, (count,); each class is among them where there is room, or the classifier could not name it."""
    order = np.random.default_rng(SEED).permutation(len(classes))
    first = [int(row) for row in order[np.unique(classes[order], return_index=True)[1]]]
    rest = [int(row) for row in order if row not in set(first)]
    return np.array([*first, *rest][:count])


def _tokens(model: EncoderPredictor, texts: list[str]) -> dict[str, Tensor]:
    return dict(model.tokenizer(texts, padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt"))


def _untrained(network: Any) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return type(network)(network.config)


def _fine_tuned(network: nn.Module, inputs: dict[str, Tensor], answers: Tensor, classes: int) -> Any:
    """The network with a linear head on its first token (Devlin et al., 2019, §4.1), as a function to logits."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        head = nn.Linear(network.config.hidden_size, classes)  # type: ignore[arg-type]
        parameters = [*network.requires_grad_(True).parameters(), *head.parameters()]
        optimiser = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        rate = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: min((step + 1) / (WARM_UP * STEPS), 1 - step / STEPS)
        )

        def logits(batch: dict[str, Tensor]) -> Tensor:
            return head(network(**batch).last_hidden_state[:, 0])

        network.train()
        for rows in _batches(len(answers)):
            loss = nn.functional.cross_entropy(
                logits({name: each[rows] for name, each in inputs.items()}), answers[rows]
            )
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            rate.step()
    network.eval()
    return torch.inference_mode()(logits)


def _batches(rows: int) -> list[Tensor]:
    """Row numbers of each step: passes over all rows, each in an order of its own."""
    passes = -(-STEPS * BATCH // rows)
    return list(torch.cat([torch.randperm(rows) for _ in range(passes)]).split(BATCH))[:STEPS]
