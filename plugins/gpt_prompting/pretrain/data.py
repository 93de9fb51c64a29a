"""Training data of `pretrain`: text, dialogues and labelled tasks, recognised by their columns, and the findings about
them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.gpt_prompting.pretrain.auto import NEW_NETWORK
from plugins.gpt_prompting.pretrain.dialogue_tables import holds_dialogues, read_dialogues
from plugins.gpt_prompting.pretrain.dialogues import Dialogue, Dialogues
from plugins.gpt_prompting.pretrain.labelled_tasks import (
    LabelledTask,
    check_tasks,
    holds_tasks,
    read_tasks,
    split_tasks,
)
from plugins.gpt_prompting.pretrain.texts import Texts
from training.data.documents import END, Documents, held_out_rows, hold_out
from training.data.streams.texts import StreamedTexts, find_texts, processes_of, stream_findings
from training.data.table import Table
from training.data.text_documents import documents_of, is_plain_text, read_documents, read_source
from training.preflight.auto import changed_fields
from training.preflight.sheet import Finding, Sheet
from training.wording import counted

if TYPE_CHECKING:
    from plugins.gpt_prompting.pretrain.settings import PretrainSettings

DOCUMENT_END = "<|endoftext|>"  # a line that separates the documents of a text file
MIN_CORPUS_WORDS = 20_000


@dataclass(frozen=True)
class PretrainData:
    """Rows to train on and held-out rows; empty where there are none.

    Args:
        texts, held_texts: Whole documents; the texts of a stream are a sample.
        dialogues, held_dialogues: Whose answers are targets.
        tasks, held_tasks: From which few-shot prompts are sampled.
        findings: For the preflight sheet.
    """

    texts: Texts = field(default_factory=Texts)
    held_texts: Texts = field(default_factory=Texts)
    dialogues: Sequence[Dialogue] = ()
    held_dialogues: Sequence[Dialogue] = ()
    tasks: tuple[LabelledTask, ...] = ()
    held_tasks: tuple[LabelledTask, ...] = ()
    findings: tuple[Finding, ...] = ()
    stream: StreamedTexts | None = None

    @property
    def sheet(self) -> Sheet:
        return Sheet(self.findings)

    def __add__(self, other: PretrainData) -> PretrainData:
        """Both; at most one of them has texts, and at most one held-out texts."""
        rows = {each.name: (getattr(self, each.name), getattr(other, each.name)) for each in fields(self)}
        return PretrainData(**{name: _joined(*both) for name, both in rows.items()})

    def held_out(self) -> PretrainData:
        """The same rows, all held out."""
        return PretrainData(held_texts=self.texts, held_dialogues=self.dialogues, held_tasks=self.tasks)

    @property
    def words(self) -> int:
        """Words of all training rows; those of a stream are estimated from the sizes of its files."""
        if self.stream is not None and self.texts.documents is not None:
            return self.stream.words(self.texts.documents)
        return self.texts.words + sum(len(text.split()) for text in self.other_texts())

    def all_texts(self) -> Iterator[str]:
        """All training rows as text; long texts in pieces."""
        yield from itertools.chain.from_iterable(self.texts.pieces())
        yield from self.other_texts()

    def bare_texts(self) -> Iterator[str]:
        """All training rows as text, without names of roles, labels and fields."""
        yield from itertools.chain.from_iterable(self.texts.pieces())
        yield from ("\n".join(turn.content for turn in dialogue) for dialogue in self.dialogues)
        yield from (text for task in self.tasks for texts in task.classes.values() for text in texts)

    def other_texts(self) -> Iterator[str]:
        """Dialogues and labelled tasks of the training rows as text."""
        for dialogue in self.dialogues:
            yield "\n".join(f"{turn.role.capitalize()}: {turn.content}" for turn in dialogue)
        for task in self.tasks:
            for label, texts in task.classes.items():
                yield "\n\n".join(f"Text: {text}\nLabel: {label}" for text in texts)


def _joined(first: Any, second: Any) -> Any:
    """Both, if only one is not empty that one: nothing is copied then."""
    if isinstance(first, tuple) and isinstance(second, tuple):
        return first + second
    if isinstance(first, Dialogues) and isinstance(second, Dialogues):
        return Dialogues(itertools.chain(first, second))
    return first or second


def read(settings: PretrainSettings) -> PretrainData:
    """Read the files of the settings and hold some rows out; problems are among the findings.

    Raises:
        UserError: If a file cannot be read.
    """
    data = PretrainData()
    share = 0 if settings.eval_data else settings.eval_share
    if settings.streaming:
        data += _stream(settings)
    elif settings.data or settings.dataset or not (settings.dialogue_data or settings.task_data):
        data += _read_any(settings.data, settings, share)
    if settings.dialogue_data:
        data += _dialogues(read_source(settings.dialogue_data, ""), settings.eval_share, settings.seed)
    if settings.task_data:
        data += _tasks(read_source(settings.task_data, ""), settings)
    if settings.eval_data:
        data += _read_any(settings.eval_data, settings, 0).held_out()
    return data + PretrainData(findings=(*_check_amount(data), *_check_size(settings)))


def _stream(settings: PretrainSettings) -> PretrainData:
    """Find the shards of a stream, and read its held-out rows and a sample."""
    stream = find_texts(settings, _split_documents, _lines_of)
    sample = stream.sample()
    held = None if settings.eval_data else _with_text(stream.held_out())
    findings = stream_findings(stream, sample, processes_of(settings))
    return PretrainData(texts=Texts(sample), held_texts=Texts(held), findings=tuple(findings), stream=stream)


def _lines_of(text: str) -> list[str]:
    return text.split("\n")


def _read_any(source: str, settings: PretrainSettings, share: float) -> PretrainData:
    """Read a file (or the Hub data set if `source` is empty) as tasks, dialogues or text, by its columns."""
    if source and is_plain_text(Path(source)):
        documents, notices = read_documents(source, "", "", _split_documents)
        return _texts(documents, share, settings.seed, notices)
    table = read_source(source, settings.dataset)
    if not settings.text_column and holds_tasks(table):
        return PretrainData(findings=tuple(table.notices)) + _tasks(table, settings)
    if not settings.text_column and holds_dialogues(table):
        return PretrainData(findings=tuple(table.notices)) + _dialogues(table, share, settings.seed)
    documents, _ = documents_of(table, settings.text_column)
    return _texts(documents, share, settings.seed, table.notices)


def _split_documents(lines: Iterable[str]) -> Iterator[str | None]:
    """Split lines at `DOCUMENT_END`; without any, the file is one document. One of white space alone is none."""
    blank: list[str] | None = []  # lines before a document's first with text; None after it
    for line in lines:
        if line.strip() == DOCUMENT_END:
            blank = []
            yield END
        elif blank is None:
            yield line.rstrip("\r\n")
        else:
            blank.append(line.rstrip("\r\n"))
            if line.strip():
                yield from blank
                blank = None


def _texts(documents: Documents, share: float, seed: int, notices: Iterable[Finding]) -> PretrainData:
    texts, held_texts = (Texts(_with_text(side)) for side in hold_out(documents, share, seed))
    return PretrainData(texts=texts, held_texts=held_texts, findings=(*notices, *_check_texts(texts)))


def _with_text(documents: Documents) -> Documents:
    """Without a side of a single document that is white space alone."""
    if len(documents) != 1 or documents.words:
        return documents
    return documents.select(np.zeros(1, dtype=bool), "none")


def _check_texts(texts: Texts) -> list[Finding]:
    words = texts.words
    if not words:
        return []
    findings = [Finding("green", f"{counted(len(texts), 'document')}, {words:,} words")]
    if words < MIN_CORPUS_WORDS:
        advice = "Continue from a trained model, or give more text: this little is memorised."
        findings.append(Finding("amber", f"Only {words:,} words", advice))
    return findings


def _dialogues(table: Table, share: float, seed: int) -> PretrainData:
    dialogues, notices = read_dialogues(table)
    if not dialogues:
        advice = "Each needs an answer: a turn of the assistant, or a response."
        return PretrainData(findings=(*notices, Finding("red", "There are no dialogues to train on", advice)))
    has_held = share and len(dialogues) > 1
    held = held_out_rows(len(dialogues), share, seed) if has_held else np.zeros(len(dialogues), bool)
    answers = sum(turn.role == "assistant" and turn.is_target for dialogue in dialogues for turn in dialogue)
    title = f"{counted(len(dialogues), 'dialogue')} with {counted(answers, 'answer')}; only answers are trained on"
    train, held_out = dialogues.select(~held), dialogues.select(held)
    return PretrainData(dialogues=train, held_dialogues=held_out, findings=(*notices, Finding("green", title)))


def _tasks(table: Table, settings: PretrainSettings) -> PretrainData:
    rows = read_tasks(table)
    train, held = split_tasks(rows, settings.held_out_tasks, settings.eval_share, settings.seed)
    findings = check_tasks(train, held, table.source)
    return PretrainData(tasks=tuple(train), held_tasks=tuple(held), findings=tuple(findings))


def _check_amount(data: PretrainData) -> list[Finding]:
    if not (data.texts or data.dialogues or data.tasks or data.sheet.blocked):
        advice = "Training needs text: a text file, or a table with a column of texts."
        return [Finding("red", "The corpus is empty", advice)]
    if data.held_texts or data.held_dialogues or data.held_tasks:
        return []
    advice = "Raise eval_share, or give eval_data: otherwise memorisation goes unnoticed."
    return [Finding("amber", "Nothing is held out to evaluate on", advice)]


def _check_size(settings: PretrainSettings) -> list[Finding]:
    """Report the parameters of a new network, computed from its configuration alone, before one is created."""
    if settings.weights() or (settings.model and not changed_fields(settings, NEW_NETWORK)):
        return []
    size = settings.shape()
    title = f"{size.layers} layers, {size.heads} heads, width {size.width}: {size.parameters:,} parameters"
    memory = 16 * size.parameters / 2**30  # weights, gradients and two moments
    return [Finding("green", title, f"About {memory:.1f} GB for weights, gradients and AdamW's moments.")]
