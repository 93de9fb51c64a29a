"""What is worth saying of labelled texts before training: their classes, duplicates, leaks, and what is held out."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts, Labels
from training.preflight.sheet import Finding
from training.wording import at_lines, counted, listed

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings

RARE = 10  # times fewer rows than the largest class has
FEW_ROWS = 50
MANY_CLASSES = 20
REPEATED = 0.05  # share of repeated texts from which it is worth a look


def check_labels(rows: LabelledTexts, settings: ClassifySettings) -> list[Finding]:
    """Say what the labels of the whole file hold; one red row if nothing can be learned from them."""
    counts = Counter(label for labels in rows.labels for label in labels)
    if hopeless := _hopeless(rows, counts):
        return [hopeless]
    classes = listed([f"{name} ({number:,})" for name, number in counts.most_common()])
    return [
        Finding("green", f"{counted(len(counts), 'class')}: {classes}"),
        *_balance(counts, settings),
        *_case(counts),
        *_foreign(counts),
        *_separator(counts, settings),
        *_repeats(rows, settings),
    ]


def _hopeless(rows: LabelledTexts, counts: Counter[str]) -> Finding | None:
    if not len(rows):
        return Finding("red", "No row is left", "Every row lacks a text or a label.")
    if not counts:
        return Finding("red", "No row has a label", "Is it the right label column?")
    if len(counts) == 1:
        only, number = next(iter(counts.items()))
        title = f"There is only one class: {only!r}, {counted(number, 'row')}"
        return Finding("red", title, "A classifier needs two. Is it the right label column?")
    if len(counts) > MANY_CLASSES and len(counts) > len(rows) / 2:
        title = f"{counted(len(counts), 'class')} in {counted(len(rows), 'row')}"
        return Finding("red", title, "Is this an id or a score? Choose the label column.")
    return None


def _balance(counts: Counter[str], settings: ClassifySettings) -> list[Finding]:
    fewest, most = min(counts.values()), max(counts.values())
    if most <= RARE * fewest or settings.class_weights != "none":
        return []
    title = f"Unbalanced: the rarest class has {counted(fewest, 'row')}, the largest {most:,}"
    help_them = "" if settings.multi_label else "; class_weights balanced helps the rare ones"
    return [Finding("amber", title, f"Read macro_f1, not accuracy{help_them}.")]


def _case(counts: Counter[str]) -> list[Finding]:
    by_case: dict[str, list[str]] = {}
    for name in counts:
        by_case.setdefault(name.casefold(), []).append(name)
    alike = [", ".join(map(repr, names)) for names in by_case.values() if len(names) > 1]
    advice = "Each counts as a class of its own: write them alike in the file."
    return [Finding("amber", f"Labels that differ only in case: {listed(alike)}", advice)] if alike else []


def _foreign(counts: Counter[str]) -> list[Finding]:
    numbers = [name for name in counts if re.fullmatch(r"-?\d+", name)]
    if not numbers or len(numbers) * 4 > len(counts):
        return []
    return [
        Finding("amber", f"Numbers among labels that are words: {listed(numbers)}", "Are they labels? Correct them.")
    ]


def _separator(counts: Counter[str], settings: ClassifySettings) -> list[Finding]:
    joined = [name for name in counts if settings.label_separator in name]
    if settings.multi_label or len(joined) * 4 < len(counts):
        return []
    title = f"Labels like {joined[0]!r} look like several in one"
    return [Finding("amber", title, "Turn multi_label on if a text may carry more than one.")]


def _repeats(rows: LabelledTexts, settings: ClassifySettings) -> list[Finding]:
    seen: dict[tuple[str, str], set[Labels]] = {}
    for key, labels in zip(rows.keys(), rows.labels, strict=True):
        seen.setdefault(key, set()).add(tuple(sorted(labels)))
    found, again = [], len(rows) - len(seen)
    if again:
        level = "amber" if again > len(rows) * REPEATED else "green"
        detail = "" if settings.eval_data else "Equal texts stay on one side of the split."
        found.append(Finding(level, counted(again, "repeated text"), detail))
    if torn := [text for (text, _), labels in seen.items() if len(labels) > 1]:
        shown = listed([repr(text[:60]) for text in torn], 3)
        found.append(Finding("amber", f"{counted(len(torn), 'text')} with different labels", f"Such as {shown}."))
    return found


def check_leaks(evaluation: LabelledTexts, leaked: list[int], source: str, is_left_out: bool) -> list[Finding]:
    """Say which rows of the evaluation file, by index, training has seen, and what becomes of them."""
    if not leaked:
        return []
    title = f"{len(leaked):,} of {counted(len(evaluation), 'evaluation text')} also in the training file"
    where = f"{at_lines([evaluation.lines[row] for row in leaked])} of {source}"
    if is_left_out:
        return [Finding("amber", title, f"Left out of the evaluation: {where}.")]
    advice = "give another file" if len(leaked) == len(evaluation) else "drop_leaked leaves them out"
    return [Finding("amber", title, f"The score will be too good ({where}): {advice}.")]


def check_split(train: LabelledTexts, evaluation: LabelledTexts, settings: ClassifySettings) -> list[Finding]:
    """Say how many rows there are to train and to evaluate on, and what the evaluation lacks."""
    found = [Finding("green", f"{counted(len(train), 'row')} to train on, {len(evaluation):,} to evaluate on")]
    counts = Counter(label for labels in train.labels for label in labels)
    if unseen := sorted({label for labels in evaluation.labels for label in labels} - set(counts)):
        title = f"Evaluation rows with a label that training lacks: {listed(list(map(repr, unseen)))}"
        found.append(Finding("red", title, "Correct them, or add training rows of that class."))
    if not len(evaluation):
        found.append(_nothing_held_out(counts, settings))
    if len(train) < FEW_ROWS:
        start = (
            "Even a pre-trained model learns little"
            if settings.model
            else "Start from a pre-trained model: from scratch, nothing is learned"
        )
        found.append(Finding("amber", f"Only {counted(len(train), 'row')} to train on", f"{start} from so few."))
    return found


def _nothing_held_out(counts: Counter[str], settings: ClassifySettings) -> Finding:
    effect = "There will be no score, and the last weights are kept"
    if settings.eval_data:
        return Finding("amber", "No row to evaluate on", f"{effect}: the evaluation file has no row that can be used.")
    if not settings.eval_share:
        return Finding("amber", "Nothing is held out", f"{effect}: raise eval_share or give an evaluation file.")
    if max(counts.values()) == 1:
        title = "1 row per class: nothing can be held out"
        return Finding("amber", title, f"{effect}: add rows, or give an evaluation file.")
    return Finding("amber", "Too few rows to hold any out", f"{effect}: add rows, or give an evaluation file.")
