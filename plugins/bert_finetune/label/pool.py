"""Texts and the labels so far, read from one table: each text once, contradictions set aside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plugins.bert_finetune.text_rows import TextRows, read_text_rows
from training.data.table import Table
from training.data.table_cache import read_training_table
from training.errors import UserError
from training.wording import counted

LABEL = "label"  # column of the labels where a table has none


@dataclass(frozen=True)
class Pool:
    """Different texts of a table, in the order of the file.

    Args:
        text_columns: One, or two that are joined.
        texts: Each once, trimmed.
        row_texts: Number of its text for each row of the table; -1 where the row has none.
        labels: Text number -> label, of those that have one.
        conflicts: Text number -> its different labels: they are left out of `labels` until one is chosen.
    """

    table: Table
    text_columns: tuple[str, ...]
    label_column: str
    texts: tuple[str, ...]
    row_texts: tuple[int, ...]
    labels: Mapping[int, str]
    conflicts: Mapping[int, tuple[str, ...]]

    def notes(self) -> list[str]:
        """What was left out, a sentence each."""
        empty = self.row_texts.count(-1)
        again = len(self.row_texts) - empty - len(self.texts)
        found = [
            (empty, f"{counted(empty, 'row')} without a text left out."),
            (again, f"{counted(again, 'row')} with the text of an earlier row: one label counts for all of them."),
        ]
        return [sentence for number, sentence in found if number]


def read_pool(file: Path, text_column: str = "", label_column: str = "") -> Pool:
    """Read a table of texts; a label column is taken by its name only, and its blank cells are texts without a label.

    Args:
        text_column: As of `read_text_rows`.

    Raises:
        UserError: If there are fewer than two different texts, or a named column is missing.
    """
    rows = read_text_rows(read_training_table(file), text_column, label_column)
    return make_pool(rows, rows.labels)


def make_pool(rows: TextRows, cells: Sequence[str]) -> Pool:
    """As `read_pool`, with one label for each row of the table, empty for none."""
    table, numbers = rows.table, dict[str, int]()
    row_texts = tuple(numbers.setdefault(text, len(numbers)) if text else -1 for text in rows.texts)
    if len(numbers) < 2:
        found = counted(len(numbers), "different text")
        where = " and ".join(map(repr, rows.text_columns))
        raise UserError(f"Column {where} of {table.source} has {found}: two at least are needed.")
    given: dict[int, dict[str, None]] = defaultdict(dict)
    for number, label in zip(row_texts, cells, strict=True):
        if number >= 0 and label:
            given[number][label] = None
    labels = {number: next(iter(names)) for number, names in given.items() if len(names) == 1}
    conflicts = {number: tuple(names) for number, names in given.items() if len(names) > 1}
    label_column = rows.columns.label or LABEL
    return Pool(table, tuple(rows.text_columns), label_column, tuple(numbers), row_texts, labels, conflicts)
