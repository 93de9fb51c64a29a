"""What to learn from: text, dialogues and labelled tasks, each told by its columns, and what the preflight sheet says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.gpt_prompting.pretrain.dialogues import Dialogue, clean_text, dialogue_columns, read_dialogues
from plugins.gpt_prompting.pretrain.tasks import LabelledTask, check_tasks, holds_tasks, read_tasks, split_tasks
from training.data.text_documents import Document, documents_of, hold_out, is_plain_text, read_documents, read_source
from training.preflight.sheet import Finding, Sheet
from training.wording import counted

if TYPE_CHECKING:
    from plugins.gpt_prompting.pretrain.settings import PretrainSettings

DOCUMENT_END = "<|endoftext|>"  # a line that parts the documents of a text file; without it the file is one
MIN_CORPUS_WORDS = 20_000


@dataclass
class Sources:
    """What was read; each half of a pair is empty where there is none.

    Args:
        texts, held_texts: Whole documents.
        dialogues, held_dialogues: To learn the answers of.
        tasks, held_tasks: To write few-shot prompts of.
        findings: What the sheet says.
    """

    texts: list[str] = field(default_factory=list)
    held_texts: list[str] = field(default_factory=list)
    dialogues: list[Dialogue] = field(default_factory=list)
    held_dialogues: list[Dialogue] = field(default_factory=list)
    tasks: list[LabelledTask] = field(default_factory=list)
    held_tasks: list[LabelledTask] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def everything(self) -> Iterable[str]:
        """All that is trained on, as text, for a vocabulary to be learned from."""
        yield from self.texts
        for dialogue in self.dialogues:
            yield "\n".join(f"{role.capitalize()}: {content}" for role, content in dialogue)
        for task in self.tasks:
            for label, texts in task.classes.items():
                yield "\n\n".join(f"Text: {text}\nLabel: {label}" for text in texts)


def check(settings: PretrainSettings) -> Sheet:
    """Read everything and report on it."""
    return Sheet((*read(settings).findings, *check_size(settings)))


def read(settings: PretrainSettings) -> Sources:
    """Read the files of the settings and hold some out; what is wrong is among the findings.

    Raises:
        UserError: If a file cannot be read.
    """
    found = Sources()
    share = 0 if settings.eval_data else settings.eval_share
    if settings.data or settings.dataset or not (settings.dialogue_data or settings.task_data):
        _read_any(settings.data, settings, found, share)
    if settings.dialogue_data:
        _add_dialogues(read_dialogues(read_source(settings.dialogue_data, "")), found, settings.eval_share, settings.seed)  # fmt: skip
    if settings.task_data:
        _add_tasks(read_tasks(read_source(settings.task_data, "")), settings, found, Path(settings.task_data).name)
    if settings.eval_data:
        held = Sources()
        _read_any(settings.eval_data, settings, held, 0)
        found.held_texts += held.texts
        found.held_dialogues += held.dialogues
        found.held_tasks += held.tasks
    found.findings += _nothing(found, settings)
    return found


def _read_any(source: str, settings: PretrainSettings, found: Sources, share: float) -> None:
    """A file, or the data set where `source` is empty, as what its columns say."""
    if source and is_plain_text(Path(source)):
        documents, notices = read_documents(source, "", "", _from_lines)
    else:
        table = read_source(source, settings.dataset)
        notices = list(table.notices)
        if not settings.text_column and holds_tasks(table):
            found.findings += notices
            return _add_tasks(read_tasks(table), settings, found, table.source)
        if not settings.text_column and dialogue_columns(table):
            found.findings += notices
            return _add_dialogues(read_dialogues(table), found, share, settings.seed)
        documents = documents_of(table, settings.text_column)
    train, held = hold_out(documents, share, settings.seed)
    texts, held_texts = ([clean_text("\n".join(document)) for document in side] for side in (train, held))
    found.texts, found.held_texts = [text for text in texts if text], [text for text in held_texts if text]
    found.findings += [*notices, *_check_texts(found)]
    return None


def _from_lines(lines: Iterable[str]) -> list[Document]:
    """The whole file, or what stands between lines of `DOCUMENT_END`."""
    found: list[Document] = [[]]
    for line in lines:
        if line.strip() == DOCUMENT_END:
            found.append([])
        else:
            found[-1].append(line.rstrip("\r\n"))
    return [document for document in found if any(map(str.strip, document))]


def _check_texts(found: Sources) -> list[Finding]:
    words = sum(len(text.split()) for text in found.texts)
    if not words:
        return []
    findings = [Finding("green", f"{counted(len(found.texts), 'document')}, {words:,} words")]
    if words < MIN_CORPUS_WORDS:
        advice = "Continue from a trained model, or give more text: it will be learned by heart."
        findings.append(Finding("amber", f"Only {words:,} words", advice))
    return findings


def _add_dialogues(dialogues: list[Dialogue], found: Sources, share: float, seed: int) -> None:
    wrapped = hold_out(list(dialogues), share, seed) if len(dialogues) > 1 else (dialogues, [])  # type: ignore[arg-type]  # fmt: skip
    found.dialogues, found.held_dialogues = wrapped  # type: ignore[assignment]
    answers = sum(turn.role == "assistant" for dialogue in dialogues for turn in dialogue)
    if not dialogues:
        advice = "Each needs an answer: a turn of the assistant, or a response."
        found.findings.append(Finding("red", "There are no dialogues to learn from", advice))
    else:
        title = f"{counted(len(dialogues), 'dialogue')} with {counted(answers, 'answer')}"
        found.findings.append(Finding("green", f"{title}; only answers are learned"))


def _add_tasks(rows: list, settings: PretrainSettings, found: Sources, source: str) -> None:
    found.tasks, found.held_tasks = split_tasks(rows, settings.held_out_tasks, settings.eval_share, settings.seed)
    found.findings += check_tasks(found.tasks, found.held_tasks, source)


def _nothing(found: Sources, settings: PretrainSettings) -> list[Finding]:
    if found.texts or found.dialogues or found.tasks or any(row.level == "red" for row in found.findings):
        held = found.held_texts or found.held_dialogues or found.held_tasks
        advice = "Raise eval_share, or give eval_data: or nobody sees when it learns by heart."
        return [] if held else [Finding("amber", "Nothing is held out to evaluate on", advice)]
    advice = "Training needs text: a text file, or a table with a column of texts."
    return [Finding("red", "The corpus is empty", advice)]


def check_size(settings: PretrainSettings) -> list[Finding]:
    """Say how many parameters a new network has, from its configuration alone."""
    if settings.model:
        return []
    size = settings.shape()
    title = f"{size.layers} layers, {size.heads} heads, width {size.width}: {size.parameters:,} parameters"
    memory = 16 * size.parameters / 2**30  # weights, gradients and two moments
    return [Finding("green", title, f"About {memory:.1f} GB for weights, gradients and AdamW's moments.")]
