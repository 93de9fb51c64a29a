"""Texts and the labels so far, read from one table: each text once, contradictions set aside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plugins.bert_finetune.classify.labelled_texts import clean_text
from training.data.column_guess import guess_text_columns
from training.data.table import Table
from training.data.table_cache import read_training_table
from training.errors import UserError
from training.wording import counted

LABEL = "label"  # column of the labels where a table has none


@dataclass(frozen=True)
class Pool:
    """Different texts of a table, in the order of the file.

    Args:
        texts: Each once, trimmed.
        row_texts: Number of its text for each row of the table; -1 where the row has none.
        labels: Text number -> label, of those that have one.
        conflicts: Text number -> its different labels: they are left out of `labels` until one is chosen.
    """

    table: Table
    text_column: str
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

    Raises:
        UserError: If there are fewer than two different texts, or a named column is missing.
    """
    table = read_training_table(file)
    columns = guess_text_columns(table, text_column=text_column, label_column=label_column, need_label=False)
    cells = table.strings(columns.label) if columns.label else [""] * len(table)
    return make_pool(table, columns.text, columns.label or LABEL, cells)


def make_pool(table: Table, text_column: str, label_column: str, cells: Sequence[str | None]) -> Pool:
    """As `read_pool`, with one label for each row of the table, empty for none."""
    numbers: dict[str, int] = {}
    rows = [clean_text(text) for text in table.strings(text_column)]
    row_texts = tuple(numbers.setdefault(text, len(numbers)) if text else -1 for text in rows)
    if len(numbers) < 2:
        found = counted(len(numbers), "different text")
        raise UserError(f"Column {text_column!r} of {table.source} has {found}: two at least are needed.")
    given: dict[int, dict[str, None]] = defaultdict(dict)
    for number, cell in zip(row_texts, cells, strict=True):
        if number >= 0 and (label := (cell or "").strip()):
            given[number][label] = None
    labels = {number: next(iter(names)) for number, names in given.items() if len(names) == 1}
    conflicts = {number: tuple(names) for number, names in given.items() if len(names) > 1}
    return Pool(table, text_column, label_column, tuple(numbers), row_texts, labels, conflicts)
