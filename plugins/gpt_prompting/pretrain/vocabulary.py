"""The byte-level BPE vocabulary of a new network: learned once from the training rows, or from a sample of many."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from plugins.gpt_prompting.pretrain.bpe_tokenizer import chunks, learn_bpe, with_special_tokens
from plugins.gpt_prompting.pretrain.data import PretrainData
from training.data.corpora import kept, key_of
from training.data.documents import content_key
from training.data.progress import report
from training.data.text_sample import evenly, sample_title
from training.preflight.sheet import Finding

MAX_CHARACTERS = 30_000_000  # to learn from; more change the vocabulary little
VERSION = 1  # raise it when the same rows give another vocabulary


def train_vocabulary(data: PretrainData, size: int, max_length: int) -> PreTrainedTokenizerFast:
    """The tokenizer of `train_tokenizer` for these rows, or for a sample spread evenly over them."""

    def make(folder: Path) -> None:
        report("Learning the vocabulary", 0, 1)
        learn_bpe(_sample(data), size).save(str(folder / "tokenizer.json"))

    rows = {"texts": data.texts.key, "others": content_key(data.other_texts())}
    key = key_of(version=VERSION, size=size, characters=MAX_CHARACTERS, **rows)
    bpe = kept("vocabulary", key, make, lambda folder: Tokenizer.from_file(str(folder / "tokenizer.json")))
    return with_special_tokens(bpe, max_length)


def _sample(data: PretrainData) -> Iterator[str]:
    """Chunks of the rows: all, or evenly spaced ones of `MAX_CHARACTERS` in all."""
    rows = itertools.chain(data.texts.pieces(), ([text] for text in data.other_texts()))
    return evenly(chunks(rows), _characters(data), MAX_CHARACTERS)


def _characters(data: PretrainData) -> int:
    return data.texts.characters + sum(len(text) for text in data.other_texts())


def sample_finding(data: PretrainData) -> list[Finding]:
    """Report that the vocabulary is learned from a part of the text, if so."""
    title = sample_title(_characters(data), MAX_CHARACTERS)
    return [Finding("green", title)] if title else []
