"""Sampling loop: one token per step for all alternatives at once, each with its probability and the other candidates.

`transformers.generate` neither streams several answers token by token nor gives the other candidates. The rules that
choose a token are its own (`LogitsProcessor`s), so the same seed gives the same tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers.generation import logits_process

from plugins.gpt_prompting.models.detokenizer import StreamingDetokenizer, TokenDecoder
from plugins.gpt_prompting.models.interface import Answer, AnswerStream, Sampling, Token
from plugins.gpt_prompting.models.kv_cache import incremental_decoder

END_OF_TEXT, LENGTH, STOP_STRING = "end of text", "length", "stop string"


def sample_tokens(model: Any, tokenizer: Any, ids: Sequence[int], sampling: Sampling) -> AnswerStream:
    """Continue `ids`; yields all alternatives after every token, and ends when all are finished.

    Args:
        ids: At least one; together with `sampling.new_tokens` no more than the model's context.
    """
    ends, decoder = _end_tokens(model, tokenizer), TokenDecoder(tokenizer)
    answers = [_GrowingAnswer(tokenizer, decoder, ids, sampling) for _ in range(sampling.alternatives)]
    device = model.device
    generator = torch.Generator(device).manual_seed(sampling.seed)
    processors = _logits_processors(sampling, device)
    sequences = torch.tensor([list(ids)], device=device).repeat(sampling.alternatives, 1)
    network = incremental_decoder(model, sampling.alternatives, len(ids) + sampling.new_tokens)
    logits = _inference(network.prefill, sequences[:1])
    for number in range(sampling.new_tokens):
        chosen, probabilities, candidates = _choose(logits, sequences, processors, generator, sampling)
        for row, answer in enumerate(answers):
            if not answer.finished:
                answer.add(chosen[row], probabilities[row], candidates[row], ends)
        if number == sampling.new_tokens - 1:
            for answer in answers:
                answer.finish(LENGTH)
        yield [answer.answer() for answer in answers]
        if all(answer.finished for answer in answers):
            return
        tokens = torch.tensor(chosen, device=device)[:, None]
        sequences = torch.cat([sequences, tokens], 1)
        logits = _inference(network.step, tokens)


def _inference(forward: Callable[[torch.Tensor], torch.Tensor], ids: torch.Tensor) -> torch.Tensor:
    """Outside the generator's frame: inference mode that is open while it is suspended would leak into its caller."""
    with torch.inference_mode():
        return forward(ids).float()


def _choose(
    logits: torch.Tensor, sequences: torch.Tensor, processors: Any, generator: torch.Generator, sampling: Sampling
) -> tuple[list[int], list[float], list[list[tuple[int, float]]]]:
    """Per alternative: the token, its probability before any processor, and the most probable tokens with theirs."""
    with torch.inference_mode():
        scores = processors(sequences, logits) if processors else logits
        if sampling.temperature == 0:
            chosen = scores.argmax(-1)
        else:
            chosen = torch.multinomial(scores.softmax(-1), 1, generator=generator)[:, 0]
        normaliser = logits.logsumexp(-1, keepdim=True)
        probabilities = (logits.gather(1, chosen[:, None]) - normaliser).exp()[:, 0].tolist()
        if not sampling.shown:
            return chosen.tolist(), probabilities, [[] for _ in probabilities]
        best = logits.topk(min(sampling.shown, logits.shape[-1]))
        rows = zip(best.indices.tolist(), (best.values - normaliser).exp().tolist(), strict=True)
        return chosen.tolist(), probabilities, [list(zip(*row, strict=True)) for row in rows]


def _logits_processors(sampling: Sampling, device: torch.device) -> Any:
    """In the order of transformers; None where the most probable token is taken as it is."""
    processors: list[Any] = []
    if sampling.repetition_penalty != 1:
        processors.append(logits_process.RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.temperature not in (0, 1):
        processors.append(logits_process.TemperatureLogitsWarper(float(sampling.temperature)))
    if sampling.temperature and sampling.top_k:
        processors.append(logits_process.TopKLogitsWarper(sampling.top_k))
    if sampling.temperature and sampling.top_p < 1:
        processors.append(logits_process.TopPLogitsWarper(sampling.top_p))
    if sampling.temperature and sampling.min_p:
        processors.append(logits_process.MinPLogitsWarper(sampling.min_p))
    return logits_process.LogitsProcessorList(processors) if processors else None


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Tokens that end a text: the generation configuration may name several, as chat models do."""
    configured = getattr(model.generation_config, "eos_token_id", None)
    tokens = {*configured} if isinstance(configured, list | tuple) else {configured}
    return {token for token in (*tokens, tokenizer.eos_token_id) if token is not None}


class _GrowingAnswer:
    """One alternative while it is generated. Text that may be the beginning of a stop string is held back until it is
    not."""

    def __init__(self, tokenizer: Any, decoder: TokenDecoder, ids: Sequence[int], sampling: Sampling):
        self.decoder, self.sampling = decoder, sampling
        self.detokenizer = StreamingDetokenizer(tokenizer, ids)
        self.text, self.tokens, self.finished = "", [], ""

    def add(self, token: int, probability: float, candidates: list[tuple[int, float]], ends: set[int]) -> None:
        if token in ends:
            self.finish(END_OF_TEXT)
            return
        added = self.detokenizer.add(token)
        others = tuple((self.decoder(other), value) for other, value in candidates)
        self.tokens.append(Token(added, probability, others))
        self.text += added
        positions = [self.text.find(stop) for stop in self.sampling.stop if stop]
        stop_at = min((position for position in positions if position >= 0), default=-1)
        if stop_at >= 0:
            self._truncate(stop_at)
            self.finish(STOP_STRING)

    def _truncate(self, length: int) -> None:
        self.text, tokens, size = self.text[:length], [], 0
        for token in self.tokens:
            if size >= length:
                break
            text = token.text[: length - size]
            tokens.append(Token(text, token.probability, token.others))
            size += len(text)
        self.tokens = tokens

    def finish(self, reason: str) -> None:
        self.finished = self.finished or reason

    def answer(self) -> Answer:
        if self.finished:
            return Answer(self.text, tuple(self.tokens), self.finished)
        held_back = max((_overlap(self.text, stop) for stop in self.sampling.stop), default=0)
        return Answer(self.text[: len(self.text) - held_back], tuple(self.tokens), "")


def _overlap(text: str, stop: str) -> int:
    """Count the characters at the end of the text that are a proper prefix of the stop string."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)
