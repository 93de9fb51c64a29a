"""Findings that several kinds share: sizes of the splits, truncated texts, unknown tokens. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from training.preflight.sheet import Finding
from training.wording import counted

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Ids = Sequence[np.ndarray]  # token ids of each row, (time,)

COUNTED_TOGETHER = 1_000_000  # tokens
MAX_LOST_TOKENS = 0.02  # share of all tokens
MAX_TRUNCATED_TEXTS = 0.05  # share of the texts
MAX_UNKNOWN, UNUSABLE_UNKNOWN = 0.01, 0.9  # share of the tokens


def position_findings(max_length: int, positions: int) -> list[Finding]:
    """Report that the network has fewer positions than `max_length`."""
    if max_length <= positions:
        return []
    title = f"max_length is {max_length:,}, but the model has {positions:,} positions: {positions:,} tokens are used"
    return [Finding("amber", title, "Start from a model with more positions if texts are longer.")]


def truncation_findings(
    splits: Sequence[tuple[Ids, LabelledTexts]], tokenizer: PreTrainedTokenizerBase, max_length: int, positions: int
) -> list[Finding]:
    """Report how many texts are truncated to `max_length` tokens, and the share of all tokens that is lost.

    Args:
        splits: Token ids as the model gets them, and their texts; training and evaluation rows.
        positions: Tokens that the network could read.
    """
    lengths = [len(tokens) for ids, _ in splits for tokens in ids]
    whole = [length for ids, rows in splits for length in _untruncated_lengths(ids, rows, tokenizer, max_length)]
    truncated = sum(full > length for full, length in zip(whole, lengths, strict=True))
    if not truncated:
        return []
    share = 1 - sum(lengths) / sum(whole)
    texts = f"{truncated:,} of {counted(len(lengths), 'text')}"
    title = f"{texts} truncated to {max_length} tokens: {share:.1%} of all tokens lost"
    level = "amber" if share > MAX_LOST_TOKENS or truncated > len(lengths) * MAX_TRUNCATED_TEXTS else "green"
    advice = (
        "Raise max_length if the end of a text matters; it costs time and memory."
        if max_length < positions
        else "The model has no more positions: split texts whose end matters, or start from a model with more."
    )
    return [Finding(level, title, advice)]


def _untruncated_lengths(
    ids: Ids, rows: LabelledTexts, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> list[int]:
    """Count the tokens of each row without truncation; only rows that fill `max_length` are tokenized again."""
    lengths = [len(tokens) for tokens in ids]
    if full := [row for row, length in enumerate(lengths) if length >= max_length]:
        pairs = [rows.pairs[row] for row in full] if rows.pairs else None
        whole = tokenizer([rows.texts[row] for row in full], pairs, verbose=False)["input_ids"]
        for row, tokens in zip(full, whole, strict=True):
            lengths[row] = len(tokens)
    return lengths


def unknown_token_findings(ids: Iterable[np.ndarray], tokenizer: PreTrainedTokenizerBase) -> list[Finding]:
    """Report the share of unknown tokens if it is above 1 %; nearly all unknown is red."""
    unknown: Any = tokenizer.unk_token_id
    known = set(tokenizer.all_special_ids) - {unknown}
    counts = np.zeros(len(tokenizer), dtype=np.int64)
    for tokens in _joined(ids):
        counts += np.bincount(tokens, minlength=len(counts))[: len(counts)]
    ordinary = counts.sum() - counts[list(known)].sum()
    share = (counts[unknown] if unknown is not None else 0) / max(1, ordinary)
    if share <= MAX_UNKNOWN:
        return []
    advice = "The vocabulary does not fit this language or script: choose another model to start from."
    level = "red" if share > UNUSABLE_UNKNOWN else "amber"
    return [Finding(level, f"{share:.0%} of the tokens are unknown to the vocabulary", advice)]


def _joined(ids: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The same token ids in fewer arrays."""
    batch: list[np.ndarray] = []
    size = 0
    for row in ids:
        batch.append(row)
        size += len(row)
        if size >= COUNTED_TOGETHER:
            yield np.concatenate(batch).astype(np.int64)
            batch, size = [], 0
    if batch:
        yield np.concatenate(batch).astype(np.int64)


def split_finding(train: int, evaluation: int, noun: str) -> Finding:
    """Report the sizes of both splits; amber without evaluation examples."""
    if evaluation:
        return Finding("green", f"{counted(train, noun)} to train on, {evaluation:,} to evaluate on")
    advice = (
        "There will be no score, and the last weights are kept: "
        "raise eval_share, give more data, or an evaluation file."
    )
    return Finding("amber", f"No {noun} to evaluate on", advice)
