"""How much there is to train on and to score on, for the preflight sheet. Needs no torch."""

from __future__ import annotations

from training.preflight.sheet import Finding
from training.wording import counted


def tell_split(train: int, evaluation: int, noun: str) -> Finding:
    """Both numbers; amber where there is nothing to score on."""
    if evaluation:
        return Finding("green", f"{counted(train, noun)} to train on, {evaluation:,} to evaluate on")
    advice = "There will be no score, and the last weights are kept: raise eval_share, give more data, or an evaluation file."
    return Finding("amber", f"No {noun} to evaluate on", advice)
