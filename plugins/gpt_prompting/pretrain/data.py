"""Training data of `pretrain`: text, dialogues and labelled tasks, recognised by their columns, and the findings about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.gpt_prompting.pretrain.dialogues import Dialogue, clean_text, dialogue_columns, read_dialogues
from plugins.gpt_prompting.pretrain.labelled_tasks import (
    LabelledTask,
    check_tasks,
    holds_tasks,
    read_tasks,
    split_tasks,
)
from training.data.text_documents import Document, documents_of, hold_out, is_plain_text, read_documents, read_source
from training.preflight.sheet import Finding, Sheet
from training.wording import counted

if TYPE_CHECKING:
    from plugins.gpt_prompting.pretrain.settings import PretrainSettings

DOCUMENT_END = "<|endoftext|>"  # a line that separates the documents of a text file
MIN_CORPUS_WORDS = 20_000


@dataclass
class PretrainData:
    """Rows to train on and held-out rows; empty where there are none.

    Args:
        texts, held_texts: Whole documents.
        dialogues, held_dialogues: Whose answers are targets.
        tasks, held_tasks: From which few-shot prompts are sampled.
        findings: For the preflight sheet.
    """

    texts: list[str] = field(default_factory=list)
    held_texts: list[str] = field(default_factory=list)
    dialogues: list[Dialogue] = field(default_factory=list)
    held_dialogues: list[Dialogue] = field(default_factory=list)
    tasks: list[LabelledTask] = field(default_factory=list)
    held_tasks: list[LabelledTask] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def all_texts(self) -> Iterable[str]:
        """All training rows as text, to train a tokenizer on."""
        yield from self.texts
        for dialogue in self.dialogues:
            yield "\n".join(f"{role.capitalize()}: {content}" for role, content in dialogue)
        for task in self.tasks:
            for label, texts in task.classes.items():
                yield "\n\n".join(f"Text: {text}\nLabel: {label}" for text in texts)


def check(settings: PretrainSettings) -> Sheet:
    """Read the data and report on it and on the model's size."""
    return Sheet((*read(settings).findings, *check_size(settings)))


def read(settings: PretrainSettings) -> PretrainData:
    """Read the files of the settings and hold some rows out; problems are among the findings.

    Raises:
        UserError: If a file cannot be read.
    """
    data = PretrainData()
    share = 0 if settings.eval_data else settings.eval_share
    if settings.data or settings.dataset or not (settings.dialogue_data or settings.task_data):
        _read_any(settings.data, settings, data, share)
    if settings.dialogue_data:
        _add_dialogues(read_dialogues(read_source(settings.dialogue_data, "")), data, settings.eval_share, settings.seed)  # fmt: skip
    if settings.task_data:
        _add_tasks(read_tasks(read_source(settings.task_data, "")), settings, data, Path(settings.task_data).name)
    if settings.eval_data:
        held_out = PretrainData()
        _read_any(settings.eval_data, settings, held_out, 0)
        data.held_texts += held_out.texts
        data.held_dialogues += held_out.dialogues
        data.held_tasks += held_out.tasks
    data.findings += _check_amount(data, settings)
    return data


def _read_any(source: str, settings: PretrainSettings, data: PretrainData, share: float) -> None:
    """Read a file (or the Hub data set if `source` is empty) as tasks, dialogues or text, by its columns."""
    if source and is_plain_text(Path(source)):
        documents, notices = read_documents(source, "", "", _split_documents)
    else:
        table = read_source(source, settings.dataset)
        notices = list(table.notices)
        if not settings.text_column and holds_tasks(table):
            data.findings += notices
            return _add_tasks(read_tasks(table), settings, data, table.source)
        if not settings.text_column and dialogue_columns(table):
            data.findings += notices
            return _add_dialogues(read_dialogues(table), data, share, settings.seed)
        documents = documents_of(table, settings.text_column)
    train, held = hold_out(documents, share, settings.seed)
    texts, held_texts = ([clean_text("\n".join(document)) for document in side] for side in (train, held))
    data.texts, data.held_texts = [text for text in texts if text], [text for text in held_texts if text]
    data.findings += [*notices, *_check_texts(data)]
    return None


def _split_documents(lines: Iterable[str]) -> list[Document]:
    """Split lines at `DOCUMENT_END`; without any, the file is one document."""
    documents: list[Document] = [[]]
    for line in lines:
        if line.strip() == DOCUMENT_END:
            documents.append([])
        else:
            documents[-1].append(line.rstrip("\r\n"))
    return [document for document in documents if any(map(str.strip, document))]


def _check_texts(data: PretrainData) -> list[Finding]:
    words = sum(len(text.split()) for text in data.texts)
    if not words:
        return []
    findings = [Finding("green", f"{counted(len(data.texts), 'document')}, {words:,} words")]
    if words < MIN_CORPUS_WORDS:
        advice = "Continue from a trained model, or give more text: this little is memorised."
        findings.append(Finding("amber", f"Only {words:,} words", advice))
    return findings


def _add_dialogues(dialogues: list[Dialogue], data: PretrainData, share: float, seed: int) -> None:
    split: Any = hold_out(list(dialogues), share, seed) if len(dialogues) > 1 else (dialogues, [])  # type: ignore[arg-type]
    data.dialogues, data.held_dialogues = split
    answers = sum(turn.role == "assistant" for dialogue in dialogues for turn in dialogue)
    if not dialogues:
        advice = "Each needs an answer: a turn of the assistant, or a response."
        data.findings.append(Finding("red", "There are no dialogues to train on", advice))
    else:
        title = f"{counted(len(dialogues), 'dialogue')} with {counted(answers, 'answer')}"
        data.findings.append(Finding("green", f"{title}; only answers are trained on"))


def _add_tasks(rows: list, settings: PretrainSettings, data: PretrainData, source: str) -> None:
    data.tasks, data.held_tasks = split_tasks(rows, settings.held_out_tasks, settings.eval_share, settings.seed)
    data.findings += check_tasks(data.tasks, data.held_tasks, source)


def _check_amount(data: PretrainData, settings: PretrainSettings) -> list[Finding]:
    if data.texts or data.dialogues or data.tasks or any(row.level == "red" for row in data.findings):
        held_out = data.held_texts or data.held_dialogues or data.held_tasks
        advice = "Raise eval_share, or give eval_data: otherwise memorisation goes unnoticed."
        return [] if held_out else [Finding("amber", "Nothing is held out to evaluate on", advice)]
    advice = "Training needs text: a text file, or a table with a column of texts."
    return [Finding("red", "The corpus is empty", advice)]


def check_size(settings: PretrainSettings) -> list[Finding]:
    """Report the parameters of a new network, computed from its configuration alone."""
    if settings.model:
        return []
    size = settings.shape()
    title = f"{size.layers} layers, {size.heads} heads, width {size.width}: {size.parameters:,} parameters"
    memory = 16 * size.parameters / 2**30  # weights, gradients and two moments
    return [Finding("green", title, f"About {memory:.1f} GB for weights, gradients and AdamW's moments.")]
