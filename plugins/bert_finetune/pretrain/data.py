"""The corpus: documents of sentences from a text file, a table or a Hub data set, and their tokens."""

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


def read_documents(settings: PretrainSettings, source: str) -> tuple[list[Document], list[Finding]]:
    """Read the documents of a file, or of the Hub data set if `source` is empty.

    A text file has one paragraph per line and a blank line between documents; in a table each row is a document.

    Raises:
        UserError: If nothing can be read.
    """
    documents, notices = read_parts(source, settings.dataset, settings.text_column, _paragraphs)
    return [[sentence for part in parts for sentence in split_sentences(part)] for parts in documents], notices


def _paragraphs(lines: Iterable[str]) -> list[Document]:
    documents: list[Document] = [[]]
    for line in lines:
        if line.strip():
            documents[-1].append(line)
        elif documents[-1]:
            documents.append([])
    return [document for document in documents if document]


def check_documents(documents: list[Document], settings: PretrainSettings) -> list[Finding]:
    """Report the size of the corpus, and whether it suits the sentence objective."""
    sentences = sum(len(document) for document in documents)
    if not sentences:
        advice = "Pre-training needs text: one paragraph per line, a blank line between documents."
        return [Finding("red", "The corpus is empty", advice)]
    if sentences < 2 and settings.sentence_objective != "none":
        advice = "Sentence pairs need two: give more text, or choose sentence_objective none."
        return [Finding("red", "The corpus is one sentence", advice)]
    words = sum(len(sentence.split()) for document in documents for sentence in document)
    findings = [
        Finding("green", f"{counted(len(documents), 'document')}, {counted(sentences, 'sentence')}, {words:,} words")
    ]
    if settings.sentence_objective == "nsp" and len(documents) < 2:
        advice = (
            "Random sentences come from another document: separate documents by blank lines, or choose sop or none."
        )
        findings.append(Finding("red", "There is one document; next sentence prediction needs two", advice))
    if settings.sentence_objective != "none" and sum(len(document) < 2 for document in documents) > len(documents) / 2:
        advice = "They are split in the middle to make pairs: sentence_objective none may be better."
        findings.append(Finding("amber", "Most documents have one sentence", advice))
    if words < 20_000:
        advice = "The model will memorise it: continue from a pre-trained model, or give more text."
        findings.append(Finding("amber", f"Only {words:,} words", advice))
    return findings


def tokenize_corpus(documents: list[Document], tokenizer: Any) -> TokenizedCorpus:
    """Tokenize every sentence, without special tokens."""
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
