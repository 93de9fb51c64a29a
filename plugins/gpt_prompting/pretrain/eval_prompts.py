"""Few-shot evaluation prompts: fixed for a run, with 0, 1, 2, 4, 8 and 16 demonstrations, on held-out tasks or rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from plugins.gpt_prompting.pretrain.few_shot_sampler import FewShotFormatter, TokenTask
from plugins.gpt_prompting.pretrain.prompt_builder import PromptBuilder

SHOTS = (0, 1, 2, 4, 8, 16)
MAX_CLASSES = 4


class EvalPrompt(NamedTuple):
    """Demonstrations and a query.

    Args:
        ids: Up to where the label belongs, (time,).
        labels: First token of each label, all different.
        true_label: Index of the query's label.
        shots: Demonstrations before the query.
        own_labels: Whether the labels are the task's own, not random words.
        task: Name of the task.
    """

    ids: np.ndarray
    labels: np.ndarray
    true_label: int
    shots: int
    own_labels: bool
    task: str


def make_eval_prompts(
    tasks: list[TokenTask], formatter: FewShotFormatter, max_classes: int, size: int, count: int, seed: int
) -> list[EvalPrompt]:
    """Make prompts for `count` queries, one task after the other, at every number of demonstrations that fits into
    `size` tokens.

    The same query, classes and demonstrations serve every number, once with random words and once with the task's own
    labels. Classes take turns among the demonstrations; further demonstrations are added at the far end.
    """
    rng, prompts = np.random.default_rng([seed, 7]), []
    for number in range(count if tasks else 0):
        task = tasks[number % len(tasks)]
        limit = min(max_classes, MAX_CLASSES, 2 + number // len(tasks) % 3)
        classes = rng.permutation(len(task.labels))[:limit]
        true_label = int(rng.integers(len(classes)))
        query, examples = _sample_texts(task, classes, true_label, rng)
        own = [task.labels[label] for label in classes]
        words = list(rng.choice(formatter.words, (len(classes), 1), replace=False))
        for labels in (words, own):
            first_tokens = np.asarray([label[0] for label in labels], dtype=np.int64)
            if len(set(first_tokens.tolist())) < len(first_tokens):
                continue  # the first token would not distinguish the labels
            for shots in SHOTS:
                ids = _ids(examples[:shots][::-1], query, labels, formatter)
                if len(ids) <= size:
                    prompts.append(EvalPrompt(ids, first_tokens, true_label, shots, labels is own, task.name))
    return prompts


def _sample_texts(
    task: TokenTask, classes: np.ndarray, true_label: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """A query of the class `true_label`, and (class, text) of each demonstration, which is never the query."""
    pools = [rng.permutation(len(task.texts[label])) for label in classes]
    query, pools[true_label] = task.texts[classes[true_label]][pools[true_label][0]], pools[true_label][1:]
    order, examples = rng.permutation(len(classes)), []
    for number in range(SHOTS[-1]):
        label = int(order[number % len(classes)])
        pool = pools[label]
        examples.append((label, task.texts[classes[label]][pool[number // len(classes) % len(pool)]]))
    return query, examples


def _ids(
    examples: list[tuple[int, np.ndarray]], query: np.ndarray, labels: list[np.ndarray], formatter: FewShotFormatter
) -> np.ndarray:
    builder, template = PromptBuilder(None), formatter.templates[0]
    for label, text in examples:
        builder.add_example(template, text, labels[label], 0, 0)
    return np.concatenate([*builder.ids, template.before_text, query, template.before_label]).astype(np.int32)
