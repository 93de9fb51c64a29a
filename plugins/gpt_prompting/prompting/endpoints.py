"""Endpoints of a causal language model, local or hosted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plugins._endpoints import Endpoints
from plugins._prompted import Prompted
from plugins.gpt_prompting.models.sampling_defaults import DRAWN_SEED, MIN_P, REPETITION_PENALTY, TEMPERATURE
from plugins.gpt_prompting.prompting.prompts import DEFAULT_TEMPLATE


class Prompting(Prompted, Endpoints):
    """Generation, chat, few-shot classification and token probabilities; no parameter is changed."""

    @abstractmethod
    def generate(
        self,
        prompt: str,
        new_tokens: int = 60,
        temperature: float = TEMPERATURE,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = MIN_P,
        repetition_penalty: float = REPETITION_PENALTY,
        stop: list[str] = [],  # noqa: B006 - part of the published signature, never changed
        seed: int = DRAWN_SEED,
        alternatives: int = 1,
        shown: int = 5,
        key: str = "",
    ) -> Iterator[dict[str, Any]]:
        """Continue a text; streams the answer so far.

        Args:
            prompt: The text, not empty.
            new_tokens: Maximum number of generated tokens, 1 to 4096; fewer if the model's context ends.
            temperature: Divides the logits; 0 takes the most probable token.
            top_k: Keep the k most probable tokens; 0: all.
            top_p: Keep the most probable tokens whose probabilities sum to this; 1: all.
            min_p: Keep tokens at least this share as probable as the best; 0: all.
            repetition_penalty: Above 1, tokens that occur already become less probable.
            stop: Stop strings; the answer ends before the first of them.
            seed: The same seed gives the same tokens; -1 draws a new one.
            alternatives: Answers sampled at once, 1 to 16.
            shown: Other candidates returned with each token, 0 to 50.
            key: Your key for a hosted model. It is sent to its server only, and not stored.

        Returns:
            text (of the first answer); answers: text, tokens (token, probability, others: the other candidates),
            finished (end of text, length, stop string or broken; of a server also its own word, as content_filter),
            note; seed; prompt_tokens, context, new_tokens, seconds, first_token_seconds, tokens_per_second. Each value
            is the whole so far; the last is the result.
        """

    @abstractmethod
    def chat(
        self,
        messages: list[dict[str, Any]],
        new_tokens: int = 120,
        temperature: float = TEMPERATURE,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = MIN_P,
        repetition_penalty: float = REPETITION_PENALTY,
        stop: list[str] = [],  # noqa: B006 - as above
        seed: int = DRAWN_SEED,
        shown: int = 5,
        key: str = "",
    ) -> Iterator[dict[str, Any]]:
        """Answer the last message of a dialogue; streams the answer so far.

        Args:
            messages: role (system, user or assistant) and content of each; the last is the user's. The oldest turns are
                dropped if they do not fit.
            new_tokens: As for generate.
            temperature: As for generate.
            top_k: As for generate.
            top_p: As for generate.
            min_p: As for generate.
            repetition_penalty: As for generate.
            stop: As for generate.
            seed: As for generate.
            shown: As for generate.
            key: As for generate.

        Returns:
            As generate; and dropped_messages (indices from 0), template (the model's own, or plain transcript).
        """

    @abstractmethod
    def classify(
        self,
        text: str,
        labels: list[str] = [],  # noqa: B006 - as above
        examples: list[dict[str, Any]] = [],  # noqa: B006
        template: str = DEFAULT_TEMPLATE,
        calibrate: str = "none",
        instruction: str = "",
        key: str = "",
    ) -> dict[str, Any]:
        """Classify a text by a few-shot prompt; no parameter is changed.

        Args:
            text: The value of {text} in the template.
            labels: The labels, or label=words to use other words in the prompt. Empty: the prompt that was saved with
                the weights.
            examples: Rows with text (the template's variables) and label, in the order in which they are shown.
            template: How a row is written, with {text} and {label}.
            calibrate: none, contextual (Zhao et al., 2021), domain (Fei et al., 2023), pmi (Holtzman et al., 2021), or
                examples: domain, and how similar the text is to each label's examples (Shi et al., 2022) and, by
                weights with word vectors, to its words.
            instruction: Written once, before the examples.
            key: As for generate.

        Returns:
            label; probabilities: label -> 0 to 1; scores: label -> log-likelihood in nats (empty for a hosted model);
            prompt: as sent to the model; dropped_examples: indices (from 0) of those that did not fit; text_truncated;
            answer: a hosted model's answer without its reasoning, from which the label was parsed; reason: why there is
            no label.
        """

    @abstractmethod
    def evaluate(
        self,
        file: Path,
        labels: list[str] = [],  # noqa: B006 - as above
        examples: list[dict[str, Any]] = [],  # noqa: B006
        template: str = DEFAULT_TEMPLATE,
        calibrate: str = "none",
        instruction: str = "",
        label_column: str = "",
        shots: int = 0,
        selection: str = "balanced",
        rows: int = 0,
        seed: int = 0,
        key: str = "",
    ) -> Iterator[dict[str, Any]]:
        """Evaluate a prompt on a file of labelled rows; streams the metrics so far, which a cancelled call keeps.

        Args:
            file: CSV, TSV, JSONL or Parquet with a column for each variable of the template, and one of labels.
            labels: As for classify. Empty: those of the file.
            examples: As for classify.
            template: As for classify.
            calibrate: As for classify.
            instruction: As for classify.
            label_column: Column of the labels. Empty: guessed.
            shots: Examples to select from the file, which are then not evaluated on; 0: those given.
            selection: random, balanced, nearest to each row (by the model's embeddings) or nearest_words (by TF-IDF).
            rows: Rows to evaluate on, stratified by label; 0: all.
            seed: Of the selection.
            key: As for generate.

        Returns:
            done, total, rows_per_second, metrics (rows, accuracy, low and high: 95 % interval, macro_f1,
            calibration_error), with_dropped_examples, with_truncated_text, without_label, unanswered (rows to which a
            server sent no answer), reasons (why rows have no label: how many); at the end also confusion, predictions
            (line, label, predicted_label, probability, and reason where there is no label), parameters_sha256 (before,
            after, unchanged; empty and null for a hosted model, whose parameters are not accessible).
        """

    @abstractmethod
    def next_token(self, text: str, shown: int = 10, key: str = "") -> list[dict[str, Any]]:
        """Return the most probable next tokens after a text.

        Args:
            text: The text so far; empty for the beginning of a text.
            shown: Number of tokens, 1 to 200.
            key: As for generate.

        Returns:
            token and probability of each, the most probable first.
        """

    @abstractmethod
    def score(self, text: str, shown: int = 5) -> dict[str, Any]:
        """Score every token of a text, and the text as a whole (surprisal, perplexity).

        Args:
            text: Of any length; a text longer than the context is read in windows that overlap by half.
            shown: Other candidates returned with each token, 0 to 50.

        Returns:
            tokens (token, probability, others), tokens_scored, loss (nats per token), perplexity, bits_per_byte.
        """
