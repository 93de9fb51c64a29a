"""Language models that are prompted on the same rows as the classifier: which, with what examples. Needs no torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plugins._prompted import Prompted, connect_prompted, kind_to_prompt, load_prompted
from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from training.preflight.sheet import Finding
from training.runs.queue import KEY
from training.settings import HOSTED

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings

GPT, HOSTED_MODEL = "prompted GPT", "hosted model"


@dataclass(frozen=True)
class ModelToPrompt:
    """A language model that is loaded, or asked, when the classifier is finished.

    Args:
        name: What a table calls it.
        key: For a hosted model.
    """

    name: str
    load: Callable[[], Prompted]
    key: str = ""

    def __repr__(self) -> str:
        return f"ModelToPrompt({self.name!r})"


def models_to_prompt(settings: ClassifySettings) -> list[ModelToPrompt]:
    """The models that the settings name; nothing is loaded or sent yet.

    Raises:
        UserError: If one cannot be prompted, or this server allows no requests to a host.
    """
    models = []
    if settings.prompted_model:
        folder = Path(settings.prompted_model)
        kind_to_prompt(folder)
        models.append(ModelToPrompt(GPT, partial(load_prompted, folder)))
    if settings.hosted_model:
        model = connect_prompted(settings.hosted_model)
        models.append(ModelToPrompt(HOSTED_MODEL, lambda: model, os.environ.pop(KEY, "")))
    return models


def draw_examples(rows: LabelledTexts, count: int, seed: int) -> list[tuple[str, str]]:
    """Texts with their labels for a prompt: as even by label as can be, in random order.

    Args:
        rows: Training rows, each with one label.
    """
    random = np.random.default_rng([seed, 31])
    seen: dict[str, int] = {}
    ranked = []
    for row in random.permutation(len(rows)).tolist():
        label = rows.labels[row][0]
        ranked.append((seen.get(label, 0), len(ranked), row))  # the first row of each label, then the second
        seen[label] = seen.get(label, 0) + 1
    chosen = [row for _, _, row in sorted(ranked)[:count]]
    return [(rows.texts[row], rows.labels[row][0]) for row in random.permutation(chosen).astype(int).tolist()]


def draw_rows(rows: LabelledTexts, count: int, seed: int) -> LabelledTexts:
    """At most `count` of the rows, drawn at random."""
    if len(rows) <= count:
        return rows
    return rows.select(sorted(np.random.default_rng(seed).choice(len(rows), count, replace=False).tolist()))


def hosted_findings(settings: ClassifySettings, tasks: Sequence[int]) -> list[Finding]:
    """What a hosted model will be sent.

    Args:
        tasks: Rows of each task that is measured.
    """
    if not settings.hosted_model or not tasks:
        return []
    prompts = 2 if settings.prompted_examples else 1
    requests = prompts * sum(min(rows, settings.prompted_rows) for rows in tasks)
    model, _, address = settings.hosted_model.removeprefix(HOSTED).partition("@")
    where = f" at {address}" if address else ""
    examples = f", half of them with {settings.prompted_examples} training texts as examples" if prompts == 2 else ""
    title = f"About {requests:,} texts are sent to {model}{where} at the end"
    return [Finding("amber", title, f"One a request{examples}. Lower prompted_rows to send fewer.")]
