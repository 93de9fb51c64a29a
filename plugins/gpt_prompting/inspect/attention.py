"""Look inside a decoder of this machine: where each token looks, what surprised it, which heads copy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.prompting.prompts import Prompt, Row
from training.errors import UserError

MAX_TOKENS = 64
PROBE_TOKENS = 24


def attention(model: LanguageModel, text: str, most: int = MAX_TOKENS) -> tuple[list[str], np.ndarray]:
    """Tokens and attention probabilities, (layers, heads, time, time): rows look at columns, and never ahead.

    Raises:
        UserError: If the text is empty, or the model is on another machine or has no attention to show.
    """
    if not text.strip():
        raise UserError("The text is empty: write a sentence.")
    ids = require_network(model)._ids(text)[:most]
    pieces = model.tokens(text)[: len(ids)]
    return pieces, _attention(model, ids)


def _attention(model: Any, ids: Sequence[int]) -> np.ndarray:
    import torch

    network = model.model
    before = network.config._attn_implementation
    network.set_attn_implementation("eager")  # the fused kernels do not give their probabilities
    try:
        with torch.inference_mode():
            layers = network(input_ids=model._tensor(ids), output_attentions=True, use_cache=False).attentions
    finally:
        network.set_attn_implementation(before)
    if not layers or any(layer is None for layer in layers):
        raise UserError("This architecture has no attention to show.")
    return torch.stack([layer[0] for layer in layers]).float().cpu().numpy()


def surprisal(model: LanguageModel, text: str, shown: int = 5) -> dict[str, Any]:
    """How probable each token of a text was.

    Returns:
        tokens (token, probability, others), tokens_scored, loss (nats a token), perplexity, bits_per_byte.
    """
    found = model.read(text, shown)
    known = [(token, -math.log(max(token.probability, 1e-30))) for token in found if token.probability is not None]
    if not known:
        raise UserError("The text is empty: write something to read.")
    loss = sum(value for _, value in known) / len(known)
    size = len("".join(token.text for token, _ in known).encode())
    return {
        "tokens": [token.record() for token in found],
        "tokens_scored": len(known),
        "loss": round(loss, 5),
        "perplexity": round(math.exp(min(loss, 50)), 4),
        "bits_per_byte": round(loss * len(known) / math.log(2) / max(1, size), 5),
    }


def induction_scores(model: LanguageModel, seed: int = 0) -> np.ndarray:
    """How much each head looks, in a repeated random sequence, at what followed the token's first time (Olsson et al., 2022).

    Returns:
        (layers, heads), 0 to 1: 1 is a head that does nothing else.
    """
    found = require_network(model)
    length = min(PROBE_TOKENS, found.context // 2)
    top = found.model.get_input_embeddings().num_embeddings
    once = np.random.default_rng(seed).integers(0, top, length).tolist()
    weights = _attention(found, once + once)
    rows = np.arange(length, 2 * length - 1)
    return weights[:, :, rows, rows - length + 1].mean(-1)


def attention_to_labels(model: LanguageModel, prompt: Prompt, row: Row) -> dict[str, Any]:
    """How much the place where the label will be written looks back at each example's label.

    Returns:
        by_example: label and attention (summed over its tokens, of the head that looks most); head: (layer, head), from 1;
        heads: (layers, heads) of the sum over all examples; tokens and weights: the whole row of that head.
    """
    if not prompt.examples:
        raise UserError("There is no example to look back at: add some.")
    found = require_network(model)
    text = prompt.text(row)
    ids, pieces = found._ids(text), model.tokens(text)
    if len(ids) > found.context:
        raise UserError(f"The prompt has {len(ids):,} tokens; the model reads {found.context:,}: show fewer examples.")
    last = _attention(found, ids)[:, :, -1]  # (layers, heads, time)
    special = set(found.tokenizer.all_special_ids)
    ends = np.cumsum([0 if each in special else len(piece) for each, piece in zip(ids, pieces, strict=True)])
    spans = [_span(prompt, number, pieces, ends) for number in range(len(prompt.examples))]
    sums = np.stack([last[:, :, start:stop].sum(-1) for start, stop in spans], -1)  # (layers, heads, examples)
    total = sums.sum(-1)
    layer, head = np.unravel_index(int(total.argmax()), total.shape)
    return {
        "by_example": [
            {"label": example["label"], "attention": round(float(sums[layer, head, at]), 4)}
            for at, example in enumerate(prompt.examples)
        ],
        "head": (int(layer) + 1, int(head) + 1),
        "heads": total,
        "tokens": pieces,
        "weights": last[layer, head],
    }


def _span(prompt: Prompt, number: int, pieces: list[str], ends: np.ndarray) -> tuple[int, int]:
    """The tokens of an example's label: from where its words begin in the prompt to where they end."""
    parts = [prompt.instruction] if prompt.instruction else []
    before = prompt.separator.join([*parts, *(prompt.shown(each) for each in prompt.examples[:number])])
    start = len(before) + (len(prompt.separator) if before else 0) + len(prompt.query(prompt.examples[number]))
    stop = start + len(prompt.continuation(prompt.examples[number]["label"]))
    return int(np.searchsorted(ends, start, side="right")), int(np.searchsorted(ends, stop, side="left")) + 1


def require_network(model: LanguageModel) -> Any:
    """The model, if its network is here.

    Raises:
        UserError: If it is on another machine.
    """
    if not hasattr(model, "model"):
        raise UserError("A hosted model cannot be looked into: choose weights of this machine.")
    return model
