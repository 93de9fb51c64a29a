"""LanguageModel: the interface over local and hosted models, and the records that it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from plugins.gpt_prompting.models.word_vectors import WordVectors
from training.errors import UserError

Message = dict[str, str]  # role and content

MAX_NEW_TOKENS, MAX_ALTERNATIVES, MAX_SHOWN = 4096, 16, 50


@dataclass(frozen=True)
class Token:
    """A token of a text, with its probability and the other candidates at its position.

    Args:
        text: What it adds to the text; empty for a token that completes a character begun by an earlier one.
        probability: Given all tokens before it, 0 to 1; None if unknown.
        others: The most probable tokens at this position: (text, probability), best first.
    """

    text: str
    probability: float | None = None
    others: tuple[tuple[str, float], ...] = ()

    def record(self) -> dict[str, Any]:
        """JSON-ready."""
        others = [{"token": text, "probability": round(value, 6)} for text, value in self.others]
        probability = None if self.probability is None else round(self.probability, 6)
        return {"token": self.text, "probability": probability, "others": others}


@dataclass(frozen=True)
class Answer:
    """One generated answer, complete or so far.

    Args:
        finished: Why it ended: "end of text", "length", "stop string", or "broken" if the server disconnected; else the
            server's word for it, such as content_filter. Empty while it is generated.
        note: A remark for the reader, such as options that a server does not support.
    """

    text: str
    tokens: tuple[Token, ...] = ()
    finished: str = ""
    note: str = ""

    def record(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "text": self.text,
            "tokens": [token.record() for token in self.tokens],
            "finished": self.finished,
            "note": self.note,
        }


AnswerStream = Generator[list[Answer], None, None]  # all alternatives so far


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters.

    Args:
        new_tokens: Maximum number of generated tokens.
        temperature: Divides the logits; 0 takes the most probable token (greedy).
        top_k: Keep the k most probable tokens; 0: all.
        top_p: Keep the most probable tokens whose probabilities sum to this (Holtzman et al., 2020); 1: all.
        min_p: Keep tokens at least this share as probable as the best (Nguyen et al., 2024); 0: all.
        repetition_penalty: Above 1, tokens that occur already become less probable (Keskar et al., 2019).
        stop: Stop strings; the answer ends before the first of them.
        seed: The same seed gives the same answer.
        alternatives: Answers sampled at once.
        shown: Number of other candidates returned with each token.
    """

    new_tokens: int = 60
    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = field(default=())
    seed: int = 0
    alternatives: int = 1
    shown: int = 5

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("new_tokens", self.new_tokens, 1, MAX_NEW_TOKENS),
            ("temperature", self.temperature, 0, 10),
            ("top_k", self.top_k, 0, 1_000_000),
            ("top_p", self.top_p, 0, 1),
            ("min_p", self.min_p, 0, 1),
            ("repetition_penalty", self.repetition_penalty, 0.1, 10),
            ("seed", self.seed, 0, 2**32 - 1),
            ("alternatives", self.alternatives, 1, MAX_ALTERNATIVES),
            ("shown", self.shown, 0, MAX_SHOWN),
        ):
            if not low <= value <= high:
                raise UserError(f"{name}: {value} was given; {low} to {high} was expected.")
        if self.top_p == 0:
            raise UserError("top_p: 0 was given, which leaves no token; 1 takes all, and temperature 0 the best one.")
        if self.alternatives > 1 and self.temperature == 0:
            raise UserError(
                "alternatives: with temperature 0 they would all be the same; raise it, or ask for one answer."
            )


@dataclass(frozen=True)
class ParsedLabel:
    """A label parsed from a generated answer.

    Args:
        label: Empty if the answer names none.
        answer: The generated text, without reasoning.
        probabilities: Of the labels, if the server gives those of the first token; they sum to 1.
        prompt_tokens: As the server counts them; 0 if it does not say.
        served_by: The model that the server reports.
        reason: Why there is no label.
    """

    label: str
    answer: str
    probabilities: dict[str, float] | None = None
    prompt_tokens: int = 0
    served_by: str = ""
    reason: str = ""


class LanguageModel(ABC):
    """A causal language model; a method that it does not support raises a UserError."""

    name: str = ""
    context: int = 0  # maximum tokens of prompt and answer together; 0 if unknown
    has_probabilities: bool = True  # gives log-likelihoods of any token and any label
    has_template: bool = False  # comes with a chat template
    has_embeddings: bool = False  # gives vectors of texts
    word_vectors: WordVectors | None = None  # that were saved with the weights

    def with_key(self, key: str) -> LanguageModel:
        """Return the same model with a visitor's key; a local model needs none."""
        return self

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """Split a text into the model's tokens; joined, they are the text."""

    def count(self, text: str) -> int:
        """Count the tokens of a text."""
        return len(self.tokens(text))

    @abstractmethod
    def stream(self, prompt: str, sampling: Sampling) -> AnswerStream:
        """Continue a prompt; yields all alternatives as they grow, and all finished at the end."""

    @abstractmethod
    def stream_chat(self, messages: Sequence[Message], sampling: Sampling) -> AnswerStream:
        """Answer the last message of a dialogue that fits into the context; yields as `stream` does."""

    @abstractmethod
    def count_chat(self, messages: Sequence[Message]) -> int:
        """Count the tokens of a dialogue in the model's chat template."""

    @abstractmethod
    def next_token(self, prompt: str, shown: int) -> list[tuple[str, float]]:
        """Return the most probable next tokens with their probabilities, best first."""

    @abstractmethod
    def score_tokens(self, text: str, shown: int) -> list[Token]:
        """Return every token of a text with its probability given all before it."""

    @abstractmethod
    def score(
        self, contexts: Sequence[str], continuations: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, list[float]]]:
        """Yield (index of the context, log-likelihood of each of its continuations in nats), in order."""

    def log_likelihoods(self, contexts: Sequence[str], continuations: Sequence[Sequence[str]]) -> np.ndarray:
        """Return all of `score` as one array, (contexts, continuations), padded with NaN."""
        out = np.full((len(contexts), max(map(len, continuations), default=0)), np.nan)
        for row, values in self.score(contexts, continuations):
            out[row, : len(values)] = values
        return out

    def generate_label(self, prompt: str, labels: Mapping[str, str]) -> ParsedLabel:
        """Generate an answer and parse a label from it, for models without `has_probabilities`.

        Args:
            labels: Label -> its words.
        """
        raise UserError("This model gives log-likelihoods: score its labels instead.")

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts, (texts, width), for models with `has_embeddings`."""
        raise UserError("This model gives no embeddings of texts.")

    def fingerprint(self) -> str:
        """Return the SHA-256 of the parameters in hex; empty if they are not accessible."""
        return ""


def replace_surrogates(text: str) -> str:
    """Replace unpaired surrogates, which no encoding can represent, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
