"""Documents of a corpus on disk: their parts in an Arrow file, of which a batch at a time is in memory."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final, NamedTuple, overload

import numpy as np
import pyarrow as pa

from training.data.array_files import ArrayWriter, map_array
from training.data.corpora import kept
from training.preflight.sheet import Finding

PARTS_FILE, NOTICES_FILE = "parts.arrow", "notices.json"
BATCH_CHARACTERS, BATCH_PARTS = 2_000_000, 50_000  # of a batch of the Arrow file, which is read as a whole
SCHEMA = pa.schema([("part", pa.large_string())])

Document = list[str]  # its parts in order: lines, paragraphs or sentences
END: Final = None  # in a stream of parts: the document ends here


class PartColumns(NamedTuple):
    """What is known of the parts in an Arrow file, mapped.

    Args:
        batches: First part of each batch of the file, and the number of all parts, int64, (batches + 1,).
        words, characters: Sums over all parts before each part, int64, (parts + 1,).
    """

    batches: np.ndarray
    words: np.ndarray
    characters: np.ndarray


class Documents(Sequence[Document]):
    """Documents, each a list of parts, of which only a batch is in memory at a time.

    Args:
        reader: Of the Arrow file of all parts; it stays readable if the file is deleted.
        starts, ends: First part of each document, and the part after its last, int64, (documents,).
        key: Names the content; equal for equal documents.
    """

    def __init__(
        self,
        reader: pa.ipc.RecordBatchFileReader,
        starts: np.ndarray,
        ends: np.ndarray,
        columns: PartColumns,
        key: str,
    ):
        self._reader, self.starts, self.ends, self._columns, self.key = reader, starts, ends, columns, key

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> Document: ...

    @overload
    def __getitem__(self, index: slice) -> list[Document]: ...

    def __getitem__(self, index: int | slice) -> Document | list[Document]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return list(self._read(int(self.starts[index]), int(self.ends[index])))

    def __iter__(self) -> Iterator[Document]:
        parts = self.parts()
        for count in self.iter_counts():
            yield [next(parts) for _ in range(count)]

    def parts(self) -> Iterator[str]:
        """Every part of every document, in order."""
        runs = np.flatnonzero(self.starts[1:] != self.ends[:-1]) + 1  # documents in between are not of this selection
        firsts, lasts = np.concatenate([[0], runs]), np.concatenate([runs, [len(self)]])
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            if last > first:
                yield from self._read(int(self.starts[first]), int(self.ends[last - 1]))

    def openings(self, most: int) -> Iterator[Document]:
        """The first parts of each document, at most so many."""
        for start, end in zip(self.starts, self.ends, strict=True):
            yield list(self._read(int(start), min(int(end), int(start) + most)))

    def counts(self) -> np.ndarray:
        """Parts of each document, (documents,)."""
        return self.ends - self.starts

    def iter_counts(self) -> Iterator[int]:
        """`counts`, of which only some are Python's at a time."""
        for start in range(0, len(self), BATCH_PARTS):
            yield from (self.ends[start : start + BATCH_PARTS] - self.starts[start : start + BATCH_PARTS]).tolist()

    @property
    def words(self) -> int:
        """Words of all documents, separated by white space."""
        return int((self._columns.words[self.ends] - self._columns.words[self.starts]).sum())

    @property
    def characters(self) -> int:
        """Characters of all parts."""
        return int((self._columns.characters[self.ends] - self._columns.characters[self.starts]).sum())

    def select(self, chosen: np.ndarray, name: str) -> Documents:
        """Some of the documents; `name` says which, as a part of their key.

        Args:
            chosen: bool, (documents,).
        """
        return self._with(self.starts[chosen], self.ends[chosen], name)

    def split_parts(self, cut: int, name: str) -> tuple[Documents, Documents]:
        """A single document, cut before its part number `cut`; without a part after that, the second is empty."""
        middle = self.starts + cut
        has_rest = middle < self.ends
        return (
            self._with(self.starts, np.minimum(middle, self.ends), f"{name} first"),
            self._with(middle[has_rest], self.ends[has_rest], f"{name} second"),
        )

    def _with(self, starts: np.ndarray, ends: np.ndarray, name: str) -> Documents:
        return Documents(self._reader, starts, ends, self._columns, f"{self.key} {name}")

    def _read(self, start: int, end: int) -> Iterator[str]:
        number = int(np.searchsorted(self._columns.batches, start, side="right")) - 1
        while start < end:
            first, after = int(self._columns.batches[number]), int(self._columns.batches[number + 1])
            stop = min(end, after)
            batch = self._reader.get_batch(number).column(0)
            yield from batch.slice(start - first, stop - start).to_pylist()
            start, number = stop, number + 1


