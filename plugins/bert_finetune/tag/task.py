"""Token classification: a label for every word, predicted at its first sub-word (Devlin et al., 2019, §5.3)."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from accelerate.utils import send_to_device
from torch.nn import functional
from transformers import AutoModelForTokenClassification

from plugins.bert_finetune import checks
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import enable_packing, make_batch
from plugins.bert_finetune.models.lora import add_lora
from plugins.bert_finetune.models.lp_ft import init_head_from_probe, sample_rows
from plugins.bert_finetune.tag import report
from plugins.bert_finetune.tag.data import TagData
from plugins.bert_finetune.tag.first_subword_layer import gather_words, use_first_subword_layer, word_logits
from plugins.bert_finetune.tag.schemes import OUTSIDE, entity_spans
from plugins.bert_finetune.tag.sentences import Sentence
from plugins.bert_finetune.tag.windows import WordWindow, make_windows
from training.figures import Baseline, Figure, share
from training.fit.batches import step_seed
from training.nn.load_pretrained import max_positions
from training.preflight.sheet import Finding
from training.task import Score, Task

if TYPE_CHECKING:
    from plugins.bert_finetune.tag.settings import TagSettings

ARCHITECTURE_SUFFIX = "ForTokenClassification"  # of the architectures of taggers
PREVIEW_ROWS = 4
PROBE_WORDS = 8000  # words for the linear probe
UNSEEN = -100  # target id of a tag that training lacks; ignored by the loss


def build(data: TagData, settings: TagSettings) -> TagTask:
    """Make or load tokenizer and network, and tokenize the sentences.

    Raises:
        UserError: If `settings.model` cannot be read.
    """
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    labels: dict[str, Any] = {
        "num_labels": len(data.tags),
        "id2label": dict(enumerate(data.tags)),
        "label2id": {tag: number for number, tag in enumerate(data.tags)},
    }
    texts = [" ".join(sentence.words) for sentence in data.train]
    tokenizer, model = loading.load_or_create(settings, AutoModelForTokenClassification, "a tagger", texts, **labels)
    lp_ft = settings.lp_ft and loading.needs_new_head(settings.model, ARCHITECTURE_SUFFIX, labels)
    selects_words = use_first_subword_layer(model)
    return TagTask(data, settings, tokenizer, add_lora(model, settings), selects_words, lp_ft)


class TaggedWindow(NamedTuple):
    """A window, the tag ids of its words, (words,), and the index of its sentence."""

    window: WordWindow
    tags: np.ndarray
    sentence: int


class WindowPrediction(NamedTuple):
    """Predicted tag ids and losses of the words of a window, (words,) each."""

    tags: np.ndarray
    losses: np.ndarray


class TagTask(Task):
    """Rows are windows: a sentence, or a part of one that is too long.

    Args:
        selects_words: Whether the network takes the positions of words (`use_first_subword_layer`).
        lp_ft: Whether the head is initialised with a linear probe before the first step.
    """

    metric, maximize = "f1", True
    train_data: list[TaggedWindow]
    eval_data: list[TaggedWindow]

    def __init__(
        self,
        data: TagData,
        settings: TagSettings,
        tokenizer: Any,
        model: torch.nn.Module,
        selects_words: bool = False,
        lp_ft: bool = False,
    ):
        self.data, self.settings, self.tokenizer, self.model = data, settings, tokenizer, model
        self.selects_words, self.lp_ft = selects_words, lp_ft
        self.metric = "accuracy" if data.plain else "f1"
        self.padded = not enable_packing(model)
        self.max_length = min(settings.max_length, max_positions(model))
        self.index = {tag: number for number, tag in enumerate(data.tags)}
        self.train_data, self.eval_data = self._rows(data.train), self._rows(data.evaluation)
        self.facts = {
            "rows": len(data.train),
            "eval_rows": len(data.evaluation),
            "labels": data.tags if data.plain else sorted({tag[2:] for tag in data.tags if tag != OUTSIDE}),
            "max_length": self.max_length,
            **data.rule.facts(),
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "baseline": self._baseline(),
        }

    def initialise_weights(self, device: torch.device) -> None:
        """Initialise a new head with a linear probe (LP-FT), if the settings ask for it."""
        if not self.lp_ft:
            return
        tags, counts = [row.tags for row in self.train_data], np.asarray([len(row.tags) for row in self.train_data])
        sampled = sample_rows(np.concatenate(tags), counts, PROBE_WORDS, self.settings.seed)
        rows = [self.train_data[row] for row in sampled]
        lengths = [len(row.window.ids) for row in rows]
        init_head_from_probe(self, rows, lengths, len(self.index), self._features_and_tags)

    def _features_and_tags(self, features: torch.Tensor, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        return gather_words(features, batch["positions"], self.selects_words), batch["targets"]

    def _rows(self, sentences: Sequence[Sentence]) -> list[TaggedWindow]:
        windows = make_windows([sentence.words for sentence in sentences], self.tokenizer, self.max_length)
        rows = []
        for number, (sentence, own) in enumerate(zip(sentences, windows, strict=True)):
            ids = np.asarray([self.index.get(tag, UNSEEN) for tag in sentence.tags], dtype=np.int64)
            rows += [TaggedWindow(part, ids[part.start : part.start + len(part.firsts)], number) for part in own]
        return rows

    def _baseline(self) -> dict[str, Any]:
        """Metrics of predicting each word's most frequent training tag, and O for new words."""
        if not self.data.evaluation:
            return {}
        by_word: dict[str, Counter[str]] = {}
        counts = Counter(tag for sentence in self.data.train for tag in sentence.tags)
        for sentence in self.data.train:
            for word, tag in zip(sentence.words, sentence.tags, strict=True):
                by_word.setdefault(word.lower(), Counter())[tag] += 1
        usual = {word: tags.most_common(1)[0][0] for word, tags in by_word.items()}
        default = counts.most_common(1)[0][0] if self.data.plain else OUTSIDE
        predicted = [[usual.get(word.lower(), default) for word in row.words] for row in self.data.evaluation]
        metrics = report.score(self.data.evaluation, predicted, np.zeros(len(predicted)), self.data.plain).metrics
        scores = {name: value for name, value in metrics.items() if name != "loss"}
        return {"name": "each word's most frequent tag"} | scores

    def row_lengths(self, data: Sequence) -> Sequence[int] | None:
        return [len(row.window.ids) for row in data]

    def collate(self, rows: list[TaggedWindow], rng: np.random.Generator, training: bool) -> dict[str, Any]:
        """`positions`: first sub-words of the words in the flattened batch; `targets`: their tags, (words,)."""
        ids = [row.window.ids for row in rows]
        batch, starts = make_batch(ids, [None] * len(rows), self.tokenizer.pad_token_id, not self.padded)
        positions = np.concatenate([row.window.firsts + start for row, start in zip(rows, starts, strict=True)])
        counts = np.asarray([len(row.tags) for row in rows])
        arrays = {"positions": positions, "targets": np.concatenate([row.tags for row in rows]), "counts": counts}
        return batch | {name: torch.as_tensor(value.astype(np.int64)) for name, value in arrays.items()}

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross entropy per word, (words,)."""
        logits = self._logits(model, batch)
        return functional.cross_entropy(logits, batch["targets"], reduction="none", ignore_index=UNSEEN)

    def _logits(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        inputs = {name: value for name, value in batch.items() if name not in ("positions", "targets", "counts")}
        return word_logits(model, inputs, batch["positions"], self.selects_words)  # (words, tags)

    def predict(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> list[WindowPrediction]:
        logits = self._logits(model, batch)
        losses = functional.cross_entropy(logits, batch["targets"], reduction="none", ignore_index=UNSEEN)
        ends = np.cumsum(batch["counts"].cpu().numpy())[:-1]
        tags, losses = logits.argmax(-1).cpu().numpy(), losses.cpu().numpy()
        return [WindowPrediction(*pair) for pair in zip(np.split(tags, ends), np.split(losses, ends), strict=True)]

    def score(self, outputs: list[WindowPrediction]) -> Score:
        predicted: list[list[str]] = [[] for _ in self.data.evaluation]
        losses: list[list[float]] = [[] for _ in self.data.evaluation]
        for row, prediction in zip(self.eval_data, outputs, strict=True):
            predicted[row.sentence] += [self.data.tags[tag] for tag in prediction.tags]
            losses[row.sentence] += prediction.losses.tolist()
        means = np.asarray([np.mean(own) if own else 0.0 for own in losses])
        found = report.score(self.data.evaluation, predicted, means, self.data.plain)
        return dataclasses.replace(found, figures=(self._figure(found.metrics),))

    def _figure(self, metrics: dict[str, float]) -> Figure:
        name, meaning = "F1 of entities", "Entities count as found if all their words and their label are right."
        if self.data.plain:
            name, meaning = "Accuracy of words", "How many words get the right tag."
        usual = Baseline("each word's most frequent tag", self.facts["baseline"][self.metric])
        return share(self.metric, name, metrics[self.metric], meaning, len(self.data.evaluation), [usual])

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """Predicted entities in the first held-out sentences."""
        rows = self.eval_data[:PREVIEW_ROWS]
        if not rows:
            return []
        batch: Any = send_to_device(self.evaluation_batch(rows), device)
        samples = []
        for row, prediction in zip(rows, self.predict(model, batch), strict=True):
            tags = [self.data.tags[tag] for tag in prediction.tags]
            samples.append({"text": _bracketed(self.data.evaluation[row.sentence], row.window.start, tags)})
        return samples

    def save(self, model: Any, folder: Path) -> None:
        """Write a folder for `AutoModelForTokenClassification`."""
        loading.save_network(model, self.tokenizer, folder, self.settings)

    def findings(self) -> list[Finding]:
        findings = checks.position_findings(self.settings.max_length, self.max_length)
        return findings + checks.unknown_token_findings([row.window.ids for row in self.train_data], self.tokenizer)


def _bracketed(sentence: Sentence, start: int, tags: Sequence[str]) -> str:
    """The words from `start` on, as many as there are tags, with entities as "[Paris LOC]"."""
    parts, done = [], 0
    for span in entity_spans(tags):
        parts += [sentence.text(start + done, start + span.start)] * (span.start > done)
        parts.append(f"[{sentence.text(start + span.start, start + span.end)} {span.label}]")
        done = span.end
    return " ".join([*parts, sentence.text(start + done, start + len(tags))]).strip()
