"""What a stream reads, found before the run: its sources, the documents of their rows, held-out rows and a sample."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.data.corpora import key_of
from training.data.documents import END, Document, Documents, keep_documents
from training.data.progress import report
from training.data.streams.shards import read_rows, text_column
from training.data.streams.sources import Shard, Source, fingerprint, read_sources, revisions
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import counted, listed

if TYPE_CHECKING:
    from training.settings import StreamedText

SAMPLE_CHARACTERS = 8_000_000  # read before the run: vocabulary, token frequencies, what auto decides
SAMPLED_SHARDS = 8  # of a source, evenly spaced
DOCUMENT_CHARACTERS = 200_000  # a longer document is cut
SHARED_LINES = 64  # of a text file that lanes share, which take turns
VERSION = 1  # raise it when the same shards give another sample or other held-out documents
READING = "Reading a sample of the texts"

Splitter = Callable[[str], Iterable[str]]  # cuts a text into parts: sentences, or lines
LineReader = Callable[[Iterable[str]], Iterable[str | None]]  # parts of lines, with END after each document


@dataclass(frozen=True)
class Part:
    """Which rows of a shard are read: from one on, and of each `lanes` turns the one of `lane`."""

    start: int = 0
    lane: int = 0
    lanes: int = 1
    end: int | None = None


@dataclass(frozen=True)
class StreamedTexts:
    """Sources of a stream and how their rows become documents.

    Args:
        columns: Column of the texts of each source; empty for text files.
        held_rows: Of each source, rows at the front of its first shard that are held out.
    """

    sources: tuple[Source, ...]
    columns: tuple[str, ...]
    held_rows: tuple[int, ...]
    from_lines: LineReader
    split: Splitter

    @property
    def key(self) -> str:
        """Names the content, as far as it is known without reading it."""
        functions = [f"{each.__module__}.{each.__qualname__}" for each in (self.from_lines, self.split)]
        return key_of(sources=fingerprint(self.sources), columns=self.columns, functions=functions, version=VERSION)

    @property
    def revision(self) -> str:
        """The commits of the data sets of the Hub, as the setting `dataset_revision` has them."""
        return revisions(self.sources)

    def words(self, sample: Documents) -> int:
        """Words of all shards: an estimate from the sizes of the files and the words of a sample."""
        characters = sum(shard.characters for source in self.sources for shard in source.shards)
        return max(sample.words, round(characters * sample.words / max(1, sample.characters)))

    def facts(self) -> dict[str, Any]:
        """What a record of the run should say."""
        sources = [f"{source.title} {source.share:.0%}" for source in self.sources]
        return {"sources": sources, "shards": sum(len(source.shards) for source in self.sources)}

    def documents(self, source: int, shard: Shard, part: Part) -> Iterator[tuple[list[Document], int]]:
        """Documents of the rows of a shard, and the row after them; a document that is too long is cut."""
        rows = read_rows(shard, self.columns[source], part.start)
        if part.end is not None:
            rows = itertools.takewhile(lambda row: row.number < part.end, rows)  # type: ignore[operator]
        run = SHARED_LINES if shard.format == "text" else 1
        if part.lanes > 1:
            rows = (row for row in rows if row.number // run % part.lanes == part.lane)
        if shard.format != "text":
            for row in rows:
                yield list(self._of_text(row.text or "")), row.number + 1
            return
        for _, lines in itertools.groupby(rows, lambda row: row.number // run if part.lanes > 1 else 0):
            yield from self._of_lines((row.number + 1, row.text or "") for row in lines)

    def _of_text(self, text: str) -> Iterator[Document]:
        for start in range(0, len(text), DOCUMENT_CHARACTERS):
            if document := [part for part in self.split(text[start : start + DOCUMENT_CHARACTERS]) if part.strip()]:
                yield document

    def _of_lines(self, numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[list[Document], int]]:
        document: Document = []
        size = after = 0

        def lines() -> Iterator[str]:
            nonlocal after
            for number, line in numbered:
                after = number
                yield line

        for part in self.from_lines(lines()):
            if part is not None:
                document += self.split(part)
                size += len(part)
            if document and (part is None or size >= DOCUMENT_CHARACTERS):
                yield [document], after
                document, size = [], 0
        if document:
            yield [document], after

    def held_out(self) -> Documents:
        """The documents that are held out, read once."""
        key = key_of(texts=self.key, held=self.held_rows)
        return keep_documents(key, lambda: (_parts(self._held()), []))[0]

    def _held(self) -> Iterator[Document]:
        for number, source in enumerate(self.sources):
            part = Part(end=self.held_rows[number])
            for documents, _ in self.documents(number, source.shards[0], part) if part.end else ():
                yield from documents

    def sample(self) -> Documents:
        """Documents of some shards of each source, by its share, read once."""
        key = key_of(texts=self.key, held=self.held_rows, sample=SAMPLE_CHARACTERS, shards=SAMPLED_SHARDS)
        return keep_documents(key, lambda: (_parts(self._sampled()), []))[0]

    def _sampled(self) -> Iterator[Document]:
        done = 0
        for number, source in enumerate(self.sources):
            step = -(-len(source.shards) // SAMPLED_SHARDS)
            shards = source.shards[::step]
            most = SAMPLE_CHARACTERS * source.share / len(shards)
            for shard in shards:
                start, size = self.first_row(number, shard), 0
                for documents, _ in self.documents(number, shard, Part(start)):
                    yield from documents
                    size += sum(len(part) for document in documents for part in document)
                    report(READING, done + size, SAMPLE_CHARACTERS)
                    if size >= most:
                        break
                done += size

    def first_row(self, source: int, shard: Shard) -> int:
        """The first row of a shard that is trained on."""
        return self.held_rows[source] if shard == self.sources[source].shards[0] else 0


def _parts(documents: Iterable[Document]) -> Iterator[str | None]:
    for document in documents:
        yield from document
        yield END


def find_texts(settings: StreamedText, from_lines: LineReader, split: Splitter) -> StreamedTexts:
    """Find the shards that settings name, and their columns of texts.

    Raises:
        UserError: If a source cannot be read.
    """
    revision = "" if settings.dataset_revision == "auto" else settings.dataset_revision
    sources = read_sources(settings.data, settings.dataset, revision)
    columns = tuple(text_column(source.shards[0], settings.text_column) for source in sources)
    held = 0 if settings.eval_data else settings.held_out_rows
    rows = tuple(max(1, round(held * source.share)) if held else 0 for source in sources)
    return StreamedTexts(sources, columns, rows, from_lines, split)


def stream_findings(texts: StreamedTexts, sample: Documents, processes: int) -> list[Finding]:
    """What is known of a stream before it is read, for the sheet.

    Raises:
        UserError: If there is no text to train on.
    """
    if not len(sample):
        held = f" after the first {counted(sum(texts.held_rows), 'row')}, which are held out: lower held_out_rows"
        raise UserError(f"{listed([source.title for source in texts.sources])}: there is no text{held}.")
    findings = [_size_finding(source) for source in texts.sources]
    if len(texts.sources) > 1:
        mixture = ", ".join(f"{source.title} {source.share:.0%}" for source in texts.sources)
        findings.append(Finding("green", f"Mixture of the training rows: {mixture}"))
    if held := sum(texts.held_rows):
        findings.append(Finding("green", f"The first {counted(held, 'row')} are held out to evaluate on"))
    title = f"{sample.characters / 1e6:,.1f} million characters are read before the run"
    findings.append(Finding("green", title, "Vocabulary, token frequencies and what auto decides come from them."))
    for source in texts.sources:
        findings += _source_findings(source, processes)
    stray = sum(part.count("\N{REPLACEMENT CHARACTER}") for part in sample.parts())
    if stray > sample.characters / 10_000:
        advice = "Text and JSONL shards are read as UTF-8; save them so if this is too much."
        findings.append(Finding("amber", f"{counted(stray, 'character')} of the sample cannot be decoded", advice))
    return findings


def _size_finding(source: Source) -> Finding:
    kind = {"parquet": "Parquet", "jsonl": "JSONL", "text": "text"}[source.shards[0].format]
    size = source.size_bytes / 2**20
    shown = f"{size / 1024:,.1f} GB" if size >= 1024 else f"{size:,.1f} MB"
    title = f"{source.title}: {counted(len(source.shards), f'{kind} file')}, {shown}, read as the run trains"
    return Finding("green", title, "The number of rows is not known before they are read.")


def _source_findings(source: Source, processes: int) -> list[Finding]:
    findings = []
    if source.left_out:
        title = f"{source.title}: {counted(len(source.left_out), 'file')} left out, empty or of another format"
        findings.append(Finding("amber", title, listed(source.left_out, 5)))
    if len(source.shards) < processes:
        advice = "Each process reads all of a file and keeps its part: split the data into as many files at least."
        title = f"{source.title} has {counted(len(source.shards), 'file')} for {processes} processes"
        findings.append(Finding("amber", title, advice))
    return findings


def processes_of(settings: StreamedText) -> int:
    """Of the settings, or of a launcher outside."""
    return max(settings.value("processes", 1), int(os.environ.get("WORLD_SIZE", "1")))
