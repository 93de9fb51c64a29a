"""What the prompt studio shows of one query: the prompt as the model gets it, scores of the labels, and what it would write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plugins.gpt_prompting.models.interface import LanguageModel, Sampling
from plugins.gpt_prompting.prompting import demonstrations as choosing
from plugins.gpt_prompting.prompting.evaluation import evaluate
from plugins.gpt_prompting.prompting.generate import generate
from plugins.gpt_prompting.prompting.label_scoring import LabelScorer
from plugins.gpt_prompting.prompting.labelled_rows import read_rows
from plugins.gpt_prompting.prompting.prompt_comparison import compare
from plugins.gpt_prompting.prompting.prompts import Prompt, Row
from training.errors import UserError

WRITE_SECONDS = 4.0  # seconds


def parse_query(prompt: Prompt, text: str) -> Row:
    """The query: the whole text for a template of one variable, else a line `name: value` each.

    Raises:
        UserError: If one is missing.
    """
    if not text.strip():
        raise UserError("The text to ask about is empty: write one.")
    if len(prompt.fields) == 1:
        return {prompt.fields[0]: text.strip()}
    found = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
    missing = [name for name in prompt.fields if not found.get(name)]
    if missing:
        raise UserError(f"Write a line for each variable, such as '{missing[0]}: …'; missing: {', '.join(missing)}.")
    return found


def classify_and_generate(model: LanguageModel, prompt: Prompt, text: str, how: Sampling) -> Iterator[dict[str, Any]]:
    """Yield the label's scores with the prompt's tokens, then what the model writes, as it comes.

    Each has label, probabilities, scores, prompt, dropped_examples, text_was_cut, said; tokens (of the prompt), count, context;
    and written (a state of `generate`, later than the rest).
    """
    [answer] = LabelScorer(model, prompt).label([parse_query(prompt, text)])
    found = answer.record() | {"context": model.context, "written": None}
    if model.has_probabilities:
        tokens = model.read(answer.fitted.text, 5)
        found |= {"tokens": [token.record() for token in tokens], "count": len(tokens)}
    else:
        found |= {"tokens": [], "count": 0}
    yield found
    for state in generate(model, answer.fitted.text, how):
        yield found | {"written": state}


def sample_examples(
    file: Path, template: str, label_column: str, count: int, how: str, seed: int, text: str
) -> list[Row]:
    """Examples out of a file; the nearest ones to the text."""
    data = read_rows(file, template, label_column)
    if not how.startswith("nearest"):
        return choosing.select(data.rows, count, how, seed)
    if not text.strip():
        raise UserError("Nearest to what? Write the text to ask about first.")
    fields = [name for name in data.columns if name != "label"]
    return choosing.NearestNeighbours(data.rows, fields)([dict.fromkeys(fields, text)], count)[0]


def evaluate_file(model: LanguageModel, prompt: Prompt, file: Path, label_column: str, shots: int, how: str, rows: int, seed: int) -> Iterator[tuple[dict[str, Any], Path | None]]:  # fmt: skip
    """Yield how the evaluation stands, every few seconds with a file of the rows so far; a stop keeps what there was."""
    data = read_rows(file, prompt.template, label_column)
    written = 0.0
    for found in evaluate(model, prompt, data, rows, shots, how, seed):
        is_due = len(found.answers) == len(found.rows) or found.seconds - written > WRITE_SECONDS
        written = found.seconds if is_due else written
        yield found.overview(), found.write() if is_due else None


def compare_on_file(model: LanguageModel, one: Prompt, other: Prompt, file: Path, label_column: str, rows: int) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Yield progress, then the result of `compare`."""
    data = read_rows(file, one.template, label_column)
    yield from compare(model, one, other, data, rows)
