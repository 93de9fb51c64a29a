"""The answers of one part: kept as they come, so that none is asked for twice; a hosted model is asked again where it stumbles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plugins.gpt_prompting.models.openai_model import ServerError
from plugins.gpt_prompting.prompting.label_scoring import LabelPrediction, LabelScorer
from plugins.gpt_prompting.prompting.prompts import Row
from training.errors import UserError
from training.fit.experiment import Fit

FILE = "answers.jsonl"
# Seconds before a question is asked again; a server may ask for more, up to the last.
RETRY_SECONDS = (1.0, 4.0, 15.0, 30.0, 60.0)
REFUSED_STATUSES = (400, 413, 422)  # this question, not the next: too long for the model, or against the server's rules


@dataclass(frozen=True)
class CachedResponse:
    """What is kept of an answer.

    Args:
        sure: The label's probability; None where it is not known.
        tokens: Of the prompt; 0 where they are not known.
        dropped: Whether an example did not fit.
        read: Whether the label was read from a written answer.
        served: What a server says has answered.
    """

    label: str
    sure: float | None
    tokens: int
    seconds: float
    dropped: bool = False
    read: bool = False
    served: str = ""


class ResponseCache:
    """Those of one part, a line each in its folder."""

    def __init__(self, folder: Path):
        self.path = folder / FILE
        self.all = _read(self.path)

    def begin_again(self) -> None:
        """Forget them."""
        self.path.unlink(missing_ok=True)
        self.all = []

    def add(self, answer: CachedResponse) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(answer), ensure_ascii=False) + "\n")
        self.all.append(answer)


def _read(path: Path) -> list[CachedResponse]:
    """All whole lines; one torn by a kill, and what is after it, is left out of the file too."""
    found: list[CachedResponse] = []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    for line in lines:
        try:
            found.append(CachedResponse(**json.loads(line)))
        except (ValueError, TypeError):
            break
    if len(found) < len(lines):
        path.write_text("".join(lines[: len(found)]), encoding="utf-8")
    return found


def label_rows(
    labeller: LabelScorer, rows: Sequence[Row], examples: Sequence[Sequence[Row]], answers: ResponseCache, fit: Fit
) -> None:
    """Label the rows that have no answer yet.

    Raises:
        UserError: If a server does not answer any more; what it answered is kept.
    """
    hosted = not labeller.model.has_probabilities
    if not hosted:  # nothing is paid twice, and rows that are computed together stay together, to the last digit
        answers.begin_again()
    first = len(answers.all)
    found = (
        _label_each(labeller, rows[first:], examples[first:], answers, fit)
        if hosted
        else labeller.label(rows, examples)
    )
    before, began = labeller.seconds, labeller.seconds
    for answer in found:
        tokens = answer.prompt_tokens if hosted else labeller.model.count(answer.fitted.text)
        read = hosted and not answer.probabilities
        answers.add(CachedResponse(answer.label, answer.sure, tokens, labeller.seconds - before, bool(answer.fitted.dropped), read, answer.served))  # fmt: skip
        before = labeller.seconds
        fit.tell(len(answers.all), (len(answers.all) - first) / max(before - began, 1e-9))


def _label_each(
    labeller: LabelScorer, rows: Sequence[Row], examples: Sequence[Sequence[Row]], answers: ResponseCache, fit: Fit
) -> Iterator[LabelPrediction]:
    for row, shown in zip(rows, examples, strict=True):
        try:
            yield _label_with_retries(labeller, row, shown, fit, was_there=bool(answers.all))
        except ServerError as error:
            kept = (
                f" The {len(answers.all):,} answers of this part are kept: Resume goes on from there."
                if answers.all
                else ""
            )
            raise UserError(f"{error}{kept}") from None


def _label_with_retries(
    labeller: LabelScorer, row: Row, shown: Sequence[Row], fit: Fit, was_there: bool
) -> LabelPrediction:
    """One answer. A server that was there, or that asks to slow down, is given time."""
    for pause in (*RETRY_SECONDS, None):
        try:
            [answer] = labeller.label([row], [shown])
            return answer
        except ServerError as error:
            if was_there and error.status in REFUSED_STATUSES:
                return LabelPrediction("", {}, {}, labeller.fitter.fit(row, shown), f"refused ({error.status})")
            if pause is None or not error.passes or not (was_there or error.status == 429):
                raise
            seconds = min(max(pause, error.wait), RETRY_SECONDS[-1])
            fit.wait(seconds, f"{error} Asking again in {seconds:.0f} seconds.")
    raise AssertionError("The last try returns or raises.")


def totals(answers: Sequence[CachedResponse]) -> dict[str, Any]:
    """What the answers took and where their labels came from, JSON-ready."""
    return {
        "prompt_tokens": sum(one.tokens for one in answers),
        "seconds": round(sum(one.seconds for one in answers), 3),
        "with_dropped_examples": sum(one.dropped for one in answers),
        "without_label": sum(not one.label for one in answers),
        "read_from_words": sum(one.read for one in answers),
        "served": sorted({one.served for one in answers if one.served}),
    }
