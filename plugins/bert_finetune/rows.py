"""Labelled texts from a table: read, cleaned, checked and split, with every finding in words. Needs no torch."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training.columns import TextColumns, describe_columns, guess_text_columns
from training.data import Table, read_table
from training.errors import UserError
from training.hub_data import load_hub_dataset
from training.preflight import Finding, Sheet
from training.splits import split_rows

if TYPE_CHECKING:
    from plugins.bert_finetune import ClassifySettings

Labels = tuple[str, ...]  # one, or several where texts are multi-label
RARE = 10  # times fewer rows than the largest class has
FEW_ROWS = 50


@dataclass(frozen=True)
class LabelledTexts:
    """Cleaned rows: texts and labels trimmed, none empty. `lines` says where each stood in the file."""

    texts: list[str]
    pairs: list[str] | None
    labels: list[Labels]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.texts)

    def keys(self) -> list[tuple[str, str]]:
        """What makes two rows the same input."""
        return [(text, pair) for text, pair in zip(self.texts, self.pairs or [""] * len(self), strict=True)]

    def select(self, rows: Iterable[int]) -> LabelledTexts:
        rows = list(rows)
        pairs = None if self.pairs is None else [self.pairs[row] for row in rows]
        return LabelledTexts(
            [self.texts[row] for row in rows],
            pairs,
            [self.labels[row] for row in rows],
            [self.lines[row] for row in rows],
        )


@dataclass(frozen=True)
class ClassifyData:
    """What `classify` trains and evaluates on."""

    train: LabelledTexts
    evaluation: LabelledTexts
    label_names: list[str]
    columns: TextColumns
    findings: tuple[Finding, ...]
    table: Table


def check(settings: ClassifySettings) -> Sheet:
    """The preflight sheet; a file that cannot be read at all is a red row, not an error."""
    try:
        data = read(settings)
    except UserError as error:
        return Sheet((Finding("red", "The data cannot be used", str(error)),))
    return Sheet(data.findings, describe_columns(data.table), tuple(data.table.head(5)))


def read(settings: ClassifySettings) -> ClassifyData:
    """Read, clean, check and split what the settings name.

    Raises:
        UserError: If a file cannot be read or its columns are not there.
    """
    table = _table(settings.data, settings.dataset, "train")
    columns = guess_text_columns(
        table,
        text_column=settings.text_column,
        text_pair_column=settings.text_pair_column,
        label_column=settings.label_column,
    )
    findings = [*table.notices, _columns_found(columns)]
    rows = _clean(table, columns, settings, findings)
    findings += _label_findings(rows, settings)
    train, evaluation = _split(rows, settings, columns, findings)
    names = _sorted_labels({label for labels in train.labels for label in labels})
    findings += _split_findings(train, evaluation, names)
    return ClassifyData(train, evaluation, names, columns, tuple(findings), table)


def _table(path: str, dataset: str, split: str) -> Table:
    if path:
        return read_table(Path(path))
    if dataset:
        return load_hub_dataset(dataset, split)
    raise UserError("No data: upload a CSV, TSV, JSONL or Parquet file with a text and a label column.")


def _columns_found(columns: TextColumns) -> Finding:
    pair = f", second text in {columns.text_pair!r}" if columns.text_pair else ""
    return Finding("green", f"Text in column {columns.text!r}{pair}, label in {columns.label!r}")


# -- cleaning ------------------------------------------------------------------------------------------------------


def _clean(
    table: Table, columns: TextColumns, settings: ClassifySettings, findings: list[Finding], name: str = ""
) -> LabelledTexts:
    """Trim, drop what has no text or no label, and say so."""
    texts = [_trim(text) for text in table.strings(columns.text)]
    pairs = [_trim(text) for text in table.strings(columns.text_pair)] if columns.text_pair else None
    labels = _labels(table, columns.label or "", settings)
    lines = [int(line) for line in table.lines]
    no_text = [row for row, text in enumerate(texts) if not text or (pairs is not None and not pairs[row])]
    no_label = [row for row, label in enumerate(labels) if not label and not settings.multi_label]
    unlabelled = _glue_unlabelled(labels)
    where = f" in {name}" if name else ""
    for rows, what in (
        (no_text, "empty text"),
        (no_label, "no label"),
        (unlabelled, "the label -1, which GLUE files use for 'no label'"),
    ):
        if rows:
            findings.append(
                Finding(
                    "amber",
                    f"{_count(len(rows), 'row')}{where} dropped: {what}",
                    f"Lines {_some([lines[row] for row in rows])}.",
                )
            )
    gone = {*no_text, *no_label, *unlabelled}
    return LabelledTexts(texts, pairs, labels, lines).select(row for row in range(len(texts)) if row not in gone)


def _trim(text: str | None) -> str:
    """Without surrounding space; empty if nothing in it can be seen (control and format characters only)."""
    text = (text or "").strip()
    return text if any(unicodedata.category(character)[0] not in "CZ" for character in text[:1000]) else ""


def _labels(table: Table, column: str, settings: ClassifySettings) -> list[Labels]:
    values = table.columns[column].to_pylist() if column in table.columns else []
    if settings.multi_label and any(isinstance(value, list) for value in values):
        return [tuple(dict.fromkeys(str(label).strip() for label in value or [])) for value in values]
    cells = [(cell or "").strip() for cell in table.strings(column)]
    if all(re.fullmatch(r"-?\d+(\.0+)?|", cell) for cell in cells):
        cells = [cell.split(".")[0] for cell in cells]  # 0.0 and 1.0 are the classes 0 and 1
    if settings.multi_label:
        return [
            tuple(dict.fromkeys(part.strip() for part in cell.split(settings.label_separator) if part.strip()))
            for cell in cells
        ]
    return [(cell,) if cell else () for cell in cells]


def _glue_unlabelled(labels: list[Labels]) -> list[int]:
    """Rows labelled -1 where the other labels count from 0; classes -1 and 1 are left alone."""
    names = {label for row in labels for label in row}
    if "-1" not in names or "0" not in names or not all(name.isdigit() for name in names - {"-1"}):
        return []
    return [row for row, label in enumerate(labels) if "-1" in label]


# -- splitting -------------------------------------------------------------------------------------------------------


def _split(
    rows: LabelledTexts, settings: ClassifySettings, columns: TextColumns, findings: list[Finding]
) -> tuple[LabelledTexts, LabelledTexts]:
    if settings.eval_data:
        name = Path(settings.eval_data).name
        table = read_table(Path(settings.eval_data))
        evaluation = _clean(table, _same_columns(table, columns), settings, findings, name)
        return rows, _without_leaks(rows, evaluation, settings.drop_leaked, name, findings)
    if not len(rows):
        return rows, rows
    labels = ["\n".join(label) for label in rows.labels]
    train, held_out = split_rows(
        labels, len(rows), eval_share=settings.eval_share, seed=settings.seed, groups=rows.keys()
    )
    return rows.select(train), rows.select(held_out)


def _same_columns(table: Table, columns: TextColumns) -> TextColumns:
    """The training file's columns, found by name in the evaluation file."""
    for name in (columns.text, columns.text_pair, columns.label):
        if name:
            table.strings(name)  # raises, naming the file and the columns it has
    return columns


