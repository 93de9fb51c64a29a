"""Which label a model gives to rows under a prompt, how sure it is, and what that took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.prompting import calibration
from plugins.gpt_prompting.prompting.context_window import ContextFitter, FittedPrompt
from plugins.gpt_prompting.prompting.prompts import Prompt, Row

MAX_WRITTEN_TOKENS = 24  # of an answer that is read for a label


@dataclass(frozen=True)
class LabelPrediction:
    """One row's answer.

    Args:
        label: The most probable; empty where a written answer names none.
        probabilities: Label -> 0 to 1, with a sum of 1, calibrated if so asked; empty where only a written answer is known.
        scores: Label -> log-likelihood in nats, before calibration; empty as above.
        said: The written answer, where the label was read from one.
        prompt_tokens: Of the prompt, as a server counts them; 0 where it does not say, and for a model of this machine.
        served: What a server says has answered.
    """

    label: str
    probabilities: dict[str, float]
    scores: dict[str, float]
    fitted: FittedPrompt
    said: str = ""
    prompt_tokens: int = 0
    served: str = ""

    @property
    def sure(self) -> float | None:
        """The label's probability; None where only a written answer is known."""
        return self.probabilities.get(self.label)

    def record(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "label": self.label,
            "probabilities": {name: round(value, 6) for name, value in self.probabilities.items()},
            "scores": {name: round(value, 4) for name, value in self.scores.items()},
            "prompt": self.fitted.text,
            "dropped_examples": list(self.fitted.dropped),
            "text_was_cut": self.fitted.cut,
            "said": self.said,
        }


class LabelScorer:
    """A prompt and a model, ready to label rows."""

    def __init__(self, model: LanguageModel, prompt: Prompt):
        self.model, self.prompt = model, prompt
        self.closed = self._is_ambiguous()
        self.words = [prompt.continuation(name, self.closed) for name in prompt.names]
        self.answer_tokens = max(map(model.count, self.words)) if model.has_probabilities else MAX_WRITTEN_TOKENS
        self.fitter = ContextFitter(model, prompt, self.answer_tokens)
        self.tokens, self.seconds = 0, 0.0
        self._base: np.ndarray | None = None  # of content-free inputs, or of the premise

    def _is_ambiguous(self) -> bool:
        """Whether a label's words begin another's: then each is scored with what follows it, or the shorter could only win."""
        words = [self.prompt.continuation(name) for name in self.prompt.names]
        return any(one != other and other.startswith(one) for one in words for other in words)

    def label(self, rows: Sequence[Row], examples: Sequence[Sequence[Row]] | None = None) -> Iterator[LabelPrediction]:
        """Yield an answer for each row, in order.

        Args:
            examples: Those of each row; by default the prompt's.
        """
        fitted = [self.fitter.fit(row, examples[at] if examples else None) for at, row in enumerate(rows)]
        if not self.model.has_probabilities:
            yield from (self._judged(each) for each in fitted)
            return
        started = time.monotonic()
        for at, values in self.model.score([each.text for each in fitted], [self.words] * len(fitted)):
            self.seconds += time.monotonic() - started
            yield self._scored(fitted[at], np.asarray(values))
            started = time.monotonic()

    def _scored(self, fitted: FittedPrompt, values: np.ndarray) -> LabelPrediction:
        chances = self._probabilities(values[None])[0]
        names = self.prompt.names
        return LabelPrediction(
            names[int(chances.argmax())],
            dict(zip(names, chances.tolist(), strict=True)),
            dict(zip(names, values.tolist(), strict=True)),
            fitted,
        )

    def _probabilities(self, scores: np.ndarray) -> np.ndarray:
        if self.prompt.calibrate == "none":
            return calibration.distribution(scores)
        if self._base is None:
            self._base = self._measure_base()
        if self.prompt.calibrate == "contextual":
            return calibration.contextual(scores, self._base)
        return calibration.pmi(scores, self._base[0])

    def _measure_base(self) -> np.ndarray:
        """Log-likelihoods of the labels where there is nothing to label: (content-free inputs, labels), or (1, labels)."""
        if self.prompt.calibrate == "contextual":
            rows = [dict.fromkeys(self.prompt.fields, nothing) for nothing in calibration.CONTENT_FREE]
            contexts = [self.fitter.fit(row).text for row in rows]
        else:
            contexts = [self.prompt.bare() or self.prompt.query(dict.fromkeys(self.prompt.fields, ""))]
        return self.model.log_likelihoods(contexts, [self.words] * len(contexts))

    def _judged(self, fitted: FittedPrompt) -> LabelPrediction:
        started = time.monotonic()
        found = self.model.judge(fitted.text, {name: self.prompt.continuation(name).strip() for name in self.prompt.names})  # fmt: skip
        self.seconds += time.monotonic() - started
        return LabelPrediction(
            found.label, found.probabilities or {}, {}, fitted, found.said, found.prompt_tokens, found.served
        )
