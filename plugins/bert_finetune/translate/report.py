"""BLEU and chrF by sacreBLEU (Post, 2018), 0 to 100, with their signatures; the most wrong pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from plugins.bert_finetune.translate.data import SentencePairs
from training.task import Score

MAX_WORST_ROWS = 20
MAX_CHARACTERS = 300  # characters


def scores(translations: Sequence[str], truths: Sequence[str]) -> tuple[dict[str, float], list[str]]:
    """Corpus BLEU (13a, cased) and chrF, and sacreBLEU's signatures."""
    bleu, chrf = BLEU(), CHRF()
    metrics = {
        "bleu": float(bleu.corpus_score(translations, [truths]).score),
        "chrf": float(chrf.corpus_score(translations, [truths]).score),
    }
    return metrics, [f"BLEU {bleu.get_signature()}", f"chrF {chrf.get_signature()}"]


def score(pairs: SentencePairs, translations: Sequence[str], losses: Sequence[tuple[float, int]]) -> Score:
    """Metrics and tables of one evaluation.

    Args:
        losses: Summed cross entropy and number of the target's tokens, per pair.
    """
    metrics, signatures = scores(translations, pairs.targets)
    metrics["loss"] = sum(loss for loss, _ in losses) / max(1, sum(tokens for _, tokens in losses))
    chrf, texts = CHRF(), list(zip(pairs.sources, pairs.targets, translations, strict=True))
    similarity = np.asarray([chrf.sentence_score(text, [truth]).score for _, truth, text in texts])
    rows = [
        [pairs.lines[row], *(text[:MAX_CHARACTERS] for text in texts[row]), round(float(similarity[row]), 1)]
        for row in np.argsort(similarity)[:MAX_WORST_ROWS]
        if translations[row] != pairs.targets[row]
    ]
    tables = {
        "Most wrong": {"columns": ["line", "source", "truth", "translation", "chrF"], "rows": rows},
        "Signatures": {"columns": ["sacreBLEU signature"], "rows": [[signature] for signature in signatures]},
    }
    return Score(metrics, tables)
