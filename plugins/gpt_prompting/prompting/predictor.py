"""PromptPredictor: a causal language model, local or hosted, at work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from plugins._prompted import PromptedLabel
from plugins.gpt_prompting.inspect.surprisal import surprisal
from plugins.gpt_prompting.models.interface import MAX_SHOWN, LanguageModel, Sampling
from plugins.gpt_prompting.models.openai_model import HostedModel
from plugins.gpt_prompting.models.sampling_defaults import (
    DRAWN_SEED,
    MIN_P,
    REPETITION_PENALTY,
    TEMPERATURE,
    seed_of,
)
from plugins.gpt_prompting.models.transformers_model import TransformersModel
from plugins.gpt_prompting.prompting.chat import chat
from plugins.gpt_prompting.prompting.endpoints import Prompting
from plugins.gpt_prompting.prompting.evaluation import CHUNK_ROWS, evaluate
from plugins.gpt_prompting.prompting.failures import Failures
from plugins.gpt_prompting.prompting.generate import generate
from plugins.gpt_prompting.prompting.label_scoring import LabelScorer
from plugins.gpt_prompting.prompting.labelled_rows import read_rows
from plugins.gpt_prompting.prompting.prompts import DEFAULT_TEMPLATE, LABEL, Prompt, make_prompt
from training.data.progress import report
from training.errors import UserError

MAX_NEXT_TOKENS = 200


class PromptPredictor(Prompting):
    """Answers the endpoints with one model.

    Args:
        prompt: The prompt that calls without labels use; None: calls must give labels.
    """

    def __init__(self, model: LanguageModel, prompt: Prompt | None = None):
        self.model, self.prompt = model, prompt

    def generate(
        self,
        prompt: str,
        new_tokens: int = 60,
        temperature: float = TEMPERATURE,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = MIN_P,
        repetition_penalty: float = REPETITION_PENALTY,
        stop: list[str] = [],  # noqa: B006 - as the interface
        seed: int = DRAWN_SEED,
        alternatives: int = 1,
        shown: int = 5,
        key: str = "",
    ) -> Iterator[dict[str, Any]]:
        sampling = Sampling(
            new_tokens,
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty,
            tuple(stop),
            seed_of(seed),
            alternatives,
            shown,
        )
        yield from generate(self.model.with_key(key), prompt, sampling)

    def chat(
        self,
        messages: list[dict[str, Any]],
        new_tokens: int = 120,
        temperature: float = TEMPERATURE,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = MIN_P,
        repetition_penalty: float = REPETITION_PENALTY,
        stop: list[str] = [],  # noqa: B006 - as the interface
        seed: int = DRAWN_SEED,
        shown: int = 5,
        key: str = "",
    ) -> Iterator[dict[str, Any]]:
        sampling = Sampling(
            new_tokens, temperature, top_k, top_p, min_p, repetition_penalty, tuple(stop), seed_of(seed), shown=shown
        )
        yield from chat(self.model.with_key(key), messages, sampling)

    def classify(
        self,
        text: str,
        labels: list[str] = [],  # noqa: B006 - as the interface
        examples: list[dict[str, Any]] = [],  # noqa: B006
        template: str = DEFAULT_TEMPLATE,
        calibrate: str = "none",
        instruction: str = "",
        key: str = "",
    ) -> dict[str, Any]:
        if not text.strip():
            raise UserError("The text is empty: write something to classify.")
        prompt = self._saved_prompt(labels) or make_prompt(template, labels, examples, instruction, calibrate)
        row = dict.fromkeys(prompt.fields, text) if len(prompt.fields) == 1 else {"text": text}
        [prediction] = LabelScorer(self.model.with_key(key), prompt).label([row])
        return prediction.record()

    def evaluate(
        self,
        file: Path,
        labels: list[str] = [],  # noqa: B006 - as the interface
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
        saved = self._saved_prompt(labels)
        data = read_rows(file, saved.template if saved else template, label_column)
        prompt = saved or make_prompt(template, labels or data.labels, examples, instruction, calibrate)
        evaluation = None
        for evaluation in evaluate(self.model.with_key(key), prompt, data, rows, shots, selection, seed):
            yield evaluation.record()
        if evaluation is not None:
            yield evaluation.details()

    def next_token(self, text: str, shown: int = 10, key: str = "") -> list[dict[str, Any]]:
        if not 1 <= shown <= MAX_NEXT_TOKENS:
            raise UserError(f"shown: {shown} was given; 1 to {MAX_NEXT_TOKENS} was expected.")
        tokens = self.model.with_key(key).next_token(text, shown)
        return [{"token": token, "probability": round(value, 6)} for token, value in tokens]

    def score(self, text: str, shown: int = 5) -> dict[str, Any]:
        return surprisal(self.model, text, min(max(shown, 0), MAX_SHOWN))

    def label_texts(
        self,
        texts: Sequence[str],
        labels: Mapping[str, str],
        examples: Sequence[tuple[str, str]] = (),
        key: str = "",
    ) -> list[PromptedLabel]:
        rows = [{"text": text, LABEL: label} for text, label in examples]
        failures = Failures()
        scorer = LabelScorer(self.model.with_key(key), make_prompt(DEFAULT_TEMPLATE, labels, rows), failures)
        found: list[PromptedLabel] = []
        for start in range(0, len(texts), CHUNK_ROWS):
            chunk = [{"text": text} for text in texts[start : start + CHUNK_ROWS]]
            for each in scorer.label(chunk):
                found.append(PromptedLabel(each.label, each.probabilities))
                report("Labels by a prompt", len(found), len(texts))
        failures.finish()
        return found

    def _saved_prompt(self, labels: list[str]) -> Prompt | None:
        return None if labels else self.prompt


def load(folder: Path) -> PromptPredictor:
    """Load a causal language model.

    Raises:
        UserError: If the folder holds none.
    """
    return PromptPredictor(TransformersModel.load(folder))


def connect(name: str) -> PromptPredictor:
    """Make the predictor of a hosted model: hosted:model@https://server/v1.

    Raises:
        UserError: If the name has another form, or requests to this host are not allowed from here.
    """
    return PromptPredictor(HostedModel.connect(name))
