"""The tokenized corpus: all documents in one array of token ids, mapped from files that are made once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.data.array_files import ArrayWriter, map_array, smallest_ids
from training.data.corpora import kept, key_of
from training.data.documents import Document, Documents
from training.data.progress import report
from training.data.token_ids import TokenIds, one_ahead, token_ids
from training.data.tokenizer_key import tokenizer_key

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TOKENIZED_TOGETHER = 5000  # sentences per call of the tokenizer, shared by its threads; a token takes 500 bytes
VERSION = 1  # of the files; raise it when the same documents give other ones


@dataclass(frozen=True)
class TokenizedCorpus:
    """Concatenated tokenized documents.

    Args:
        tokens: Token ids without special tokens, of a type that holds the vocabulary, (tokens,).
        sentences: Start of each sentence in `tokens`, and the end, (sentences + 1,).
        documents: Start of each document in `tokens`, and the end, (documents + 1,).
        key: Names the content of mapped files; empty for arrays in memory.
    """

    tokens: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray
    key: str = ""

    def __len__(self) -> int:
        return len(self.documents) - 1


def tokenize_corpus(documents: Documents | Sequence[Document], tokenizer: PreTrainedTokenizerBase) -> TokenizedCorpus:
    """Tokenize documents of sentences, without special tokens; those on disk once, into files that are mapped."""
    tokens_of = tokenizer_key(tokenizer)
    if isinstance(documents, Documents) and tokens_of:
        return _kept_corpus(documents, tokenizer, key_of(version=VERSION, texts=documents.key, tokenizer=tokens_of))
    counts = np.asarray([len(document) for document in documents], dtype=np.int64)
    pieces = list(_tokenized(itertools.chain.from_iterable(documents), tokenizer))
    tokens = np.concatenate([ids for ids, _ in pieces] or [np.zeros(0, dtype=np.int32)])
    lengths = np.concatenate([lengths for _, lengths in pieces] or [np.zeros(0, dtype=np.int64)])
    sentences = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return TokenizedCorpus(tokens, sentences, sentences[_starts(counts)])


def _kept_corpus(documents: Documents, tokenizer: PreTrainedTokenizerBase, key: str) -> TokenizedCorpus:
    def make(folder: Path) -> None:
        ids_type, total, end, done = smallest_ids(len(tokenizer)), int(documents.counts().sum()), 0, 0
        with ArrayWriter(folder, "tokens", ids_type) as tokens, ArrayWriter(folder, "sentences", np.int64) as sentences:
            sentences.append(np.zeros(1))
            for ids, counts in one_ahead(_tokenized(documents.parts(), tokenizer)):
                tokens.append(ids)
                ends = end + np.cumsum(counts)
                sentences.append(ends)
                end, done = int(ends[-1]), done + len(counts)
                report("Cutting the texts into tokens", done, total)
        with ArrayWriter(folder, "documents", np.int64) as starts:
            starts.append(map_array(folder, "sentences")[_starts(documents.counts())])

    def load(folder: Path) -> TokenizedCorpus:
        tokens, sentences, documents = (map_array(folder, name) for name in ("tokens", "sentences", "documents"))
        return TokenizedCorpus(tokens, sentences, documents, key)

    return kept("tokens", key, make, load)


def _starts(counts: np.ndarray) -> np.ndarray:
    """First sentence of each document, and the number of all, (documents + 1,)."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def _tokenized(sentences: Iterator[str], tokenizer: PreTrainedTokenizerBase) -> Iterator[TokenIds]:
    """Token ids of many sentences end to end, and the tokens of each."""
    while batch := list(itertools.islice(sentences, TOKENIZED_TOGETHER)):
        yield token_ids(batch, tokenizer)
