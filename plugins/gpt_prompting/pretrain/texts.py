"""Whole texts of a corpus on disk, given in pieces where they are long."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import overload

from training.data.documents import Documents

PIECE_CHARACTERS = 100_000  # of a long text, in memory at once


class Texts(Sequence[str]):
    """Documents of lines as texts without the white space around them.

    Args:
        documents: Lines without their ends; None is no text at all.
    """

    def __init__(self, documents: Documents | None = None):
        self.documents = documents

    def __len__(self) -> int:
        return 0 if self.documents is None else len(self.documents)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if self.documents is None:
            raise IndexError(index)
        if isinstance(index, slice):
            return ["".join(pieces_of(iter(lines))) for lines in self.documents[index]]
        return "".join(pieces_of(iter(self.documents[index])))

    @property
    def words(self) -> int:
        return 0 if self.documents is None else self.documents.words

    @property
    def characters(self) -> int:
        """Characters of all lines, without their ends."""
        return 0 if self.documents is None else self.documents.characters

    @property
    def key(self) -> str:
        """Names the content."""
        return "" if self.documents is None else self.documents.key

    def pieces(self) -> Iterator[Iterator[str]]:
        """The pieces of each text, in order; each must be read before the next."""
        if self.documents is not None:
            lines = self.documents.parts()
            for count in self.documents.iter_counts():
                yield pieces_of(itertools.islice(lines, count))


def pieces_of(lines: Iterator[str]) -> Iterator[str]:
    """The text of lines, stripped, in pieces that are cut only at a line end between two characters that are no space.

    There a byte-level tokenizer cuts as well, so that the tokens of the pieces are those of the text.
    """
    kept: list[str] = []
    size = 0
    for line in itertools.dropwhile(lambda line: not line.strip(), lines):
        if size >= PIECE_CHARACTERS and kept[-1][-1:].strip() and line[:1].strip():
            yield "\n".join(kept) + "\n"
            kept, size = [], 0
        elif not kept:
            line = line.lstrip()
        kept.append(line)
        size += len(line) + 1
    text = "\n".join(kept).rstrip()
    if text:
        yield text
