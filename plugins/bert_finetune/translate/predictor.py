"""A translator at work: one text with alternatives, and a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM

from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import batches_by_length
from plugins.bert_finetune.translate.network import load_target_tokenizer
from training.artifact import store
from training.data.column_guess import guess_text_columns
from training.data.predictions_csv import write_predictions
from training.data.table import read_table
from training.errors import UserError
from training.nn.load_pretrained import load_tokenizer

MOST_BEAMS = 16
LONGEST = 512  # tokens written, where the artifact does not say


class Translator:
    """An encoder-decoder with its tokenizers and the facts of its training."""

    def __init__(self, model: Any, tokenizer: Any, target_tokenizer: Any, facts: dict[str, Any]):
        self.model, self.tokenizer, self.target_tokenizer = model.eval(), tokenizer, target_tokenizer
        self.prefix = str(facts.get("prefix", ""))
        self.longest = int(facts.get("max_length", LONGEST))
        reads = loading.positions(getattr(model, "encoder", model))
        self.max_length = min(reads, tokenizer.model_max_length, self.longest)

    @classmethod
    def load(cls, folder: Path) -> Translator:
        """Read an artifact, or any repository with a sequence-to-sequence model."""
        facts = store.read_record(folder).get("facts", {}) if (folder / store.RECORD).is_file() else {}
        model = loading.load_network(folder, AutoModelForSeq2SeqLM, "a translator")
        device = "cuda" if torch.cuda.is_available() else "cpu"
        tokenizer = load_tokenizer(folder)
        return cls(model.to(device), tokenizer, load_target_tokenizer(folder, tokenizer), facts)

    def translate(self, text: str, beams: int = 4, alternatives: int = 3) -> dict[str, Any]:
        """The likeliest translation by beam search, and the next ones.

        Raises:
            UserError: If the text is empty or too long, or a number is out of its range.
        """
        if not text.strip():
            raise UserError("The text is empty: write something to translate.")
        if not 1 <= beams <= MOST_BEAMS or not 0 <= alternatives <= MOST_BEAMS:
            raise UserError(
                f"beams are 1 to {MOST_BEAMS} and alternatives 0 to {MOST_BEAMS}; {beams} and {alternatives} were given."
            )
        count = len(self.tokenizer(self.prefix + text, verbose=False)["input_ids"])
        if count > self.max_length:
            raise UserError(f"The text has {count} tokens; this model reads {self.max_length}. Give it sentence by sentence.")  # fmt: skip
        found = self.translations([text], beams, min(alternatives + 1, beams))[0]
        distinct = list(dict(reversed(found)).items())[::-1]
        records = [{"translation": said, "score": score} for said, score in distinct]
        return {**records[0], "alternatives": records[1:]}

    def translations(self, texts: list[str], beams: int, count: int = 1) -> list[list[tuple[str, float]]]:
        """For each text its best translations with their scores: mean log-probability a token, best first."""
        ids = self.tokenizer([self.prefix + text for text in texts], truncation=True, max_length=self.max_length, return_token_type_ids=False, verbose=False)["input_ids"]  # fmt: skip
        out: list[list[tuple[str, float]]] = [[] for _ in texts]
        for rows in batches_by_length([beams * len(each) for each in ids]):
            batch = self.tokenizer.pad({"input_ids": [ids[row] for row in rows]}, return_tensors="pt")
            with torch.inference_mode():
                found = self.model.generate(
                    input_ids=batch["input_ids"].to(self.model.device),
                    attention_mask=batch["attention_mask"].to(self.model.device),
                    num_beams=beams,
                    num_return_sequences=count,
                    max_length=self.longest,
                    early_stopping=True,
                    return_dict_in_generate=True,
                    output_scores=True,
                )
            said = self.target_tokenizer.batch_decode(found.sequences, skip_special_tokens=True)
            scores = found.sequences_scores.tolist() if beams > 1 else self._greedy_scores(found)
            for place, row in enumerate(rows):
                part = slice(place * count, (place + 1) * count)
                out[row] = [
                    (text.strip(), round(score, 6)) for text, score in zip(said[part], scores[part], strict=True)
                ]
        return out

    def _greedy_scores(self, found: Any) -> list[float]:
        """Mean log-probability a token of what one beam wrote, the end included, as beam search gives it."""
        steps = self.model.compute_transition_scores(found.sequences, found.scores, normalize_logits=True)
        written = found.sequences[:, -steps.shape[1] :] != self.model.generation_config.pad_token_id
        return (steps.masked_fill(~written, 0).sum(1) / written.sum(1).clamp(min=1)).tolist()

    def translate_file(self, file: Path, beams: int = 4) -> Path:
        """A translation of every row of a table with a text column; what is too long is cut.

        Raises:
            UserError: If the file cannot be read, or has no text column.
        """
        table = read_table(file)
        texts = table.strings(guess_text_columns(table, need_label=False).text)
        full = [row for row, text in enumerate(texts) if text and text.strip()]
        found = self.translations([texts[row] or "" for row in full], beams) if full else []
        return write_predictions(
            table, ("translation",), {row: [one[0][0]] for row, one in zip(full, found, strict=True)}
        )
