"""The text to pre-train on: documents of sentences, out of a text file, a column of a table, or a Hub data set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.bert_finetune.pretrain.sentences import split_sentences
from training.columns import guess_text_columns
from training.data import Table, fingerprint, read_table
from training.errors import UserError
from training.preflight import Finding
from training.text_encoding import find_encoding
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.settings import PretrainSettings

Document = list[str]  # its sentences
TEXT = (".txt", ".text", ".md", "")
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
    path = Path(source)
    if source and _is_plain_text(path):
        file, notices = find_encoding(path)
        with file.open() as lines:
            return _documents(lines), notices
    table = read_table(path) if source else _hub_table(settings.dataset)
    column = settings.text_column or guess_text_columns(table, need_label=False).text
    return [split_sentences(text) for text in table.strings(column) if text and text.strip()], list(table.notices)


def digest(settings: PretrainSettings) -> str:
    """SHA-256 of the text file, for the model card."""
    return fingerprint(Path(settings.data)) if settings.data else ""


def _is_plain_text(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return (suffixes[-1] if suffixes else "") in TEXT


def _hub_table(name: str) -> Table:
    from training.hub_data import load_hub_dataset

    if not name:
        raise UserError("There is no text: give a file (data) or a Hub data set (dataset).")
    return load_hub_dataset(name, "train")


def _documents(lines: Iterable[str]) -> list[Document]:
    documents: list[Document] = [[]]
    for line in lines:
        if line.strip():
            documents[-1].extend(split_sentences(line))
        elif documents[-1]:
            documents.append([])
    return [document for document in documents if document]


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


def hold_out(documents: list[Document], share: float, seed: int) -> tuple[list[Document], list[Document]]:
    """Whole documents for training and for evaluation; of a single one, its end is held out."""
    if not share:
        return documents, []
    if len(documents) == 1:
        cut = max(1, round(len(documents[0]) * (1 - share)))
        return [documents[0][:cut]], [documents[0][cut:]] if documents[0][cut:] else []
    order = np.random.default_rng([seed, 3]).permutation(len(documents))
    held = set(order[: max(1, round(len(documents) * share))].tolist())
    return (
        [document for number, document in enumerate(documents) if number not in held],
        [document for number, document in enumerate(documents) if number in held],
    )


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
