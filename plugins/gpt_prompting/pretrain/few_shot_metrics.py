"""Accuracy by the number of examples in the prompt, on tasks or rows that were held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from plugins.gpt_prompting.pretrain.eval_prompts import SHOTS, EvalPrompt


class FewShotResult(NamedTuple):
    """What a measuring prompt gives."""

    task: str
    shots: int
    own: bool
    right: bool
    chance: float
    loss: float  # of the right label's first token among all tokens, in nats

    @classmethod
    def of(cls, prompt: EvalPrompt, logits: np.ndarray) -> FewShotResult:
        """By the logits of all tokens where the label belongs, (vocabulary,); the likeliest of the choices is the answer."""
        scores = logits[prompt.choices]
        loss = np.logaddexp.reduce(logits.astype(np.float64)) - scores[prompt.right]
        right = int(scores.argmax()) == prompt.right
        return cls(prompt.task, prompt.shots, prompt.own, right, 1 / len(prompt.choices), float(loss))


def few_shot_metrics(outcomes: list[FewShotResult]) -> dict[str, float]:
    """shots_k: accuracy after k examples whose labels are random words; own_k: with the task's own labels; chance; and the
    mean loss of the label where there were examples."""
    found = {}
    for own, name in ((False, "shots"), (True, "own")):
        for shots in SHOTS:
            right = [each.right for each in outcomes if each.own == own and each.shots == shots]
            if right:
                found[f"{name}_{shots}"] = float(np.mean(right))
    found["chance"] = float(np.mean([each.chance for each in outcomes]))
    told = [each.loss for each in outcomes if each.shots] or [each.loss for each in outcomes]
    return found | {"label_loss": float(np.mean(told))}
