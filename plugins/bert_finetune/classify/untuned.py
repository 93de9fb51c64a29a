"""Accuracy of what was tuned on none of the tasks: the most frequent label, label names alone, prompted models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from plugins.bert_finetune import starter
from plugins.bert_finetune.classify.data import ClassifyData
from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from plugins.bert_finetune.classify.prompted import ModelToPrompt, draw_examples, draw_rows
from plugins.bert_finetune.classify.related import MAX_ROWS
from plugins.bert_finetune.encode.predictor import load as load_encoder
from plugins.bert_finetune.zero_shot.label_names import PLACE, TEMPLATE, words_of
from training.data.progress import report
from training.errors import UserError
from training.labelling.sampling import wilson
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings

NAMES = "label names alone"
PIECE_ROWS = 64  # some seconds of MiniLM at most, on one busy core


@dataclass(frozen=True)
class Share:
    """The share of right labels among some rows."""

    value: float
    rows: int

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.value, self.rows)

    def __str__(self) -> str:
        return "{:.3f} ({:.3f} to {:.3f})".format(self.value, *self.interval)


Row = Sequence[Share | None]  # one a task; None where nothing was measured


@dataclass(frozen=True)
class Measured:
    """Rows of the table by name, and what a reader has to know of them."""

    rows: dict[str, Row]
    notes: list[str]


def label_names(data: ClassifyData, tasks: Mapping[str, LabelledTexts]) -> Measured:
    """Accuracy by the names of the labels alone; of more than `MAX_ROWS` own rows it is not measured."""
    if why := _why_no_names(data):
        return Measured({NAMES: [None] * len(tasks)}, [f"By {NAMES} nothing was measured: {why}."])
    encoder = load_encoder(starter.MINILM[0])
    sentences = [TEMPLATE.replace(PLACE, words_of(name)) for name in data.label_names]
    row: list[Share | None] = []
    for task, rows in tasks.items():
        if len(rows) > MAX_ROWS:
            row.append(None)
            continue
        parts = pieces(f"{NAMES.capitalize()} on {task}", rows)
        guesses = np.concatenate([encoder.compare(part.texts, sentences).argmax(1) for part in parts])
        row.append(share_of([data.label_names[number] for number in guesses], rows))
    how = f"“{NAMES.capitalize()}” is the label whose sentence “{TEMPLATE}” is nearest by {starter.SENTENCES}"
    many = f"; of more than {MAX_ROWS:,} own rows it is not measured" if None in row else ""
    return Measured({NAMES: row}, [f"{how}{many}."])


def prompted(
    data: ClassifyData,
    settings: ClassifySettings,
    tasks: Mapping[str, LabelledTexts],
    models: Sequence[ModelToPrompt],
) -> Measured:
    """Accuracy of each model by a prompt without examples, and with some of the training rows."""
    if models and data.train.pairs is not None:
        return Measured({}, ["No model was prompted: prompts hold single texts, and these are pairs."])
    drawn = [draw_rows(rows, settings.prompted_rows, settings.seed) for rows in tasks.values()]
    examples = draw_examples(data.train, settings.prompted_examples, settings.seed)
    result = Measured({}, [])
    for named in models:
        model = replace(named, load=cache(named.load))  # once, for the prompt without examples and the one with
        for shown in [[], examples] if examples else [[]]:
            examples_shown = f"with {counted(len(shown), 'example')}" if shown else "without examples"
            name = f"{model.name} {examples_shown}"
            if not shown and not _have_words(data.label_names):
                result.notes.append(f"{name}: not measured, as a label without a letter says nothing of its meaning.")
                continue
            try:
                result.rows[name] = _by_prompt(model, data.label_names, drawn, shown)
            except UserError as error:  # the classifier is finished, and its own accuracies are worth having
                result.notes.append(f"{name}: not measured. {error}")
    if result.rows:
        result.notes.append(f"A prompted model labelled at most {settings.prompted_rows:,} rows of a task.")
    return result


def _by_prompt(
    model: ModelToPrompt, names: Sequence[str], tasks: Sequence[LabelledTexts], examples: Sequence[tuple[str, str]]
) -> Row:
    loaded, words = model.load(), {name: words_of(name) for name in names}
    answers = [loaded.label_texts(rows.texts, words, examples, model.key) for rows in tasks]
    return [share_of([each.label for each in own], rows) for own, rows in zip(answers, tasks, strict=True)]


def pieces(what: str, rows: LabelledTexts) -> Iterator[LabelledTexts]:
    """The rows, some at a time; before each it is told how many are done, and a stop that was asked for ends it."""
    for start in range(0, len(rows), PIECE_ROWS):
        report(what, start, len(rows))
        yield rows.select(range(start, min(start + PIECE_ROWS, len(rows))))


def share_of(guesses: Sequence[str], rows: LabelledTexts) -> Share:
    """How many guesses are the rows' labels."""
    right = [guess == labels[0] for guess, labels in zip(guesses, rows.labels, strict=True)]
    return Share(float(np.mean(right)), len(rows))


def most_frequent(rows: LabelledTexts) -> Share:
    """Always predict the most frequent label."""
    return Share(Counter(labels[0] for labels in rows.labels).most_common(1)[0][1] / len(rows), len(rows))


def _why_no_names(data: ClassifyData) -> str:
    """Why label names alone are not measured; empty if they are."""
    if not starter.MINILM:
        return f"it needs {starter.SENTENCES}, which is not installed here (make models)"
    if data.train.pairs is not None:
        return "it compares single texts with names, and these are pairs"
    return "" if _have_words(data.label_names) else "a label without a letter says nothing of its meaning"


def _have_words(names: Sequence[str]) -> bool:
    return all(any(map(str.isalpha, name)) for name in names)
