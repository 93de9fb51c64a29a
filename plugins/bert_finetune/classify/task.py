"""Text classification: an encoder with a classification head on [CLS] (Devlin et al., 2019, §4.1)."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate.utils import send_to_device
from torch.nn import functional
from transformers import AutoModelForSequenceClassification

from plugins.bert_finetune import checks
from plugins.bert_finetune.classify import baselines, report
from plugins.bert_finetune.classify.carry_over import TITLE, study_related
from plugins.bert_finetune.classify.cls_only_layer import use_cls_only_layer
from plugins.bert_finetune.classify.contrastive import head_weights, loss_for, with_partners
from plugins.bert_finetune.classify.data import ClassifyData
from plugins.bert_finetune.classify.frozen import FrozenEncoder
from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from plugins.bert_finetune.classify.prompted import models_to_prompt
from plugins.bert_finetune.classify.tokenized_texts import TokenizedRow, TokenizedTexts, shuffle_words
from plugins.bert_finetune.models import loading, mean_pooling
from plugins.bert_finetune.models.batching import enable_packing, make_batch
from plugins.bert_finetune.models.lora import add_lora
from plugins.bert_finetune.models.lp_ft import head_inputs, head_of, init_head_from_probe, sample_rows, set_head
from plugins.bert_finetune.models.mean_pooling import FIRST
from plugins.bert_finetune.sentence_files import CLS, MEAN, sentence_pooling
from training.errors import UserError
from training.figures import Baseline, Figure, share
from training.fit.batches import step_seed
from training.nn.load_pretrained import max_positions
from training.preflight.sheet import Finding
from training.task import Score, Study, Task
from training.weights import artifact_name

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings

ARCHITECTURE_SUFFIX = "ForSequenceClassification"  # of the architectures of classifiers
PREVIEW_ROWS = 4  # held-out texts whose predictions are shown during training
READS = {MEAN: "the mean of all token vectors", CLS: "the vector of the first token"}
MEAN_POOLING = "The head reads the mean of all token vectors, as sentence encoders are trained."
PROBE_ROWS = 1000  # texts for the linear probe: one forward pass of them costs about ten training steps


def build(data: ClassifyData, settings: ClassifySettings) -> ClassifyTask | FrozenEncoder:
    """The task of a run, or with `frozen_encoder` its experiment without steps.

    Raises:
        UserError: If `settings.model` cannot be read, or its head cannot be fitted.
    """
    if not settings.frozen_encoder:
        return build_task(data, settings)
    # A task with `contrastive` fits its head before an evaluation.
    settings = settings.model_copy(update={"contrastive": "on", "lora_rank": 0})
    return FrozenEncoder(build_task(data, settings), settings)


def build_task(data: ClassifyData, settings: ClassifySettings, untrained: bool = False) -> ClassifyTask:
    """Make or load tokenizer and network, and tokenize the texts.

    Args:
        untrained: Whether to use only the size and the vocabulary of `settings.model`, with new weights.

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
    tokenizer, model = loading.load_or_create(
        settings, AutoModelForSequenceClassification, "a text classifier", texts, untrained, **labels
    )
    pooling = _pool(model, settings)
    use_cls_only_layer(model)
    model = add_lora(model, settings, mean_pooling.fixed_modules(model))
    lp_ft = (
        settings.lp_ft
        and not untrained
        and not settings.multi_label
        and loading.needs_new_head(settings.model, ARCHITECTURE_SUFFIX, labels)
    )
    return ClassifyTask(data, settings, tokenizer, model, lp_ft and settings.contrastive != "on", pooling)


def _pool(model: Any, settings: ClassifySettings) -> str:
    """Add mean pooling if the settings ask for it, or leave it to the weights and they were trained so.

    Raises:
        UserError: If the mean was asked for, and the network has no place for it; or the first token, of a network
            that was trained with the mean.
    """
    if mean_pooling.mode_of(model) == MEAN:
        if settings.pooling == "first":
            raise UserError(
                "pooling: first was given, but these weights pool by the mean: choose auto or other weights."
            )
        return MEAN
    if settings.pooling == "mean" and not mean_pooling.can_pool(model):
        name = type(model).__name__
        raise UserError(f"pooling: mean works for BERT's architecture, and the weights are a {name}. Choose first.")
    by_weights = settings.pooling == "auto" and bool(settings.model) and mean_pooling.can_pool(model)
    pooling = mean_pooling.pooling_of(Path(settings.model)) if by_weights else settings.pooling
    if pooling == MEAN:
        mean_pooling.add_mean_pooling(model)
        return MEAN
    if pooling == CLS:
        mean_pooling.add_first_pooling(model)
    return FIRST


def _pooling_findings(settings: ClassifySettings, mode: str) -> list[Finding]:
    """What the head reads, where it is the mean or the weights' files say so.

    Args:
        mode: Of the network's configuration.
    """
    if mode not in READS:
        return []
    is_asked = settings.pooling != "auto" or not settings.model
    by_file = None if is_asked else sentence_pooling(Path(settings.model))
    if by_file and by_file.mode == mode:
        name = artifact_name(Path(settings.model))
        why = f"{name} is a sentence encoder, by its {by_file.file}: the head reads {READS[mode]}."
        return [Finding("green", f"Pooling: {MEAN if mode == MEAN else FIRST}", why)]
    return [Finding("green", "Pooling: mean", MEAN_POOLING)] if mode == MEAN else []


