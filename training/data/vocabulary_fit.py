"""Whether the vocabulary of a tokenizer was made for texts like these: how many tokens their words are cut into."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

TEXTS, CHARACTERS = 200, 1000  # looked at, and of each


@dataclass(frozen=True)
class VocabularyFit:
    """Of a sample of texts.

    Args:
        tokens_per_word: English under an English vocabulary of 8,000 has 1.3 to 1.7, German 2.7.
        unknown_share: Tokens that stand for what the vocabulary lacks.
    """

    tokens_per_word: float
    unknown_share: float


def vocabulary_fit(tokenizer_file: Path, texts: Iterable[str]) -> VocabularyFit:
    """Cut the first texts into tokens; without a word in them, both numbers are 0.

    Args:
        tokenizer_file: tokenizer.json of the `tokenizers` library.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    sample = [text[:CHARACTERS] for text in islice(texts, TEXTS)]
    ids = [token for text in tokenizer.encode_batch(sample, add_special_tokens=False) for token in text.ids]
    unknown = [tokenizer.token_to_id(name) for name in ("[UNK]", "<unk>")]
    words = sum(len(text.split()) for text in sample)
    return VocabularyFit(len(ids) / max(1, words), sum(token in unknown for token in ids) / max(1, len(ids)))
