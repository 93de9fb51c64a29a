"""CoNLL files: one word per line with its tag in the last column, a blank line between sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plugins.bert_finetune.tag.sentences import Sentence
from training.data.encoding import find_encoding
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import at_lines

SNIFFED_LINES = 400
TABLE_SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson", ".parquet")
DOCUMENT = "-DOCSTART-"


def is_conll(path: Path) -> bool:
    """Whether a file is CoNLL: by its suffix, else by tags in the last column of its first lines."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if suffixes and suffixes[-1] in TABLE_SUFFIXES:
        return False
    if suffixes and suffixes[-1] in (".conll", ".bio", ".iob", ".iob2", ".conllu"):
        return True
    with path.open("rb") as raw:
        if raw.read(4) == b"PAR1":
            return False
    file, _ = find_encoding(path)
    with file.open() as text:
        lines = [line for line, _ in zip(text, range(SNIFFED_LINES), strict=False)]
    full = [line.split() for line in lines if line.strip()]
    tags = [words[-1] for words in full if len(words) > 1]
    plausible = sum(tag == "O" or tag[:2] in ("B-", "I-", "E-", "S-", "U-", "L-") for tag in tags)
    return bool(tags) and len(tags) > 0.9 * len(full) and plausible > 0.9 * len(tags)


def read_conll(path: Path) -> tuple[list[Sentence], list[Finding]]:
    """Read the first and the last column of every line.

    Raises:
        UserError: If lines have only one column; names their numbers.
    """
    file, notices = find_encoding(path)
    with file.open() as text:
        sentences = list(_sentences(text, path.name))
    if not sentences:
        raise UserError(
            f"{path.name} has no sentence: expected a word and its tag per line, a blank line between sentences."
        )
    return sentences, notices


def _sentences(lines: Iterator[str], name: str) -> Iterator[Sentence]:
    words: list[tuple[str, str, int]] = []
    short: list[int] = []
    for number, line in enumerate(lines, 1):
        cells = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
        cells = [cell.strip() for cell in cells]
        if not any(cells) or cells[0] == DOCUMENT:
            if words:
                yield _sentence(words)
            words = []
        elif line.startswith("# "):
            continue  # a comment of CoNLL-U
        elif len(cells) < 2 or not cells[0] or not cells[-1]:
            short.append(number)
        else:
            words.append((cells[0], cells[-1], number))
    if words:
        yield _sentence(words)
    if short:
        raise UserError(
            f"{name}: {at_lines(short)} {'has' if len(short) == 1 else 'have'} one column. Expected a word and its tag."
        )


def _sentence(words: list[tuple[str, str, int]]) -> Sentence:
    return Sentence(*(tuple(column) for column in zip(*words, strict=True)))
