"""Is it learning to represent text, or only to lower a loss? Effective rank and a linear probe of its sentence vectors."""

from __future__ import annotations

import numpy as np

from plugins.bert_finetune.models.linear_probe import linear_probe

COLLAPSED = 3.0  # effective rank from which all texts look alike to the network
LEAST_ROWS = 20


def effective_rank(vectors: np.ndarray) -> float:
    """exp of the entropy of the normalised singular values (Roy & Vetterli, 2007, eq. 2), of centred rows, (texts, width)."""
    values = np.linalg.svd(vectors - vectors.mean(0), compute_uv=False)
    share = values / max(values.sum(), 1e-12)
    return float(np.exp(-(share * np.log(share + 1e-12)).sum()))


def probe_accuracy(vectors: np.ndarray, labels: list[str]) -> float:
    """Accuracy of logistic regression on frozen sentence vectors, mean of 5 folds (Alain & Bengio, 2017)."""
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return float(cross_val_score(linear_probe(), vectors, labels, cv=folds).mean())


def alarms(metrics: dict[str, float], rows: int) -> tuple[str, ...]:
    """What must be said at once: the vectors of all texts have become one."""
    if rows < LEAST_ROWS or metrics["effective_rank"] >= COLLAPSED:
        return ()
    return (
        f"Collapse: the sentence vectors have an effective rank of {metrics['effective_rank']:.1f}, so all texts look alike. "
        "Lower the learning rate or warm up for longer.",
    )
