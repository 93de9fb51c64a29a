"""Inference with a pre-trained encoder: fill mask, and next sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from transformers import AutoModelForMaskedLM, BertForPreTraining

from plugins._recognition import architectures
from plugins.bert_finetune.encode.predictor import EncoderPredictor
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import batches_by_length, max_batch_tokens, pad
from plugins.bert_finetune.models.bf16_inference import bf16_matmuls
from plugins.bert_finetune.pretrain import network
from plugins.bert_finetune.pretrain.endpoints import FillMask
from training.data.column_guess import guess_text_columns
from training.data.predictions_csv import write_predictions
from training.data.table import read_table
from training.errors import UserError

MASK_PATTERN = re.compile(r"\[MASK\]|<mask>|_{3,}", re.IGNORECASE)
MAX_WORDS = 50


class MaskedLMPredictor(EncoderPredictor, FillMask):
    """A masked language model with its tokenizer."""

    def fill_mask(self, text: str, top: int = 5) -> dict[str, Any]:
        self._check_mask_token()
        if not MASK_PATTERN.search(text):
            raise UserError(
                "There is no [MASK] in the text: put one in place of the word to predict, as in: I [MASK] it."
            )
        if not 1 <= top <= MAX_WORDS:
            raise UserError(f"top is {top}; a number from 1 to {MAX_WORDS} was expected.")
        return self._fill([text], top)[0]

    def _fill(self, texts: list[str], top: int) -> list[dict[str, Any]]:
        """As `fill_mask`, for texts with at least one mask each."""
        results: list[dict[str, Any]] = [{}] * len(texts)
        for rows, batch, output in self._run([MASK_PATTERN.sub(self.tokenizer.mask_token, text) for text in texts]):
            best = output.words.float().softmax(-1).topk(min(top, output.words.shape[-1]))
            masks = iter(
                [
                    {"word": self.tokenizer.decode([token]).strip(), "probability": round(value, 6)}
                    for token, value in zip(tokens, values, strict=True)
                ]
                for tokens, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
            )
            counts = (batch["input_ids"] == self.tokenizer.mask_token_id).sum(1).tolist()
            for row, count in zip(rows, counts, strict=True):
                own = list(islice(masks, count))
                words = iter(own)
                filled = MASK_PATTERN.sub(lambda _, words=words: next(words)[0]["word"], texts[row])
                results[row] = {"text": filled, "masks": own}
        return results

    def next_sentence(self, first: str, second: str) -> dict[str, Any]:
        self._check_next_sentence_head()
        if not first.strip() or not second.strip():
            raise UserError("Give two sentences.")
        probability = self._next_probabilities([first], [second])[0]
        return {"follows": probability > 0.5, "probability": round(probability, 6)}

    def _next_probabilities(self, first: list[str], second: list[str]) -> list[float]:
        """Probability that the second text follows the first, of each pair."""
        probabilities = [0.0] * len(first)
        for rows, _, output in self._run(first, second):
            logits = cast(torch.Tensor, output.next_logits)  # checked by _check_next_sentence_head
            for row, pair in zip(rows, logits.float().softmax(-1).tolist(), strict=True):
                probabilities[row] = pair[0]
        return probabilities

    def fill_mask_file(self, file: Path) -> Path:
        table = read_table(file)
        texts = table.strings(guess_text_columns(table, need_label=False).text)
        masked = {row: text for row, text in enumerate(texts) if text and MASK_PATTERN.search(text)}
        if not masked:
            raise UserError(f"No text of {table.source} has a [MASK]: put one in place of the word to predict.")
        self._check_mask_token()
        with bf16_matmuls(self.model):
            filled = self._fill(list(masked.values()), 1)
        cells = {}
        for row, result in zip(masked, filled, strict=True):
            words = [f"{best[0]['word']} ({best[0]['probability']:.4f})" for best in result["masks"]]
            cells[row] = [result["text"], ", ".join(words)]
        return write_predictions(table, ("filled_text", "words"), cells)

    def next_sentence_file(self, file: Path) -> Path:
        table = read_table(file)
        columns = guess_text_columns(table, need_label=False)
        if not columns.text_pair:
            raise UserError(
                f"{table.source} has the columns {', '.join(table.names)}. "
                "Expected two columns of texts, such as text1 and text2."
            )
        self._check_next_sentence_head()
        rows = zip(table.strings(columns.text), table.strings(columns.text_pair), strict=True)
        full = {row: (a or "", b or "") for row, (a, b) in enumerate(rows) if (a or "").strip() and (b or "").strip()}
        with bf16_matmuls(self.model):
            values = self._next_probabilities([a for a, _ in full.values()], [b for _, b in full.values()])
        cells = {row: ["yes" if value > 0.5 else "no", f"{value:.6f}"] for row, value in zip(full, values, strict=True)}
        return write_predictions(table, ("follows", "probability"), cells)

    def _check_mask_token(self) -> None:
        if self.tokenizer.mask_token is None:
            raise UserError("This model has no mask token: it is not a masked language model.")

    def _check_next_sentence_head(self) -> None:
        if not isinstance(self.model, BertForPreTraining):
            raise UserError("This model was pre-trained without next sentence prediction.")

    def _run(
        self, texts: list[str], pairs: list[str] | None = None
    ) -> Iterator[tuple[list[int], dict[str, torch.Tensor], network.PretrainOutput]]:
        """Yield row numbers, batch and output of batches of similar length; word logits at masks only."""
        if not texts:
            return
        encoded = self.tokenizer(
            texts, pairs, return_token_type_ids=pairs is not None, return_attention_mask=False, verbose=False
        )
        ids, types = encoded["input_ids"], encoded.get("token_type_ids") or [None] * len(texts)
        lengths = [len(row) for row in ids]
        if max(lengths) > self.max_length:
            long = texts[lengths.index(max(lengths))]
            raise UserError(
                f"The text “{long[:60].strip()}…” has {max(lengths)} tokens; this model reads {self.max_length}."
            )
        device = next(self.model.parameters()).device
        for rows in batches_by_length(lengths, max_batch_tokens(self.model)):
            batch = pad(
                [np.asarray(ids[row]) for row in rows], [types[row] for row in rows], self.tokenizer.pad_token_id
            )
            at_masks = batch["input_ids"].flatten() == self.tokenizer.mask_token_id
            batch["positions"] = at_masks.nonzero().flatten()
            with torch.inference_mode():
                output = network.forward(self.model, {name: value.to(device) for name, value in batch.items()})
            yield rows, batch, output


def load(folder: Path) -> MaskedLMPredictor:
    """Load an artifact, or any repository with a masked language model."""
    has_pairs = "BertForPreTraining" in architectures(folder)
    model_class = BertForPreTraining if has_pairs else AutoModelForMaskedLM
    model, tokenizer = loading.load_for_inference(folder, model_class, "a masked language model")
    network.compute_masked_only(model)
    return MaskedLMPredictor(model, tokenizer)
