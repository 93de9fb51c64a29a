"""Translation with an encoder-decoder (Vaswani et al., 2017; Rothe et al., 2020)."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from plugins.bert_finetune import cards, checks
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import pad
from plugins.bert_finetune.translate import network, report, word_by_word
from plugins.bert_finetune.translate.data import SentencePairs, TranslateData
from training.figures import Baseline, Figure
from training.fit.batches import step_seed
from training.nn.load_pretrained import max_positions
from training.preflight.sheet import Finding
from training.task import Score, Task
from training.wording import counted, listed

if TYPE_CHECKING:
    from plugins.bert_finetune.translate.settings import TranslateSettings

IGNORE_INDEX = -100
PREVIEW_ROWS = 3
CHRF_TOLERANCE = 0.5  # of 100; runs that differ by the seed alone differ by as much
WORD_BY_WORD = "word by word, by a dictionary learned from the training pairs"
CHRF_MEANING = "Letters that the translations share with the true ones, in runs of up to six, of 100."


class TokenizedPair(NamedTuple):
    """Token ids of a pair with their special tokens, int32, (time,) each."""

    source: np.ndarray
    target: np.ndarray


class PairPrediction(NamedTuple):
    """The generated translation, and the summed loss and number of the target's tokens."""

    translation: str
    loss: float
    tokens: int


def build(data: TranslateData, settings: TranslateSettings) -> TranslateTask:
    """Make or load tokenizers and network, and tokenize the pairs.

    Raises:
        UserError: If the weights of the settings cannot be read, or do not fit together.
    """
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    return TranslateTask(
        data, settings, network.make_translation_model(settings, [*data.train.sources, *data.train.targets])
    )


