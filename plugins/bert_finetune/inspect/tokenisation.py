"""How a tokenizer splits the words of a text into sub-words, and which it does not know."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from training.errors import UserError

MAX_WORDS = 12


def split_words(model: Any, text: str) -> dict[str, Any]:
    """How the tokenizer splits the words of a domain.

    Returns:
        words; pieces_a_word; unknown (share of the words with a piece that the vocabulary lacks); rows: the words cut into
        most pieces, [word, pieces, times].

    Raises:
        UserError: If there is no word.
    """
    words = Counter(text.split())
    if not words:
        raise UserError("There is no word: paste some text of your domain.")
    tokenizer = model.tokenizer
    found = tokenizer([f" {word}" for word in words], add_special_tokens=False, verbose=False)["input_ids"]
    sizes = np.asarray([len(ids) for ids in found])
    times = np.asarray(list(words.values()))
    unknown = np.asarray([tokenizer.unk_token_id in ids for ids in found])
    rows = []
    for place in np.argsort(-sizes, kind="stable")[:MAX_WORDS]:
        word = list(words)[place]
        rows.append([word, " ".join(tokenizer.convert_ids_to_tokens(found[place])), int(times[place])])
    return {
        "words": int(times.sum()),
        "pieces_a_word": round(float((sizes * times).sum() / times.sum()), 3),
        "unknown": round(float(times[unknown].sum() / times.sum()), 4),
        "rows": rows,
    }
