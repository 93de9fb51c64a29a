"""Log-likelihoods of what may follow a context: the shared prefix is computed once, and a whole pack of rows in one pass.

A row is its context's own tokens and a tree of its continuations. Rows lie one after the other in a single sequence, with no
padding; a mask lets each token see the shared prefix, its own row's context and its own continuation's tokens, and positions
count along that path. So continuations of one token cost nothing beyond the context, and those that begin alike share it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

PACK_TOKENS = 256  # a pass; of more, attention to masked pairs takes over: 163 rows/s at 256, 142 at 512, 125 at 768
MIN_SHARED_TOKENS = 8  # tokens


@dataclass(frozen=True)
class ScoringRequest:
    """A context, at least one token, and what may follow it, at least one token each."""

    context: list[int]
    continuations: list[list[int]]


@dataclass
class _Pack:
    """Tokens of one pass, each with its position, the tokens it sees (index ranges and single ones), and what is read where."""

    tokens: list[int]
    positions: list[int]
    sees: list[tuple[int, int, tuple[int, ...]]]  # own context from, to; earlier tokens of its continuation
    read: list[tuple[int, list[tuple[int, int]], int]]  # question, [(token that is read after, its next)], continuation


@torch.inference_mode()
def score_packed(
    model: Any, questions: Sequence[ScoringRequest], tokens: int = PACK_TOKENS
) -> Iterator[tuple[int, list[float]]]:
    """Yield (index, log-likelihood of each continuation, nats) of every question, in order.

    Args:
        tokens: Of a pass at most, where no single question is longer.
    """
    prefix = shared_prefix([question.context for question in questions])
    past = None
    if prefix:
        ids = torch.tensor([questions[0].context[:prefix]], device=model.device)
        past = model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
    for first, pack in _packs(questions, prefix, tokens):
        table = _log_probabilities(model, pack, prefix, past)
        found: dict[int, list[float]] = {}
        for question, steps, _ in pack.read:
            found.setdefault(question, []).append(float(sum(table[at, token] for at, token in steps)))
        for question in range(first, first + len(found)):
            yield question, found[question]
        if past is not None:
            past.crop(-len(pack.tokens))


def shared_prefix(contexts: Sequence[list[int]]) -> int:
    """Tokens that all contexts begin with, leaving each one of its own; 0 where sharing is not worth a pass."""
    if len(contexts) < 2:
        return 0
    first, last = min(contexts), max(contexts)  # in lexicographic order: what these two share, all do
    most = min(len(context) for context in contexts) - 1
    same = next((at for at in range(min(most, len(last))) if first[at] != last[at]), most)
    return same if same >= MIN_SHARED_TOKENS else 0


def _packs(questions: Sequence[ScoringRequest], prefix: int, most: int) -> Iterator[tuple[int, _Pack]]:
    """Rows one after the other, as many as fit; with the number of the first."""
    first, pack = 0, _Pack([], [], [], [])
    for number, question in enumerate(questions):
        size = len(question.context) - prefix + sum(len(each) - 1 for each in question.continuations)
        if pack.tokens and len(pack.tokens) + size > most:
            yield first, pack
            first, pack = number, _Pack([], [], [], [])
        _add(pack, number, question, prefix)
    if pack.tokens:
        yield first, pack


def _add(pack: _Pack, number: int, question: ScoringRequest, prefix: int) -> None:
    start = len(pack.tokens)
    own = question.context[prefix:]
    end = start + len(own)
    pack.tokens += own
    pack.positions += range(prefix, prefix + len(own))
    pack.sees += [(start, at + 1, ()) for at in range(start, end)]
    nodes: dict[tuple[int, ...], tuple[int, tuple[int, ...]]] = {(): (end - 1, ())}  # tokens so far -> place, path
    for which, tokens in enumerate(question.continuations):
        steps = []
        for length, token in enumerate(tokens):
            so_far = tuple(tokens[:length])
            if so_far not in nodes:
                _, path = nodes[so_far[:-1]]
                place = len(pack.tokens)
                nodes[so_far] = place, (*path, place)
                pack.tokens.append(so_far[-1])
                pack.positions.append(prefix + len(own) + length - 1)
                pack.sees.append((start, end, (*path, place)))
            steps.append((nodes[so_far][0], token))
        pack.read.append((number, steps, which))


def _log_probabilities(model: Any, pack: _Pack, prefix: int, past: Any) -> _Table:
    size = len(pack.tokens)
    hidden = np.ones((size, prefix + size), dtype=bool)  # from whom the others are hidden
    hidden[:, :prefix] = False
    for at, (start, end, path) in enumerate(pack.sees):
        hidden[at, prefix + start : prefix + end] = False
        if path:
            hidden[at, [prefix + each for each in path]] = False
    mask = torch.zeros((1, 1, size, prefix + size), dtype=model.dtype)  # added to the attention scores
    mask.masked_fill_(torch.from_numpy(hidden), torch.finfo(model.dtype).min)
    kept = sorted({at for _, steps, _ in pack.read for at, _ in steps})
    device = model.device
    logits = model(
        input_ids=torch.tensor([pack.tokens], device=device),
        attention_mask=mask.to(device),
        position_ids=torch.tensor([pack.positions], device=device),
        past_key_values=past,
        use_cache=past is not None,
        logits_to_keep=torch.tensor(kept, device=device),
    ).logits[0]
    return _Table(logits.float(), {at: row for row, at in enumerate(kept)}, pack)


class _Table:
    """Log-probabilities of the pairs that a pack asks for."""

    def __init__(self, logits: torch.Tensor, rows: dict[int, int], pack: _Pack):
        pairs = list(dict.fromkeys(pair for _, steps, _ in pack.read for pair in steps))
        at = torch.tensor([rows[place] for place, _ in pairs], device=logits.device)
        tokens = torch.tensor([token for _, token in pairs], device=logits.device)
        values = logits[at, tokens] - logits.logsumexp(-1)[at]
        self.values = dict(zip(pairs, values.double().tolist(), strict=True))

    def __getitem__(self, pair: tuple[int, int]) -> float:
        return self.values[pair]


@torch.inference_mode()
def score_padded(
    model: Any, questions: Sequence[ScoringRequest], tokens: int = 2048
) -> Iterator[tuple[int, list[float]]]:
    """As `score`, one padded row for each continuation: for networks that take no mask of pairs."""
    rows = [(q.context + each)[:-1] for q in questions for each in q.continuations]
    wanted = [each for q in questions for each in q.continuations]
    found = np.zeros(len(rows))
    order = np.argsort([len(row) for row in rows], kind="stable")[::-1].tolist()
    while order:
        size = max(1, tokens // len(rows[order[0]]))
        batch, order = order[:size], order[size:]
        found[batch] = _plain_batch(model, [rows[at] for at in batch], [wanted[at] for at in batch])
    place = 0
    for number, question in enumerate(questions):
        yield number, found[place : place + len(question.continuations)].tolist()
        place += len(question.continuations)


def _plain_batch(model: Any, rows: list[list[int]], wanted: list[list[int]]) -> list[float]:
    longest = max(len(row) for row in rows)
    ids, mask = torch.zeros((2, len(rows), longest), dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
        mask[at, : len(row)] = 1
    logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device), use_cache=False).logits
    sums = []
    for at, (row, tokens) in enumerate(zip(rows, wanted, strict=True)):
        mine = logits[at, len(row) - len(tokens) : len(row)].float().log_softmax(-1)
        sums.append(float(mine.gather(1, torch.tensor(tokens, device=mine.device)[:, None]).double().sum()))
    return sums


def supports_tree_attention(model: Any) -> bool:
    """Whether the network gives the same for a tree as for plain rows: not if it ignores masks or positions, as with a recurrent state."""
    top = min(model.get_input_embeddings().num_embeddings, 50)
    draw = np.random.default_rng(0).integers(1, top, (3, 24)).tolist()
    stem = draw[0][:12]
    trial = [ScoringRequest(stem + row[12:18], [row[18:20], [*row[18:20], row[20]], [row[21]]]) for row in draw[1:]]
    try:
        trees = [value for _, values in score_packed(model, trial) for value in values]
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError, NotImplementedError):
        return False
    plain = [value for _, values in score_padded(model, trial) for value in values]
    return bool(np.allclose(trees, plain, atol=1e-3, rtol=1e-4))
