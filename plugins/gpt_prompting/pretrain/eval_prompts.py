"""Prompts to measure with: the same at each evaluation, of 0, 1, 2, 4, … examples, on tasks or rows that were held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from plugins.gpt_prompting.pretrain.few_shot_sampler import FewShotFormatter, FewShotOptions, TokenTask
from plugins.gpt_prompting.pretrain.prompt_parts import PromptBuilder

SHOTS = (0, 1, 2, 4, 8, 16)
MAX_CLASSES = 4


class EvalPrompt(NamedTuple):
    """Examples and a query, for measuring.

    Args:
        ids: Up to where the label belongs, (time,).
        choices: First tokens of the labels, all different.
        right: Which of them is the label.
        shots: Examples before the query.
        own: Whether the labels are the task's own.
        task: Its name.
    """

    ids: np.ndarray
    choices: np.ndarray
    right: int
    shots: int
    own: bool
    task: str


def make_eval_prompts(
    tasks: list[TokenTask], writer: FewShotFormatter, options: FewShotOptions, size: int, count: int, seed: int
) -> list[EvalPrompt]:
    """`count` queries, tasks in turn, each after every number of examples that fits and with random words and own labels.

    The same query, classes and examples serve every number; classes take turns among the examples, the newest first.
    """
    rng, prompts = np.random.default_rng([seed, 7]), []
    for number in range(count if tasks else 0):
        task = tasks[number % len(tasks)]
        most = min(options.most_classes, MAX_CLASSES, 2 + number // len(tasks) % 3)
        classes = rng.permutation(len(task.labels))[:most]
        right = int(rng.integers(len(classes)))
        query, examples = _texts(task, classes, right, rng)
        own = [task.labels[each] for each in classes]
        words = list(rng.choice(writer.words, (len(classes), 1), replace=False))
        for labels in (words, own):
            firsts = np.asarray([label[0] for label in labels], dtype=np.int64)
            if len(set(firsts.tolist())) == len(firsts):  # or the first token could not tell them apart
                for shots in SHOTS:
                    ids = _ids(examples[:shots][::-1], query, labels, writer)
                    if len(ids) <= size:
                        prompts.append(EvalPrompt(ids, firsts, right, shots, labels is own, task.name))
    return prompts


def _texts(
    task: TokenTask, classes: np.ndarray, right: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """A query of the class `right`, and for each example its class and its text, which is never the query."""
    pools = [rng.permutation(len(task.texts[each])) for each in classes]
    query, pools[right] = task.texts[classes[right]][pools[right][0]], pools[right][1:]
    order, examples = rng.permutation(len(classes)), []
    for place in range(SHOTS[-1]):
        which = int(order[place % len(classes)])
        pool = pools[which]
        examples.append((which, task.texts[classes[which]][pool[place // len(classes) % len(pool)]]))
    return query, examples


def _ids(
    examples: list[tuple[int, np.ndarray]], query: np.ndarray, labels: list[np.ndarray], writer: FewShotFormatter
) -> np.ndarray:
    parts, form = PromptBuilder(None), writer.forms[0]
    for which, text in examples:
        parts.example(form, text, labels[which], 0, 0)
    return np.concatenate([*parts.ids, form.before_text, query, form.before_label]).astype(np.int32)
