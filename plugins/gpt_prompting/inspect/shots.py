"""A prompt with more and more examples: the label of one text, and the accuracy on labelled texts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plugins.gpt_prompting.prompting.label_scoring import LabelScorer
from plugins.gpt_prompting.prompting.labelled_rows import read_rows
from plugins.gpt_prompting.prompting.predictor import PromptPredictor
from plugins.gpt_prompting.prompting.prompts import DEFAULT_TEMPLATE, LABEL, make_prompt

CALIBRATE = "examples"


def by_shots(
    predictor: PromptPredictor,
    text: str,
    instruction: str,
    examples: Sequence[dict[str, str]],
    file: Path,
    rows: int,
    words: dict[str, str],
) -> list[dict[str, Any]]:
    """Prompts with 0, 1, … examples: none, the first, and all.

    Args:
        examples: Rows with text and label.
        file: Labelled texts, of which `rows` drawn ones with these labels are classified by each prompt.
        words: The labels to choose from -> how the prompt writes each.

    Returns:
        For each prompt: shots, probabilities (of the text's labels), prompt (as sent), accuracy, rows.
    """
    usable = [row for row in read_rows(file, DEFAULT_TEMPLATE, LABEL).rows if row[LABEL] in words]
    tests = random.Random(0).sample(usable, rows)
    records = []
    for shots in (0, 1, len(examples)):
        prompt = make_prompt(DEFAULT_TEMPLATE, words, examples[:shots], instruction, CALIBRATE)
        scorer = LabelScorer(predictor.model, prompt)
        own, *others = scorer.label([{"text": text}, *tests])
        correct = sum(each.label == test[LABEL] for each, test in zip(others, tests, strict=True))
        records.append(
            {
                "shots": shots,
                "probabilities": own.probabilities,
                "prompt": own.fitted.text,
                "accuracy": correct / rows,
                "rows": rows,
            }
        )
    return records
