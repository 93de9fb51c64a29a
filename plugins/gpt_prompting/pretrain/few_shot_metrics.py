"""Few-shot accuracy against the number of demonstrations, on held-out tasks or rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from plugins.gpt_prompting.pretrain.eval_prompts import SHOTS, EvalPrompt


class FewShotResult(NamedTuple):
    """The result of an evaluation prompt.

    Args:
        task: Name of its task.
        shots: Demonstrations in the prompt.
        own_labels: Whether the labels are the task's own, not random words.
        correct: Whether the label with the highest logit is the true one.
        chance: Accuracy of guessing.
        loss: Cross entropy of the true label's first token over the vocabulary, in nats.
    """

    task: str
    shots: int
    own_labels: bool
    correct: bool
    chance: float
    loss: float

    @classmethod
    def of(cls, prompt: EvalPrompt, logits: np.ndarray) -> FewShotResult:
        """From the logits where the label belongs, (vocabulary,)."""
        scores = logits[prompt.labels]
        loss = np.logaddexp.reduce(logits.astype(np.float64)) - scores[prompt.true_label]
        correct = int(scores.argmax()) == prompt.true_label
        return cls(prompt.task, prompt.shots, prompt.own_labels, correct, 1 / len(prompt.labels), float(loss))


def few_shot_metrics(results: list[FewShotResult]) -> dict[str, float]:
    """Average the results.

    Returns:
        shots_k: accuracy after k demonstrations with random words as labels; own_k: with the task's own labels; chance;
        label_loss: mean loss with demonstrations (without, if there are none).
    """
    metrics = {}
    for own_labels, name in ((False, "shots"), (True, "own")):
        for shots in SHOTS:
            correct = [result.correct for result in results if (result.own_labels, result.shots) == (own_labels, shots)]
            if correct:
                metrics[f"{name}_{shots}"] = float(np.mean(correct))
    metrics["chance"] = float(np.mean([result.chance for result in results]))
    losses = [result.loss for result in results if result.shots] or [result.loss for result in results]
    return metrics | {"label_loss": float(np.mean(losses))}
