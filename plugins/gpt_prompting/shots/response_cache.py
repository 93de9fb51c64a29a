"""ResponseCache: the predictions of one part of the experiment, written as they come, so that a hosted model is never
asked twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plugins.gpt_prompting.models.adaptive_requests import MAX_TIMEOUTS
from plugins.gpt_prompting.models.hosted_servers import ServerError, SlowError, UnreachableError
from plugins.gpt_prompting.prompting.failures import Failures, count_reasons
from plugins.gpt_prompting.prompting.label_scoring import LabelPrediction, LabelScorer, unanswered
from plugins.gpt_prompting.prompting.prompts import Row
from training import files
from training.errors import UserError
from training.fit.experiment import Fit
from training.retry import TRANSIENT_STATUSES, retry

FILE = "answers.jsonl"
FIRST_TRIES = 3  # of a server that never answered and says nothing
RETRY_SECONDS = (1.0, 4.0, 15.0, 30.0, 60.0)  # before each further try; a server may ask for more, up to the last


@dataclass(frozen=True)
class CachedResponse:
    """What is stored of a prediction.

    Args:
        confidence: The label's probability; None if unknown.
        prompt_tokens: 0 if unknown.
        has_dropped_examples: Whether a demonstration did not fit.
        is_parsed: Whether the label was parsed from a generated answer.
        served_by: The model that a server reports.
        reason: Why there is no label, or no answer.
        is_answered: Whether a server sent an answer, with or without a label.
    """

    label: str
    confidence: float | None
    prompt_tokens: int
    seconds: float
    has_dropped_examples: bool = False
    is_parsed: bool = False
    served_by: str = ""
    reason: str = ""
    is_answered: bool = True


class ResponseCache:
    """The predictions of one part, one line each in the part's folder."""

    def __init__(self, folder: Path):
        self.path = folder / FILE
        self.responses = _read(self.path)

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self.responses = []

    def add(self, response: CachedResponse) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(response), ensure_ascii=False) + "\n")
        self.responses.append(response)

    def drop_unanswered(self) -> None:
        """Remove the last rows without an answer, so that they are asked for again."""
        while self.responses and not self.responses[-1].is_answered:
            self.responses.pop()
        lines = [json.dumps(asdict(response), ensure_ascii=False) + "\n" for response in self.responses]
        files.write_text(self.path, "".join(lines))


def _read(path: Path) -> list[CachedResponse]:
    """Read all complete lines; one cut off by a kill, and what follows it, is removed from the file too."""
    responses: list[CachedResponse] = []
    *lines, rest = (path.read_text(encoding="utf-8") if path.exists() else "").split("\n")
    for line in lines:
        try:
            responses.append(CachedResponse(**json.loads(line)))
        except (ValueError, TypeError):
            break
    if rest or len(responses) < len(lines):
        path.write_text("".join(f"{line}\n" for line in lines[: len(responses)]), encoding="utf-8")
    return responses


def label_rows(
    scorer: LabelScorer,
    rows: Sequence[Row],
    examples: Sequence[Sequence[Row]],
    cache: ResponseCache,
    fit: Fit,
    failures: Failures,
) -> None:
    """Label the rows that have no response yet.

    A local model starts the part again: rows that are computed together stay together, so that a resumed run gives the
    same digits.

    Raises:
        UserError: If a server can't answer at all, or stops answering; its responses so far are kept.
    """
    is_hosted = not scorer.model.has_probabilities
    if not is_hosted:
        cache.clear()
    first = len(cache.responses)
    predictions = (
        _label_each(scorer, rows[first:], examples[first:], cache, fit, failures)
        if is_hosted
        else scorer.label(rows, examples)
    )
    before = started = scorer.seconds
    for prediction in predictions:
        tokens = prediction.prompt_tokens if is_hosted else scorer.model.count(prediction.fitted.text)
        cache.add(_response(prediction, tokens, scorer.seconds - before, is_hosted))
        before = scorer.seconds
        done = len(cache.responses)
        fit.tell(done, (done - first) / max(before - started, 1e-9))


def _response(prediction: LabelPrediction, prompt_tokens: int, seconds: float, is_hosted: bool) -> CachedResponse:
    return CachedResponse(
        prediction.label,
        prediction.confidence,
        prompt_tokens,
        seconds,
        has_dropped_examples=bool(prediction.fitted.dropped),
        is_parsed=is_hosted and not prediction.probabilities,
        served_by=prediction.served_by,
        reason=prediction.reason,
        is_answered=prediction.is_answered,
    )


def _label_each(
    scorer: LabelScorer,
    rows: Sequence[Row],
    examples: Sequence[Sequence[Row]],
    cache: ResponseCache,
    fit: Fit,
    failures: Failures,
) -> Iterator[LabelPrediction]:
    """Label row by row; one that the server does not answer has no label."""
    failures.has_answered |= any(response.is_answered for response in cache.responses)
    try:
        for row, shown in zip(rows, examples, strict=True):
            yield _label_with_retries(scorer, row, shown, fit, failures)
        failures.finish()
    except ServerError as error:
        cache.drop_unanswered()
        count = len(cache.responses)
        kept = f" The {count:,} responses of this part are kept: Resume continues from there." if count else ""
        raise UserError(f"{error}{kept}") from None


def _label_with_retries(
    scorer: LabelScorer, row: Row, examples: Sequence[Row], fit: Fit, failures: Failures
) -> LabelPrediction:
    """Label one row, with retries if the server has answered before or asks to slow down."""
    pauses, tries, timeouts = iter(RETRY_SECONDS), 0, 0

    def pause(_: float, error: Any) -> None:
        seconds = min(max(next(pauses), error.wait), RETRY_SECONDS[-1])
        fit.wait(seconds, f"{error} Asking again in {seconds:.0f} seconds.")

    def is_transient(error: Exception) -> bool:
        nonlocal tries, timeouts
        tries, timeouts = tries + 1, timeouts + isinstance(error, SlowError)
        if not isinstance(error, ServerError) or not error.is_transient or timeouts >= MAX_TIMEOUTS:
            return False
        is_down = isinstance(error, UnreachableError) and not failures.has_answered
        return failures.has_answered or error.status in TRANSIENT_STATUSES or (tries < FIRST_TRIES and not is_down)

    try:
        prediction = retry(
            lambda: next(scorer.label([row], [examples])),
            is_transient=is_transient,
            attempts=len(RETRY_SECONDS) + 1,
            pause=pause,
        )
    except ServerError as error:
        reason = failures.count(error)
        if failures.is_gone:  # Resume can ask the rest later
            raise
        return unanswered(scorer.fitter.fit(row, examples), reason)
    failures.answered()
    return prediction


def totals(responses: Sequence[CachedResponse]) -> dict[str, Any]:
    """Sum up cost and origin of the labels, JSON-ready."""
    return {
        "prompt_tokens": sum(response.prompt_tokens for response in responses),
        "seconds": round(sum(response.seconds for response in responses), 3),
        "with_dropped_examples": sum(response.has_dropped_examples for response in responses),
        "without_label": sum(not response.label for response in responses),
        "unanswered": sum(not response.is_answered for response in responses),
        "reasons": count_reasons(response.reason for response in responses),
        "parsed_from_answer": sum(response.is_parsed for response in responses),
        "served_by": sorted({response.served_by for response in responses if response.served_by}),
    }
