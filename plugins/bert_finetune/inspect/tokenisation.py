"""Tokenisation of a text: the words with the most sub-words, and the share that the vocabulary does not know."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from plugins.bert_finetune.encode.predictor import EncoderPredictor
from training.errors import UserError

MAX_WORDS = 12


def split_words(model: EncoderPredictor, text: str) -> dict[str, Any]:
    """Split the words of a text into sub-words.

    Returns:
        words; subwords_per_word; unknown (share of the words with an unknown sub-word); rows: the words with the most
        sub-words, [word, sub-words, count].

    Raises:
        UserError: If there is no word.
    """
    words = Counter(text.split())
    if not words:
        raise UserError("There is no word: paste some text of your domain.")
    tokenizer, names = model.tokenizer, list(words)
    ids = tokenizer([f" {word}" for word in names], add_special_tokens=False, verbose=False)["input_ids"]
    lengths = np.asarray([len(tokens) for tokens in ids])
    counts = np.asarray(list(words.values()))
    unknown = np.asarray([tokenizer.unk_token_id in tokens for tokens in ids])
    longest = np.argsort(-lengths, kind="stable")[:MAX_WORDS]
    return {
        "words": int(counts.sum()),
        "subwords_per_word": round(float((lengths * counts).sum() / counts.sum()), 3),
        "unknown": round(float(counts[unknown].sum() / counts.sum()), 4),
        "rows": [[names[i], " ".join(tokenizer.convert_ids_to_tokens(ids[i])), int(counts[i])] for i in longest],
    }
