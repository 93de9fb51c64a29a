"""Two prompts on the same rows: which is better, and whether that could be chance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.prompting.evaluation import Evaluation, evaluate
from plugins.gpt_prompting.prompting.labelled_rows import LabelledRows
from plugins.gpt_prompting.prompting.metrics import mcnemar
from plugins.gpt_prompting.prompting.prompts import Prompt, Row

MAX_DISAGREEMENTS = 20  # rows that the two disagree on


def compare(
    model: LanguageModel, one: Prompt, other: Prompt, data: LabelledRows, most: int = 0, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield progress, then the result.

    Rows that either prompt shows as an example are left out for both.

    Returns:
        done, total; at the end first and second (as an evaluation's record), test (McNemar's exact), disagreements.
    """
    shown = {_key(example, one) for example in one.examples} | {_key(example, one) for example in other.examples}
    kept = [at for at, row in enumerate(data.rows) if _key(row, one) not in shown]
    data = LabelledRows([data.rows[at] for at in kept], [data.places[at] for at in kept], data.table, data.columns)
    found: list[Evaluation] = []
    for number, prompt in enumerate((one, other)):
        last = None
        for last in evaluate(model, prompt, data, most, seed=seed):
            yield {"done": number * len(last.rows) + len(last.answers), "total": 2 * len(last.rows)}
        assert last is not None
        found.append(last)
    yield result(*found)


def result(first: Evaluation, second: Evaluation) -> dict[str, Any]:
    """What two evaluations on the same rows say of each other."""
    total = len(first.rows) + len(second.rows)
    different = [at for at, (a, b) in enumerate(zip(first.said, second.said, strict=True)) if a != b][
        :MAX_DISAGREEMENTS
    ]
    return {
        "done": total,
        "total": total,
        "first": first.record(),
        "second": second.record(),
        "test": mcnemar(first.right(), second.right()),
        "disagreements": [{**first.rows[at], "first": first.said[at], "second": second.said[at]} for at in different],
    }


def _key(row: Row, prompt: Prompt) -> tuple[str, ...]:
    return tuple(str(row.get(name, "")) for name in prompt.fields)
