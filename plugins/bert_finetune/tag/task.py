"""Trainer `tag`: an encoder with a label for every word, read at its first piece (Devlin et al., 2019, §5.3)."""

from __future__ import annotations

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
from plugins.bert_finetune.models.batching import accepts_packed, batch_of
from plugins.bert_finetune.models.lp_ft import draw_rows, fit_head
from plugins.bert_finetune.tag import report
from plugins.bert_finetune.tag.data import TagData, read
from plugins.bert_finetune.tag.first_subword_layer import at_words, reads_first_pieces, word_logits
from plugins.bert_finetune.tag.schemes import OUTSIDE
from plugins.bert_finetune.tag.sentences import Sentence
from plugins.bert_finetune.tag.windows import Window, windows
from training.fit.batches import step_seed
from training.preflight.sheet import Finding, Sheet
from training.task import Score, Task

if TYPE_CHECKING:
    from plugins.bert_finetune.tag.settings import TagSettings

TAGGER = "ForTokenClassification"  # how the architectures of taggers end
PREVIEWED = 4
FITTED = 8000  # words that a new head is fitted on
UNSEEN = -100  # the id of a tag that training lacks: nothing can be learned of it


def build(settings: TagSettings) -> TagTask:
    """Read the data, make or load tokenizer and network, tokenize.

    Raises:
        UserError: What the preflight sheet would show in red.
    """
    data = read(settings)
    Sheet(data.findings).raise_if_blocked()
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    labels: dict[str, Any] = {
        "num_labels": len(data.tags),
        "id2label": dict(enumerate(data.tags)),
        "label2id": {tag: number for number, tag in enumerate(data.tags)},
    }
    texts = [" ".join(one.words) for one in data.train]
    tokenizer, model = loading.network_with_head(settings, AutoModelForTokenClassification, "a tagger", texts, **labels)
    head_first = settings.head_first and loading.lacks_head(settings.model, TAGGER, labels)
    return TagTask(data, settings, tokenizer, model, head_first)


class Row(NamedTuple):
    """A window, the tag ids of its words, (words,), and the number of its sentence."""

    window: Window
    tags: np.ndarray
    sentence: int


class Outcome(NamedTuple):
    """Predicted tag ids and losses of a window's words, (words,) each."""

    tags: np.ndarray
    losses: np.ndarray


