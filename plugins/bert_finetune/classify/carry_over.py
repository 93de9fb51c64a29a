"""Does it carry over? The kept weights on rows of related tasks, beside their own held-out rows and what is not tuned.

Label names alone (`zero_shot`) and a prompted language model were tuned on none of these tasks: a fine-tuned classifier
that is no better than they are on a related task has learned its own rows rather than the labels' meaning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plugins.bert_finetune.classify.data import ClassifyData
from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from plugins.bert_finetune.classify.predictor import load
from plugins.bert_finetune.classify.prompted import ModelToPrompt
from plugins.bert_finetune.classify.related import RelatedTexts
from plugins.bert_finetune.classify.untuned import Row, Share, label_names, most_frequent, pieces, prompted, share_of
from training.artifact.store import read_record
from training.labelling.sampling import wilson
from training.task import Study
from training.wording import counted, listed

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings

TITLE = "Does it carry over?"
OWN = "its own held-out rows"
CLASSIFIER, DIFFERENCE, USUAL = "this classifier", "difference from its own rows", "always the most frequent label"
MEASURED = (
    "Accuracies, with 95 % intervals: Wilson's, of a difference Newcombe's. The weights were scored once, and nothing "
    "was trained on rows of the related tasks."
)
ADVICE = "Set prompted_model to see a prompted GPT in this table, and hosted_model a hosted one."


def study_related(
    artifact: Path, data: ClassifyData, settings: ClassifySettings, models: Sequence[ModelToPrompt] = ()
) -> Study:
    """Score the kept weights on the related tasks, beside what was not tuned on any of them.

    Args:
        artifact: Their folder, with the record of their evaluation on the held-out rows.
        models: To be prompted on the same rows, or on some of them.
    """
    tasks = {OWN: data.evaluation} if len(data.evaluation) else {}
    tasks |= {each.source: each.rows for each in data.related}
    classifier = _classifier(artifact, tasks)
    own = classifier[0] if OWN in tasks else None
    names, by_prompt = label_names(data, tasks), prompted(data, settings, tasks, models)
    untuned: dict[str, Row] = {USUAL: [*map(most_frequent, tasks.values())], **names.rows, **by_prompt.rows}
    counts = [len(rows) for rows in tasks.values()]
    table = [_line(name, row, counts) for name, row in {CLASSIFIER: classifier, **untuned}.items()]
    if own:
        table.insert(1, [DIFFERENCE, "", *(_difference(own, share) for share in classifier[1:])])
    sentences = [
        _conclusion(each, own, classifier[column], {name: row[column] for name, row in untuned.items()})
        for column, each in enumerate(data.related, len(tasks) - len(data.related))
    ]
    columns = ["", *(f"{name} ({count:,})" for name, count in zip(tasks, counts, strict=True))]
    text = " ".join([*sentences, MEASURED, *names.notes, *by_prompt.notes])
    return Study(TITLE, text, columns, table, "" if models else ADVICE)


def newcombe(first: tuple[float, int], second: tuple[float, int]) -> tuple[float, float]:
    """95 % interval of the difference of two independent shares (Newcombe, 1998, method 10).

    Args:
        first: A share of 1 and the rows that it is of; the second is taken from it.
    """
    (share, rows), (other, other_rows) = first, second
    (low, high), (other_low, other_high) = wilson(share, rows), wilson(other, other_rows)
    below = math.hypot(share - low, other_high - other)
    above = math.hypot(high - share, other - other_low)
    return share - other - below, share - other + above


def verdict(classifier: Share, untuned: Mapping[str, Share | None]) -> str:
    """Whether a classifier beats the best of what was not tuned by more than chance."""
    name, best = max(((name, share) for name, share in untuned.items() if share), key=lambda item: item[1].value)
    low, high = newcombe((classifier.value, classifier.rows), (best.value, best.rows))
    how = "better than" if low > 0 else "worse than" if high < 0 else "no better, beyond chance, than"
    return f"The classifier is {how} {name} there ({best.value:.3f})."


def _classifier(artifact: Path, tasks: Mapping[str, LabelledTexts]) -> list[Share]:
    predictor, shares = load(artifact), []
    for name, rows in tasks.items():
        own = read_record(artifact)["metrics"].get("accuracy") if name == OWN else None
        if own is None:
            parts = pieces(f"{TITLE} Scoring {name}", rows)
            best = np.concatenate([predictor.probabilities(part.texts, part.pairs).argmax(1) for part in parts])
            own = share_of([predictor.names[number] for number in best], rows).value
        shares.append(Share(own, len(rows)))
    return shares


def _line(name: str, row: Row, counts: Sequence[int]) -> list[str]:
    cells = []
    for share, count in zip(row, counts, strict=True):
        fewer = f", {share.rows:,} rows" if share and share.rows < count else ""
        cells.append("not measured" if share is None else f"{share}{fewer}")
    return [name, *cells]


def _difference(own: Share, other: Share) -> str:
    low, high = newcombe((other.value, other.rows), (own.value, own.rows))
    return f"{other.value - own.value:+.3f} ({low:+.3f} to {high:+.3f})"


def _conclusion(task: RelatedTexts, own: Share | None, there: Share, untuned: Mapping[str, Share | None]) -> str:
    """What the table says of one related task, and which labels it shares with the run."""
    parts = [f"On {task.source} the accuracy is {there.value:.3f}{_beside_own(own, there)}.", verdict(there, untuned)]
    if task.set_aside:
        rows = counted(sum(task.set_aside.values()), "row")
        parts.append(f"It shares {listed(task.shared, 6)}; {rows} of {listed([*task.set_aside], 6)} were set aside.")
    return " ".join(parts)


def _beside_own(own: Share | None, there: Share) -> str:
    if own is None:
        return ""
    low, high = newcombe((there.value, there.rows), (own.value, own.rows))
    gain = there.value - own.value
    if low <= 0 <= high:
        return f", {gain:+.3f} from its own rows: no more than chance"
    return f", {'higher' if gain > 0 else 'lower'} by {abs(gain):.3f}, beyond chance"
