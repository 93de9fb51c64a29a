"""Findings for the preflight sheet: classes, class balance, duplicates, train-test overlap, sizes of the splits."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from plugins.bert_finetune.classify.labelled_texts import VECTOR, LabelledTexts, Labels
from plugins.bert_finetune.list_cells import parse_labels
from training.preflight.sheet import Finding
from training.wording import at_lines, counted, listed

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings

MAX_CLASS_RATIO = 10  # rows of the largest class to rows of the smallest
MIN_TRAIN_ROWS = 50
MAX_CLASSES = 20
SEPARATORS = ("|", ";", ",", "/", "\t", "#", "+", "&", " ")
NUMBER = r"[-+]?\d*[.,]?\d+"
MAYBE_NO_LABEL = {"none", "na", "undefined"}
MAX_REPEATED_SHARE = 0.05  # share of repeated texts above which the finding is amber


def check_labels(rows: LabelledTexts, settings: ClassifySettings) -> list[Finding]:
    """Report the labels of the whole file; a single red finding if nothing can be learned from them."""
    counts = Counter(label for labels in rows.labels for label in labels)
    if unusable := _unusable(rows, counts):
        return [unusable]
    classes = listed([f"{name} ({number:,})" for name, number in counts.most_common()])
    return [
        Finding("green", f"{counted(len(counts), 'class')}: {classes}"),
        *_balance(counts, settings),
        *_case_variants(counts),
        *_numeric_labels(counts),
        *([] if settings.multi_label else _scores(counts)),
        *_maybe_no_label(counts),
        *(_separator(counts, settings) or _never_several(rows, counts, settings)),
        *_repeats(rows, settings),
    ]


def _unusable(rows: LabelledTexts, counts: Counter[str]) -> Finding | None:
    if not len(rows):
        return Finding("red", "No row is left", "Every row lacks a text or a label.")
    if not counts:
        return Finding("red", "No row has a label", "Is it the right label column?")
    if len(counts) == 1:
        only, number = next(iter(counts.items()))
        title = f"There is only one class: {only!r}, {counted(number, 'row')}"
        return Finding("red", title, "A classifier needs two. Is it the right label column?")
    if len(counts) > MAX_CLASSES and len(counts) > len(rows) / 2:
        title = f"{counted(len(counts), 'class')} in {counted(len(rows), 'row')}"
        return Finding("red", title, "Is this an id or a score? Choose the label column.")
    return None


def _balance(counts: Counter[str], settings: ClassifySettings) -> list[Finding]:
    fewest, most = min(counts.values()), max(counts.values())
    if most <= MAX_CLASS_RATIO * fewest or settings.class_weights != "none":
        return []
    title = f"Unbalanced: the rarest class has {counted(fewest, 'row')}, the largest {most:,}"
    advice = "" if settings.multi_label else "; class_weights balanced helps rare classes"
    return [Finding("amber", title, f"Look at macro_f1, not accuracy{advice}.")]


def _case_variants(counts: Counter[str]) -> list[Finding]:
    by_case: dict[str, list[str]] = {}
    for name in counts:
        by_case.setdefault(name.casefold(), []).append(name)
    variants = [", ".join(map(repr, names)) for names in by_case.values() if len(names) > 1]
    advice = "Each is a separate class: use one spelling in the file."
    return [Finding("amber", f"Labels that differ only in case: {listed(variants)}", advice)] if variants else []


def _numeric_labels(counts: Counter[str]) -> list[Finding]:
    numbers = [name for name in counts if re.fullmatch(r"-?\d+", name)]
    if len(numbers) == len(counts) or not 0 < sum(counts[name] for name in numbers) * 4 <= counts.total():
        return []
    return [
        Finding(
            "amber", f"Numbers among labels that are words: {listed(numbers)}", "Correct them if they are not labels."
        )
    ]


def _scores(counts: Counter[str]) -> list[Finding]:
    """Report labels that are numbers with a fraction: a classifier does not know that 1.2 is near 1.4."""
    fractions = [name for name in counts if re.search(r"[.,]\d*[1-9]", name)]
    if not fractions or not all(re.fullmatch(NUMBER, name) for name in counts):
        return []
    title = f"The labels are numbers with a fraction, such as {fractions[0]}"
    return [Finding("amber", title, "Is this a score? Each number becomes a class of its own, without an order.")]


def _maybe_no_label(counts: Counter[str]) -> list[Finding]:
    names = [repr(name) for name in counts if name.casefold() in MAYBE_NO_LABEL]
    advice = "If it means that a text has no label, leave these cells empty."
    return [Finding("amber", f"{listed(names)} is a class", advice)] if names else []


def _separator(counts: Counter[str], settings: ClassifySettings) -> list[Finding]:
    """Report labels that look like several in one: lists, or names joined by a separator that the settings lack."""
    lists = [name for name in counts if len(parse_labels(name) or ()) > 1]
    if lists and not settings.multi_label:
        return [_joined(lists[0], "Turn multi_label on: lists are read as several labels.")]
    usual = settings.label_separator
    for separator in [usual, *SEPARATORS]:
        joined = [name for name in counts if separator in name.strip(separator)]
        if len(joined) * 4 < len(counts) or not joined or not (separator == usual or _recur(counts, separator)):
            continue
        advice = "" if settings.multi_label else "Turn multi_label on if a text can have several labels"
        change = "" if separator == usual else f"{advice and ', and '}set label_separator to {separator!r}"
        return [_joined(joined[0], f"{(advice + change)[:1].upper()}{(advice + change)[1:]}.")]
    return []


def _never_several(rows: LabelledTexts, counts: Counter[str], settings: ClassifySettings) -> list[Finding]:
    """Report multi-label data in which no text has two labels, with the separators that stand inside its labels."""
    if not settings.multi_label or any(len(labels) > 1 for labels in rows.labels) or all(map(VECTOR.fullmatch, counts)):
        return []
    inside = [s for s in SEPARATORS if s != " " and any(s in name.strip(s) for name in counts)]
    example = next((name for name in counts for s in inside[:1] if s in name.strip(s)), "")
    advice = f" Labels such as {example!r} hold {inside[0]!r}: set label_separator to it." if inside else ""
    title = "multi_label is on, but no text has more than one label"
    return [Finding("amber", title, f"Is label_separator {settings.label_separator!r} right?{advice}")]


def _joined(name: str, advice: str) -> Finding:
    return Finding("amber", f"Labels like {name!r} look like several in one", advice)


def _recur(counts: Counter[str], separator: str) -> bool:
    """Whether the parts of all labels are few, each in several of them: separated words of one name are not."""
    parts = Counter(part.strip() for name in counts for part in name.split(separator))
    return len(counts) > 2 and len(parts) < len(counts) and min(parts.values()) > 1


def _repeats(rows: LabelledTexts, settings: ClassifySettings) -> list[Finding]:
    seen: dict[tuple[str, str], set[Labels]] = {}
    for key, labels in zip(rows.keys(), rows.labels, strict=True):
        seen.setdefault(key, set()).add(tuple(sorted(labels)))
    findings, repeated = [], len(rows) - len(seen)
    if repeated:
        level = "amber" if repeated > len(rows) * MAX_REPEATED_SHARE else "green"
        detail = "" if settings.eval_data else "Equal texts are never split between training and evaluation."
        findings.append(Finding(level, counted(repeated, "repeated text"), detail))
    if conflicting := [text for (text, _), labels in seen.items() if len(labels) > 1]:
        examples = listed([repr(text[:60]) for text in conflicting], 3)
        title = f"{counted(len(conflicting), 'text')} with different labels"
        findings.append(Finding("amber", title, f"Such as {examples}."))
    return findings


def check_overlap(evaluation: LabelledTexts, leaked: list[int], source: str, is_excluded: bool) -> list[Finding]:
    """Report the rows of the evaluation file that also occur in the training file.

    Args:
        leaked: Their indexes in `evaluation`.
        source: Name of the evaluation file.
        is_excluded: Whether they are excluded from the evaluation.
    """
    if not leaked:
        return []
    title = f"{len(leaked):,} of {counted(len(evaluation), 'evaluation text')} also in the training file"
    where = f"{at_lines([evaluation.lines[row] for row in leaked])} of {source}"
    if is_excluded:
        return [Finding("amber", title, f"Excluded from the evaluation: {where}.")]
    advice = "give another file" if len(leaked) == len(evaluation) else "drop_leaked excludes them"
    return [Finding("amber", title, f"The score will be too high ({where}): {advice}.")]


def check_split(train: LabelledTexts, evaluation: LabelledTexts, settings: ClassifySettings) -> list[Finding]:
    """Report the sizes of both splits, and classes that only the evaluation has."""
    findings = [Finding("green", f"{counted(len(train), 'row')} to train on, {len(evaluation):,} to evaluate on")]
    counts = Counter(label for labels in train.labels for label in labels)
    if unseen := sorted({label for labels in evaluation.labels for label in labels} - set(counts)):
        title = f"Evaluation rows with a label that training lacks: {listed(list(map(repr, unseen)))}"
        findings.append(Finding("red", title, "Correct them, or add training rows of that class."))
    if not len(evaluation):
        findings.append(_nothing_held_out(counts, settings))
    if len(train) < MIN_TRAIN_ROWS:
        advice = "Start from a pre-trained model: from scratch, nothing is learned from so few."
        findings.append(Finding("amber", f"Only {counted(len(train), 'row')} to train on", advice))
    return findings


def _nothing_held_out(counts: Counter[str], settings: ClassifySettings) -> Finding:
    effect = "There will be no score, and the last weights are kept"
    if settings.eval_data:
        return Finding("amber", "No row to evaluate on", f"{effect}: the evaluation file has no usable row.")
    if not settings.eval_share:
        return Finding("amber", "Nothing is held out", f"{effect}: raise eval_share or give an evaluation file.")
    if max(counts.values()) == 1:
        title = "1 row per class: none can be held out"
        return Finding("amber", title, f"{effect}: add rows, or give an evaluation file.")
    return Finding("amber", "Too few rows to hold any out", f"{effect}: add rows, or give an evaluation file.")