def _without_leaks(
    train: LabelledTexts, evaluation: LabelledTexts, drop: bool, name: str, findings: list[Finding]
) -> LabelledTexts:
    known = set(train.keys())
    leaked = [row for row, key in enumerate(evaluation.keys()) if key in known]
    if not leaked:
        return evaluation
    title = f"{len(leaked)} of {_count(len(evaluation), 'evaluation text')} {'are' if len(leaked) > 1 else 'is'} also in the training file"
    if not drop or len(leaked) == len(evaluation):
        findings.append(
            Finding(
                "amber",
                title,
                f"The score will be too good. Lines {_some([evaluation.lines[row] for row in leaked])} of {name}; drop_leaked leaves them out.",
            )
        )
        return evaluation
    findings.append(
        Finding(
            "amber",
            title,
            f"They are left out of the evaluation: lines {_some([evaluation.lines[row] for row in leaked])} of {name}.",
        )
    )
    gone = set(leaked)
    return evaluation.select(row for row in range(len(evaluation)) if row not in gone)


# -- findings --------------------------------------------------------------------------------------------------------


def _label_findings(rows: LabelledTexts, settings: ClassifySettings) -> list[Finding]:
    """What the labels of the whole file say, the red ones first."""
    counts = Counter(label for labels in rows.labels for label in labels)
    if not len(rows):
        return [Finding("red", "No row is left", "Every row lacks a text or a label.")]
    if len(counts) == 1:
        only, number = next(iter(counts.items()))
        return [
            Finding(
                "red",
                f"There is only one class: {only!r}, {_count(number, 'row')}",
                "A classifier needs two. Is it the right label column?",
            )
        ]
    if len(counts) > 20 and len(counts) > len(rows) / 2:
        return [
            Finding(
                "red",
                f"{len(counts)} classes in {_count(len(rows), 'row')}",
                "Is this an id or a score? Choose the label column.",
            )
        ]
    found = [
        Finding(
            "green",
            f"{_count(len(counts), 'class')}: {_some([f'{name} ({number})' for name, number in counts.most_common()])}",
        )
    ]
    if max(counts.values()) == 1 and not settings.eval_data:
        found.append(Finding("red", "1 row a class: nothing can be held out", "Add rows, or give an evaluation file."))
    if max(counts.values()) > RARE * min(counts.values()) and settings.class_weights == "none":
        found.append(
            Finding(
                "amber",
                f"Unbalanced: the rarest class has {min(counts.values())} rows, the largest {max(counts.values())}",
                "Read macro_f1, not accuracy; class_weights balanced helps the rare ones.",
            )
        )
    return found + _odd_names(counts) + _separator(counts, settings) + _duplicates(rows)


