"""Quality of the sentence vectors: effective rank and the accuracy of a linear probe."""

from __future__ import annotations

import numpy as np

from plugins.bert_finetune.pretrain.probe_data import FOLDS
from training.figures import Figure

MIN_EFFECTIVE_RANK = 3.0  # below it, sentence vectors have collapsed
MIN_ROWS = 20


def effective_rank(vectors: np.ndarray) -> float:
    """exp of the entropy of the normalised singular values of centred vectors (Roy & Vetterli, 2007, eq. 2).

    Args:
        vectors: Sentence vectors, (texts, width).
    """
    values = np.linalg.svd(vectors - vectors.mean(0), compute_uv=False)
    share = values / max(values.sum(), 1e-12)
    return float(np.exp(-(share * np.log(share + 1e-12)).sum()))


def probe_accuracy(vectors: np.ndarray, labels: list[str]) -> float:
    """Accuracy of logistic regression on frozen sentence vectors, mean of 5 folds (Alain & Bengio, 2017)."""
    from sklearn.model_selection import StratifiedKFold, cross_val_score  # 1.5 s, which runs without a probe save

    from plugins.bert_finetune.models.linear_probe import linear_probe

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    return float(cross_val_score(linear_probe(), vectors, labels, cv=folds).mean())


def rank_figure(rank: float, width: int, rows: int) -> Figure:
    """The effective rank, and what it says of collapse.

    Args:
        width: Of the vectors.
        rows: Texts that it was measured on; their number is a bound of it.
    """
    most = min(width, rows)
    reading = f"Of {most} directions that {rows} texts could differ in, about {rank:.0f} are used: no collapse."
    if rank < MIN_EFFECTIVE_RANK:
        reading = "Collapse: all texts look alike. Lower the learning rate, or warm up for longer."
    if rows < MIN_ROWS:
        reading = f"Measured on {rows} texts only, which says little: hold out more."
    meaning = "In how many independent directions the sentence vectors of held-out texts differ."
    return Figure("effective_rank", "Effective rank", rank, meaning, (), None, reading=reading)


def collapse_warnings(metrics: dict[str, float], rows: int) -> tuple[str, ...]:
    """Warn about collapse: the vectors of all texts have become alike."""
    if rows < MIN_ROWS or metrics["effective_rank"] >= MIN_EFFECTIVE_RANK:
        return ()
    return (
        f"Collapse: the sentence vectors have an effective rank of {metrics['effective_rank']:.1f}, "
        "so all texts look alike. Lower the learning rate or warm up for longer.",
    )
