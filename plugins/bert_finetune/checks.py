"""Findings for the preflight sheet that several kinds share: split sizes, truncated texts, unknown tokens. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from training.preflight.sheet import Finding
from training.wording import counted

Ids = Sequence[np.ndarray]  # token ids of each row, (time,)

MUCH_LOST = 0.02  # share of all tokens
MANY_CUT = 0.05  # share of the texts
UNKNOWN, MOSTLY_UNKNOWN = 0.01, 0.9  # share of the tokens


def beyond_positions(wished: int, has: int) -> list[Finding]:
    """Say that the network reads fewer tokens than `max_length` asks for."""
    if wished <= has:
        return []
    title = f"max_length is {wished:,}, and the model has positions for {has:,} tokens: {has:,} are used"
    return [Finding("amber", title, "For longer texts start from a model with more positions.")]


def cut_texts(parts: Sequence[tuple[Ids, LabelledTexts]], tokenizer: Any, max_length: int, most: int) -> list[Finding]:
    """Say how many texts are cut at `max_length` tokens of `most` that the network could read, and the share of all tokens that is lost.

    Args:
        parts: Token ids as the model gets them, and the texts they are of; such as training and evaluation rows.
    """
    kept = [len(tokens) for ids, _ in parts for tokens in ids]
    whole = [length for ids, rows in parts for length in _whole_lengths(ids, rows, tokenizer, max_length)]
    cut = sum(length > left for length, left in zip(whole, kept, strict=True))
    if not cut:
        return []
    share = 1 - sum(kept) / sum(whole)
    title = f"{cut:,} of {counted(len(kept), 'text')} cut to {max_length} tokens: {share:.1%} of all tokens lost"
    level = "amber" if share > MUCH_LOST or cut > len(kept) * MANY_CUT else "green"
    advice = (
        "Raise max_length if the end of a text matters; it costs time and memory."
        if max_length < most
        else "The model reads no more: where the end of a text matters, cut it into parts, or start from one with more positions."
    )
    return [Finding(level, title, advice)]


def _whole_lengths(ids: Ids, rows: LabelledTexts, tokenizer: Any, max_length: int) -> list[int]:
    """Count the tokens of each row uncut; only those that fill `max_length` are tokenized again."""
    lengths = [len(tokens) for tokens in ids]
    if full := [row for row, length in enumerate(lengths) if length >= max_length]:
        pairs = [rows.pairs[row] for row in full] if rows.pairs else None
        uncut = tokenizer([rows.texts[row] for row in full], pairs, verbose=False)["input_ids"]
        for row, tokens in zip(full, uncut, strict=True):
            lengths[row] = len(tokens)
    return lengths


def unknown_tokens(ids: Ids, tokenizer: Any) -> list[Finding]:
    """Say which share of the tokens the vocabulary does not know, from one in a hundred; nearly all is red."""
    tokens = np.concatenate([np.zeros(0, dtype=np.int64), *ids])
    unknown = tokens == tokenizer.unk_token_id
    special = np.isin(tokens, tokenizer.all_special_ids) & ~unknown
    share = unknown.sum() / max(1, (~special).sum())
    if share <= UNKNOWN:
        return []
    advice = "This model was not made for this language or script: choose another one to start from."
    level = "red" if share > MOSTLY_UNKNOWN else "amber"
    return [Finding(level, f"{share:.0%} of the tokens are unknown to the vocabulary", advice)]


def tell_split(train: int, evaluation: int, noun: str) -> Finding:
    """Both numbers; amber where there is nothing to score on."""
    if evaluation:
        return Finding("green", f"{counted(train, noun)} to train on, {evaluation:,} to evaluate on")
    advice = "There will be no score, and the last weights are kept: raise eval_share, give more data, or an evaluation file."
    return Finding("amber", f"No {noun} to evaluate on", advice)
