"""Labelled texts from the columns of a table; rows without a text or a label are dropped and reported."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.data.column_guess import TextColumns
from training.data.table import Table
from training.preflight.sheet import Finding
from training.wording import at_lines, counted

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings

Labels = tuple[str, ...]  # of one text: one label, or any number if multi-label


@dataclass(frozen=True)
class LabelledTexts:
    """Cleaned rows: texts and labels trimmed, none empty; `lines` are their line numbers in the file."""

    texts: list[str]
    pairs: list[str] | None
    labels: list[Labels]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.texts)

    def keys(self) -> list[tuple[str, str]]:
        """Inputs of the rows (text and second text), to compare rows by."""
        return list(zip(self.texts, self.pairs or [""] * len(self), strict=True))

    def select(self, rows: Iterable[int]) -> LabelledTexts:
        """Return the rows of these indexes, in their order."""
        rows = list(rows)
        return LabelledTexts(
            [self.texts[row] for row in rows],
            None if self.pairs is None else [self.pairs[row] for row in rows],
            [self.labels[row] for row in rows],
            [self.lines[row] for row in rows],
        )


def clean_texts(table: Table, columns: TextColumns, settings: ClassifySettings) -> tuple[LabelledTexts, list[Finding]]:
    """Trim texts and labels, and drop rows that lack one.

    Raises:
        UserError: If the table lacks one of the columns.
    """
    texts = [_visible(text) for text in table.strings(columns.text)]
    pairs = [_visible(text) for text in table.strings(columns.text_pair)] if columns.text_pair else None
    rows = LabelledTexts(texts, pairs, _labels(table, columns.label or "", settings), table.lines.tolist())
    dropped = {
        "no visible text": [row for row, key in enumerate(rows.keys()) if "" in key[: 1 if pairs is None else 2]],
        "no label": [row for row, labels in enumerate(rows.labels) if not labels and not settings.multi_label],
        "the label -1, which GLUE files use for 'no label'": _glue_unlabelled(rows.labels),
    }
    removed = {row for numbers in dropped.values() for row in numbers}
    findings = [_dropped(rows, numbers, why) for why, numbers in dropped.items() if numbers]
    return rows.select(row for row in range(len(rows)) if row not in removed), findings


def _visible(text: str | None) -> str:
    """Strip the text; empty if it has only control, format and space characters."""
    text = (text or "").strip()
    return text if any(unicodedata.category(character)[0] not in "CZ" for character in text) else ""


def _labels(table: Table, column: str, settings: ClassifySettings) -> list[Labels]:
    cells = table.strings(column)
    if not settings.multi_label:
        return [(cell.strip(),) if cell and cell.strip() else () for cell in cells]
    values = table.column(column).to_pylist()
    if any(isinstance(value, list) for value in values):
        return [_distinct(map(str, value or [])) for value in values]
    return [_distinct((cell or "").split(settings.label_separator)) for cell in cells]


def _distinct(labels: Iterable[str]) -> Labels:
    return tuple(dict.fromkeys(label.strip() for label in labels if label.strip()))


def _glue_unlabelled(labels: list[Labels]) -> list[int]:
    """Rows labelled -1 where the other labels count from 0; classes -1 and 1 are left alone."""
    names = {label for row in labels for label in row}
    if "-1" not in names or "0" not in names or not all(name.isdigit() for name in names - {"-1"}):
        return []
    return [row for row, label in enumerate(labels) if "-1" in label]


def _dropped(rows: LabelledTexts, numbers: list[int], why: str) -> Finding:
    where = at_lines([rows.lines[row] for row in numbers])
    return Finding("amber", f"{counted(len(numbers), 'row')} dropped: {why}", f"{where.capitalize()}.")
