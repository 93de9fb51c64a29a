"""HostedModel: a model behind the OpenAI chat completions protocol, of Hugging Face's providers or any other server.

The protocol takes messages and returns text. Some servers return the probabilities of the tokens that they generated;
none returns those of a prompt or of all labels. The key is the caller's or the environment's: it is sent to its own
server only, and never stored, logged or shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from plugins.gpt_prompting.models.adaptive_requests import AdaptiveRequests
from plugins.gpt_prompting.models.answer_builder import AnswerBuilder
from plugins.gpt_prompting.models.completion import (
    Piece,
    cut_tokens,
    prompt_tokens,
    read_piece,
    served_by,
)
from plugins.gpt_prompting.models.conventions import MAX_TOP_LOGPROBS, conventions_of
from plugins.gpt_prompting.models.event_stream import DONE, UNREADABLE
from plugins.gpt_prompting.models.hosted_servers import (
    ServerError,
    host_of,
    parse_name,
    shorten,
)
from plugins.gpt_prompting.models.interface import (
    Answer,
    AnswerStream,
    LanguageModel,
    Message,
    ParsedLabel,
    Sampling,
    Token,
)
from plugins.gpt_prompting.models.label_parsing import first_token_probabilities, read_label
from plugins.gpt_prompting.models.reasoning import Parts, split_reasoning
from plugins.gpt_prompting.models.sampling_defaults import MIN_P, REPETITION_PENALTY
from training.errors import UserError

TIMEOUT_SECONDS = float(os.environ.get("SELFSUP_HOSTED_SECONDS", "60"))
ATTEMPTS = 3  # after transient errors
LABEL_TOKENS = 24  # of an answer from which a label is parsed
SENTENCE_TOKENS, REASONING_TOKENS = 256, 4096  # of one that was cut short in a sentence, or while the model reasoned
# Option -> values that nobody asked for: what turns it off, and our default.
UNSUPPORTED_OPTIONS = {"top_k": (0,), "min_p": (0.0, MIN_P), "repetition_penalty": (1.0, REPETITION_PENALTY)}
LABEL_INSTRUCTION = "Answer with exactly one of these labels and nothing else: {}."


@dataclass(frozen=True)
class Reply:
    """A whole completion.

    Args:
        parts: Which parts of the text are the answer, and which reasoning.
    """

    piece: Piece
    parts: Parts
    body: Any

    @property
    def answer(self) -> str:
        return self.parts.of(self.piece.text)

    @property
    def has_reasoning(self) -> bool:
        return bool(self.piece.reasoning) or self.parts.has_reasoning


class HostedModel(LanguageModel):
    """A model at an address.

    Args:
        attempts: How often a request is sent if it fails for a passing reason.
    """

    has_probabilities = False
    has_template = True

    def __init__(self, model: str, address: str, key: str = "", attempts: int = ATTEMPTS):
        self.name, self.address, self.attempts = model, address, attempts
        self.conventions = conventions_of(address, model)
        self._key = key.strip()

    @classmethod
    def connect(cls, name: str, key: str = "", attempts: int = ATTEMPTS) -> HostedModel:
        """Make the model of a name: hosted:model, or hosted:model@https://server/v1. Nothing is sent yet.

        Raises:
            UserError: If the name has another form, or requests to this host are not allowed from here.
        """
        return cls(*parse_name(name), key, attempts)

    def __repr__(self) -> str:
        return f"HostedModel({self.name!r}, {self.address!r})"

    def with_key(self, key: str) -> HostedModel:
        """Return the same model with a visitor's key."""
        return HostedModel(self.name, self.address, key, self.attempts) if key.strip() else self

    @property
    def host(self) -> str:
        return host_of(self.address)

    def tokens(self, text: str) -> list[str]:
        """The tokenizer is unknown: the text is returned as one token."""
        return [text]

    def count(self, text: str) -> int:
        return 0

    def count_chat(self, messages: Sequence[Message]) -> int:
        return 0

    def next_token(self, prompt: str, shown: int) -> list[tuple[str, float]]:
        for answers in self.stream(prompt, Sampling(new_tokens=1, temperature=0, shown=min(shown, MAX_TOP_LOGPROBS))):
            if answers[0].tokens and answers[0].tokens[0].others:
                return list(answers[0].tokens[0].others)
        raise UserError("This server does not give the probabilities of its tokens.")

    def score_tokens(self, text: str, shown: int) -> list[Token]:
        raise UserError(
            "A hosted model gives no probabilities of a text that it did not generate: choose weights of this machine."
        )

    def score(
        self, contexts: Sequence[str], continuations: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, list[float]]]:
        raise UserError("A hosted model gives no log-likelihoods: labels are parsed from its answers instead.")

    def stream(self, prompt: str, sampling: Sampling) -> AnswerStream:
        if not prompt:
            raise UserError("The prompt is empty: write something to continue.")
        return self.stream_chat([{"role": "user", "content": prompt}], sampling)

    def stream_chat(self, messages: Sequence[Message], sampling: Sampling) -> AnswerStream:
        """Generate the alternatives one after the other. If a stream breaks, the text so far is kept."""
        finished: list[Answer] = []
        for number in range(sampling.alternatives):
            answer = Answer("")
            for answer in self._stream_one(messages, replace(sampling, seed=(sampling.seed + number) % 2**31)):
                yield [*finished, answer]
            finished.append(replace(answer, note=" ".join(filter(None, (answer.note, *self._remarks(sampling))))))
        yield finished

    def _remarks(self, sampling: Sampling) -> Iterator[str]:
        unsent = [name for name, unasked in UNSUPPORTED_OPTIONS.items() if getattr(sampling, name) not in unasked]
        if unsent:
            yield f"Not sent, since the protocol does not support it: {', '.join(unsent)}."
        yield from self.conventions.remarks()

    def _stream_one(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[Answer]:
        builder, broken = AnswerBuilder(sampling), ""
        try:
            with closing(self._requests.stream(messages, sampling)) as values:
                for value in values:
                    if value is UNREADABLE or value == DONE:
                        builder.is_done |= value is not UNREADABLE
                        builder.unreadable += value is UNREADABLE
                        continue
                    builder.add(read_piece(value, sampling.shown, is_first=not builder.text))
                    if builder.is_stopped:
                        break
                    yield builder.answer()
        except ServerError as error:
            if not builder.text:
                raise
            broken = f"{error} The text so far is kept."
        answer = builder.final(broken)
        is_silent = not (
            answer.text or builder.has_reasoning or builder.calls_tool or builder.reason or builder.is_stopped
        )
        if is_silent:
            raise UserError(f"{self.host} returned an empty answer.")
        yield answer

    def generate_label(self, prompt: str, labels: Mapping[str, str]) -> ParsedLabel:
        """As `LanguageModel.generate_label`. An answer that was cut short before it named a label is asked for again,
        with room for a sentence or for reasoning.

        Raises:
            ServerError: If no answer comes.
        """
        words = list(labels.values())
        listed = ", ".join(f'"{label}"' if any("," in other for other in words) else label for label in words)
        instruction = {"role": "system", "content": LABEL_INSTRUCTION.format(listed)}
        messages = [instruction, {"role": "user", "content": prompt}]
        tokens = REASONING_TOKENS if self.conventions.reasons else max(LABEL_TOKENS, *map(len, words))
        reply = self._complete(messages, tokens)
        label = _parse(reply, labels)
        if reply.piece.finished == "length" and not label.label:
            is_reasoning = reply.has_reasoning or not reply.answer.strip()
            self.conventions.reasons |= is_reasoning
            more = REASONING_TOKENS if is_reasoning else SENTENCE_TOKENS
            label = _parse(self._complete(messages, more), labels) if more > tokens else label
        return replace(label, reason=shorten(label.reason, self._key))

    def _complete(self, messages: Sequence[Message], tokens: int) -> Reply:
        sampling = Sampling(new_tokens=tokens, temperature=0, shown=MAX_TOP_LOGPROBS)
        body = self._requests.complete(messages, sampling)
        piece = read_piece(body, MAX_TOP_LOGPROBS)
        return Reply(piece, split_reasoning(piece.text), body)

    @property
    def _requests(self) -> AdaptiveRequests:
        return AdaptiveRequests(self.name, self.address, self._key, self.attempts, TIMEOUT_SECONDS)


def _parse(reply: Reply, labels: Mapping[str, str]) -> ParsedLabel:
    """Read the label of an answer, with probabilities if its first token is the label's."""
    piece, answer = reply.piece, reply.answer
    about = {"answer": answer, "prompt_tokens": prompt_tokens(reply.body), "served_by": served_by(reply.body)}
    if reason := _no_text(reply):
        # Servers with the wrong reasoning parser take the answer of a model that does not reason for reasoning.
        exact = read_label(piece.reasoning, labels) if piece.finished == "end of text" else None
        is_answer = (
            exact is not None and exact.leads and len(piece.reasoning.strip()) <= len(labels.get(exact.label, "")) + 4
        )
        return ParsedLabel(exact.label if exact and is_answer else "", reason="" if is_answer else reason, **about)
    reading = read_label(answer, labels)
    label, probabilities = reading.label, None
    if reading.leads and (token := _first_word(cut_tokens(piece.tokens, reply.parts.spans))):
        probabilities = first_token_probabilities(token.others, labels)
        label = max(probabilities, key=lambda name: probabilities[name]) if probabilities else label
    return ParsedLabel(label, probabilities=probabilities, reason=reading.reason, **about)


def _no_text(reply: Reply) -> str:
    """Why an answer has no text that a label could be read from; empty if it has."""
    piece = reply.piece
    if piece.refusal:
        return f"The model refused: {piece.refusal}"
    if reply.answer.strip():
        return ""
    if piece.tool_call:
        return "The model called a tool instead of writing."
    if reply.has_reasoning:
        cut = " and was cut short" if piece.finished == "length" else ""
        return f"The model wrote nothing but its reasoning{cut}."
    if piece.finished not in ("", "end of text", "stop string"):
        return f"The answer is empty ({piece.finished})."
    return "The answer is empty."


def _first_word(tokens: Sequence[Token]) -> Token | None:
    """The first token with a letter or digit, behind spaces, quotes and Markdown."""
    return next((token for token in tokens if any(character.isalnum() for character in token.text)), None)