class TranslateTask(Task):
    """Rows are pairs; the decoder is trained with teacher forcing."""

    metric, maximize = "chrf", True  # of characters: it moves in every script, from the first right letters on
    train_data: list[TokenizedPair]
    eval_data: list[TokenizedPair]

    def __init__(self, data: TranslateData, settings: TranslateSettings, loaded: network.TranslationModel):
        self.settings, (self.tokenizer, self.target_tokenizer, model) = settings, loaded
        self.model = model
        self.evaluation = data.evaluation.select(list(range(min(len(data.evaluation), settings.eval_rows))))
        self.max_length = min(settings.max_length, max_positions(getattr(model, "encoder", model)))
        self.train_data, self.eval_data = self._rows(data.train), self._rows(self.evaluation)
        self.start = model.config.decoder_start_token_id
        self.facts = {
            "rows": len(data.train),
            "eval_rows": len(self.evaluation),
            "max_length": self.max_length,
            "beams": settings.beams,
            "prefix": settings.prefix,
            "source_column": data.source_column,
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "baseline": self._baseline(data.train),
        }
        if len(self.evaluation):
            copied = report.scores(self.evaluation.sources, self.evaluation.targets)[0]["chrf"]
            by_words = Baseline(WORD_BY_WORD, self.facts["baseline"]["chrf"])
            self.baselines = (Baseline("the source, not translated", copied), by_words)
            signatures = report.scores(self.evaluation.targets, self.evaluation.targets)[1]
            self.facts["evaluated"] = (
                "Of the weights in this repository, on rows they were not trained on, "
                f"by sacreBLEU: {'; '.join(signatures)}."
            )
        if self.target_tokenizer is not self.tokenizer:
            self.facts["usage"] = cards.TRANSLATE_TWO_VOCABULARIES

    def _rows(self, pairs: SentencePairs) -> list[TokenizedPair]:
        if not len(pairs):
            return []
        sources = self._ids(self.tokenizer, text=[self.settings.prefix + text for text in pairs.sources])
        targets = self._ids(self.target_tokenizer, text_target=pairs.targets)
        return [TokenizedPair(*pair) for pair in zip(sources, targets, strict=True)]

    def _ids(self, tokenizer: Any, **texts: list[str]) -> list[np.ndarray]:
        """Token ids, int32, of `text` (source side) or `text_target` (target side)."""
        rows = tokenizer(
            **texts,
            truncation=True,
            max_length=self.max_length,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        return [np.asarray(ids, dtype=np.int32) for ids in rows]

    def _baseline(self, train: SentencePairs) -> dict[str, Any]:
        """Metrics of translating word by word."""
        if not len(self.evaluation):
            return {}
        dictionary = word_by_word.learn_dictionary(train.sources, train.targets)
        translations = word_by_word.translate(self.evaluation.sources, dictionary)
        return {"name": WORD_BY_WORD, **report.scores(translations, self.evaluation.targets)[0]}

    def row_lengths(self, data: Sequence) -> Sequence[int] | None:
        return [len(row.source) + len(row.target) for row in data]

    def collate(self, rows: list[TokenizedPair], rng: np.random.Generator, training: bool) -> dict[str, torch.Tensor]:
        """`labels` are the target's tokens; `decoder_input_ids` the same, shifted right by one."""
        batch = pad([row.source for row in rows], [None] * len(rows), self.tokenizer.pad_token_id)
        batch.setdefault("attention_mask", torch.ones_like(batch["input_ids"]))
        targets = [row.target[1:] if self._has_start(row.target) else row.target for row in rows]
        labels = pad(targets, [None] * len(rows), self.target_tokenizer.pad_token_id)
        shifted = torch.cat((torch.full((len(rows), 1), self.start), labels["input_ids"][:, :-1]), 1)
        is_token = labels.get("attention_mask", torch.ones_like(shifted)) > 0
        targets = labels["input_ids"].masked_fill(~is_token, IGNORE_INDEX)
        return batch | {"decoder_input_ids": shifted, "labels": targets}

    def _has_start(self, ids: np.ndarray) -> bool:
        """Whether the tokenizer puts the decoder's start token before the target, as BERT's does."""
        return len(ids) > 1 and int(ids[0]) == self.start

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross entropy per target token with label smoothing (Szegedy et al., 2016), without padding, (tokens,)."""
        logits, labels = self._logits(model, batch)
        return functional.cross_entropy(logits, labels, reduction="none", label_smoothing=self.settings.label_smoothing)

    def _logits(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of the target's tokens, (tokens, vocabulary), and the tokens, (tokens,)."""
        logits = model(**{name: value for name, value in batch.items() if name != "labels"}).logits
        is_token = batch["labels"] != IGNORE_INDEX
        return logits[is_token].float(), batch["labels"][is_token]

    def predict(self, model: Any, batch: dict[str, torch.Tensor]) -> list[PairPrediction]:
        logits, labels = self._logits(model, batch)
        counts = (batch["labels"] != IGNORE_INDEX).sum(1)
        owners = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
        losses = functional.cross_entropy(logits, labels, reduction="none")
        sums = torch.zeros(len(counts), device=losses.device).index_add_(0, owners, losses)
        generated = model.generate(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            num_beams=self.settings.beams,
            max_length=self.max_length,
            early_stopping=True,
        )
        texts = network.decode(self.target_tokenizer, generated)
        return [PairPrediction(*values) for values in zip(texts, sums.tolist(), counts.tolist(), strict=True)]

    def score(self, outputs: list[PairPrediction]) -> Score:
        losses = [(output.loss, output.tokens) for output in outputs]
        found = report.score(self.evaluation, [output.translation for output in outputs], losses)
        value = found.metrics["chrf"]
        figure = Figure("chrf", "chrF", value, CHRF_MEANING, self.baselines, tolerance=CHRF_TOLERANCE)
        return dataclasses.replace(found, figures=(figure,))

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """Translations of the first held-out texts."""
        rows = self.eval_data[:PREVIEW_ROWS]
        if not rows:
            return []
        outputs = self.predict(model, {name: value.to(device) for name, value in self.evaluation_batch(rows).items()})
        return [
            {"text": f"{source} → {output.translation} (truth: {target})"}
            for source, target, output in zip(self.evaluation.sources, self.evaluation.targets, outputs, strict=False)
        ]

    def save(self, model: Any, folder: Path) -> None:
        """Write a folder for `AutoModelForSeq2SeqLM`; a separate target tokenizer goes to a folder inside."""
        loading.save_pretrained(model, self.tokenizer, folder, self.settings.half_precision)
        if self.target_tokenizer is not self.tokenizer:
            self.target_tokenizer.save_pretrained(folder / network.TARGET_TOKENIZER)

    def findings(self) -> list[Finding]:
        """Report truncated pairs, unknown tokens of both sides, and targets that the vocabulary cannot reproduce."""
        truncated = sum(
            len(row.source) >= self.max_length or len(row.target) >= self.max_length for row in self.train_data
        )
        findings = checks.position_findings(self.settings.max_length, self.max_length)
        if truncated:
            advice = "Raise max_length." if not findings else "Split them into sentences."
            title = f"{counted(truncated, 'pair')} truncated to {self.max_length} tokens per side"
            findings.append(Finding("amber", title, advice))
        findings += checks.unknown_token_findings([row.source for row in self.train_data], self.tokenizer)
        findings += checks.unknown_token_findings([row.target for row in self.train_data], self.target_tokenizer)
        return [*findings, *self._lossy_targets(), *report.metric_findings(self.evaluation.targets)]

    def _lossy_targets(self) -> list[Finding]:
        """Report the share of targets that change when encoded and decoded, and the characters that are lost."""
        if not self.eval_data:
            return []
        rows = [row for row, pair in enumerate(self.eval_data) if len(pair.target) < self.max_length][:100]
        targets = [self.evaluation.targets[row] for row in rows]
        decoded = network.decode(self.target_tokenizer, [self.eval_data[row].target for row in rows])
        lossy = [pair for pair in zip(targets, decoded, strict=True) if _letters(pair[0]) != _letters(pair[1])]
        if len(lossy) <= len(targets) / 10:
            return []
        lost = Counter(character for target, text in lossy for character in Counter(target) - Counter(text))
        characters = listed([repr(character) for character, _ in lost.most_common()], 8)
        remedy = "choose a model of the target's language" if self.settings.model else "give more training pairs"
        advice = f"It cannot write {characters}: {remedy}" if lost else f"It writes {lossy[0][1]!r}: {remedy}"
        advice += ", or train from scratch." if self.settings.model else " with these characters."
        return [
            Finding(
                "amber", f"The vocabulary cannot reproduce {len(lossy) / len(targets):.0%} of the translations", advice
            )
        ]


def _letters(text: str) -> str:
    """The text without spaces, which some tokenizers set around punctuation."""
    return "".join(text.split())
