"""Evaluate a prompt on labelled rows, with the metrics so far while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.prompting.demonstrations import nearest_neighbours, select
from plugins.gpt_prompting.prompting.failures import Failures, count_reasons
from plugins.gpt_prompting.prompting.label_scoring import LabelPrediction, LabelScorer
from plugins.gpt_prompting.prompting.labelled_rows import LabelledRows
from plugins.gpt_prompting.prompting.metrics import classification_metrics, confusion
from plugins.gpt_prompting.prompting.prompts import LABEL, Prompt, Row
from training.data.predictions_csv import write_predictions
from training.data.splits import split_rows
from training.data.table import Table
from training.errors import UserError

CHUNK_ROWS = 256  # scored together
YIELD_SECONDS = 0.7  # between states
MAX_SHOTS = 128


@dataclass
class Evaluation:
    """Rows with the predictions so far.

    Args:
        table_rows: Index in the table of each row.
        fingerprints: SHA-256 of the model's parameters before and after; empty while it runs, and of a hosted model.
    """

    prompt: Prompt
    rows: list[Row]
    table_rows: list[int]
    table: Table
    predictions: list[LabelPrediction] = field(default_factory=list)
    seconds: float = 0.0
    fingerprints: tuple[str, str] = ("", "")

    @property
    def truth(self) -> list[str]:
        return [row[LABEL] for row in self.rows[: len(self.predictions)]]

    @property
    def predicted(self) -> list[str]:
        return [prediction.label for prediction in self.predictions]

    def correct(self) -> list[bool]:
        return [label == other for label, other in zip(self.truth, self.predicted, strict=True)]

    def record(self) -> dict[str, Any]:
        """JSON-ready: done, total, rows_per_second, metrics, how many prompts were shortened, how many rows have no
        label and why."""
        confidences = [prediction.confidence for prediction in self.predictions]
        done = len(self.predictions)
        return {
            "done": done,
            "total": len(self.rows),
            "seconds": round(self.seconds, 3),
            "rows_per_second": round(done / self.seconds, 2) if self.seconds else 0.0,
            "metrics": classification_metrics(self.truth, self.predicted, confidences) if done else {},
            "with_dropped_examples": sum(bool(prediction.fitted.dropped) for prediction in self.predictions),
            "with_truncated_text": sum(prediction.fitted.truncated for prediction in self.predictions),
            "without_label": sum(not prediction.label for prediction in self.predictions),
            "unanswered": sum(not prediction.is_answered for prediction in self.predictions),
            "reasons": count_reasons(prediction.reason for prediction in self.predictions),
        }

    def overview(self) -> dict[str, Any]:
        """As `record`, with the confusion table and the parameters' fingerprints before and after."""
        before, after = self.fingerprints
        return self.record() | {
            "confusion": confusion(self.truth, self.predicted, self.prompt.names),
            "parameters_sha256": {"before": before, "after": after, "unchanged": before == after if before else None},
        }

    def details(self) -> dict[str, Any]:
        """As `overview`, with the prediction of each row."""
        rows = [
            {
                "line": int(self.table.lines[index]),
                "label": row[LABEL],
                "predicted_label": prediction.label,
                "probability": None if prediction.confidence is None else round(prediction.confidence, 6),
                **({"reason": prediction.reason} if prediction.reason else {}),
            }
            for index, row, prediction in zip(self.table_rows, self.rows, self.predictions, strict=False)
        ]
        return self.overview() | {"predictions": rows}

    def write(self) -> Path:
        """Write the file's columns and the predictions so far as CSV into a new temporary folder; with a column of
        reasons if a row has no label."""
        names = ("predicted_label", "probability", "reason")
        names = names if any(prediction.reason for prediction in self.predictions) else names[:2]
        cells = {
            index: (
                prediction.label,
                "" if prediction.confidence is None else f"{prediction.confidence:.6f}",
                prediction.reason,
            )[: len(names)]
            for index, prediction in zip(self.table_rows, self.predictions, strict=False)
        }
        return write_predictions(self.table, names, cells)


