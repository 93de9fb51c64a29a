"""Scores of translations by sacreBLEU (Post, 2018): BLEU and chrF, 0 to 100, with their signatures; the pairs most wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plugins.bert_finetune.translate.data import Pairs
from training.task import Score

WORST = 20
SHOWN = 300  # characters


def scores(said: Sequence[str], truths: Sequence[str]) -> tuple[dict[str, float], list[str]]:
    """BLEU (13a, cased) and chrF of all texts together, and sacreBLEU's signatures."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    bleu, chrf = BLEU(), CHRF()
    found = {
        "bleu": float(bleu.corpus_score(said, [truths]).score),
        "chrf": float(chrf.corpus_score(said, [truths]).score),
    }
    return found, [f"BLEU {bleu.get_signature()}", f"chrF {chrf.get_signature()}"]


def score(pairs: Pairs, said: Sequence[str], losses: Sequence[tuple[float, int]]) -> Score:
    """Metrics and tables of one evaluation.

    Args:
        losses: Summed cross entropy and number of the truth's tokens, a pair.
    """
    from sacrebleu.metrics.chrf import CHRF

    metrics, signatures = scores(said, pairs.targets)
    metrics["loss"] = sum(loss for loss, _ in losses) / max(1, sum(tokens for _, tokens in losses))
    each = CHRF()
    alike = np.asarray([each.sentence_score(text, [truth]).score for text, truth in zip(said, pairs.targets, strict=True)])  # fmt: skip
    rows = [
        [pairs.lines[row], *(text[:SHOWN] for text in (pairs.sources[row], pairs.targets[row], said[row])), round(float(alike[row]), 1)]
        for row in np.argsort(alike)[:WORST]
        if said[row] != pairs.targets[row]
    ]  # fmt: skip
    tables = {
        "Most wrong": {"columns": ["line", "source", "truth", "translation", "chrF"], "rows": rows},
        "How it was scored": {"columns": ["sacreBLEU signature"], "rows": [[one] for one in signatures]},
    }
    return Score(metrics, tables)
