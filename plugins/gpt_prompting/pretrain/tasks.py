"""Labelled tasks: a table of task, text and label; some tasks, or some rows of each, are kept for measuring."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from plugins.gpt_prompting.pretrain.dialogues import clean_text
from training.data.column_guess import guess_text_columns
from training.data.column_names import plain_name
from training.data.table import Table
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import counted, listed

MIN_CLASS_ROWS = 2  # of a class, or no example could be given for it
MIN_CLASSES = 2
MAX_SHARED_TEXTS = 0.05  # of a held-out task's texts that may also be trained on
HELD_SPLITS = ("validation", "valid", "dev", "test")


@dataclass(frozen=True)
class LabelledTask:
    """The texts of each class.

    Args:
        classes: Label -> its texts.
    """

    name: str
    classes: dict[str, list[str]]

    @property
    def rows(self) -> int:
        return sum(map(len, self.classes.values()))


def holds_tasks(table: Table) -> bool:
    """Whether a table has a column of tasks beside texts and labels."""
    names = {plain_name(name) for name in table.names}
    return {"task", "text", "label"} <= names


def read_tasks(table: Table) -> list[tuple[str, str, str, str]]:
    """Rows of task, text, label and split; a table without tasks is one, a row without text or label is left out.

    Raises:
        UserError: If a column is missing.
    """
    known = {plain_name(name): name for name in reversed(table.names)}
    columns = guess_text_columns(table, text_column=known.get("text", ""), label_column=known.get("label", ""))
    tasks = table.strings(known["task"]) if "task" in known else [table.source] * len(table)
    splits = table.strings(known["split"]) if "split" in known else [None] * len(table)
    texts, labels = table.strings(columns.text), table.strings(columns.label or "")
    return [
        (task or table.source, clean_text(text), clean_text(label), (split or "").lower())
        for task, text, label, split in zip(tasks, texts, labels, splits, strict=True)
        if text and text.strip() and label and label.strip()
    ]


def split_tasks(
    rows: list[tuple[str, str, str, str]], held_out: str, share: float, seed: int
) -> tuple[list[LabelledTask], list[LabelledTask]]:
    """Tasks to train on, and those to measure on: the named ones, else the rows of a split that is none for training,
    else a share of each task's rows.

    Raises:
        UserError: If a held-out task is not there, or nothing is left to train on.
    """
    names = list(dict.fromkeys(task for task, *_ in rows))
    held = [name.strip() for name in held_out.split(",") if name.strip()]
    lost = [name for name in held if name not in names]
    if lost:
        raise UserError(f"held_out_tasks: there is no task {listed(lost)}; there are: {listed(names, 40)}.")
    if held:
        train = [row for row in rows if row[0] not in held and row[3] not in HELD_SPLITS]
        measured = [row for row in rows if row[0] in held]
    elif any(row[3] in HELD_SPLITS for row in rows):
        train, measured = ([row for row in rows if (row[3] in HELD_SPLITS) == side] for side in (False, True))
    else:
        chosen = np.random.default_rng([seed, 6]).random(len(rows)) < share
        train, measured = ([row for row, one in zip(rows, chosen, strict=True) if one == side] for side in (False, True))  # fmt: skip
    return _grouped(train), _grouped(measured)


def _grouped(rows: list[tuple[str, str, str, str]]) -> list[LabelledTask]:
    """Tasks with at least two classes of at least two texts."""
    tasks: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for task, text, label, _ in rows:
        tasks[task][label].append(text)
    found = []
    for name, classes in tasks.items():
        enough = {label: texts for label, texts in classes.items() if len(texts) >= MIN_CLASS_ROWS}
        if len(enough) >= MIN_CLASSES:
            found.append(LabelledTask(name, enough))
    return found


def check_tasks(train: list[LabelledTask], held: list[LabelledTask], source: str) -> list[Finding]:
    """Say which tasks are trained on and which are kept, and whether what is measured was not learned by heart."""
    if not train:
        advice = "A task needs two labels with two texts each: columns task, text and label."
        return [Finding("red", f"{source} has no task to learn from", advice)]
    classes = sum(len(task.classes) for task in train)
    title = f"{counted(len(train), 'task')} with {counted(classes, 'label')} and {sum(t.rows for t in train):,} texts"
    found = [Finding("green", f"{title} for few-shot prompts", listed([task.name for task in train], 20))]
    if not held:
        return [*found, Finding("amber", "Nothing is held out to measure few-shot accuracy on", "Raise eval_share.")]
    found.append(Finding("green", f"Measured on: {listed([task.name for task in held], 20)}"))
    seen = {text for task in train for texts in task.classes.values() for text in texts}
    for task in held:
        texts = [text for texts in task.classes.values() for text in texts]
        known = sum(text in seen for text in texts) / len(texts)
        if known > MAX_SHARED_TEXTS:
            advice = "Hold its sister task out too, or it is learned by heart."
            found.append(Finding("amber", f"{known:.0%} of the texts of {task.name} are also trained on", advice))
    return found