def keep_documents(
    key: str, parts: Callable[[], tuple[Iterable[str | None], list[Finding]]]
) -> tuple[Documents, list[Finding]]:
    """Map the documents of a key, written first if there are none.

    Args:
        parts: Starts to read the source: parts in order with `END` after each document, and a list of notices, which
            may grow while they are read.
    """

    def make(folder: Path) -> None:
        stream, notices = parts()
        _write(folder, stream)
        (folder / NOTICES_FILE).write_text(json.dumps([asdict(notice) for notice in notices]))

    def load(folder: Path) -> tuple[Documents, list[Finding]]:
        bounds = map_array(folder, "documents")
        columns = PartColumns(*(map_array(folder, name) for name in PartColumns._fields))
        notices = [Finding(**notice) for notice in json.loads((folder / NOTICES_FILE).read_text())]
        # Read, not mapped: pages that were mapped would count as this process's memory.
        reader = pa.ipc.open_file(pa.OSFile(str(folder / PARTS_FILE)))
        return Documents(reader, bounds[:-1], bounds[1:], columns, key), notices

    return kept("documents", key, make, load)


def _write(folder: Path, parts: Iterable[str | None]) -> None:
    names = ("documents", *PartColumns._fields)
    with contextlib.ExitStack() as stack:
        arrays = {name: stack.enter_context(ArrayWriter(folder, name, np.int64)) for name in names}
        file = stack.enter_context(pa.OSFile(str(folder / PARTS_FILE), "wb"))
        writer = stack.enter_context(pa.ipc.new_file(file, SCHEMA))
        for array in arrays.values():
            array.append(np.zeros(1))
        count, words, characters = 0, 0, 0
        for batch, ends in _batches(parts):
            words_after = words + np.cumsum([len(part.split()) for part in batch], dtype=np.int64)
            characters_after = characters + np.cumsum([len(part) for part in batch], dtype=np.int64)
            arrays["words"].append(words_after)
            arrays["characters"].append(characters_after)
            arrays["documents"].append(count + np.asarray(ends, dtype=np.int64))
            if batch:
                writer.write_batch(pa.record_batch([pa.array(batch, pa.large_string())], schema=SCHEMA))
                count, words, characters = count + len(batch), int(words_after[-1]), int(characters_after[-1])
                arrays["batches"].append(np.asarray([count]))


def _batches(parts: Iterable[str | None]) -> Iterator[tuple[list[str], list[int]]]:
    """Parts of a batch, and where documents end in it; a document without a part is none."""
    batch: list[str] = []
    ends: list[int] = []
    size, is_open = 0, False
    for part in parts:
        if part is None:
            if is_open:
                ends.append(len(batch))
            is_open = False
            continue
        # Arrow holds no unpaired surrogates.
        batch.append(part if part.isascii() else part.encode("utf-8", "replace").decode())
        size, is_open = size + len(part), True
        if size >= BATCH_CHARACTERS or len(batch) >= BATCH_PARTS:
            yield batch, ends
            batch, ends, size = [], [], 0
    if is_open:
        ends.append(len(batch))
    yield batch, ends


def hold_out(documents: Documents, share: float, seed: int) -> tuple[Documents, Documents]:
    """Split whole documents for training and evaluation; of a single document, the last parts are held out."""
    if not share or not len(documents):
        return documents, documents.select(np.zeros(len(documents), dtype=bool), "none")
    name = f"{share} {seed}"
    if len(documents) == 1:
        return documents.split_parts(max(1, round(int(documents.counts()[0]) * (1 - share))), name)
    held = held_out_rows(len(documents), share, seed)
    return documents.select(~held, f"{name} train"), documents.select(held, f"{name} held")


def held_out_rows(rows: int, share: float, seed: int) -> np.ndarray:
    """Which of several rows are held out, at least one, bool, (rows,)."""
    held = np.zeros(rows, dtype=bool)
    held[np.random.default_rng([seed, 3]).permutation(rows)[: max(1, round(rows * share))]] = True
    return held


def content_key(texts: Iterable[str]) -> str:
    """A key of texts that are in memory."""
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "replace")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:32]
