"""Read text documents from a text file, a table's column or a Hub data set, and hold some out for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from training.data.column_guess import guess_text_columns
from training.data.encoding import find_encoding
from training.data.hub_dataset import load_hub_dataset
from training.data.table import Table
from training.data.table_cache import read_training_table
from training.errors import UserError
from training.preflight.sheet import Finding

Document = list[str]  # its parts in order: lines, paragraphs or sentences
TEXT = (".txt", ".text", ".md", "")


def read_documents(
    source: str, dataset: str, text_column: str, from_lines: Callable[[Iterable[str]], list[Document]]
) -> tuple[list[Document], list[Finding]]:
    """Read the documents of a file, or of the data set if `source` is empty; each row of a table is one document.

    Args:
        from_lines: Splits the lines of a text file, ends included, into documents.

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
    """Return one document per row that holds text."""
    column = text_column or guess_text_columns(table, need_label=False).text
    return [[text] for text in table.strings(column) if text and text.strip()]


def read_source(source: str, dataset: str) -> Table:
    """Read the table of a file, or of the data set if `source` is empty.

    Raises:
        UserError: If neither is given, or it cannot be read.
    """
    if source:
        return read_training_table(Path(source))
    if not dataset:
        raise UserError("There is no text: give a file (data) or a Hub data set (dataset).")
    return load_hub_dataset(dataset, "train")


def is_plain_text(path: Path) -> bool:
    """Whether a file is text rather than a table, by its suffix."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return (suffixes[-1] if suffixes else "") in TEXT


def hold_out(documents: list[Document], share: float, seed: int) -> tuple[list[Document], list[Document]]:
    """Split whole documents for training and evaluation; of a single document, the end is held out."""
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
