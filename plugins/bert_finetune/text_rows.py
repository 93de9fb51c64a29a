"""Texts of a table's rows, for boxes without training: of one column, or of two, joined as `classify` reads pairs."""

from __future__ import annotations

from dataclasses import dataclass

from plugins.bert_finetune.classify.labelled_texts import clean_text
from training.data.column_guess import TextColumns, guess_text_columns
from training.data.table import Table
from training.errors import UserError

MOST_COLUMNS = 2


@dataclass(frozen=True)
class TextRows:
    """Texts and labels of a table, one each a row, empty for none."""

    table: Table
    columns: TextColumns
    texts: list[str]
    labels: list[str]

    @property
    def text_columns(self) -> list[str]:
        return [name for name in (self.columns.text, self.columns.text_pair) if name]


def read_text_rows(table: Table, text_column: str = "", label_column: str = "") -> TextRows:
    """Read the texts of a table; its label column is taken by its name only.

    Args:
        text_column: One column, or two separated by a comma, which are joined; empty for a guess.

    Raises:
        UserError: If a named column is missing, or no text can be guessed.
    """
    first, second = _named(table, text_column)
    columns = guess_text_columns(
        table, text_column=first, text_pair_column=second, label_column=label_column, need_label=False
    )
    parts = [table.strings(name) for name in (columns.text, columns.text_pair) if name]
    texts = [" ".join(filter(None, map(clean_text, row))) for row in zip(*parts, strict=True)]
    labels = [clean_text(cell) for cell in table.strings(columns.label)] if columns.label else [""] * len(table)
    return TextRows(table, columns, texts, labels)


def _named(table: Table, words: str) -> tuple[str, str]:
    """One or two columns by their names, which may hold commas themselves."""
    if not words.strip() or words in table.names:
        return words.strip(), ""
    names = [name.strip() for name in words.split(",") if name.strip()]
    if len(names) > MOST_COLUMNS:
        raise UserError(f"{len(names)} columns of texts were given; {MOST_COLUMNS} at most are joined.")
    first, *second = names
    return first, second[0] if second else ""
