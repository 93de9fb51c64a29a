"""A round of labelling: the next texts, what the labels so far give, and a table of all labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from plugins.bert_finetune.label.choose import covering_rows, doubt
from plugins.bert_finetune.label.head import Estimate, ExpectedAccuracy, Head, Labelled, estimate
from plugins.bert_finetune.label.pool import Pool
from plugins.bert_finetune.label.vector_cache import cached_vectors
from training.data.predictions_csv import predictions_writer, temporary_file
from training.errors import UserError
from training.labelling.sampling import RANDOM_SHARE, random_order, random_sample
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.encode.predictor import EncoderPredictor

MAX_TEXTS = 200_000
MAX_COUNT = 100
CANDIDATES = 3000  # texts among which the next are chosen
COVERAGE, MARGIN, NONE_LEFT = "coverage", "margin", "none left"
FOREIGN_TOKENS_PER_WORD, FOREIGN_UNKNOWN = 2.4, 0.05
LANGUAGE_TEXTS, LANGUAGE_CHARACTERS = 200, 1000  # looked at for the language


@dataclass(frozen=True)
class Round:
    """What the labels so far say.

    Args:
        chosen: Numbers of the texts to label next.
        suggested: The likeliest label of each with its probability; an empty one before there are two classes.
        how: Why these, but for the fifth that is drawn at random: coverage, margin (that of
            doubtful ones), or none left.
        estimate: Expected accuracy; None while labels are few.
    """

    chosen: tuple[int, ...]
    suggested: tuple[tuple[str, float], ...]
    how: str
    estimate: Estimate | None


def next_round(pool: Pool, vectors: np.ndarray, count: int, skipped: Sequence[int] = ()) -> Round:
    """Fit the labels so far, choose the next texts and estimate the accuracy.

    Args:
        vectors: Of the pool's texts, of length 1, (texts, width).
        skipped: Numbers of texts that are not to be chosen.
    """
    order = random_order(pool.texts)
    labelled = np.array([*pool.labels], int)
    measured = random_sample(order, labelled)
    picked = labelled[~np.isin(labelled, measured)]
    part, whole = _head(pool, vectors, picked), _head(pool, vectors, labelled)
    expected = _expected(pool, vectors, picked, measured, part, whole)
    is_open = np.ones(len(pool.texts), bool)
    is_open[[*pool.labels, *skipped, *pool.conflicts]] = False
    drawn = order[is_open[order]][: round(RANDOM_SHARE * count)]
    is_open[drawn] = False
    free = _candidates(order, is_open, count - len(drawn), len(labelled))
    weights = doubt(part.probabilities(vectors[free])) if part and len(free) else np.ones(len(free))
    chosen = covering_rows(vectors, free, weights, picked, count - len(drawn))
    found = np.concatenate([chosen, drawn]).astype(int)
    how = (MARGIN if part else COVERAGE) if len(found) else NONE_LEFT
    return Round(tuple(found.tolist()), _suggested(whole, vectors[found]), how, expected)


def _expected(
    pool: Pool, vectors: np.ndarray, picked: np.ndarray, measured: np.ndarray, part: Head | None, whole: Head | None
) -> Estimate | None:
    """What the classifier of all labels gets right; None where there is none, or none without the measured texts."""
    if part is None or whole is None:
        return None
    unlabelled = np.setdiff1d(np.arange(len(pool.texts)), [*picked, *measured])
    return estimate(vectors, _labelled(pool, picked), _labelled(pool, measured), part, whole, unlabelled)


def _candidates(order: np.ndarray, is_open: np.ndarray, count: int, seed: int) -> np.ndarray:
    """A few thousand open texts behind the first fifth of the random order; of all, where too few are open there.

    Texts of that fifth are drawn only: one that guides the choice of others, and is then measured with, is easily wrong
    without its own label.
    """
    is_kept = is_open.copy()
    is_kept[order[: round(RANDOM_SHARE * len(order))]] = False
    found = np.flatnonzero(is_kept if is_kept.sum() >= count else is_open)
    return np.random.default_rng(seed).permutation(found)[: max(CANDIDATES, count)]


def _suggested(head: Head | None, vectors: np.ndarray) -> tuple[tuple[str, float], ...]:
    """The likeliest label of each text and its probability; an empty label without a classifier."""
    if head is None or not len(vectors):
        return (("", 0.0),) * len(vectors)
    probabilities = head.probabilities(vectors)
    return tuple(zip(head.classes[probabilities.argmax(1)].tolist(), probabilities.max(1).tolist(), strict=True))


def _head(pool: Pool, vectors: np.ndarray, rows: np.ndarray) -> Head | None:
    """The classifier of the labels of these texts; None where they are of one class."""
    targets = _labelled(pool, rows).names
    return Head(vectors[rows], targets) if len({*targets.tolist()}) > 1 else None


def _labelled(pool: Pool, rows: np.ndarray) -> Labelled:
    return Labelled(rows, np.array([pool.labels[row] for row in rows.tolist()]))


def describe_round(model: EncoderPredictor, pool: Pool, count: int) -> dict[str, Any]:
    """A round as the endpoint answers it.

    Raises:
        UserError: If `count` is not from 1 to 100, or there are too many texts.
    """
    if not 1 <= count <= MAX_COUNT:
        raise UserError(f"count is {count}: ask for 1 to {MAX_COUNT} texts.")
    found = next_round(pool, vectors_of(model, pool), count)
    lines = _first_lines(pool)
    return {
        "next": [
            {"line": lines[number], "text": pool.texts[number], "suggested": label, "probability": round(share, 4)}
            for number, (label, share) in zip(found.chosen, found.suggested, strict=True)
        ],
        "chosen_by": found.how,
        "labels": dict(Counter(pool.labels.values())),
        "contradictions": [
            {"line": lines[number], "text": pool.texts[number], "labels": list(names)}
            for number, names in pool.conflicts.items()
        ],
        "estimate": described(found.estimate),
        "notes": [*pool.notes(), *notes(model, pool)],
    }


def described(found: Estimate | None) -> dict[str, Any]:
    """An estimate as JSON; empty without one."""
    if found is None:
        return {}
    unlabelled, agreement = _rounded(found.unlabelled), round(found.agreement, 4)
    about = {"measured": found.measured, "agreement": agreement, "enough": found.is_stable}
    return {**_rounded(found.new), "unlabelled": unlabelled, **about}


def _rounded(expected: ExpectedAccuracy) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(expected).items()}


def vectors_of(model: EncoderPredictor, pool: Pool) -> np.ndarray:
    """Vectors of the pool's texts, encoded once.

    Raises:
        UserError: If there are more texts than are labelled at once.
    """
    if len(pool.texts) > MAX_TEXTS:
        most = f"{MAX_TEXTS:,}"
        raise UserError(f"{len(pool.texts):,} different texts: give at most {most}, such as a random part of them.")
    return cached_vectors(model, pool.texts)


def notes(model: EncoderPredictor, pool: Pool) -> list[str]:
    """What the encoder does not read of the texts, and one class or none so far, a sentence each."""
    classes = {*pool.labels.values()}
    one = [f"One class so far ({next(iter(classes))}): suggestions come with the second."] if len(classes) == 1 else []
    return reading_notes(model, pool.texts) + one


def reading_notes(model: EncoderPredictor, texts: Sequence[str]) -> list[str]:
    """What the encoder does not read of the texts, a sentence each."""
    said = []
    if long := sum(len(text.split()) > model.max_length for text in texts):
        said.append(
            f"{counted(long, 'text')} longer than the {model.max_length} tokens that this encoder reads: only the "
            "beginning counts."
        )
    if _is_foreign(model, texts):
        said.append(
            "The encoder's vocabulary does not fit these texts: is it of another language? Expect little of the "
            "suggestions, or choose an encoder of their language."
        )
    return said


def _is_foreign(model: EncoderPredictor, texts: Sequence[str]) -> bool:
    """Whether words of the texts are cut into many tokens, or into tokens that stand for nothing."""
    sample = [text[:LANGUAGE_CHARACTERS] for text in texts[:LANGUAGE_TEXTS]]
    ids = [token for each in model.tokenizer(sample, add_special_tokens=False)["input_ids"] for token in each]
    words = sum(len(text.split()) for text in sample)
    unknown = sum(token == model.tokenizer.unk_token_id for token in ids)
    return len(ids) > FOREIGN_TOKENS_PER_WORD * words or unknown > FOREIGN_UNKNOWN * len(ids)


def write_labels(pool: Pool, vectors: np.ndarray | None = None) -> Path:
    """Write the table with its labels as CSV: every row of a text gets the text's label, the others a blank.

    Args:
        vectors: With them, columns predicted_label and probability for every text.

    Raises:
        UserError: If there is no label, or predictions are asked for with fewer than two classes.
    """
    if vectors is None and not pool.labels:
        raise UserError("There is no label yet: label a text first.")
    cells = {pool.label_column: _cells(pool, [pool.labels.get(number) for number in range(len(pool.texts))])}
    if vectors is not None:
        head = _head(pool, vectors, np.array([*pool.labels], int))
        if head is None:
            raise UserError("Label texts of two classes first: with fewer there is nothing to predict.")
        probabilities = head.probabilities(vectors)
        named = head.classes[probabilities.argmax(1)].tolist()
        cells["predicted_label"] = _cells(pool, named)
        cells["probability"] = _cells(pool, [round(share, 6) for share in probabilities.max(1).tolist()])
    columns = {name: values for name, values in pool.table.columns.items() if name not in cells}
    with predictions_writer(temporary_file(pool.table.source, "-labelled.csv")) as write:
        write(replace(pool.table, columns=columns), cells)
    return write.target


def _cells(pool: Pool, values: Sequence[Any]) -> pa.Array:
    """A cell for each row of the table, of one value for each text."""
    cells = [values[number] if number >= 0 else None for number in pool.row_texts]
    return pa.array(cells, pa.float64() if isinstance(values[0], float) else pa.string())


def _first_lines(pool: Pool) -> dict[int, int]:
    """Line of the file in which each text stands first."""
    lines: dict[int, int] = {}
    for number, line in zip(pool.row_texts, pool.table.lines.tolist(), strict=True):
        lines.setdefault(number, line)
    return lines
