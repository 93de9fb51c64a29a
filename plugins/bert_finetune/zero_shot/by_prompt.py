"""Labels of texts by a prompted language model without an example, and how often they are right. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from plugins._prompted import Prompted
from plugins.bert_finetune.classify.labelled_texts import clean_text
from plugins.bert_finetune.zero_shot.label_names import PLACE, LabelNames, name_labels
from plugins.bert_finetune.zero_shot.predict import accuracies, recalls
from plugins.bert_finetune.zero_shot.table import read_named
from training.errors import UserError
from training.wording import counted

PROMPT, PROMPTED = "prompt", "prompted, no example"
MAX_TEXTS = 200  # a prompt each: the 95 % interval of an accuracy is then at most 0.07 to either side


def predict_text(model: Prompted, text: str, labels: Sequence[str]) -> dict[str, Any]:
    """The label of one text, in the form of `predict.predict_text`.

    Raises:
        UserError: If the text is empty, or the labels cannot be read.
    """
    if not (text := clean_text(text)):
        raise UserError("The text is empty: write something to classify.")
    [answer] = model.label_texts([text], _words(name_labels(labels, PLACE)))
    return {"label": answer.label, "scores": answer.probabilities, "method": PROMPT}


def measure_file(
    model: Prompted, file: Path, labels: Sequence[str], text_column: str = "", label_column: str = ""
) -> dict[str, Any]:
    """Accuracy on the rows of a table that have one of the labels, in the form of `predict.describe_accuracy`.

    Raises:
        UserError: If the table has no text, or the labels cannot be read.
    """
    named = read_named(file, labels, PLACE, text_column, label_column)
    known = np.flatnonzero(np.isin(named.truths, named.names.labels))
    drawn = np.sort(np.random.default_rng(0).permutation(known)[:MAX_TEXTS])
    answers = model.label_texts([named.texts[row] for row in drawn], _words(named.names)) if len(drawn) else []
    truths, guesses = np.array(named.truths)[drawn], np.array([answer.label for answer in answers])
    drawn_at_random = f"A GPT was prompted on {counted(len(drawn), 'text')}, drawn at random from {len(known):,}."
    return {
        "method": PROMPT,
        "texts": len(named.texts),
        "measured": len(drawn),
        "accuracies": accuracies(truths, {PROMPTED: guesses}),
        "labels": recalls(truths, guesses),
        "notes": [drawn_at_random] if len(drawn) < len(known) else [],
    }


def _words(names: LabelNames) -> dict[str, str]:
    return dict(zip(names.labels, names.sentences, strict=True))
