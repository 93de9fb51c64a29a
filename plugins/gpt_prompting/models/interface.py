"""What the prompt studio asks of a language model, wherever it runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from training.errors import UserError

if TYPE_CHECKING:
    import numpy as np

Role = Literal["system", "user", "assistant"]
Message = dict[str, str]  # role and content

MAX_NEW_TOKENS, MAX_ALTERNATIVES, MAX_SHOWN = 4096, 16, 50


@dataclass(frozen=True)
class Token:
    """A token as it stands in a text.

    Args:
        text: What it adds to the text; empty for one that only completes a character that began earlier.
        probability: Of the model, given all before, 0 to 1; None where it is not known.
        others: What else the model might have said: (text, probability), the most probable first.
    """

    text: str
    probability: float | None = None
    others: tuple[tuple[str, float], ...] = ()

    def record(self) -> dict[str, Any]:
        """JSON-ready."""
        others = [{"token": text, "probability": round(value, 6)} for text, value in self.others]
        known = None if self.probability is None else round(self.probability, 6)
        return {"token": self.text, "probability": known, "others": others}


@dataclass(frozen=True)
class Answer:
    """What was written so far.

    Args:
        finished: Why it ended: "end of text", "length", "stop string", or "broken" where a server went away; empty while it goes on.
        note: What must be said of it.
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


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen.

    Args:
        new_tokens: At most so many.
        temperature: 0 takes the most probable token (greedy).
        top_k: Only the k most probable; 0: all.
        top_p: Only the most probable whose sum reaches this (Holtzman et al., 2020); 1: all.
        min_p: Only those at least this share as probable as the best (Nguyen et al., 2024); 0: all.
        repetition_penalty: Above 1, tokens that stand in the text already become less probable (Keskar et al., 2019).
        stop: The answer ends before any of these.
        seed: The same seed gives the same answer.
        alternatives: Answers drawn at once.
        shown: How many other tokens are given with each.
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
    """A label out of a written answer.

    Args:
        label: Empty where the answer names none.
        said: The answer.
        probabilities: Of the labels, where the server gives those of the first token; they sum to 1.
        prompt_tokens: As the server counts them; 0 where it does not say.
        served: What the server says has answered.
    """

    label: str
    said: str
    probabilities: dict[str, float] | None = None
    prompt_tokens: int = 0
    served: str = ""


class LanguageModel(ABC):
    """One model. What it cannot do it says in a UserError."""

    name: str = ""
    context: int = 0  # tokens of a prompt and its answer together; 0 where it is not known
    has_probabilities: bool = True  # of every token and every label
    has_template: bool = False  # for chat

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """The text as the model's tokens; put together they are the text."""

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self.tokens(text))

    @abstractmethod
    def stream(self, prompt: str, how: Sampling) -> Iterator[list[Answer]]:
        """Continue a prompt; yields all alternatives as far as they have come, and each finished at the end."""

    @abstractmethod
    def stream_chat(self, messages: Sequence[Message], how: Sampling) -> Iterator[list[Answer]]:
        """Answer the last message of a dialogue that fits into the context."""

    @abstractmethod
    def count_chat(self, messages: Sequence[Message]) -> int:
        """Tokens of a dialogue as the model gets it."""

    @abstractmethod
    def next_token(self, prompt: str, shown: int) -> list[tuple[str, float]]:
        """The most probable next tokens, best first."""

    @abstractmethod
    def read(self, text: str, shown: int) -> list[Token]:
        """Every token of a text with its probability given all before."""

    @abstractmethod
    def score(
        self, contexts: Sequence[str], continuations: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, list[float]]]:
        """Yield (context's number, log-probability in nats of each of its continuations), in order."""

    def log_likelihoods(self, contexts: Sequence[str], continuations: Sequence[Sequence[str]]) -> np.ndarray:
        """All of `score`, (contexts, continuations); NaN where one has fewer."""
        import numpy as np

        out = np.full((len(contexts), max(map(len, continuations), default=0)), np.nan)
        for at, values in self.score(contexts, continuations):
            out[at, : len(values)] = values
        return out

    def judge(self, prompt: str, labels: Mapping[str, str]) -> ParsedLabel:
        """The label that a written answer names, for models whose probabilities are out of reach.

        Args:
            labels: Label -> its words.
        """
        raise UserError("This model gives probabilities: its labels are scored.")

    def fingerprint(self) -> str:
        """SHA-256 of the parameters, hex; empty where they are out of reach."""
        return ""


def replace_surrogates(text: str) -> str:
    """The text with unpaired surrogates, which no encoding has, as replacement characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