class ClassifyTask(Task):
    """Single texts or pairs; one label of several classes, or several labels at once.

    Args:
        lp_ft: Whether the head is initialised with a linear probe before the first step.
    """

    metric, maximize = "macro_f1", True
    train_data: TokenizedTexts
    eval_data: TokenizedTexts

    def __init__(
        self,
        data: ClassifyData,
        settings: ClassifySettings,
        tokenizer: Any,
        model: torch.nn.Module,
        lp_ft: bool = False,
        pooling: str = FIRST,
    ):
        self.data, self.settings, self.tokenizer, self.model = data, settings, tokenizer, model
        self.lp_ft, self.pooling, self.contrastive = lp_ft, pooling, settings.contrastive == "on"
        # Few held-out rows would choose among the evaluations by chance.
        self.whole_batch = self.keep_last_weights = self.contrastive
        self.head_is_stale = True
        self.max_length = min(settings.max_length, max_positions(model))
        self.padded = not enable_packing(model)
        self.index = {name: number for number, name in enumerate(data.label_names)}
        self.train_data, self.eval_data = (
            TokenizedTexts(rows, tokenizer, self.max_length, self._targets(rows), shuffles)
            for rows, shuffles in ((data.train, settings.word_shuffle_probability > 0), (data.evaluation, False))
        )
        self.class_weight = self._class_weight()
        self.study_title = TITLE if data.related else ""
        self.models_to_prompt = models_to_prompt(settings) if data.related else []
        self.contrastive_loss = loss_for(len(data.train), len(self.index))
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
            "pooling": pooling,
        }
        if self.contrastive:
            head = head_of(model, len(self.index))
            if head is None:
                raise UserError(f"contrastive: a {type(model).__name__} has no linear head to fit. Set it to off.")
            head.requires_grad_(False)  # fitted on the vectors before each evaluation

    def initialise_weights(self, device: torch.device) -> None:
        """Initialise a new head with a linear probe (LP-FT), if the settings ask for it."""
        if not self.lp_ft:
            return
        targets = self.train_data.targets
        sampled = sample_rows(targets, np.ones(len(targets), dtype=int), PROBE_ROWS, self.settings.seed)
        rows = [self.train_data[int(row)] for row in sampled]
        lengths = [self.train_data.lengths[row] for row in sampled]
        init_head_from_probe(self, rows, lengths, len(self.index), lambda features, batch: (features, batch["labels"]))

    def after_step(self, model: torch.nn.Module, step: int) -> None:
        """The vectors have changed: a head that is fitted on them has to be fitted again before it is used."""
        self.head_is_stale = True

    def _fit_head(self, model: Any) -> None:
        """Fit the head on the vectors of the training rows, if these have changed since."""
        if not (self.contrastive and self.head_is_stale) or (head := head_of(model, len(self.index))) is None:
            return
        self.head_is_stale = False
        rows = list(self.train_data)
        found = head_inputs(self, model, head, rows, self.train_data.lengths, lambda x, batch: (x, batch["labels"]))
        if len(np.unique(found[1])) > 1:
            set_head(head, *head_weights(*found, len(self.index), self.settings.class_weights == "balanced"))

    def _targets(self, rows: LabelledTexts) -> np.ndarray:
        """Class ids, (rows,), or 0 and 1 for each class, (rows, classes)."""
        if not self.settings.multi_label:
            return np.asarray([self.index[labels[0]] for labels in rows.labels], dtype=np.int64)
        targets = np.zeros((len(rows), len(self.index)), dtype=np.float32)
        for row, labels in enumerate(rows.labels):
            targets[row, [self.index[label] for label in labels]] = 1
        return targets

    def _baseline(self) -> dict[str, Any]:
        """Metrics of always predicting the most frequent label; multi-label, of the majority value of each label."""
        if not len(self.eval_data):
            return {}
        targets = self.train_data.targets
        if self.settings.multi_label:
            constant = targets.mean(0) - 0.5
        else:
            constant = np.bincount(targets, minlength=len(self.index))
        logits = np.tile(constant, (len(self.eval_data), 1))
        metrics = self._score(list(logits)).metrics
        return {"name": "most frequent label"} | {name: value for name, value in metrics.items() if name != "loss"}

    def _class_weight(self) -> torch.Tensor | None:
        """Inverse class frequency, scaled to a mean weight of 1 per training row, (classes,)."""
        if self.settings.class_weights == "none" or self.settings.multi_label:
            return None
        counts = Counter(self.train_data.targets.tolist())
        return torch.tensor(
            [len(self.train_data) / (len(self.index) * max(1, counts[number])) for number in range(len(self.index))]
        )

    def row_lengths(self, data: Sequence) -> Sequence[int] | None:
        return data.lengths if isinstance(data, TokenizedTexts) else None

    def collate(self, rows: list[TokenizedRow], rng: np.random.Generator, training: bool) -> dict[str, Any]:
        """Shuffle words of training rows, if the settings ask for it, and make a batch with `labels`."""
        if training and (probability := self.settings.word_shuffle_probability):
            rows = [shuffle_words(row, rng) if rng.random() < probability else row for row in rows]
        if training and self.contrastive:
            rows = with_partners(rows, self.train_data, rng)
        ids, types = [row.ids for row in rows], [row.types for row in rows]
        batch, _ = make_batch(ids, types, self.tokenizer.pad_token_id, not self.padded)
        return batch | {"labels": torch.as_tensor(np.stack([row.target for row in rows]))}

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross entropy per row, (batch,); multi-label: binary cross entropy, averaged over the classes.

        With `contrastive`, the contrastive loss of each row and its partner, (2 batch,).
        """
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        if self.contrastive:
            return self.contrastive_loss(self._head_inputs(model, inputs), batch["labels"])
        logits = model(**inputs).logits.float()  # (batch, classes)
        if self.settings.multi_label:
            return functional.binary_cross_entropy_with_logits(logits, batch["labels"], reduction="none").mean(1)
        losses = functional.cross_entropy(logits, batch["labels"], reduction="none")
        return losses if self.class_weight is None else losses * self.class_weight.to(losses.device)[batch["labels"]]

    def _head_inputs(self, model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """The vectors that the head is given, (batch, width)."""
        seen: list[torch.Tensor] = []
        head: Any = head_of(model, len(self.index))
        hook = head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            model(**inputs)
        finally:
            hook.remove()
        return seen[0]

    def predict(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> list[np.ndarray]:
        self._fit_head(model)
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        return list(model(**inputs).logits.float().cpu().numpy())  # (classes,) each

    def score(self, outputs: list[np.ndarray]) -> Score:
        found = self._score(outputs)
        return dataclasses.replace(found, figures=(self.figure(found.metrics),))

    def _score(self, outputs: list[np.ndarray]) -> Score:
        return report.score(
            np.stack(outputs),
            self.data.evaluation,
            self.eval_data.targets,
            self.data.label_names,
            self.settings.multi_label,
        )

    def figure(self, metrics: dict[str, float]) -> Figure:
        """Macro F1 beside its baselines."""
        meaning = "The F1 score of each label, averaged: how many of its texts are found, and how many finds are right."
        usual = Baseline("always the most frequent label", self.facts["baseline"]["macro_f1"])
        known = [usual, *([self._tfidf] if self._tfidf else [])]
        return share("macro_f1", "Macro F1", metrics["macro_f1"], meaning, len(self.eval_data), known)

    @cached_property
    def _tfidf(self) -> Baseline | None:
        """A classifier without a network, fitted once a run."""
        if self.settings.multi_label:
            return None
        value = baselines.tfidf_macro_f1(self.data.train, self.data.evaluation, self.data.label_names)
        return None if value is None else Baseline("TF-IDF and logistic regression", value)

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """Predictions for the first held-out texts."""
        rows = range(min(PREVIEW_ROWS, len(self.eval_data)))
        if not rows:
            return []
        batch = self.evaluation_batch([self.eval_data[row] for row in rows])
        logits = torch.as_tensor(np.stack(self.predict(model, send_to_device(batch, device))))  # type: ignore[arg-type]
        scores = logits.sigmoid() if self.settings.multi_label else logits.softmax(-1)
        return [{"text": _preview_line(self.data.evaluation, row, scores[row], self.data.label_names)} for row in rows]

    def save(self, model: Any, folder: Path) -> None:
        """Write a folder for `AutoModelForSequenceClassification`."""
        self._fit_head(model)
        loading.save_network(model, self.tokenizer, folder, self.settings)

    def study_kept_weights(self, artifact: Path) -> list[Study]:
        """Whether the kept weights carry over to the rows of `related_data`."""
        return [study_related(artifact, self.data, self.settings, self.models_to_prompt)]

    def findings(self) -> list[Finding]:
        train, evaluation = (self.train_data.ids, self.data.train), (self.eval_data.ids, self.data.evaluation)
        positions = max_positions(self.model)
        findings = checks.position_findings(self.settings.max_length, positions)
        findings += checks.truncation_findings([train, evaluation], self.tokenizer, self.max_length, positions)
        findings += _pooling_findings(self.settings, getattr(self.model.config, mean_pooling.CONFIG, ""))
        return findings + checks.unknown_token_findings(self.train_data.ids, self.tokenizer)


def _preview_line(rows: LabelledTexts, row: int, scores: torch.Tensor, names: list[str]) -> str:
    best = int(scores.argmax())
    text = rows.texts[row] if len(rows.texts[row]) <= 120 else rows.texts[row][:119] + "…"
    return f"{names[best]} ({float(scores[best]):.0%}; truth {', '.join(rows.labels[row]) or 'none'}): {text}"
