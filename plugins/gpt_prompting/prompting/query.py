"""What the page's prompt box runs on a predictor: classify a query and generate its answer, evaluate and compare on a
file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from plugins.gpt_prompting.models.interface import Sampling
from plugins.gpt_prompting.prompting.evaluation import evaluate
from plugins.gpt_prompting.prompting.generate import generate
from plugins.gpt_prompting.prompting.label_scoring import LabelScorer
from plugins.gpt_prompting.prompting.labelled_rows import read_rows
from plugins.gpt_prompting.prompting.predictor import PromptPredictor
from plugins.gpt_prompting.prompting.prompt_comparison import compare
from plugins.gpt_prompting.prompting.prompts import Prompt, Row
from training.errors import UserError

WRITE_SECONDS = 4.0  # between files of the rows so far
CANDIDATES = 5  # shown with each token
GREEDY = Sampling(new_tokens=24, temperature=0, shown=CANDIDATES)


def parse_query(prompt: Prompt, text: str) -> Row:
    """Parse a query: the whole text for a template of one variable, else one line `name: value` per variable.

    Raises:
        UserError: If a variable is missing.
    """
    if not text.strip():
        raise UserError("The text to classify is empty: write one.")
    if len(prompt.fields) == 1:
        return {prompt.fields[0]: text.strip()}
    lines = (line.partition(":") for line in text.splitlines())
    row = {name.strip(): value.strip() for name, _, value in lines}
    missing = [name for name in prompt.fields if not row.get(name)]
    if missing:
        raise UserError(f"Write a line for each variable, such as '{missing[0]}: …'; missing: {', '.join(missing)}.")
    return row


def classify_and_generate(
    predictor: PromptPredictor, prompt: Prompt, text: str, key: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield the prediction with the prompt's tokens, then the generated answer as it grows.

    Yields:
        As `LabelPrediction.record`; tokens (of the prompt), token_count, context; and generated (a state of `generate`,
        None at first).
    """
    model = predictor.model.with_key(key)
    [prediction] = LabelScorer(model, prompt).label([parse_query(prompt, text)])
    tokens = model.score_tokens(prediction.fitted.text, CANDIDATES) if model.has_probabilities else []
    state = prediction.record() | {
        "tokens": [token.record() for token in tokens],
        "token_count": len(tokens),
        "context": model.context,
        "generated": None,
    }
    yield state
    # A base model would go on with the next example, and the one after it; a hosted one ends its answer itself.
    greedy = replace(GREEDY, stop=(prompt.separator,)) if model.has_probabilities else GREEDY
    for generated in generate(model, prediction.fitted.text, greedy):
        yield state | {"generated": generated}


def evaluate_file(
    predictor: PromptPredictor, prompt: Prompt, file: Path, shots: int, selection: str, max_rows: int, key: str = ""
) -> Iterator[tuple[dict[str, Any], Path | None]]:
    """Yield the evaluation so far, and every few seconds a file of the predictions so far, so that a stopped call has
    one."""
    model, data, written = predictor.model.with_key(key), read_rows(file, prompt.template), 0.0
    for evaluation in evaluate(model, prompt, data, max_rows, shots, selection):
        is_due = len(evaluation.predictions) == len(evaluation.rows) or evaluation.seconds - written > WRITE_SECONDS
        written = evaluation.seconds if is_due else written
        yield evaluation.overview(), evaluation.write() if is_due else None


def compare_on_file(
    predictor: PromptPredictor, first: Prompt, second: Prompt, file: Path, max_rows: int, key: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield progress, then the result of `compare`."""
    yield from compare(predictor.model.with_key(key), first, second, read_rows(file, first.template), max_rows)
