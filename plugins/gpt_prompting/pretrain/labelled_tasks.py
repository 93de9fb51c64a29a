"""Labelled tasks: read from a table of task, text and label; whole tasks, or some rows of each, are held out."""

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

MIN_CLASS_ROWS = 2  # a query and a demonstration
MIN_CLASSES = 2
MAX_SHARED_TEXTS = 0.05  # share of a held-out task's texts that may also be trained on
HELD_OUT_SPLITS = ("validation", "valid", "dev", "test")


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
    """Whether a table has the columns task, text and label."""
    names = {plain_name(name) for name in table.names}
    return {"task", "text", "label"} <= names


def read_tasks(table: Table) -> list[tuple[str, str, str, str]]:
    """Read rows of task, text, label and split. A table without a task column is one task; incomplete rows are left
    out.

    Raises:
        UserError: If a column is missing.
    """
    by_name = {plain_name(name): name for name in reversed(table.names)}
    columns = guess_text_columns(table, text_column=by_name.get("text", ""), label_column=by_name.get("label", ""))
    tasks = table.strings(by_name["task"]) if "task" in by_name else [table.source] * len(table)
    splits = table.strings(by_name["split"]) if "split" in by_name else [None] * len(table)
    texts, labels = table.strings(columns.text), table.strings(columns.label or "")
    return [
        (task or table.source, clean_text(text), clean_text(label), (split or "").lower())
        for task, text, label, split in zip(tasks, texts, labels, splits, strict=True)
        if text and text.strip() and label and label.strip()
    ]


def split_tasks(
    rows: list[tuple[str, str, str, str]], held_out: str, share: float, seed: int
) -> tuple[list[LabelledTask], list[LabelledTask]]:
    """Split into training and held-out tasks: by name, else by the split column, else a random share of the rows.

    Args:
        held_out: Names of tasks, comma-separated.
        share: Of the rows, 0 to 1.

    Raises:
        UserError: If a held-out task does not exist.
    """
    names = list(dict.fromkeys(task for task, *_ in rows))
    held = [name.strip() for name in held_out.split(",") if name.strip()]
    unknown = [name for name in held if name not in names]
    if unknown:
        raise UserError(f"held_out_tasks: there is no task {listed(unknown)}; there are: {listed(names, 40)}.")
    if held:
        train = [row for row in rows if row[0] not in held and row[3] not in HELD_OUT_SPLITS]
        return _grouped(train), _grouped([row for row in rows if row[0] in held])
    is_held_out = [row[3] in HELD_OUT_SPLITS for row in rows]
    if not any(is_held_out):
        is_held_out = (np.random.default_rng([seed, 6]).random(len(rows)) < share).tolist()
    train, held_rows = (
        [row for row, out in zip(rows, is_held_out, strict=True) if out == side] for side in (False, True)
    )
    return _grouped(train), _grouped(held_rows)


def _grouped(rows: list[tuple[str, str, str, str]]) -> list[LabelledTask]:
    """Tasks with at least two classes of at least two texts."""
    tasks: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for task, text, label, _ in rows:
        tasks[task][label].append(text)
    kept = []
    for name, classes in tasks.items():
        large = {label: texts for label, texts in classes.items() if len(texts) >= MIN_CLASS_ROWS}
        if len(large) >= MIN_CLASSES:
            kept.append(LabelledTask(name, large))
    return kept


def check_tasks(train: list[LabelledTask], held: list[LabelledTask], source: str) -> list[Finding]:
    """Report training and held-out tasks, and held-out texts that are also trained on."""
    if not train:
        advice = "A task needs two labels with two texts each: columns task, text and label."
        return [Finding("red", f"{source} has no task to train on", advice)]
    classes = sum(len(task.classes) for task in train)
    title = f"{counted(len(train), 'task')} with {counted(classes, 'label')} and {sum(t.rows for t in train):,} texts"
    findings = [Finding("green", f"{title} for few-shot prompts", listed([task.name for task in train], 20))]
    if not held:
        return [
            *findings,
            Finding("amber", "Nothing is held out to evaluate few-shot accuracy on", "Raise eval_share."),
        ]
    findings.append(Finding("green", f"Evaluated on: {listed([task.name for task in held], 20)}"))
    trained = {text for task in train for texts in task.classes.values() for text in texts}
    for task in held:
        texts = [text for texts in task.classes.values() for text in texts]
        shared = sum(text in trained for text in texts) / len(texts)
        if shared > MAX_SHARED_TEXTS:
            advice = "Hold out the task with the same texts too: accuracy on memorised texts says little."
            findings.append(Finding("amber", f"{shared:.0%} of the texts of {task.name} are also trained on", advice))
    return findings
