"""A prompt on a file of labelled rows: what it scores so far, while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.prompting import demonstrations as choosing
from plugins.gpt_prompting.prompting.label_scoring import LabelPrediction, LabelScorer
from plugins.gpt_prompting.prompting.labelled_rows import LabelledRows
from plugins.gpt_prompting.prompting.metrics import classification_metrics, confusion
from plugins.gpt_prompting.prompting.prompts import LABEL, Prompt, Row
from training.data.predictions_csv import write_predictions
from training.data.splits import split_rows
from training.data.table import Table
from training.errors import UserError

CHUNK_ROWS = 256
YIELD_SECONDS = 0.7  # seconds
MAX_SHOTS = 128


@dataclass
class Evaluation:
    """Rows labelled so far."""

    prompt: Prompt
    rows: list[Row]
    places: list[int]
    table: Table
    answers: list[LabelPrediction] = field(default_factory=list)
    seconds: float = 0.0
    fingerprints: tuple[str, str] = ("", "")

    @property
    def truth(self) -> list[str]:
        return [row[LABEL] for row in self.rows[: len(self.answers)]]

    @property
    def said(self) -> list[str]:
        return [answer.label for answer in self.answers]

    def right(self) -> list[bool]:
        return [one == other for one, other in zip(self.truth, self.said, strict=True)]

    def record(self) -> dict[str, Any]:
        """JSON-ready: done, total, rows_per_second, metrics, and what had to be dropped or cut."""
        sure = [answer.sure for answer in self.answers]
        return {
            "done": len(self.answers),
            "total": len(self.rows),
            "seconds": round(self.seconds, 3),
            "rows_per_second": round(len(self.answers) / self.seconds, 2) if self.seconds else 0.0,
            "metrics": classification_metrics(self.truth, self.said, sure) if self.answers else {},
            "with_dropped_examples": sum(bool(answer.fitted.dropped) for answer in self.answers),
            "with_cut_text": sum(answer.fitted.cut for answer in self.answers),
            "without_label": sum(not answer.label for answer in self.answers),
        }

    def overview(self) -> dict[str, Any]:
        """As `record`, with confusion and the fingerprints of the parameters before and after."""
        before, after = self.fingerprints
        return self.record() | {
            "confusion": confusion(self.truth, self.said, self.prompt.names),
            "parameters_sha256": {"before": before, "after": after, "unchanged": before == after if before else None},
        }

    def whole(self) -> dict[str, Any]:
        """As `overview`, with predictions."""
        predictions = [
            {
                "line": int(self.table.lines[place]),
                "label": row[LABEL],
                "predicted_label": answer.label,
                "probability": None if answer.sure is None else round(answer.sure, 6),
            }
            for place, row, answer in zip(self.places, self.rows, self.answers, strict=False)
        ]
        return self.overview() | {"predictions": predictions}

    def write(self) -> Path:
        """The file's columns and what was said of each row so far, as CSV in a new temporary folder."""
        said = {
            place: (answer.label, "" if answer.sure is None else f"{answer.sure:.6f}")
            for place, answer in zip(self.places, self.answers, strict=False)
        }
        return write_predictions(self.table, ("predicted_label", "probability"), said)


def evaluate(
    model: LanguageModel, prompt: Prompt, data: LabelledRows, most: int = 0, shots: int = 0, how: str = "balanced", seed: int = 0
) -> Iterator[Evaluation]:  # fmt: skip
    """Yield the evaluation as it grows, at least once; the last one is whole.

    Args:
        most: Rows, class by class; 0: all.
        shots: Examples to draw from the file in place of the prompt's; they are not evaluated on.
        how: How they are chosen.

    Raises:
        UserError: If there are too few rows, or one has a label that is not in the list.
    """
    _check_labels(data, prompt)
    pool, chosen = _hold_out(data, shots, most, seed)
    prompt, own = _with_shots(
        model, prompt, [data.rows[at] for at in pool], [data.rows[at] for at in chosen], shots, how, seed
    )
    found = Evaluation(prompt, [data.rows[at] for at in chosen], [data.places[at] for at in chosen], data.table)
    before = model.fingerprint()
    labeller = LabelScorer(model, prompt)
    started = shown = time.monotonic()
    for start in range(0, len(found.rows), CHUNK_ROWS):
        part = found.rows[start : start + CHUNK_ROWS]
        for answer in labeller.label(part, own[start : start + CHUNK_ROWS] if own else None):
            found.answers.append(answer)
            found.seconds = time.monotonic() - started
            if time.monotonic() - shown > YIELD_SECONDS:
                yield found
                shown = time.monotonic()
    found.fingerprints = before, model.fingerprint()
    yield found


def _check_labels(data: LabelledRows, prompt: Prompt) -> None:
    strange = [name for name in data.labels if name not in prompt.names]
    if strange:
        shown = ", ".join(strange[:5]) + ("…" if len(strange) > 5 else "")
        raise UserError(f"{data.table.source} has labels that are not in the list: {shown}. The list has: {', '.join(prompt.names[:10])}.")  # fmt: skip


def _hold_out(data: LabelledRows, shots: int, most: int, seed: int) -> tuple[list[int], list[int]]:
    """Rows that examples may come from, and rows to evaluate on."""
    rows = range(len(data.rows))
    pool: list[int] = []
    if shots:
        if not 0 < shots <= MAX_SHOTS:
            raise UserError(f"shots: {shots} was given; 0 to {MAX_SHOTS} was expected.")
        if len(data.rows) < 2 * shots + 2:
            raise UserError(
                f"{shots} examples leave too little to evaluate on: {data.table.source} has {len(data.rows)} rows."
            )
        share = min(0.5, max(0.3, 2 * shots / len(data.rows)))
        rest, held = split_rows([row[LABEL] for row in data.rows], len(data.rows), eval_share=share, seed=seed)
        pool, rows = held.tolist(), rest.tolist()
        if len(pool) < shots:
            pool, rows = (pool + rows)[:shots], (pool + rows)[shots:]
    chosen = list(rows)
    if most and most < len(chosen):
        _, some = split_rows(
            [data.rows[at][LABEL] for at in chosen], len(chosen), eval_share=most / len(chosen), seed=seed
        )
        chosen = [chosen[at] for at in some.tolist()]
    return pool, chosen


def _with_shots(
    model: LanguageModel, prompt: Prompt, pool: list[Row], rows: list[Row], shots: int, how: str, seed: int
) -> tuple[Prompt, list[list[Row]] | None]:
    if not shots:
        return prompt, None
    if how.startswith("nearest"):
        return prompt.with_examples(()), choosing.nearest_neighbours(pool, prompt.fields, how, model)(rows, shots)
    return prompt.with_examples(choosing.select(pool, shots, how, seed)), None
