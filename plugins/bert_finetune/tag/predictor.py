"""A fine-tuned tagger at work: the entities of a text, of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForTokenClassification

from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import batch_of, batches_by_length, most_tokens
from plugins.bert_finetune.models.bf16_inference import quick_products
from plugins.bert_finetune.tag.conll import is_conll, read_conll
from plugins.bert_finetune.tag.first_subword_layer import reads_first_pieces, word_logits
from plugins.bert_finetune.tag.schemes import spans
from plugins.bert_finetune.tag.windows import Window, split_words, windows
from training.artifact import store
from training.data.column_guess import guess_text_columns
from training.data.predictions_csv import write_predictions
from training.data.table import Table, read_table, text_table
from training.errors import UserError
from training.nn.load_pretrained import load_tokenizer


class Tagger:
    """An encoder with a tag for every word, its tokenizer and the names of its tags."""

    def __init__(self, model: Any, tokenizer: Any, max_length: int):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.reads_pieces = reads_first_pieces(model)
        self.names = [model.config.id2label[number] for number in range(model.config.num_labels)]
        self.max_length = min(max_length, loading.positions(model), 8192)

    @classmethod
    def load(cls, folder: Path) -> Tagger:
        """Read an artifact, or any repository with a fine-tuned token classifier."""
        facts = store.read_record(folder).get("facts", {}) if (folder / store.RECORD).is_file() else {}
        model = loading.load_network(folder, AutoModelForTokenClassification, "a tagger")
        tokenizer = load_tokenizer(folder)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(model.to(device), tokenizer, facts.get("max_length", tokenizer.model_max_length))

    def tag(self, text: str) -> dict[str, Any]:
        """The entities of a text of any length.

        Raises:
            UserError: If the text is empty.
        """
        if not text.strip():
            raise UserError("The text is empty: write something to look for names in.")
        return {"text": text, "entities": self.entities([text])[0]}

    def entities(self, texts: list[str]) -> list[list[dict[str, Any]]]:
        """For each text its entities: text, label, start, end (characters) and the mean probability of their words."""
        places = [split_words(text) for text in texts]
        words = [[text[start:end] for start, end in each] for text, each in zip(texts, places, strict=True)]
        found = []
        for text, each, probabilities in zip(texts, places, self.probabilities(words), strict=True):
            best = probabilities.argmax(1)
            tags = [self.names[number] for number in best]
            sure = probabilities[np.arange(len(best)), best]
            found.append(
                [
                    {
                        "text": text[each[span.start][0] : each[span.end - 1][1]],
                        "label": span.label,
                        "start": each[span.start][0],
                        "end": each[span.end - 1][1],
                        "probability": round(float(sure[span.start : span.end].mean()), 6),
                    }
                    for span in spans(tags)
                ]
            )
        return found

    def probabilities(self, sentences: list[list[str]]) -> list[np.ndarray]:
        """Probability of every tag for every word: an array a sentence, (words, tags)."""
        cut = windows(sentences, self.tokenizer, self.max_length)
        out = [np.zeros((len(words), len(self.names)), dtype=np.float32) for words in sentences]
        flat = [(number, window) for number, parts in enumerate(cut) for window in parts]
        for rows in batches_by_length([len(window.ids) for _, window in flat], most_tokens(self.model)):
            values = self._probabilities([flat[row][1] for row in rows])
            for (number, window), found in zip([flat[row] for row in rows], values, strict=True):
                out[number][window.start : window.start + len(window.firsts)] = found
        return out

    def _probabilities(self, parts: list[Window]) -> list[np.ndarray]:
        """Of the words of each window, (words, tags)."""
        batch, starts = batch_of([part.ids for part in parts], [None] * len(parts), self.tokenizer.pad_token_id, False)
        places = np.concatenate([part.firsts + start for part, start in zip(parts, starts, strict=True)])
        inputs = {name: value.to(self.model.device) for name, value in batch.items()}
        with torch.inference_mode():
            logits = word_logits(self.model, inputs, torch.as_tensor(places).to(self.model.device), self.reads_pieces)
        ends = np.cumsum([len(part.firsts) for part in parts])[:-1]
        return np.split(logits.softmax(-1).cpu().numpy(), ends)

    def tag_file(self, file: Path) -> Path:
        """The entities of every row of a table, or of every sentence of a CoNLL file, as JSON in a column of their own.

        Raises:
            UserError: If the file cannot be read, or has no text column.
        """
        table = _table(file)
        texts = table.strings(guess_text_columns(table, need_label=False).text)
        full = [row for row, text in enumerate(texts) if text and text.strip()]
        with quick_products(self.model):
            found = self.entities([texts[row] or "" for row in full])
        said = {row: [json.dumps(each, ensure_ascii=False)] for row, each in zip(full, found, strict=True)}
        return write_predictions(table, ("entities",), said)


def _table(file: Path) -> Table:
    if not is_conll(file):
        return read_table(file)
    return text_table({"text": [" ".join(one.words) for one in read_conll(file)[0]]}, file.name)
