"""Label scoring: classify rows by the log-likelihood of each label after the prompt, or by the label in a generated
answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plugins.gpt_prompting.models.hosted_servers import ServerError
from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.prompting import calibration
from plugins.gpt_prompting.prompting.context_window import ContextFitter, FittedPrompt
from plugins.gpt_prompting.prompting.example_similarity import ExampleSimilarity
from plugins.gpt_prompting.prompting.failures import Failures
from plugins.gpt_prompting.prompting.prompts import Prompt, Row

MAX_ANSWER_TOKENS = 24  # of a generated answer from which a label is parsed


@dataclass(frozen=True)
class LabelPrediction:
    """The prediction for one row.

    Args:
        label: The most probable; empty if a generated answer names none.
        probabilities: Label -> 0 to 1, with a sum of 1, calibrated if the prompt says so; empty if only an answer is
            known.
        scores: Label -> log-likelihood in nats, before calibration; empty as above.
        answer: The generated answer, if the label was parsed from one.
        prompt_tokens: As a server counts them; 0 if it does not say, and for a local model.
        served_by: The model that a server reports.
        reason: Why there is no label, or no answer.
        is_answered: Whether an answer came; always of a local model.
    """

    label: str
    probabilities: dict[str, float]
    scores: dict[str, float]
    fitted: FittedPrompt
    answer: str = ""
    prompt_tokens: int = 0
    served_by: str = ""
    reason: str = ""
    is_answered: bool = True

    @property
    def confidence(self) -> float | None:
        """The label's probability; None if only a generated answer is known."""
        return self.probabilities.get(self.label)

    def record(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "label": self.label,
            "probabilities": {name: round(value, 6) for name, value in self.probabilities.items()},
            "scores": {name: round(value, 4) for name, value in self.scores.items()},
            "prompt": self.fitted.text,
            "dropped_examples": list(self.fitted.dropped),
            "text_truncated": self.fitted.truncated,
            "answer": self.answer,
            "reason": self.reason,
        }


class LabelScorer:
    """A prompt and a model that together classify rows.

    Args:
        failures: Counts answers of a server that do not come, which then have no label; None: they are errors.

    Attributes:
        verbalizers: Each label's words as they follow the prompt.
        seconds: Time that the model took so far.
    """

    def __init__(self, model: LanguageModel, prompt: Prompt, failures: Failures | None = None):
        self.model, self.prompt, self.failures = model, prompt, failures
        closed = self._has_prefix_labels()
        self.verbalizers = [prompt.continuation(name, closed) for name in prompt.names]
        answer_tokens = max(map(model.count, self.verbalizers)) if model.has_probabilities else MAX_ANSWER_TOKENS
        self.fitter = ContextFitter(model, prompt, answer_tokens)
        words = {name: prompt.continuation(name).strip() for name in prompt.names}
        self.similarity = ExampleSimilarity(model, prompt.fields, words)
        self.seconds = 0.0
        self._baseline: np.ndarray | None = None  # scores for calibration, computed at the first row

    def _has_prefix_labels(self) -> bool:
        """Whether one label's words start another's. Then each is scored with what follows it in the template: alone,
        the shorter one would always have the higher likelihood."""
        words = [self.prompt.continuation(name) for name in self.prompt.names]
        return any(one != other and other.startswith(one) for one in words for other in words)

    def label(self, rows: Sequence[Row], examples: Sequence[Sequence[Row]] | None = None) -> Iterator[LabelPrediction]:
        """Yield a prediction for each row, in order.

        Args:
            examples: The demonstrations of each row; by default the prompt's.
        """
        fitted = [self.fitter.fit(row, examples[index] if examples else None) for index, row in enumerate(rows)]
        if not self.model.has_probabilities:
            yield from (self._generated(prompt) for prompt in fitted)
            return
        started = time.monotonic()
        contexts = [prompt.text for prompt in fitted]
        for index, scores in self.model.score(contexts, [self.verbalizers] * len(contexts)):
            shown = self.prompt.examples if examples is None else examples[index]
            prediction = self._scored(fitted[index], np.asarray(scores), rows[index], shown)
            self.seconds += time.monotonic() - started
            yield prediction
            started = time.monotonic()

    def _scored(self, fitted: FittedPrompt, scores: np.ndarray, row: Row, examples: Sequence[Row]) -> LabelPrediction:
        """Calibrate; with `examples`, all that were given count, also those that did not fit into the context."""
        probabilities = self._calibrate(scores[None])[0]
        if self.prompt.calibrate == "examples":
            logits = np.log(np.maximum(probabilities, 1e-12)) + self.similarity(row, examples)
            probabilities = calibration.distribution(logits[None])[0]
        names = self.prompt.names
        return LabelPrediction(
            names[int(probabilities.argmax())],
            dict(zip(names, probabilities.tolist(), strict=True)),
            dict(zip(names, scores.tolist(), strict=True)),
            fitted,
        )

    def _calibrate(self, scores: np.ndarray) -> np.ndarray:
        """Log-likelihoods to probabilities, (rows, labels)."""
        if self.prompt.calibrate == "none":
            return calibration.distribution(scores)
        if self._baseline is None:
            self._baseline = self._score_baseline()
        if self.prompt.calibrate == "pmi":
            return calibration.pmi(scores, self._baseline[0])
        return calibration.contextual(scores, self._baseline)

    def _score_baseline(self) -> np.ndarray:
        """Log-likelihoods of the labels without an input: of inputs that say nothing, (inputs, labels), or the premise,
        (1, labels). Without examples, domain and examples take the content-free inputs of contextual."""
        fields, examples = self.prompt.fields, self.prompt.examples
        if self.prompt.calibrate == "pmi":
            contexts = [self.prompt.premise() or self.prompt.query(dict.fromkeys(fields, ""))]
        else:
            has_words = self.prompt.calibrate != "contextual" and examples
            rows = (
                calibration.random_word_rows(examples, fields) if has_words else calibration.content_free_rows(fields)
            )
            contexts = [self.fitter.fit(row).text for row in rows]
        return self.model.log_likelihoods(contexts, [self.verbalizers] * len(contexts))

    def _generated(self, fitted: FittedPrompt) -> LabelPrediction:
        started = time.monotonic()
        labels = {name: self.prompt.continuation(name).strip() for name in self.prompt.names}
        if self.failures and self.failures.is_gone:
            return unanswered(fitted, "Not asked, since the server stopped answering.")
        try:
            parsed = self.model.generate_label(fitted.text, labels)
        except ServerError as error:
            if self.failures is None:
                raise
            return unanswered(fitted, self.failures.count(error))
        finally:
            self.seconds += time.monotonic() - started
        if self.failures:
            self.failures.answered()
        return LabelPrediction(
            parsed.label,
            parsed.probabilities or {},
            {},
            fitted,
            parsed.answer,
            parsed.prompt_tokens,
            parsed.served_by,
            parsed.reason,
        )


def unanswered(fitted: FittedPrompt, reason: str) -> LabelPrediction:
    """The prediction for a row without an answer."""
    return LabelPrediction("", {}, {}, fitted, reason=reason, is_answered=False)
