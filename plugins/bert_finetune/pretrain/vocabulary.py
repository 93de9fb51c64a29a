"""The WordPiece vocabulary of a new network: learned once from the training documents, or from a sample of many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from plugins.bert_finetune.models.wordpiece import learn_wordpiece, with_special_tokens
from training.data.corpora import kept, key_of
from training.data.documents import Documents
from training.data.progress import report
from training.data.text_sample import evenly, sample_title
from training.preflight.sheet import Finding

MAX_CHARACTERS = 30_000_000  # to learn from; more change the vocabulary little
VERSION = 1  # raise it when the same documents give another vocabulary


def train_vocabulary(documents: Documents, size: int, max_length: int) -> PreTrainedTokenizerFast:
    """The tokenizer of `train_wordpiece` for these documents, or for a sample spread evenly over them."""

    def make(folder: Path) -> None:
        report("Learning the vocabulary", 0, 1)
        learn_wordpiece(lambda: sample(documents), size).save(str(folder / "tokenizer.json"))

    key = key_of(version=VERSION, texts=documents.key, size=size, characters=MAX_CHARACTERS)
    words = kept("vocabulary", key, make, lambda folder: Tokenizer.from_file(str(folder / "tokenizer.json")))
    return with_special_tokens(words, max_length)


def sample(documents: Documents) -> Iterator[str]:
    """Sentences that the vocabulary is learned from: all of them, or evenly spaced ones of `MAX_CHARACTERS` in all."""
    return evenly(documents.parts(), documents.characters, MAX_CHARACTERS)


def sample_finding(characters: int) -> list[Finding]:
    """Report that the vocabulary was learned from a part of the text, if so."""
    title = sample_title(characters, MAX_CHARACTERS)
    return [Finding("green", title)] if title else []
