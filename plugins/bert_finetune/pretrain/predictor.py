"""A pre-trained encoder at work: hidden words, following sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from transformers import AutoModelForMaskedLM, BertForPreTraining

from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import batches_by_length, most_tokens, pad
from plugins.bert_finetune.models.bf16_inference import quick_products
from plugins.bert_finetune.pretrain import network
from training.data.column_guess import guess_text_columns
from training.data.predictions_csv import write_predictions
from training.data.table import read_table
from training.errors import UserError
from training.nn.load_pretrained import load_tokenizer

HOLE = re.compile(r"\[MASK\]|<mask>|_{3,}", re.IGNORECASE)
MOST_WORDS = 50


class LanguageModel:
    """Tokenizer and network with the heads of pre-training."""

    def __init__(self, model: Any, tokenizer: Any):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.max_length = min(loading.positions(model), tokenizer.model_max_length)

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
        network.quicken(model)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(model.to(device), load_tokenizer(folder))

    def fill_mask(self, text: str, top: int = 5) -> dict[str, Any]:
        """The most probable words at every mask of `text`.

        Raises:
            UserError: If there is no mask, the text is too long, or the model knows no mask.
        """
        self._need_mask()
        if not HOLE.search(text):
            raise UserError(
                "There is no [MASK] in the text: put one where a word is to be guessed, as in: I [MASK] it."
            )
        if not 1 <= top <= MOST_WORDS:
            raise UserError(f"top is {top}; a number from 1 to {MOST_WORDS} was expected.")
        return self._fill([text], top)[0]

    def _fill(self, texts: list[str], top: int) -> list[dict[str, Any]]:
        """As `fill_mask`, of texts that have a mask each."""
        out: list[dict[str, Any]] = [{}] * len(texts)
        for rows, batch, found in self._run([HOLE.sub(self.tokenizer.mask_token, text) for text in texts]):
            best = found.words.float().softmax(-1).topk(min(top, found.words.shape[-1]))
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
                said = HOLE.sub(lambda _, words=words: next(words)[0]["word"], texts[row])
                out[row] = {"text": said, "masks": own}
        return out

    def next_sentence(self, first: str, second: str) -> dict[str, Any]:
        """Whether `second` follows `first`.

        Raises:
            UserError: If one is empty, or the model was trained without pairs.
        """
        self._need_pairs()
        if not first.strip() or not second.strip():
            raise UserError("Give two sentences.")
        probability = self._follow([first], [second])[0]
        return {"follows": probability > 0.5, "probability": round(probability, 6)}

    def _follow(self, first: list[str], second: list[str]) -> list[float]:
        """For each pair the probability that the second text follows the first."""
        out = [0.0] * len(first)
        for rows, _, found in self._run(first, second):
            logits = cast(torch.Tensor, found.follows)  # every network with this head gives them
            for row, chances in zip(rows, logits.float().softmax(-1).tolist(), strict=True):
                out[row] = chances[0]
        return out

    def fill_mask_file(self, file: Path) -> Path:
        """The text filled in, and the words at its masks with their probabilities, for every row of a table with a [MASK].

        Raises:
            UserError: If the file cannot be read, or has no text column.
        """
        table = read_table(file)
        texts = table.strings(guess_text_columns(table, need_label=False).text)
        asked = {row: text for row, text in enumerate(texts) if text and HOLE.search(text)}
        if not asked:
            raise UserError(f"No text of {table.source} has a [MASK]: put one where a word is to be guessed.")
        self._need_mask()
        said = {}
        with quick_products(self.model):
            filled = self._fill(list(asked.values()), 1)
        for row, found in zip(asked, filled, strict=True):
            words = [f"{best[0]['word']} ({best[0]['probability']:.4f})" for best in found["masks"]]
            said[row] = [found["text"], ", ".join(words)]
        return write_predictions(table, ("filled_text", "words"), said)

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
        self._need_pairs()
        rows = zip(table.strings(columns.text), table.strings(columns.text_pair), strict=True)
        full = {row: (a or "", b or "") for row, (a, b) in enumerate(rows) if (a or "").strip() and (b or "").strip()}
        with quick_products(self.model):
            found = self._follow([a for a, _ in full.values()], [b for _, b in full.values()])
        said = {
            row: ["yes" if chance > 0.5 else "no", f"{chance:.6f}"] for row, chance in zip(full, found, strict=True)
        }
        return write_predictions(table, ("follows", "probability"), said)

    def _need_mask(self) -> None:
        if self.tokenizer.mask_token is None:
            raise UserError("This model has no mask token: it was not made to guess hidden words.")

    def _need_pairs(self) -> None:
        if not isinstance(self.model, BertForPreTraining):
            raise UserError("This model was pre-trained on hidden words alone: it cannot say what follows what.")

    def _run(
        self, texts: list[str], pairs: list[str] | None = None
    ) -> Iterator[tuple[list[int], dict[str, torch.Tensor], network.Output]]:
        """Row numbers, batch and output of texts of like length, the words at masks alone."""
        if not texts:
            return
        found = self.tokenizer(
            texts, pairs, return_token_type_ids=pairs is not None, return_attention_mask=False, verbose=False
        )
        ids, types = found["input_ids"], found.get("token_type_ids") or [None] * len(texts)
        lengths = [len(row) for row in ids]
        if max(lengths) > self.max_length:
            long = texts[lengths.index(max(lengths))]
            raise UserError(
                f"The text “{long[:60].strip()}…” has {max(lengths)} tokens; this model reads {self.max_length}."
            )
        device = next(self.model.parameters()).device
        for rows in batches_by_length(lengths, most_tokens(self.model)):
            own, kinds = [np.asarray(ids[row]) for row in rows], [types[row] for row in rows]
            batch = pad(own, kinds, self.tokenizer.pad_token_id)
            at_masks = batch["input_ids"].flatten() == self.tokenizer.mask_token_id
            batch["positions"] = at_masks.nonzero().flatten()
            with torch.inference_mode():
                out = network.forward(self.model, {name: value.to(device) for name, value in batch.items()})
            yield rows, batch, out
