"""The tokenized corpus: all documents in one array of token ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TOKENIZED_TOGETHER = 20_000  # sentences per call of the tokenizer, shared by its threads


@dataclass(frozen=True)
class TokenizedCorpus:
    """Concatenated tokenized documents.

    Args:
        tokens: Token ids without special tokens, int32, (tokens,).
        sentences: Start of each sentence in `tokens`, and the end, (sentences + 1,).
        documents: Start of each document in `tokens`, and the end, (documents + 1,).
    """

    tokens: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray

    def __len__(self) -> int:
        return len(self.documents) - 1


def tokenize_corpus(documents: list[list[str]], tokenizer: PreTrainedTokenizerBase) -> TokenizedCorpus:
    """Tokenize documents of sentences, without special tokens."""
    sentences = [sentence for document in documents for sentence in document]
    lengths, chunks = np.zeros(len(sentences), dtype=np.int64), []
    for start in range(0, len(sentences), TOKENIZED_TOGETHER):
        batch = tokenizer(
            sentences[start : start + TOKENIZED_TOGETHER],
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        lengths[start : start + len(batch)] = [len(ids) for ids in batch]
        chunks.append(np.fromiter((token for ids in batch for token in ids), dtype=np.int32))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    counts = np.concatenate([[0], np.cumsum([len(document) for document in documents], dtype=np.int64)])
    tokens = np.concatenate(chunks) if chunks else np.zeros(0, dtype=np.int32)
    return TokenizedCorpus(tokens, starts, starts[counts.astype(np.int64)])