def _odd_names(counts: Counter[str]) -> list[Finding]:
    by_case: dict[str, list[str]] = {}
    for name in counts:
        by_case.setdefault(name.casefold(), []).append(name)
    found = [
        Finding(
            "amber",
            f"Labels that differ only in case: {', '.join(names)}",
            "They count as classes of their own: make them one in the file.",
        )
        for names in by_case.values()
        if len(names) > 1
    ]
    numbers = [name for name in counts if re.fullmatch(r"-?\d+", name)]
    if numbers and len(numbers) * 4 <= len(counts):
        found.append(Finding("amber", f"Labels that look foreign: {', '.join(numbers)}", "The other labels are words."))
    return found


def _separator(counts: Counter[str], settings: ClassifySettings) -> list[Finding]:
    joined = [name for name in counts if settings.label_separator in name]
    if settings.multi_label or len(joined) * 4 < len(counts):
        return []
    return [
        Finding(
            "amber",
            f"Labels like {joined[0]!r} look like several in one",
            "Turn multi_label on if a text may carry more than one.",
        )
    ]


def _duplicates(rows: LabelledTexts) -> list[Finding]:
    seen: dict[tuple[str, str], set[Labels]] = {}
    for key, labels in zip(rows.keys(), rows.labels, strict=True):
        seen.setdefault(key, set()).add(labels)
    found, again = [], len(rows) - len(seen)
    if again:
        found.append(
            Finding(
                "amber" if again > len(rows) / 20 else "green",
                f"{_count(again, 'row')} repeat an earlier text",
                "Equal texts stay on one side of the split.",
            )
        )
    both = [text for (text, _), labels in seen.items() if len(labels) > 1]
    if both:
        found.append(
            Finding(
                "amber",
                f"{_count(len(both), 'text')} with two labels",
                f"Such as: {_some([repr(text[:60]) for text in both], 3)}.",
            )
        )
    return found


def _split_findings(train: LabelledTexts, evaluation: LabelledTexts, names: list[str]) -> list[Finding]:
    unseen = sorted({label for labels in evaluation.labels for label in labels} - set(names))
    found = [Finding("green", f"{len(train):,} rows to train on, {len(evaluation):,} to evaluate on")]
    if unseen:
        found.append(
            Finding(
                "red",
                f"The evaluation rows have labels that training lacks: {_some(unseen)}",
                "Correct them, or add training rows of these classes.",
            )
        )
    if not len(evaluation):
        found.append(
            Finding(
                "amber",
                "Nothing is held out",
                "There will be no score, and the last weights are kept: raise eval_share or give an evaluation file.",
            )
        )
    if 0 < len(train) < FEW_ROWS:
        found.append(
            Finding(
                "amber",
                f"Only {_count(len(train), 'row')} to train on",
                "Start from a pre-trained model; from scratch this cannot be learned.",
            )
        )
    return found


def _sorted_labels(names: set[str]) -> list[str]:
    """Numbers by value, words by alphabet."""
    return sorted(names, key=lambda name: (0, int(name), "") if re.fullmatch(r"-?\d+", name) else (1, 0, name))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 'es' if noun.endswith('s') else 's'}"


def _some(items: Sequence, most: int = 8) -> str:
    shown = ", ".join(str(item) for item in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