def evaluate(
    model: LanguageModel,
    prompt: Prompt,
    data: LabelledRows,
    max_rows: int = 0,
    shots: int = 0,
    selection: str = "balanced",
    seed: int = 0,
) -> Iterator[Evaluation]:
    """Yield the evaluation as it grows, at least once; the last one is complete.

    A row that a server does not answer has no label.

    Args:
        max_rows: Rows to evaluate on, stratified by label; 0: all.
        shots: Demonstrations to select from the file in place of the prompt's; they are not evaluated on.
        selection: How they are selected, see `demonstrations`.

    Raises:
        UserError: If there are too few rows, one has a label that the prompt does not have, or a server can't answer.
    """
    _check_labels(data, prompt)
    pool, held_out = _split(data, shots, max_rows, seed)
    rows = [data.rows[index] for index in held_out]
    prompt, examples = _with_demonstrations(model, prompt, [data.rows[i] for i in pool], rows, shots, selection, seed)
    evaluation = Evaluation(prompt, rows, [data.table_rows[index] for index in held_out], data.table)
    before = model.fingerprint()
    failures = Failures()
    scorer = LabelScorer(model, prompt, failures)
    started = yielded = time.monotonic()
    for start in range(0, len(rows), CHUNK_ROWS):
        chunk = slice(start, start + CHUNK_ROWS)
        for prediction in scorer.label(rows[chunk], examples[chunk] if examples else None):
            evaluation.predictions.append(prediction)
            evaluation.seconds = time.monotonic() - started
            if time.monotonic() - yielded > YIELD_SECONDS:
                yield evaluation
                yielded = time.monotonic()
    failures.finish()
    evaluation.fingerprints = before, model.fingerprint()
    yield evaluation


def _check_labels(data: LabelledRows, prompt: Prompt) -> None:
    unknown = [name for name in data.labels if name not in prompt.names]
    if unknown:
        shown = ", ".join(unknown[:5]) + ("…" if len(unknown) > 5 else "")
        names = ", ".join(prompt.names[:10])
        raise UserError(f"{data.table.source} has labels that are not in the list: {shown}. The list has: {names}.")


def _split(data: LabelledRows, shots: int, max_rows: int, seed: int) -> tuple[list[int], list[int]]:
    """Indices of the rows that demonstrations are selected from, and of those to evaluate on."""
    labels = [row[LABEL] for row in data.rows]
    pool, held_out = _reserve(data, labels, shots, seed) if shots else ([], list(range(len(labels))))
    if max_rows and max_rows < len(held_out):
        share = max_rows / len(held_out)
        _, kept = split_rows([labels[i] for i in held_out], len(held_out), eval_share=share, seed=seed)
        held_out = [held_out[index] for index in kept.tolist()]
    return pool, held_out


def _reserve(data: LabelledRows, labels: list[str], shots: int, seed: int) -> tuple[list[int], list[int]]:
    """Reserve at least twice as many rows as demonstrations, 30 to 50 % of the file."""
    if not 0 < shots <= MAX_SHOTS:
        raise UserError(f"shots: {shots} was given; 0 to {MAX_SHOTS} was expected.")
    if len(labels) < 2 * shots + 2:
        raise UserError(
            f"{shots} examples leave too few rows to evaluate on: {data.table.source} has {len(labels)} rows."
        )
    share = min(0.5, max(0.3, 2 * shots / len(labels)))
    held_out, pool = (side.tolist() for side in split_rows(labels, len(labels), eval_share=share, seed=seed))
    if len(pool) < shots:
        both = pool + held_out
        pool, held_out = both[:shots], both[shots:]
    return pool, held_out


def _with_demonstrations(
    model: LanguageModel, prompt: Prompt, pool: list[Row], rows: list[Row], shots: int, selection: str, seed: int
) -> tuple[Prompt, list[list[Row]] | None]:
    """The prompt with demonstrations for all rows, or without any and those of each row."""
    if not shots:
        return prompt, None
    if selection.startswith("nearest"):
        neighbours = nearest_neighbours(pool, prompt.fields, selection, model)
        return prompt.with_examples(()), neighbours(rows, shots)
    return prompt.with_examples(select(pool, shots, selection, seed)), None
