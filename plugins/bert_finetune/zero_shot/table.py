"""A table of texts and the names of their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from plugins.bert_finetune.text_rows import read_text_rows
from plugins.bert_finetune.zero_shot.label_names import PLACE, LabelNames, name_labels
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

    Args:
        text_column: As of `read_text_rows`.

    Raises:
        UserError: If it has no text, no labels are named.
    """
    found = read_text_rows(read_table(file), text_column, label_column)
    if not any(map(str.strip, labels)):
        labels = sorted({*found.labels} - {""})
        if not labels:
            raise UserError(
                f"{found.table.source} has no column of labels: name the labels, such as: positive, negative."
            )
    names = name_labels(labels, template)
    rows = tuple(row for row, text in enumerate(found.texts) if text)
    if not rows:
        raise UserError(f"Column {' and '.join(map(repr, found.text_columns))} of {found.table.source} holds no text.")
    texts, truths = ([own[row] for row in rows] for own in (found.texts, found.labels))
    return NamedTable(found.table, rows, tuple(texts), tuple(truths), names)


def rows_with_words(file: Path, labels: Sequence[str], text_column: str = "", label_column: str = "") -> Path:
    """The labelled rows of a table, their labels written out in words, to be learned from or prompted with.

    Raises:
        UserError: If no row has one of the labels.
    """
    found = read_text_rows(read_table(file), text_column, label_column)
    table, cells = found.table, found.labels
    names = name_labels([*filter(str.strip, labels)] or sorted({*cells} - {""}), PLACE)
    words = dict(zip(names.labels, names.sentences, strict=True))
    rows = [row for row, cell in enumerate(cells) if cell in words]
    if not rows:
        raise UserError(f"No row of {table.source} has one of these labels: send a file that has some.")
    texts = {name: table.columns[name] for name in found.text_columns}
    with predictions_writer(temporary_file(table.source, "-named.csv")) as write:
        write(replace(table, columns=texts).select(rows), {"label": pa.array([words[cells[row]] for row in rows])})
    return write.target
