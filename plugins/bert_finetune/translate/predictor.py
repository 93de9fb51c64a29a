"""Inference with a translation model: one text with alternatives, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForSeq2SeqLM

from plugins.bert_finetune.encode.predictor import EncoderPredictor
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import batches_by_length
from plugins.bert_finetune.translate.data import TRANSLATION, clean, source_texts
from plugins.bert_finetune.translate.endpoints import Translate
from plugins.bert_finetune.translate.network import decode, load_target_tokenizer
from training.data.predictions_csv import write_predictions
from training.data.table import read_table
from training.errors import UserError
from training.nn.load_pretrained import max_positions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MAX_BEAMS = 16
DEFAULT_MAX_LENGTH = 512  # tokens generated, if the artifact does not say


class TranslationPredictor(EncoderPredictor, Translate):
    """A translation model with its tokenizers and the facts of its training."""

    def __init__(self, model: Any, tokenizer: PreTrainedTokenizerBase, target_tokenizer: Any, facts: dict[str, Any]):
        self.max_new_tokens = int(facts.get("max_length", DEFAULT_MAX_LENGTH))
        positions = max_positions(getattr(model, "encoder", model))
        super().__init__(model, tokenizer, min(positions, tokenizer.model_max_length, self.max_new_tokens))
        self.target_tokenizer, self.prefix = target_tokenizer, str(facts.get("prefix", ""))
        self.source_column = str(facts.get("source_column", ""))

    def translate(self, text: str, beams: int = 4, alternatives: int = 3) -> dict[str, Any]:
        if not (text := clean(text)):
            raise UserError("The text is empty: write something to translate.")
        if not 1 <= beams <= MAX_BEAMS or not 0 <= alternatives <= MAX_BEAMS:
            raise UserError(
                f"beams must be 1 to {MAX_BEAMS} and alternatives 0 to {MAX_BEAMS}; "
                f"{beams} and {alternatives} were given."
            )
        count = len(self.tokenizer(self.prefix + text, verbose=False)["input_ids"])
        if count > self.max_length:
            limit = f"this model reads {self.max_length}. Translate it sentence by sentence."
            raise UserError(f"The text has {count} tokens; {limit}")
        ranked = self.translations([text], beams, min(alternatives + 1, beams))[0]
        distinct = list(dict(reversed(ranked)).items())[::-1]
        records = [{"translation": translation, "score": score} for translation, score in distinct]
        return {**records[0], "alternatives": records[1:]}

    def translations(self, texts: list[str], beams: int, count: int = 1) -> list[list[tuple[str, float]]]:
        """Return the best translations of each text with their scores (mean log-probability per token), best first."""
        ids = self.tokenizer(
            [self.prefix + text for text in texts],
            truncation=True,
            max_length=self.max_length,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        ranked: list[list[tuple[str, float]]] = [[] for _ in texts]
        for rows in batches_by_length([beams * len(tokens) for tokens in ids]):
            batch = self.tokenizer.pad({"input_ids": [ids[row] for row in rows]}, return_tensors="pt")
            with torch.inference_mode():
                output = self.model.generate(
                    input_ids=batch["input_ids"].to(self.model.device),
                    attention_mask=batch["attention_mask"].to(self.model.device),
                    num_beams=beams,
                    num_return_sequences=count,
                    max_length=self.max_new_tokens,
                    early_stopping=True,
                    return_dict_in_generate=True,
                    output_scores=True,
                )
            translations = decode(self.target_tokenizer, output.sequences)
            scores = output.sequences_scores.tolist() if beams > 1 else self._greedy_scores(output)
            for number, row in enumerate(rows):
                own = slice(number * count, (number + 1) * count)
                pairs = zip(translations[own], scores[own], strict=True)
                ranked[row] = [(text, round(score, 6)) for text, score in pairs]
        return ranked

    def _greedy_scores(self, output: Any) -> list[float]:
        """Mean log-probability per token of greedy decoding, the end token included, as beam search gives it."""
        steps = self.model.compute_transition_scores(output.sequences, output.scores, normalize_logits=True)
        written = output.sequences[:, -steps.shape[1] :] != self.model.generation_config.pad_token_id
        return (steps.masked_fill(~written, 0).sum(1) / written.sum(1).clamp(min=1)).tolist()

    def translate_file(self, file: Path, beams: int = 4) -> Path:
        table = read_table(file)
        texts = source_texts(table, self.source_column)
        full = [row for row, text in enumerate(texts) if text]
        ranked = self.translations([texts[row] for row in full], beams) if full else []
        cells = {row: [best[0][0]] for row, best in zip(full, ranked, strict=True)}
        return write_predictions(table, (TRANSLATION,), cells)


def load(folder: Path) -> TranslationPredictor:
    """Load an artifact, or any repository with a sequence-to-sequence model."""
    model, tokenizer = loading.load_for_inference(folder, AutoModelForSeq2SeqLM, "a translation model")
    return TranslationPredictor(model, tokenizer, load_target_tokenizer(folder, tokenizer), loading.facts_of(folder))
