"""A pre-trained encoder at work: hidden words, following sentences."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForMaskedLM, BertForPreTraining

from plugins.bert_finetune import encoder
from training.columns import guess_text_columns
from training.data import read_table
from training.errors import UserError
from training.scored_file import write_scored

HOLE = re.compile(r"\[MASK\]|<mask>|_{3,}", re.IGNORECASE)
MOST_WORDS = 50


class LanguageModel:
    """Tokenizer and network with the heads of pre-training."""

    def __init__(self, model: Any, tokenizer: Any):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.max_length = min(encoder.positions(model), tokenizer.model_max_length)

    @classmethod
    def load(cls, folder: Path) -> LanguageModel:
        """Read what `pretrain` wrote, or any repository with a masked language model, in 32-bit numbers."""
        names = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures") or []
        kind = BertForPreTraining if "BertForPreTraining" in names else AutoModelForMaskedLM
        try:
            model: Any = kind.from_pretrained(
                str(folder), dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise UserError(f"{folder.name} cannot be loaded as a masked language model: {str(error)[:300]}") from None
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(model.to(device), encoder.load_tokenizer(folder))

    def fill_mask(self, text: str, top: int = 5) -> dict[str, Any]:
        """The most probable words at every mask of `text`.

        Raises:
            UserError: If there is no mask, the text is too long, or the model knows no mask.
        """
        mask = self.tokenizer.mask_token
        if mask is None:
            raise UserError("This model has no mask token: it was not made to guess hidden words.")
        if not HOLE.search(text):
            raise UserError(
                "There is no [MASK] in the text: put one where a word is to be guessed, as in: I [MASK] it."
            )
        if not 1 <= top <= MOST_WORDS:
            raise UserError(f"top is {top}; a number from 1 to {MOST_WORDS} was expected.")
        found = self._encode(HOLE.sub(mask, text))
        with torch.inference_mode():
            out = self.model(**found)
        logits = out.prediction_logits if hasattr(out, "prediction_logits") else out.logits
        at = (found["input_ids"][0] == self.tokenizer.mask_token_id).nonzero().flatten()
        best = logits[0, at].float().softmax(-1).topk(min(top, logits.shape[-1]))
        masks = [
            [
                {"word": self.tokenizer.decode([token]).strip(), "probability": round(value, 6)}
                for token, value in zip(tokens, values, strict=True)
            ]
            for tokens, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
        words = iter(masks)
        return {"text": HOLE.sub(lambda _: next(words)[0]["word"], text), "masks": masks}

    def next_sentence(self, first: str, second: str) -> dict[str, Any]:
        """Whether `second` follows `first`.

        Raises:
            UserError: If one is empty, or the model was trained without pairs.
        """
        if not isinstance(self.model, BertForPreTraining):
            raise UserError("This model was pre-trained on hidden words alone: it cannot say what follows what.")
        if not first.strip() or not second.strip():
            raise UserError("Give two sentences.")
        with torch.inference_mode():
            logits = self.model(**self._encode(first, second)).seq_relationship_logits
        probability = float(logits.float().softmax(-1)[0, 0])
        return {"follows": probability > 0.5, "probability": round(probability, 6)}

    def fill_mask_file(self, file: Path) -> Path:
        """The text filled in, and the words at its masks with their probabilities, for every row of a table with a [MASK].

        Raises:
            UserError: If the file cannot be read, or has no text column.
        """
        table = read_table(file)
        texts = table.strings(guess_text_columns(table, need_label=False).text)
        said = {}
        for row, text in enumerate(texts):
            if text and HOLE.search(text):
                found = self.fill_mask(text, 1)
                words = [f"{best[0]['word']} ({best[0]['probability']:.4f})" for best in found["masks"]]
                said[row] = [found["text"], ", ".join(words)]
        if not said:
            raise UserError(f"No text of {table.source} has a [MASK]: put one where a word is to be guessed.")
        return write_scored(table, ("filled_text", "words"), said)

    def next_sentence_file(self, file: Path) -> Path:
        """Whether B follows A, with its probability, for every row of a table with two text columns.

        Raises:
            UserError: If the file cannot be read, or has no two text columns.
        """
        table = read_table(file)
        columns = guess_text_columns(table, need_label=False)
        if not columns.text_pair:
            raise UserError(
                f"{table.source} has the columns {', '.join(table.names)}. Expected two of texts, such as text1 and text2."
            )
        rows = zip(table.strings(columns.text), table.strings(columns.text_pair), strict=True)
        said = {}
        for row, (first, second) in enumerate(rows):
            if (first or "").strip() and (second or "").strip():
                found = self.next_sentence(first or "", second or "")
                said[row] = ["yes" if found["follows"] else "no", f"{found['probability']:.6f}"]
        return write_scored(table, ("follows", "probability"), said)

    def _encode(self, *texts: str) -> Any:
        found = self.tokenizer(*texts, return_tensors="pt", verbose=False)
        if found["input_ids"].shape[1] > self.max_length:
            raise UserError(f"The text has {found['input_ids'].shape[1]} tokens; this model reads {self.max_length}.")
        return found.to(self.model.device)
