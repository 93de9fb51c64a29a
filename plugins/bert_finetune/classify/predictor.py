"""Inference with a text classifier: one text, a file, explanation by occlusion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification

from plugins.bert_finetune.classify.cls_only_layer import cls_only_copy
from plugins.bert_finetune.classify.endpoints import Classify
from plugins.bert_finetune.classify.labelled_texts import clean_text
from plugins.bert_finetune.encode.predictor import EncoderPredictor
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import batches_by_length, max_batch_tokens, pad
from plugins.bert_finetune.models.bf16_inference import bf16_matmuls
from plugins.bert_finetune.zero_shot.predict import ENTAILMENT, SIMILARITY
from training.data.column_guess import guess_text_columns
from training.data.predictions_csv import write_predictions
from training.data.table import Table, read_table
from training.errors import UserError

MAX_WORDS = 200  # explained: one forward pass per word
MAX_TOKEN_CHARACTERS = 20  # assumed per token if the tokenizer gives no offsets


class ClassifierPredictor(EncoderPredictor, Classify):
    """A classifier with its tokenizer, label names and the record of its training."""

    def __init__(self, model: Any, tokenizer: Any, record: dict[str, Any]):
        facts = record.get("facts", {})
        super().__init__(model, tokenizer, facts.get("max_length"))
        self.record, self.facts = record, facts
        self.cls_only = cls_only_copy(self.model)
        self.names = [model.config.id2label[number] for number in range(model.config.num_labels)]
        self.multi_label = model.config.problem_type == "multi_label_classification"
        # As the pipeline of transformers finds it: natural language inference has a label that begins so.
        self.entailment = next((i for i, name in enumerate(self.names) if name.lower().startswith("entail")), None)
        self.comparison = SIMILARITY if self.entailment is None else ENTAILMENT

    def classify(self, text: str, text_pair: str = "") -> dict[str, Any]:
        text, text_pair = self._checked(text, text_pair)
        row = self.probabilities([text], [text_pair] if text_pair else None)[0]
        return {
            "label": self._label(row),
            "probabilities": {name: round(float(value), 6) for name, value in zip(self.names, row, strict=True)},
        }

    def probabilities(self, texts: list[str], pairs: list[str] | None = None) -> np.ndarray:
        """Probability of every label, (texts, labels). Texts are batched by length, up to a number of tokens."""
        encoded = self.tokenizer(
            texts,
            pairs,
            truncation=True,
            max_length=self.max_length,
            return_token_type_ids=pairs is not None,
            return_attention_mask=False,
        )
        types = encoded.get("token_type_ids") or [None] * len(texts)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        probabilities = np.zeros((len(texts), len(self.names)), dtype=np.float32)
        for rows in batches_by_length(lengths, max_batch_tokens(self.model)):
            logits = self._logits(
                pad(
                    [np.asarray(encoded["input_ids"][row]) for row in rows],
                    [types[row] for row in rows],
                    self.tokenizer.pad_token_id,
                )
            )
            probabilities[rows] = (logits.sigmoid() if self.multi_label else logits.softmax(-1)).float().cpu().numpy()
        return probabilities

    def compare(self, texts: Sequence[str], sentences: Sequence[str]) -> np.ndarray:
        """Probability that the text entails the sentence (Yin et al., 2019), where the weights were trained for it."""
        if self.entailment is None:
            return super().compare(texts, sentences)
        premises, hypotheses = zip(*product(texts, sentences), strict=True)
        with bf16_matmuls(self.cls_only):
            entailed = self.probabilities([*premises], [*hypotheses])[:, self.entailment]
        return entailed.reshape(len(texts), len(sentences))

    def _logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.inference_mode():
            return self.cls_only(**{name: value.to(self.model.device) for name, value in batch.items()}).logits.float()

    def classify_file(self, file: Path) -> Path:
        table = read_table(file)
        text, pair = self._columns(table)
        texts = [clean_text(value) for value in table.strings(text)]
        pairs = [clean_text(value) for value in table.strings(pair)] if pair else None
        full = [row for row, value in enumerate(texts) if value]
        with bf16_matmuls(self.cls_only):
            scores = (
                self.probabilities([texts[row] for row in full], [pairs[row] for row in full] if pairs else None)
                if full
                else np.zeros((0, len(self.names)))
            )
        cells = {row: self._cells(values) for row, values in zip(full, scores, strict=True)}
        return write_predictions(table, ("predicted_label", "probability"), cells)

    def _cells(self, row: np.ndarray) -> list[str]:
        label = self._label(row)
        return ["|".join(label) if isinstance(label, list) else label, f"{float(row.max()):.6f}"]

    def _columns(self, table: Table) -> tuple[str, str]:
        text, pair = self.facts.get("text_column", ""), self.facts.get("text_pair_column", "")
        if text in table.names and (not pair or pair in table.names):
            return text, pair
        guessed = guess_text_columns(table, need_label=False)
        if not pair:
            return guessed.text, ""
        if not guessed.text_pair:
            raise UserError(
                f"This model takes pairs; {table.source} has no second text column. It has: {', '.join(table.names)}."
            )
        return guessed.text, guessed.text_pair

    def explain(self, text: str, text_pair: str = "") -> dict[str, Any]:
        # Occlusion (Zeiler & Fergus, 2014): the log-odds of the predicted label with and without each word.
        text, text_pair = self._checked(text, text_pair)
        mask = self.tokenizer.mask_token or self.tokenizer.unk_token or ""
        count, text = len(text.split()), self._truncate(text, text_pair)
        spans = [match.span() for match in re.finditer(r"\S+", text)][:MAX_WORDS]
        texts = [text, *(text[:start] + mask + text[end:] for start, end in spans)]
        scores = self.probabilities(texts, [text_pair] * len(texts) if text_pair else None)
        chosen = int(scores[0].argmax())
        odds = _log_odds(scores[:, chosen])
        words = [
            {"word": text[start:end], "weight": round(float(odds[0] - odds[number]), 4)}
            for number, (start, end) in enumerate(spans, 1)
        ]
        return {
            "label": self.names[chosen],
            "probability": round(float(scores[0, chosen]), 6),
            "words": words,
            "words_left_out": count - len(words),
            "tokens": self.tokenizer.tokenize(text)[: self.max_length],
        }

    def _truncate(self, text: str, text_pair: str) -> str:
        """Return the part of a text that the model reads."""
        if not self.tokenizer.is_fast:
            return text[: MAX_TOKEN_CHARACTERS * self.max_length]
        encoded = self.tokenizer(
            text, text_pair or None, truncation=True, max_length=self.max_length, return_offsets_mapping=True
        )
        offsets = zip(encoded["offset_mapping"], encoded.sequence_ids(), strict=True)
        own = [span for span, text_number in offsets if text_number == 0]
        return text[own[0][0] : own[-1][1]] if own else ""

    def _checked(self, text: str, text_pair: str) -> tuple[str, str]:
        text, text_pair = clean_text(text), clean_text(text_pair)
        if not text:
            raise UserError("The text is empty: write something to classify.")
        if self.facts.get("text_pair_column") and not text_pair:
            raise UserError("This model was trained on pairs of texts: give the second text (text_pair) too.")
        return text, text_pair

    def _label(self, row: np.ndarray) -> str | list[str]:
        if self.multi_label:
            return [name for name, value in zip(self.names, row, strict=True) if value > 0.5]
        return self.names[int(row.argmax())]


def _log_odds(probability: np.ndarray) -> np.ndarray:
    safe = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.log(safe / (1 - safe))


P = TypeVar("P", bound=ClassifierPredictor)


def load(folder: Path) -> ClassifierPredictor:
    """Load an artifact, or any repository with a fine-tuned text classifier."""
    return load_as(ClassifierPredictor, folder)


def load_as(predictor: type[P], folder: Path) -> P:
    """As `load`, with a subclass of the predictor."""
    model, tokenizer = loading.load_for_inference(folder, AutoModelForSequenceClassification, "a text classifier")
    return predictor(model, tokenizer, loading.record_of(folder))