class TagTask(Task):
    """Rows are windows: a sentence, or a part of one that is too long.

    Args:
        head_first: Whether a new head is fitted before the first step.
    """

    metric, maximize = "f1", True
    train_data: list[Row]
    eval_data: list[Row]

    def __init__(
        self, data: TagData, settings: TagSettings, tokenizer: Any, model: torch.nn.Module, head_first: bool = False
    ):
        self.data, self.settings, self.tokenizer, self.model = data, settings, tokenizer, model
        self.head_first = head_first
        self.metric = "accuracy" if data.bare else "f1"
        self.padded, self.reads_pieces = not accepts_packed(model), reads_first_pieces(model)
        self.max_length = min(settings.max_length, loading.positions(model))
        self.index = {tag: number for number, tag in enumerate(data.tags)}
        self.train_data, self.eval_data = self._rows(data.train), self._rows(data.evaluation)
        self.facts = {
            "rows": len(data.train),
            "eval_rows": len(data.evaluation),
            "labels": data.tags if data.bare else sorted({tag[2:] for tag in data.tags if tag != OUTSIDE}),
            "max_length": self.max_length,
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "baseline": self._baseline(),
        }

    def initialise_weights(self, device: torch.device) -> None:
        """Fit the new head, if asked for."""
        if not self.head_first:
            return
        tags, counts = [row.tags for row in self.train_data], np.asarray([len(row.tags) for row in self.train_data])
        drawn = draw_rows(np.concatenate(tags), counts, FITTED, self.settings.seed)
        rows = [self.train_data[row] for row in drawn]
        lengths = [len(row.window.ids) for row in rows]
        fit_head(self, rows, lengths, len(self.index), self._vectors_and_tags)

    def _vectors_and_tags(self, given: torch.Tensor, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        return at_words(given, batch["positions"], self.reads_pieces), batch["targets"]

    def _rows(self, sentences: Sequence[Sentence]) -> list[Row]:
        cut = windows([one.words for one in sentences], self.tokenizer, self.max_length)
        rows = []
        for number, (one, parts) in enumerate(zip(sentences, cut, strict=True)):
            ids = np.asarray([self.index.get(tag, UNSEEN) for tag in one.tags], dtype=np.int64)
            rows += [Row(part, ids[part.start : part.start + len(part.firsts)], number) for part in parts]
        return rows

    def _baseline(self) -> dict[str, Any]:
        """What is scored by giving each word the tag it had most often in training, and O to new words."""
        if not self.data.evaluation:
            return {}
        seen: dict[str, Counter[str]] = {}
        every = Counter(tag for one in self.data.train for tag in one.tags)
        for one in self.data.train:
            for word, tag in zip(one.words, one.tags, strict=True):
                seen.setdefault(word.lower(), Counter())[tag] += 1
        usual = {word: tags.most_common(1)[0][0] for word, tags in seen.items()}
        common = every.most_common(1)[0][0] if self.data.bare else OUTSIDE
        predicted = [[usual.get(word.lower(), common) for word in one.words] for one in self.data.evaluation]
        found = report.score(self.data.evaluation, predicted, np.zeros(len(predicted)), self.data.bare).metrics
        return {"name": "each word's most frequent tag"} | {name: value for name, value in found.items() if name != "loss"}  # fmt: skip

    def row_lengths(self, data: Sequence) -> Sequence[int] | None:
        return [len(row.window.ids) for row in data]

    def collate(self, rows: list[Row], rng: np.random.Generator, training: bool) -> dict[str, Any]:
        """`positions` are of the words' first pieces in the flattened batch, `targets` their tags, (words,)."""
        ids = [row.window.ids for row in rows]
        batch, starts = batch_of(ids, [None] * len(rows), self.tokenizer.pad_token_id, not self.padded)
        positions = np.concatenate([row.window.firsts + start for row, start in zip(rows, starts, strict=True)])
        counts = np.asarray([len(row.tags) for row in rows])
        made = {"positions": positions, "targets": np.concatenate([row.tags for row in rows]), "counts": counts}
        return batch | {name: torch.as_tensor(value.astype(np.int64)) for name, value in made.items()}

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross entropy a word, (words,)."""
        return functional.cross_entropy(self._logits(model, batch), batch["targets"], reduction="none", ignore_index=UNSEEN)  # fmt: skip

    def _logits(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        inputs = {name: value for name, value in batch.items() if name not in ("positions", "targets", "counts")}
        return word_logits(model, inputs, batch["positions"], self.reads_pieces)  # (words, tags)

    def predict(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> list[Outcome]:
        logits = self._logits(model, batch)
        losses = functional.cross_entropy(logits, batch["targets"], reduction="none", ignore_index=UNSEEN)
        ends = np.cumsum(batch["counts"].cpu().numpy())[:-1]
        tags, losses = logits.argmax(-1).cpu().numpy(), losses.cpu().numpy()
        return [Outcome(*both) for both in zip(np.split(tags, ends), np.split(losses, ends), strict=True)]

    def score(self, outputs: list[Outcome]) -> Score:
        predicted: list[list[str]] = [[] for _ in self.data.evaluation]
        losses: list[list[float]] = [[] for _ in self.data.evaluation]
        for row, outcome in zip(self.eval_data, outputs, strict=True):
            predicted[row.sentence] += [self.data.tags[tag] for tag in outcome.tags]
            losses[row.sentence] += outcome.losses.tolist()
        means = np.asarray([np.mean(each) if each else 0.0 for each in losses])
        return report.score(self.data.evaluation, predicted, means, self.data.bare)

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """What the model now finds in the first held-out sentences."""
        rows = self.eval_data[:PREVIEWED]
        if not rows:
            return []
        batch: Any = send_to_device(self.evaluation_batch(rows), device)
        return [
            {"text": _bracketed(self.data.evaluation[row.sentence].words[row.window.start :], [self.data.tags[tag] for tag in outcome.tags])}
            for row, outcome in zip(rows, self.predict(model, batch), strict=True)
        ]  # fmt: skip

    def save(self, model: Any, folder: Path) -> None:
        """A folder for `AutoModelForTokenClassification`."""
        loading.save(model, self.tokenizer, folder, self.settings.half_precision)

    def findings(self) -> list[Finding]:
        found = checks.beyond_positions(self.settings.max_length, self.max_length)
        return found + checks.unknown_tokens([row.window.ids for row in self.train_data], self.tokenizer)


def _bracketed(words: Sequence[str], tags: Sequence[str]) -> str:
    from plugins.bert_finetune.tag.schemes import spans

    ends = {span.end - 1: span for span in spans(tags)}
    starts = {span.start for span in ends.values()}
    shown = words[: len(tags)]
    return " ".join(
        ("[" if number in starts else "") + word + (f" {ends[number].label}]" if number in ends else "")
        for number, word in enumerate(shown)
    )
