"""The decoding loop: one token after the other for all alternatives at once, each with its probability and its rivals.

`transformers.generate` gives neither tokens as they come for several answers nor what else might have been said; the rules by
which tokens are chosen are its own (`LogitsProcessor`s), so that the same seed draws the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from plugins.gpt_prompting.models import detokenizer
from plugins.gpt_prompting.models.interface import Answer, Sampling, Token
from plugins.gpt_prompting.models.kv_cache import incremental_decoder

END, LENGTH, STOP = "end of text", "length", "stop string"


def sample_tokens(model: Any, tokenizer: Any, ids: Sequence[int], how: Sampling) -> Iterator[list[Answer]]:
    """Continue `ids`; yields all alternatives after every token, and ends when all have.

    Args:
        ids: At least one, and with `how.new_tokens` together no more than the model reads.
    """
    ends, speller = _end_tokens(model, tokenizer), detokenizer.TokenDecoder(tokenizer)
    answers = [_GrowingAnswer(tokenizer, speller, ids, how) for _ in range(how.alternatives)]
    device = model.device
    random = torch.Generator(device).manual_seed(how.seed)
    rules = _logits_processors(how, device)
    seen = torch.tensor([list(ids)], device=device).repeat(how.alternatives, 1)
    step = incremental_decoder(model, how.alternatives, len(ids) + how.new_tokens)
    logits = _forward(lambda: step.begin(seen[:1]))
    for number in range(how.new_tokens):
        chosen, chances, rivals = _choose(logits, seen, rules, random, how)
        for at, answer in enumerate(answers):
            if not answer.finished:
                others = [] if rivals is None else list(zip(rivals[0][at], rivals[1][at], strict=True))
                answer.add(chosen[at], chances[at], others, ends)
        if number == how.new_tokens - 1:
            for answer in answers:
                answer.finish(LENGTH)
        yield [answer.answer() for answer in answers]
        if all(answer.finished for answer in answers):
            return
        column = torch.tensor(chosen, device=device)[:, None]
        seen = torch.cat([seen, column], 1)
        logits = _forward(lambda column=column: step.go_on(column))


def _forward(work: Any) -> torch.Tensor:
    """Outside a generator's frame: inference mode that is open while it is suspended would leak into its caller."""
    with torch.inference_mode():
        return work()


def _choose(logits: torch.Tensor, seen: torch.Tensor, rules: Any, random: torch.Generator, how: Sampling) -> Any:
    """Tokens, their probabilities before any rule, and the most probable ones with theirs: lists, (alternatives, …)."""
    with torch.inference_mode():
        scores = rules(seen, logits) if rules else logits
        if how.temperature == 0:
            chosen = scores.argmax(-1)
        else:
            chosen = torch.multinomial(scores.softmax(-1), 1, generator=random)[:, 0]
        total = logits.logsumexp(-1, keepdim=True)
        chances = (logits.gather(1, chosen[:, None]) - total).exp()[:, 0].tolist()
        if not how.shown:
            return chosen.tolist(), chances, None
        best = logits.topk(min(how.shown, logits.shape[-1]))
        return chosen.tolist(), chances, (best.indices.tolist(), (best.values - total).exp().tolist())


def _logits_processors(how: Sampling, device: torch.device) -> Any:
    """In the order of transformers; None where the most probable token is taken as it is."""
    from transformers.generation import logits_process as rules

    found: list[Any] = []
    if how.repetition_penalty != 1:
        found.append(rules.RepetitionPenaltyLogitsProcessor(how.repetition_penalty))
    if how.temperature not in (0, 1):
        found.append(rules.TemperatureLogitsWarper(float(how.temperature)))
    if how.temperature and how.top_k:
        found.append(rules.TopKLogitsWarper(how.top_k))
    if how.temperature and how.top_p < 1:
        found.append(rules.TopPLogitsWarper(how.top_p))
    if how.temperature and how.min_p:
        found.append(rules.MinPLogitsWarper(how.min_p))
    return rules.LogitsProcessorList(found) if found else None


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """What ends a text: the generation configuration may name several, as chat models have."""
    named = getattr(model.generation_config, "eos_token_id", None)
    found = {*named} if isinstance(named, list | tuple) else {named}
    return {token for token in (*found, tokenizer.eos_token_id) if token is not None}


class _GrowingAnswer:
    """One alternative as it grows. Text that may be the beginning of a stop string waits until it is known not to be."""

    def __init__(self, tokenizer: Any, speller: detokenizer.TokenDecoder, ids: Sequence[int], how: Sampling):
        self.speller, self.how = speller, how
        self.writer = detokenizer.StreamingDetokenizer(tokenizer, ids)
        self.text, self.tokens, self.finished = "", [], ""

    def add(self, token: int, chance: float, others: list[tuple[int, float]], ends: set[int]) -> None:
        if token in ends:
            self.finish(END)
            return
        piece = self.writer.add(token)
        named = tuple((self.speller(each), value) for each, value in others)
        self.tokens.append(Token(piece, chance, named))
        self.text += piece
        cut = min((at for stop in self.how.stop if stop and (at := self.text.find(stop)) >= 0), default=-1)
        if cut >= 0:
            self._cut(cut)
            self.finish(STOP)

    def _cut(self, length: int) -> None:
        self.text, kept, size = self.text[:length], [], 0
        for token in self.tokens:
            if size >= length:
                break
            piece = token.text[: length - size]
            kept.append(Token(piece, token.probability, token.others))
            size += len(piece)
        self.tokens = kept

    def finish(self, why: str) -> None:
        self.finished = self.finished or why

    def answer(self) -> Answer:
        if self.finished:
            return Answer(self.text, tuple(self.tokens), self.finished)
        held = max((_overlap(self.text, stop) for stop in self.how.stop), default=0)
        return Answer(self.text[: len(self.text) - held], tuple(self.tokens), "")


def _overlap(text: str, stop: str) -> int:
    """Characters at the end of the text that the stop string begins with."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)
