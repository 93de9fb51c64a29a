"""Main figures of `pretrain`: bits per byte, perplexity of answers and few-shot accuracy, beside their baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plugins.gpt_prompting.pretrain.corpus import UNLABELLED
from plugins.gpt_prompting.pretrain.few_shot_metrics import FewShotResult
from training.data.array_files import count_ids
from training.figures import Baseline, Figure, share

BITS = "Bits that the model needs for a byte of held-out text: 8 without any knowledge, less is better."
PERPLEXITY = "Between how many tokens the model hesitates in held-out answers, on average: 1 would be certainty."
FEW_SHOT = (
    "How often the right label is the most probable after {} examples in the prompt, on tasks it was not trained on."
)
UNIGRAM = "token frequencies alone"


def unigram_loss(trained: np.ndarray, held_out: Sequence[np.ndarray]) -> float:
    """Mean cross entropy in nats of held-out tokens under their frequencies in training, with one added.

    Args:
        trained: Targets of training, (tokens,); those that are `UNLABELLED` do not count.
        held_out: Targets of the held-out segments.
    """
    targets = np.concatenate(held_out)
    targets = targets[targets != UNLABELLED]
    counts = count_ids(trained, 1 + int(targets.max(initial=0))) + 1.0
    return float(np.log(counts.sum()) - np.log(counts[targets]).mean())


def language_figures(metrics: dict[str, float], unigram: dict[str, float]) -> list[Figure]:
    """Those of the metrics that say how well language is predicted, beside what token frequencies give."""
    about = {"bits_per_byte": ("Bits per byte", BITS), "answer_perplexity": ("Perplexity of answers", PERPLEXITY)}
    return [
        Figure(metric, name, metrics[metric], meaning, (Baseline(UNIGRAM, unigram[metric]),), False)
        for metric, (name, meaning) in about.items()
        if metric in metrics and metric in unigram
    ]


def few_shot_figure(results: list[FewShotResult]) -> Figure:
    """Accuracy at the largest number of examples, with the tasks' own labels where they were tried."""
    own = any(result.own_labels for result in results)
    shots = max(result.shots for result in results if result.own_labels == own)
    chosen = [result for result in results if (result.own_labels, result.shots) == (own, shots)]
    chance = Baseline("guessing", float(np.mean([result.chance for result in chosen])))
    value = float(np.mean([result.correct for result in chosen]))
    metric = f"{'own' if own else 'shots'}_{shots}"
    return share(metric, f"Accuracy with {shots} examples", value, FEW_SHOT.format(shots), len(chosen), [chance])
