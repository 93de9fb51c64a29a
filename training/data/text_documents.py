"""Plain text to learn from: documents out of a text file, a column of a table, or a Hub data set, and some of them held out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from training.data.column_guess import guess_text_columns
from training.data.encoding import find_encoding
from training.data.table import Table
from training.data.table_cache import read_training_table
from training.errors import UserError
from training.preflight.sheet import Finding

Document = list[str]  # its parts in order: lines, paragraphs or sentences
TEXT = (".txt", ".text", ".md", "")


def read_documents(
    source: str, dataset: str, text_column: str, from_lines: Callable[[Iterable[str]], list[Document]]
) -> tuple[list[Document], list[Finding]]:
    """Documents of a file, or of the data set where `source` is empty; in a table each row is a document of one part.

    Args:
        from_lines: How the lines of a text file, ends included, are cut into documents.

    Raises:
        UserError: If nothing can be read.
    """
    if source and is_plain_text(Path(source)):
        file, notices = find_encoding(Path(source))
        with file.open() as lines:
            return from_lines(lines), notices
    table = read_source(source, dataset)
    return documents_of(table, text_column), list(table.notices)


def documents_of(table: Table, text_column: str) -> list[Document]:
    """One document a row that holds text."""
    column = text_column or guess_text_columns(table, need_label=False).text
    return [[text] for text in table.strings(column) if text and text.strip()]


def read_source(source: str, dataset: str) -> Table:
    """The table of a file, or of the data set where `source` is empty.

    Raises:
        UserError: If neither is given, or it cannot be read.
    """
    if source:
        return read_training_table(Path(source))
    if not dataset:
        raise UserError("There is no text: give a file (data) or a Hub data set (dataset).")
    from training.data.hub_dataset import load_hub_dataset

    return load_hub_dataset(dataset, "train")


def is_plain_text(path: Path) -> bool:
    """By the name: what is no table is text."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return (suffixes[-1] if suffixes else "") in TEXT


def hold_out(documents: list[Document], share: float, seed: int) -> tuple[list[Document], list[Document]]:
    """Whole documents for training and for evaluation; of a single one, its end is held out."""
    if not share:
        return documents, []
    if len(documents) == 1:
        cut = max(1, round(len(documents[0]) * (1 - share)))
        return [documents[0][:cut]], [documents[0][cut:]] if documents[0][cut:] else []
    order = np.random.default_rng([seed, 3]).permutation(len(documents))
    held = set(order[: max(1, round(len(documents) * share))].tolist())
    return (
        [document for number, document in enumerate(documents) if number not in held],
        [document for number, document in enumerate(documents) if number in held],
    )
