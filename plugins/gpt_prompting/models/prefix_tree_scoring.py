"""Prefix-tree scoring: log-likelihoods of continuations with shared prefixes, many rows packed into one forward pass.

Few-shot classification scores every label after every row's prompt, and all prompts begin with the same examples.
Scored one by one (as lm-evaluation-harness does by default), nearly all tokens are computed again and again. Here

- the prefix that all contexts share is computed once and kept in the key-value cache;
- a row is its context's own tokens plus a tree of its continuations: continuations that begin alike share those tokens,
  and a continuation of a single token costs nothing, since its logits are those after the context;
- rows are laid end to end in one sequence, without padding. A mask lets each token attend to the shared prefix, to its
  own row's context and to its own path in the tree; position ids count along that path.

A network must honour a 4-D additive mask and position ids. `supports_tree_attention` tries it once per model
(state-space models such as Mamba do not); `score_padded` serves the others. Uses the cache classes of transformers 5
(`past_key_values.crop`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

# Tokens per pass on a CPU. With more, attention to masked pairs dominates: 163 rows/s at 256, 142 at 512, 125 at 768.
PACK_TOKENS = 256
MIN_SHARED_TOKENS = 8


@dataclass(frozen=True)
class ScoringRequest:
    """A context of at least one token, and its continuations of at least one token each."""

    context: list[int]
    continuations: list[list[int]]


@dataclass
class _Pack:
    """The tokens of one pass, and which logits belong to which continuation.

    Args:
        tokens: End to end.
        positions: Position id of each token.
        visible: Per token: start and end of its row's context, and the earlier tokens of its continuation.
        steps: Per continuation: index of its request, and (token whose logits are read, the token that follows it).
    """

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    visible: list[tuple[int, int, tuple[int, ...]]] = field(default_factory=list)
    steps: list[tuple[int, list[tuple[int, int]]]] = field(default_factory=list)


@torch.inference_mode()
def score_packed(
    model: Any, requests: Sequence[ScoringRequest], pack_tokens: int = PACK_TOKENS
) -> Iterator[tuple[int, list[float]]]:
    """Yield (index, log-likelihood of each continuation in nats) of every request, in order.

    Args:
        pack_tokens: Maximum tokens per pass, unless a single request is longer.
    """
    prefix = shared_prefix([request.context for request in requests])
    cache = None
    if prefix:
        ids = torch.tensor([requests[0].context[:prefix]], device=model.device)
        cache = model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
    for first, pack in _packs(requests, prefix, pack_tokens):
        log_probabilities = _log_probabilities(model, pack, prefix, cache)
        scores: dict[int, list[float]] = {}
        for request, steps in pack.steps:
            scores.setdefault(request, []).append(float(sum(log_probabilities[step] for step in steps)))
        for request in range(first, first + len(scores)):
            yield request, scores[request]
        if cache is not None:
            cache.crop(-len(pack.tokens))


def shared_prefix(contexts: Sequence[list[int]]) -> int:
    """Count the tokens that all contexts begin with, leaving each one of its own; 0 if sharing is not worth a pass."""
    if len(contexts) < 2:
        return 0
    first, last = min(contexts), max(contexts)  # in lexicographic order: what these two share, all share
    limit = min(len(context) for context in contexts) - 1
    same = next((index for index in range(min(limit, len(last))) if first[index] != last[index]), limit)
    return same if same >= MIN_SHARED_TOKENS else 0


def _packs(requests: Sequence[ScoringRequest], prefix: int, pack_tokens: int) -> Iterator[tuple[int, _Pack]]:
    """Fill passes with as many rows as fit; yields the index of the first row with each."""
    first, pack = 0, _Pack()
    for index, request in enumerate(requests):
        size = len(request.context) - prefix + sum(len(tokens) - 1 for tokens in request.continuations)
        if pack.tokens and len(pack.tokens) + size > pack_tokens:
            yield first, pack
            first, pack = index, _Pack()
        _add(pack, index, request, prefix)
    if pack.tokens:
        yield first, pack


def _add(pack: _Pack, index: int, request: ScoringRequest, prefix: int) -> None:
    """Append a row's own context, then its tree: a node for each distinct prefix of its continuations but the last
    tokens."""
    start = len(pack.tokens)
    context = request.context[prefix:]
    end = start + len(context)
    pack.tokens += context
    pack.positions += range(prefix, prefix + len(context))
    pack.visible += [(start, token + 1, ()) for token in range(start, end)]
    nodes: dict[tuple[int, ...], tuple[int, tuple[int, ...]]] = {(): (end - 1, ())}  # prefix -> token, its path
    for tokens in request.continuations:
        steps = []
        for length, following in enumerate(tokens):
            node = tuple(tokens[:length])
            if node not in nodes:
                _, path = nodes[node[:-1]]
                token = len(pack.tokens)
                nodes[node] = token, (*path, token)
                pack.tokens.append(node[-1])
                pack.positions.append(prefix + len(context) + length - 1)
                pack.visible.append((start, end, (*path, token)))
            steps.append((nodes[node][0], following))
        pack.steps.append((index, steps))


def _log_probabilities(model: Any, pack: _Pack, prefix: int, cache: Any) -> dict[tuple[int, int], float]:
    """Run one pass; returns (token, following token) -> log-probability for all steps of the pack."""
    output_tokens = sorted({token for _, steps in pack.steps for token, _ in steps})
    device = model.device
    logits = (
        model(
            input_ids=torch.tensor([pack.tokens], device=device),
            attention_mask=_attention_mask(pack, prefix, model.dtype).to(device),
            position_ids=torch.tensor([pack.positions], device=device),
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=torch.tensor(output_tokens, device=device),
        )
        .logits[0]
        .float()
    )  # (output tokens, vocabulary)
    rows = {token: row for row, token in enumerate(output_tokens)}
    pairs = list(dict.fromkeys(step for _, steps in pack.steps for step in steps))
    row = torch.tensor([rows[token] for token, _ in pairs], device=device)
    following = torch.tensor([token for _, token in pairs], device=device)
    values = logits[row, following] - logits.logsumexp(-1)[row]
    return dict(zip(pairs, values.double().tolist(), strict=True))


def _attention_mask(pack: _Pack, prefix: int, dtype: torch.dtype) -> torch.Tensor:
    """Additive mask, (1, 1, tokens, prefix + tokens): 0 where a token may attend, the lowest number elsewhere."""
    size = len(pack.tokens)
    hidden = np.ones((size, prefix + size), dtype=bool)
    hidden[:, :prefix] = False
    for token, (start, end, path) in enumerate(pack.visible):
        hidden[token, prefix + start : prefix + end] = False
        if path:
            hidden[token, [prefix + earlier for earlier in path]] = False
    mask = torch.zeros((1, 1, size, prefix + size), dtype=dtype)
    return mask.masked_fill_(torch.from_numpy(hidden), torch.finfo(dtype).min)


@torch.inference_mode()
def score_padded(
    model: Any, requests: Sequence[ScoringRequest], batch_tokens: int = 2048
) -> Iterator[tuple[int, list[float]]]:
    """As `score_packed`, with one padded row for each continuation: for networks that do not take a 4-D mask."""
    rows = [(request.context + tokens)[:-1] for request in requests for tokens in request.continuations]
    targets = [tokens for request in requests for tokens in request.continuations]
    scores = np.zeros(len(rows))
    order = np.argsort([len(row) for row in rows], kind="stable")[::-1].tolist()
    while order:
        size = max(1, batch_tokens // len(rows[order[0]]))
        batch, order = order[:size], order[size:]
        scores[batch] = _score_batch(model, [rows[row] for row in batch], [targets[row] for row in batch])
    start = 0
    for index, request in enumerate(requests):
        yield index, scores[start : start + len(request.continuations)].tolist()
        start += len(request.continuations)


def _score_batch(model: Any, rows: list[list[int]], targets: list[list[int]]) -> list[float]:
    longest = max(len(row) for row in rows)
    ids, mask = torch.zeros((2, len(rows), longest), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = 1
    logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device), use_cache=False).logits
    sums = []
    for index, (row, tokens) in enumerate(zip(rows, targets, strict=True)):
        values = logits[index, len(row) - len(tokens) : len(row)].float().log_softmax(-1)  # (continuation, vocabulary)
        sums.append(float(values.gather(1, torch.tensor(tokens, device=values.device)[:, None]).double().sum()))
    return sums


def supports_tree_attention(model: Any) -> bool:
    """Try whether a network scores packed trees as it scores padded rows: not if it ignores masks or positions."""
    vocabulary = min(model.get_input_embeddings().num_embeddings, 50)
    ids = np.random.default_rng(0).integers(1, vocabulary, (3, 24)).tolist()
    prefix = ids[0][:12]
    trial = [ScoringRequest(prefix + row[12:18], [row[18:20], [*row[18:20], row[20]], [row[21]]]) for row in ids[1:]]
    try:
        packed = [value for _, values in score_packed(model, trial) for value in values]
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError, NotImplementedError):
        return False
    padded = [value for _, values in score_padded(model, trial) for value in values]
    return bool(np.allclose(packed, padded, atol=1e-3, rtol=1e-4))
