"""Inference with a token classifier: entities of a text or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForTokenClassification

from plugins.bert_finetune.encode.predictor import EncoderPredictor
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import batches_by_length, make_batch, max_batch_tokens
from plugins.bert_finetune.models.bf16_inference import bf16_matmuls
from plugins.bert_finetune.tag import schemes
from plugins.bert_finetune.tag.endpoints import Tag
from plugins.bert_finetune.tag.first_subword_layer import use_first_subword_layer, word_logits
from plugins.bert_finetune.tag.formats.conll import is_conll
from plugins.bert_finetune.tag.schemes import OUTSIDE, entity_spans
from plugins.bert_finetune.tag.scored_files import tag_conll, tag_table, word_tags
from plugins.bert_finetune.tag.windows import WordWindow, make_windows
from plugins.bert_finetune.tag.words import OF_OTHERS, WordRule
from training.errors import UserError


class TaggerPredictor(EncoderPredictor, Tag):
    """A token classifier with its tokenizer and the names of its tags.

    Args:
        rule: How the words that it was trained on were cut.
    """

    def __init__(self, model: Any, tokenizer: Any, max_length: int | None = None, rule: WordRule = OF_OTHERS):
        super().__init__(model, tokenizer, max_length)
        self.rule = rule
        self.selects_words = use_first_subword_layer(model)
        self.names = [model.config.id2label[number] for number in range(model.config.num_labels)]

    def tag(self, text: str) -> dict[str, Any]:
        if not text.strip():
            raise UserError("The text is empty: write something to find entities in.")
        return {"text": text, "entities": self.entities([text])[0]}

    def entities(self, texts: list[str]) -> list[list[dict[str, Any]]]:
        """Entities of each text: text, label, start, end (characters) and the mean probability of their words."""
        offsets = [self.rule.split(text) for text in texts]
        words = [[text[start:end] for start, end in own] for text, own in zip(texts, offsets, strict=True)]
        rows = zip(texts, offsets, self.probabilities(words), strict=True)
        return [self._entities(text, own, probabilities) for text, own, probabilities in rows]

    def _entities(self, text: str, offsets: list[tuple[int, int]], probabilities: np.ndarray) -> list[dict[str, Any]]:
        """Entities of one text, from the probabilities of its words, (words, tags)."""
        best = probabilities.argmax(1)
        confidence = probabilities[np.arange(len(best)), best]
        return [
            {
                "text": text[offsets[span.start][0] : offsets[span.end - 1][1]],
                "label": span.label,
                "start": offsets[span.start][0],
                "end": offsets[span.end - 1][1],
                "probability": round(float(confidence[span.start : span.end].mean()), 6),
            }
            for span in entity_spans([self.names[number] for number in best])
        ]

    def probabilities(self, sentences: list[list[str]]) -> list[np.ndarray]:
        """Tag probabilities of the words of each sentence, (words, tags) each."""
        windows = make_windows(sentences, self.tokenizer, self.max_length)
        probabilities = [np.zeros((len(words), len(self.names)), dtype=np.float32) for words in sentences]
        flat = [(number, window) for number, own in enumerate(windows) for window in own]
        for rows in batches_by_length([len(window.ids) for _, window in flat], max_batch_tokens(self.model)):
            values = self._probabilities([flat[row][1] for row in rows])
            for (number, window), value in zip([flat[row] for row in rows], values, strict=True):
                probabilities[number][window.start : window.start + len(window.firsts)] = value
        return probabilities

    def _probabilities(self, windows: list[WordWindow]) -> list[np.ndarray]:
        """Tag probabilities of the words of each window, (words, tags) each."""
        ids = [window.ids for window in windows]
        batch, starts = make_batch(ids, [None] * len(ids), self.tokenizer.pad_token_id, False)
        firsts = [window.firsts + start for window, start in zip(windows, starts, strict=True)]
        positions = torch.as_tensor(np.concatenate(firsts)).to(self.model.device)
        inputs = {name: value.to(self.model.device) for name, value in batch.items()}
        with torch.inference_mode():
            logits = word_logits(self.model, inputs, positions, self.selects_words)
        ends = np.cumsum([len(window.firsts) for window in windows])[:-1]
        return np.split(logits.float().softmax(-1).cpu().numpy(), ends)

    def tag_words(self, sentences: list[list[str]]) -> list[list[str]]:
        """Tags of words as a file cuts them: that of the first piece of a word that is in an entity."""
        pieces = [[self.rule.words(word) for word in words] for words in sentences]
        flat = [[piece for word in words for piece in word] for words in pieces]
        tagged = []
        for words, probabilities in zip(pieces, self.probabilities(flat), strict=True):
            names = [self.names[number] for number in probabilities.argmax(1)]
            counts = [len(word) for word in words]
            if schemes.lack_prefixes(set(self.names)):
                starts = np.cumsum([0, *counts[:-1]])
                tagged.append([names[start] if n else OUTSIDE for start, n in zip(starts, counts, strict=True)])
            else:
                tagged.append(word_tags(counts, entity_spans(names)))
        return tagged

    def tag_file(self, file: Path) -> Path:
        with bf16_matmuls(self.model):
            if is_conll(file):
                return tag_conll(file, self.tag_words)
            return tag_table(file, self.tag_words, self.entities)


def load(folder: Path) -> TaggerPredictor:
    """Load an artifact, or any repository with a fine-tuned token classifier."""
    model, tokenizer = loading.load_for_inference(folder, AutoModelForTokenClassification, "a tagger")
    facts = loading.facts_of(folder)
    return TaggerPredictor(model, tokenizer, facts.get("max_length"), WordRule.from_facts(facts))
