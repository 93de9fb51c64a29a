"""Read text documents from a text file, a table's column or a Hub data set, once: later calls map what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TextIO

from training.data.column_guess import guess_text_columns
from training.data.corpora import key_of
from training.data.documents import END, Documents, keep_documents
from training.data.encoding import TextFile, find_encoding
from training.data.hub_dataset import load_hub_dataset
from training.data.progress import report
from training.data.table import Table, readable
from training.data.table_cache import file_fingerprint, read_training_table
from training.errors import UserError
from training.files import sha256
from training.preflight.sheet import Finding

TEXT = (".txt", ".text", ".md", "")
VERSION = 1  # of what the readers make of a source; raise it when the documents or notices of the same file change
MAX_LINE = 4_000_000  # characters in memory at once
REPORTED_CHARACTERS = 100_000  # between two reports
READING = "Reading the texts"

Splitter = Callable[[str], Iterable[str]]  # cuts a part into smaller parts


def read_documents(
    source: str,
    dataset: str,
    text_column: str,
    from_lines: Callable[[Iterable[str]], Iterable[str | None]],
    split: Splitter | None = None,
) -> tuple[Documents, list[Finding]]:
    """Read the documents of a file, or of the data set if `source` is empty; each row of a table is one document.

    Args:
        from_lines: Makes parts of the lines of a text file, ends included, with `END` after each document.
        split: Cuts every part into smaller ones, such as sentences.

    Raises:
        UserError: If nothing can be read.
    """
    if source and is_plain_text(Path(source)):
        return _read_text(Path(source), from_lines, split)
    if not source:
        table = read_source(source, dataset)
        documents, _ = documents_of(table, text_column, split)
        return documents, list(table.notices)
    path = Path(source)
    with readable(path):
        key = _key(file_fingerprint(path), split, column=text_column, name=path.name)

    def parts() -> tuple[Iterable[str | None], list[Finding]]:
        table = read_training_table(path)
        return _split(_rows(table, text_column), split), list(table.notices)

    return keep_documents(key, parts)


def documents_of(table: Table, text_column: str, split: Splitter | None = None) -> tuple[Documents, list[Finding]]:
    """One document per row that holds text; its notices are the table's own, so that none are returned."""
    key = _key(table.fingerprint, split, column=text_column, source=table.source)
    return keep_documents(key, lambda: (_split(_rows(table, text_column), split), []))


def _rows(table: Table, text_column: str) -> Iterator[str | None]:
    column = text_column or guess_text_columns(table, need_label=False).text
    for row, text in enumerate(table.iter_strings(column)):
        report(READING, row, len(table))
        if text and text.strip():
            yield text
            yield END


def _read_text(
    path: Path, from_lines: Callable[[Iterable[str]], Iterable[str | None]], split: Splitter | None
) -> tuple[Documents, list[Finding]]:
    with readable(path):
        key = _key(sha256(path), split, lines=_name(from_lines), name=path.name)

    def parts() -> tuple[Iterable[str | None], list[Finding]]:
        file, notices = find_encoding(path)
        notices = list(notices)
        return _split(from_lines(_lines(file, notices)), split), notices

    return keep_documents(key, parts)


def _lines(file: TextFile, notices: list[Finding]) -> Iterator[str]:
    """The lines with their ends; one that is too long is cut, and a notice added when all are read."""
    size, cut, unreported = file.path.stat().st_size, 0, 0
    with file.open() as text:
        while line := text.readline(MAX_LINE):
            cut += len(line) == MAX_LINE and not line.endswith(("\n", "\r"))
            unreported += len(line)
            if unreported >= REPORTED_CHARACTERS:
                report(READING, _position(text), size)
                unreported = 0
            yield line
    if cut:
        advice = f"A line was cut after every {MAX_LINE:,} characters: separate paragraphs by line ends."
        notices.append(Finding("amber", "Some lines are very long", advice))


def _position(text: TextIO) -> int:
    """Bytes of the file read so far; of a compressed file those after unpacking."""
    return text.buffer.tell()


def _split(parts: Iterable[str | None], split: Splitter | None) -> Iterator[str | None]:
    if split is None:
        yield from parts
        return
    for part in parts:
        if part is None:
            yield END
        else:
            yield from split(part)


def _key(content: str, split: Splitter | None, **about: object) -> str:
    return key_of(version=VERSION, content=content, split=_name(split) if split else "", **about)


def _name(function: Callable) -> str:
    return f"{function.__module__}.{function.__qualname__}"


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
