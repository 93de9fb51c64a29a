"""Trainer `classify`: an encoder with a classification head on the first token (Devlin et al., 2019, §4.1)."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate.utils import send_to_device
from torch.nn import functional
from transformers import AutoModelForSequenceClassification

from plugins.bert_finetune import checks
from plugins.bert_finetune.classify import report
from plugins.bert_finetune.classify.cls_only_layer import read_first_token_only
from plugins.bert_finetune.classify.data import ClassifyData, read
from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from plugins.bert_finetune.classify.token_rows import TokenRows
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import accepts_packed, batch_of
from plugins.bert_finetune.models.lp_ft import draw_rows, fit_head
from training.fit.batches import step_seed
from training.preflight.sheet import Finding, Sheet
from training.task import Score, Task

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings

CLASSIFIER = "ForSequenceClassification"  # how the architectures of classifiers end
PREVIEWED = 4  # held-out texts shown while it trains
FITTED = 1000  # texts that a new head is fitted on: a pass forward of them costs about ten training steps


def build(settings: ClassifySettings) -> ClassifyTask:
    """Read the data, make or load tokenizer and network, tokenize.

    Raises:
        UserError: What the preflight sheet would show in red.
    """
    data = read(settings)
    Sheet(data.findings).raise_if_blocked()
    return make_task(data, settings)


def make_task(data: ClassifyData, settings: ClassifySettings, untrained: bool = False) -> ClassifyTask:
    """The task of data that was read and checked.

    Args:
        untrained: Whether to take the size and the vocabulary of `settings.model` only, and new weights.

    Raises:
        UserError: If `settings.model` cannot be read.
    """
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    labels: dict[str, Any] = {
        "num_labels": len(data.label_names),
        "id2label": dict(enumerate(data.label_names)),
        "label2id": {name: i for i, name in enumerate(data.label_names)},
        "problem_type": "multi_label_classification" if settings.multi_label else "single_label_classification",
    }
    texts = [*data.train.texts, *(data.train.pairs or [])]
    tokenizer, model = loading.network_with_head(
        settings, AutoModelForSequenceClassification, "a text classifier", texts, untrained, **labels
    )
    read_first_token_only(model)
    model = loading.add_lora(model, settings.lora_rank) if settings.lora_rank else model
    asked = settings.head_first and not untrained and not settings.multi_label
    head_first = asked and loading.lacks_head(settings.model, CLASSIFIER, labels)
    return ClassifyTask(data, settings, tokenizer, model, head_first)


class ClassifyTask(Task):
    """Single texts or pairs; one label of several classes, or several labels at once.

    Args:
        head_first: Whether a new head is fitted before the first step.
    """

    metric, maximize = "macro_f1", True
    train_data: TokenRows
    eval_data: TokenRows

    def __init__(
        self, data: ClassifyData, settings: ClassifySettings, tokenizer: Any, model: torch.nn.Module, head_first: bool = False
    ):  # fmt: skip
        self.data, self.settings, self.tokenizer, self.model = data, settings, tokenizer, model
        self.head_first = head_first
        self.max_length = min(settings.max_length, loading.positions(model))
        self.padded = not accepts_packed(model)
        self.index = {name: number for number, name in enumerate(data.label_names)}
        self.train_data, self.eval_data = (
            TokenRows(rows, tokenizer, self.max_length, self._targets(rows), shuffled)
            for rows, shuffled in ((data.train, settings.shuffled_words), (data.evaluation, 0.0))
        )
        self.class_weight = self._class_weight()
        self.facts = {
            "rows": len(data.train),
            "eval_rows": len(data.evaluation),
            "labels": data.label_names,
            "multi_label": settings.multi_label,
            "text_column": data.columns.text,
            "text_pair_column": data.columns.text_pair or "",
            "max_length": self.max_length,
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "baseline": self._baseline(),
        }

    def initialise_weights(self, device: torch.device) -> None:
        """Fit the new head, if asked for."""
        if not self.head_first:
            return
        targets = self.train_data.targets
        drawn = draw_rows(targets, np.ones(len(targets), dtype=int), FITTED, self.settings.seed)
        rows = [self.train_data.plain(int(row)) for row in drawn]
        lengths = [self.train_data.lengths[row] for row in drawn]
        fit_head(self, rows, lengths, len(self.index), lambda given, batch: (given, batch["labels"]))

    def _targets(self, rows: LabelledTexts) -> np.ndarray:
        """Class ids, (rows,), or 0 and 1 for each class, (rows, classes)."""
        if not self.settings.multi_label:
            return np.asarray([self.index[labels[0]] for labels in rows.labels], dtype=np.int64)
        targets = np.zeros((len(rows), len(self.index)), dtype=np.float32)
        for row, labels in enumerate(rows.labels):
            targets[row, [self.index[label] for label in labels]] = 1
        return targets

    def _baseline(self) -> dict[str, Any]:
        """What is scored by saying the most frequent label, or label by label what most rows have."""
        if not len(self.eval_data):
            return {}
        frequency = self.train_data.targets.mean(0) if self.settings.multi_label else np.bincount(self.train_data.targets, minlength=len(self.index))  # fmt: skip
        logits = np.tile(frequency - (0.5 if self.settings.multi_label else 0), (len(self.eval_data), 1))
        found = self.score(list(logits)).metrics
        return {"name": "the most frequent label"} | {name: value for name, value in found.items() if name != "loss"}

    def _class_weight(self) -> torch.Tensor | None:
        """Inverse class frequency, scaled so that a training row weighs 1 on average, (classes,)."""
        if self.settings.class_weights == "none" or self.settings.multi_label:
            return None
        counts = Counter(self.train_data.targets.tolist())
        return torch.tensor(
            [len(self.train_data) / (len(self.index) * max(1, counts[number])) for number in range(len(self.index))]
        )

    def row_lengths(self, data: Sequence) -> Sequence[int] | None:
        return data.lengths if isinstance(data, TokenRows) else None

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        ids, types, targets = zip(*rows, strict=True)
        batch, _ = batch_of(list(ids), list(types), self.tokenizer.pad_token_id, not self.padded)
        return batch | {"labels": torch.as_tensor(np.stack(targets))}

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross entropy a row, (batch,); for several labels the binary one, averaged over the classes."""
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        logits = model(**inputs).logits.float()  # (batch, classes)
        if self.settings.multi_label:
            return functional.binary_cross_entropy_with_logits(logits, batch["labels"], reduction="none").mean(1)
        losses = functional.cross_entropy(logits, batch["labels"], reduction="none")
        return losses if self.class_weight is None else losses * self.class_weight.to(losses.device)[batch["labels"]]

    def predict(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> list[np.ndarray]:
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        return list(model(**inputs).logits.float().cpu().numpy())  # (classes,) each

    def score(self, outputs: list[np.ndarray]) -> Score:
        return report.score(
            np.stack(outputs),
            self.data.evaluation,
            self.eval_data.targets,
            self.data.label_names,
            self.settings.multi_label,
        )

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """What the model now says of the first held-out texts."""
        rows = range(min(PREVIEWED, len(self.eval_data)))
        if not rows:
            return []
        batch = self.evaluation_batch([self.eval_data[row] for row in rows])
        logits = torch.as_tensor(np.stack(self.predict(model, send_to_device(batch, device))))  # type: ignore[arg-type]
        scores = logits.sigmoid() if self.settings.multi_label else logits.softmax(-1)
        return [{"text": _say(self.data.evaluation, row, scores[row], self.data.label_names)} for row in rows]

    def save(self, model: Any, folder: Path) -> None:
        """A folder for `AutoModelForSequenceClassification`; adapters are merged, so that it loads without peft."""
        if self.settings.lora_rank:
            model = copy.deepcopy(model).merge_and_unload()
        loading.save(model, self.tokenizer, folder, self.settings.half_precision)

    def findings(self) -> list[Finding]:
        train, evaluation = (self.train_data.ids, self.data.train), (self.eval_data.ids, self.data.evaluation)
        most = loading.positions(self.model)
        found = checks.beyond_positions(self.settings.max_length, most)
        found += checks.cut_texts([train, evaluation], self.tokenizer, self.max_length, most)
        return found + checks.unknown_tokens(self.train_data.ids, self.tokenizer)


def _say(rows: LabelledTexts, row: int, scores: torch.Tensor, names: list[str]) -> str:
    best = int(scores.argmax())
    text = rows.texts[row] if len(rows.texts[row]) <= 120 else rows.texts[row][:119] + "…"
    return f"{names[best]} ({float(scores[best]):.0%}; truth {', '.join(rows.labels[row]) or 'none'}): {text}"
