"""The text to pre-train on: documents of sentences, out of a text file, a column of a table, or a Hub data set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.bert_finetune.pretrain.sentence_splitting import split_sentences
from training.data.text_documents import read_documents as read_parts
from training.preflight.sheet import Finding
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.settings import PretrainSettings

Document = list[str]  # its sentences
ENCODED_AT_ONCE = 20_000  # sentences: what the tokenizer's threads share


@dataclass(frozen=True)
class Corpus:
    """Tokenized documents end to end.

    Args:
        tokens: Token ids without special ones, int32, (tokens,).
        sentences: Where each sentence begins in `tokens`, and the end, (sentences + 1,).
        documents: Where each document begins in `tokens`, and the end, (documents + 1,).
    """

    tokens: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray

    def __len__(self) -> int:
        return len(self.documents) - 1


def read_documents(settings: PretrainSettings, source: str) -> tuple[list[Document], list[Finding]]:
    """Documents of a file, or of the data set where `source` is empty.

    A text file has a paragraph a line and a blank line between documents; in a table each row is a document.

    Raises:
        UserError: If nothing can be read.
    """
    found, notices = read_parts(source, settings.dataset, settings.text_column, _paragraphs)
    return [[each for part in document for each in split_sentences(part)] for document in found], notices


def _paragraphs(lines: Iterable[str]) -> list[Document]:
    found: list[Document] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [document for document in found if document]


def check_documents(documents: list[Document], settings: PretrainSettings) -> list[Finding]:
    """Say how much text there is, and whether the second objective can be had of it."""
    sentences = sum(len(document) for document in documents)
    if not sentences:
        advice = "Pre-training needs text: a paragraph a line, a blank line between documents."
        return [Finding("red", "The corpus is empty", advice)]
    if sentences < 2 and settings.next_objective != "none":
        advice = "Next sentences need two: give more text, or choose next_objective none for hidden words alone."
        return [Finding("red", "The corpus is one sentence", advice)]
    words = sum(len(sentence.split()) for document in documents for sentence in document)
    found = [
        Finding("green", f"{counted(len(documents), 'document')}, {counted(sentences, 'sentence')}, {words:,} words")
    ]
    if settings.next_objective == "nsp" and len(documents) < 2:
        advice = "A random next sentence comes from another document: part them by blank lines, or choose sop or none."
        found.append(Finding("red", "There is one document; next sentence prediction needs two", advice))
    if settings.next_objective != "none" and sum(len(document) < 2 for document in documents) > len(documents) / 2:
        advice = "They are cut in the middle to make pairs: next_objective none may serve better."
        found.append(Finding("amber", "Most documents have one sentence", advice))
    if words < 20_000:
        advice = "Continue from a pre-trained model, or give more text: it will be learned by heart."
        found.append(Finding("amber", f"Only {words:,} words", advice))
    return found


def encode(documents: list[Document], tokenizer: Any) -> Corpus:
    """Tokenize every sentence, without special tokens."""
    sentences = [sentence for document in documents for sentence in document]
    lengths, parts = np.zeros(len(sentences), dtype=np.int64), []
    for start in range(0, len(sentences), ENCODED_AT_ONCE):
        batch = tokenizer(
            sentences[start : start + ENCODED_AT_ONCE],
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        lengths[start : start + len(batch)] = [len(ids) for ids in batch]
        parts.append(np.fromiter((token for ids in batch for token in ids), dtype=np.int32))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    counts = np.concatenate([[0], np.cumsum([len(document) for document in documents], dtype=np.int64)])
    tokens = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
    return Corpus(tokens, starts, starts[counts.astype(np.int64)])
