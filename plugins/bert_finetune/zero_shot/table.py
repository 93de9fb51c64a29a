"""A table of texts and the names of their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from plugins.bert_finetune.classify.labelled_texts import clean_text
from plugins.bert_finetune.zero_shot.label_names import PLACE, LabelNames, name_labels
from training.data.column_guess import guess_text_columns
from training.data.predictions_csv import predictions_writer, temporary_file
from training.data.table import Table, read_table
from training.errors import UserError


@dataclass(frozen=True)
class NamedTable:
    """A table whose texts are to be labelled.

    Args:
        rows: Numbers of the rows that have a text.
        texts: Their texts; two columns of texts are joined.
        truths: Label of each as the table has it; empty for none.
    """

    table: Table
    rows: tuple[int, ...]
    texts: tuple[str, ...]
    truths: tuple[str, ...]
    names: LabelNames


def read_named(
    file: Path,
    labels: Sequence[str],
    template: str,
    text_column: str = "",
    label_column: str = "",
) -> NamedTable:
    """Read a table; without label names, those of its label column are taken.

    Raises:
        UserError: If it has no text, no labels are named.
    """
    table = read_table(file)
    columns = guess_text_columns(table, text_column=text_column, label_column=label_column, need_label=False)
    parts = [table.strings(name) for name in (columns.text, columns.text_pair) if name]
    texts = [" ".join(filter(None, map(clean_text, row))) for row in zip(*parts, strict=True)]
    cells = [clean_text(cell) for cell in table.strings(columns.label)] if columns.label else [""] * len(table)
    if not any(map(str.strip, labels)):
        labels = sorted({*cells} - {""})
        if not labels:
            raise UserError(f"{table.source} has no column of labels: name the labels, such as: positive, negative.")
    names = name_labels(labels, template)
    rows = tuple(row for row, text in enumerate(texts) if text)
    if not rows:
        raise UserError(f"Column {columns.text!r} of {table.source} holds no text.")
    return NamedTable(table, rows, tuple(texts[row] for row in rows), tuple(cells[row] for row in rows), names)


def rows_with_words(file: Path, labels: Sequence[str]) -> Path:
    """The labelled rows of a table, their labels written out in words, to be learned from or prompted with.

    Raises:
        UserError: If no row has one of the labels.
    """
    table = read_table(file)
    columns = guess_text_columns(table, need_label=False)
    cells = [clean_text(cell) for cell in table.strings(columns.label)] if columns.label else []
    names = name_labels([*filter(str.strip, labels)] or sorted({*cells} - {""}), PLACE)
    words = dict(zip(names.labels, names.sentences, strict=True))
    rows = [row for row, cell in enumerate(cells) if cell in words]
    if not rows:
        raise UserError(f"No row of {table.source} has one of these labels: send a file that has some.")
    texts = {name: table.columns[name] for name in (columns.text, columns.text_pair) if name}
    with predictions_writer(temporary_file(table.source, "-named.csv")) as write:
        write(replace(table, columns=texts).select(rows), {"label": pa.array([words[cells[row]] for row in rows])})
    return write.target
