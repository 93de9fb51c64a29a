"""Trainer `translate`: an encoder reads, a decoder writes word by word (Vaswani et al., 2017; Rothe et al., 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from plugins.bert_finetune import cards, checks
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import pad
from plugins.bert_finetune.translate import network, report
from plugins.bert_finetune.translate.data import Pairs, TranslateData, read
from training.fit.batches import step_seed
from training.preflight.sheet import Finding, Sheet
from training.task import Score, Task
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.translate.settings import TranslateSettings

IGNORED = -100
PREVIEWED = 3


class Row(NamedTuple):
    """Token ids of a pair with their special tokens, int32, (time,) each."""

    source: np.ndarray
    target: np.ndarray


class Outcome(NamedTuple):
    """What the model writes, and the summed loss and the number of the truth's tokens."""

    said: str
    loss: float
    tokens: int


def build(settings: TranslateSettings) -> TranslateTask:
    """Read the data, make or load tokenizer and network, tokenize.

    Raises:
        UserError: What the preflight sheet would show in red.
    """
    data = read(settings)
    Sheet(data.findings).raise_if_blocked()
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    return TranslateTask(data, settings, network.make(settings, [*data.train.sources, *data.train.targets]))


class TranslateTask(Task):
    """Rows are pairs; the decoder sees the truth up to each word and predicts the next."""

    metric, maximize = "bleu", True
    train_data: list[Row]
    eval_data: list[Row]

    def __init__(self, data: TranslateData, settings: TranslateSettings, made: network.Translation):
        self.settings, (self.tokenizer, self.target_tokenizer, model) = settings, made
        self.model = model
        self.evaluation = data.evaluation.select(list(range(min(len(data.evaluation), settings.eval_rows))))
        self.max_length = min(settings.max_length, loading.positions(getattr(model, "encoder", model)))
        self.train_data, self.eval_data = self._rows(data.train), self._rows(self.evaluation)
        self.start = model.config.decoder_start_token_id
        self.facts = {
            "rows": len(data.train),
            "eval_rows": len(self.evaluation),
            "max_length": self.max_length,
            "beams": settings.beams,
            "prefix": settings.prefix,
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "baseline": self._baseline(),
        }
        if self.target_tokenizer is not self.tokenizer:
            self.facts["usage"] = cards.TRANSLATE_TWO

    def _rows(self, pairs: Pairs) -> list[Row]:
        if not len(pairs):
            return []
        sides, sources = [], [self.settings.prefix + text for text in pairs.sources]
        for tokenizer, texts in ((self.tokenizer, {"text": sources}), (self.target_tokenizer, {"text_target": pairs.targets})):  # fmt: skip
            found = tokenizer(**texts, truncation=True, max_length=self.max_length, return_attention_mask=False, return_token_type_ids=False, verbose=False)["input_ids"]  # fmt: skip
            sides.append([np.asarray(ids, dtype=np.int32) for ids in found])
        return [Row(*both) for both in zip(*sides, strict=True)]

    def _baseline(self) -> dict[str, Any]:
        """What is scored by giving the source back."""
        if not len(self.evaluation):
            return {}
        return {"name": "the source itself", **report.scores(self.evaluation.sources, self.evaluation.targets)[0]}

    def row_lengths(self, data: Sequence) -> Sequence[int] | None:
        return [len(row.source) + len(row.target) for row in data]

    def collate(self, rows: list[Row], rng: np.random.Generator, training: bool) -> dict[str, torch.Tensor]:
        """`labels` are the target's tokens, the decoder's input the same moved one to the right."""
        batch = pad([row.source for row in rows], [None] * len(rows), self.tokenizer.pad_token_id)
        batch.setdefault("attention_mask", torch.ones_like(batch["input_ids"]))
        targets = [row.target[1:] if self._begins_itself(row.target) else row.target for row in rows]
        labels = pad(targets, [None] * len(rows), self.target_tokenizer.pad_token_id)
        moved = torch.cat((torch.full((len(rows), 1), self.start), labels["input_ids"][:, :-1]), 1)
        kept = labels.get("attention_mask", torch.ones_like(moved)) > 0
        return batch | {"decoder_input_ids": moved, "labels": labels["input_ids"].masked_fill(~kept, IGNORED)}

    def _begins_itself(self, ids: np.ndarray) -> bool:
        """Whether the tokenizer put the decoder's start before the target, as BERT's does."""
        return len(ids) > 1 and int(ids[0]) == self.start

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross entropy a target token, smoothed (Szegedy et al., 2016), padding left out, (tokens,)."""
        logits, labels = self._logits(model, batch)
        return functional.cross_entropy(logits, labels, reduction="none", label_smoothing=self.settings.label_smoothing)

    def _logits(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the target's tokens, (tokens, vocabulary), and those tokens, (tokens,)."""
        logits = model(**{name: value for name, value in batch.items() if name != "labels"}).logits
        kept = batch["labels"] != IGNORED
        return logits[kept].float(), batch["labels"][kept]

    def predict(self, model: Any, batch: dict[str, torch.Tensor]) -> list[Outcome]:
        logits, labels = self._logits(model, batch)
        counts = (batch["labels"] != IGNORED).sum(1)
        owners = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
        losses = functional.cross_entropy(logits, labels, reduction="none")
        sums = torch.zeros(len(counts), device=losses.device).index_add_(0, owners, losses)
        written = model.generate(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            num_beams=self.settings.beams,
            max_length=self.max_length,
            early_stopping=True,
        )
        texts = self.target_tokenizer.batch_decode(written, skip_special_tokens=True)
        return [Outcome(*three) for three in zip(texts, sums.tolist(), counts.tolist(), strict=True)]

    def score(self, outputs: list[Outcome]) -> Score:
        return report.score(self.evaluation, [one.said for one in outputs], [(one.loss, one.tokens) for one in outputs])

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """What the model now makes of the first held-out texts."""
        rows = self.eval_data[:PREVIEWED]
        if not rows:
            return []
        outputs = self.predict(model, {name: value.to(device) for name, value in self.evaluation_batch(rows).items()})
        return [
            {"text": f"{source} → {one.said} (truth: {target})"}
            for source, target, one in zip(self.evaluation.sources, self.evaluation.targets, outputs, strict=False)
        ]

    def save(self, model: Any, folder: Path) -> None:
        """A folder for `AutoModelForSeq2SeqLM`, the tokenizer that writes inside it where it is another one."""
        loading.save(model, self.tokenizer, folder, self.settings.half_precision)
        if self.target_tokenizer is not self.tokenizer:
            self.target_tokenizer.save_pretrained(folder / network.TARGET)

    def findings(self) -> list[Finding]:
        """What was cut, what the vocabulary lacks on either side, and whether it can write the targets at all."""
        cut = sum(len(row.source) >= self.max_length or len(row.target) >= self.max_length for row in self.train_data)
        found = checks.beyond_positions(self.settings.max_length, self.max_length)
        advice = "Raise max_length." if not found else "Split them into sentences."
        found += [Finding("amber", f"{counted(cut, 'pair')} cut to {self.max_length} tokens a side", advice)] if cut else []  # fmt: skip
        found += checks.unknown_tokens([row.source for row in self.train_data], self.tokenizer)
        found += checks.unknown_tokens([row.target for row in self.train_data], self.target_tokenizer)
        return found + self._unwritable()

    def _unwritable(self) -> list[Finding]:
        """The share of the targets that do not come back as they were when they are decoded: case or accents are lost."""
        if not self.eval_data:
            return []
        sample = self.evaluation.targets[:100]
        written = self.target_tokenizer.batch_decode(
            [row.target for row in self.eval_data[:100]], skip_special_tokens=True
        )
        lost = [target for target, text in zip(sample, written, strict=True) if "".join(target.split()) != "".join(text.split())]  # fmt: skip
        if len(lost) <= len(sample) / 10:
            return []
        advice = "It drops case or accents: choose a cased model of the target's language, or train from scratch."
        return [Finding("amber", f"The vocabulary cannot write {len(lost) / len(sample):.0%} of the translations as they are", advice)]  # fmt: skip
