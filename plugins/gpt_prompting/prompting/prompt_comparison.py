"""Compare two prompts on the same rows, with McNemar's exact test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.prompting.evaluation import Evaluation, evaluate
from plugins.gpt_prompting.prompting.labelled_rows import LabelledRows
from plugins.gpt_prompting.prompting.metrics import mcnemar
from plugins.gpt_prompting.prompting.prompts import Prompt, Row

MAX_DISAGREEMENTS = 20  # rows shown that the two label differently


def compare(
    model: LanguageModel, first: Prompt, second: Prompt, data: LabelledRows, max_rows: int = 0, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield progress, then the result. Rows that either prompt shows as an example are left out for both.

    Yields:
        done, total; at the end also first and second (as `Evaluation.record`), test (McNemar's exact), disagreements.
    """
    prompts = (first, second)
    shown = {_values(example, first) for prompt in prompts for example in prompt.examples}
    data = data.without(lambda row: _values(row, first) in shown)
    evaluations: list[Evaluation] = []
    for number, prompt in enumerate(prompts):
        evaluation = None
        for evaluation in evaluate(model, prompt, data, max_rows, seed=seed):
            total = len(evaluation.rows)
            yield {"done": number * total + len(evaluation.predictions), "total": 2 * total}
        assert evaluation is not None
        evaluations.append(evaluation)
    yield comparison(*evaluations)


def comparison(first: Evaluation, second: Evaluation) -> dict[str, Any]:
    """Compare two evaluations on the same rows, JSON-ready; see `compare`."""
    total = len(first.rows) + len(second.rows)
    pairs = zip(first.rows, first.predicted, second.predicted, strict=True)
    disagreements = [{**row, "first": label, "second": other} for row, label, other in pairs if label != other]
    return {
        "done": total,
        "total": total,
        "first": first.record(),
        "second": second.record(),
        "test": mcnemar(first.correct(), second.correct()),
        "disagreements": disagreements[:MAX_DISAGREEMENTS],
    }


def _values(row: Row, prompt: Prompt) -> tuple[str, ...]:
    return tuple(str(row.get(name, "")) for name in prompt.fields)
