"""Read and check the corpus: documents of sentences from a text file, a table or a Hub data set. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.bert_finetune.pretrain.probe_data import ProbeText, read_probe_texts
from plugins.bert_finetune.pretrain.sentence_splitting import split_sentences
from training.data.text_documents import hold_out, read_documents
from training.preflight.sheet import Finding, Sheet
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.settings import PretrainSettings

Document = list[str]  # its sentences


@dataclass(frozen=True)
class PretrainData:
    """Training and evaluation documents, and the labelled texts of the linear probe."""

    train: list[Document]
    evaluation: list[Document]
    probe: list[ProbeText]
    sheet: Sheet


def read(settings: PretrainSettings) -> PretrainData:
    """Read and check the corpus, and hold documents out.

    Raises:
        UserError: If a file cannot be read, or the probe has too few texts.
    """
    documents, notices = _documents(settings, settings.data)
    findings = (*notices, *_check(documents, settings))
    train, evaluation = hold_out(documents, 0 if settings.eval_data else settings.eval_share, settings.seed)
    if settings.eval_data:
        evaluation, _ = _documents(settings, settings.eval_data)
    return PretrainData(train, evaluation, read_probe_texts(settings), Sheet(findings))


def _documents(settings: PretrainSettings, source: str) -> tuple[list[Document], list[Finding]]:
    """Read the documents of a file, or of the Hub data set if `source` is empty.

    A text file has one paragraph per line and a blank line between documents; in a table each row is a document.

    Raises:
        UserError: If nothing can be read.
    """
    documents, notices = read_documents(source, settings.dataset, settings.text_column, _paragraphs)
    return [[sentence for part in parts for sentence in split_sentences(part)] for parts in documents], notices


def _paragraphs(lines: Iterable[str]) -> list[Document]:
    documents: list[Document] = [[]]
    for line in lines:
        if line.strip():
            documents[-1].append(line)
        elif documents[-1]:
            documents.append([])
    return [document for document in documents if document]


def _check(documents: list[Document], settings: PretrainSettings) -> list[Finding]:
    """Report the size of the corpus, and whether it suits the sentence objective."""
    sentences = sum(len(document) for document in documents)
    if not sentences:
        advice = "Pre-training needs text: one paragraph per line, a blank line between documents."
        return [Finding("red", "The corpus is empty", advice)]
    if sentences < 2 and settings.sentence_objective != "none":
        advice = "Sentence pairs need two: give more text, or choose sentence_objective none."
        return [Finding("red", "The corpus is one sentence", advice)]
    words = sum(len(sentence.split()) for document in documents for sentence in document)
    findings = [
        Finding("green", f"{counted(len(documents), 'document')}, {counted(sentences, 'sentence')}, {words:,} words")
    ]
    if settings.sentence_objective == "nsp" and len(documents) < 2:
        advice = (
            "Random sentences come from another document: separate documents by blank lines, or choose sop or none."
        )
        findings.append(Finding("red", "There is one document; next sentence prediction needs two", advice))
    if settings.sentence_objective != "none" and sum(len(document) < 2 for document in documents) > len(documents) / 2:
        advice = "They are split in the middle to make pairs: sentence_objective none may be better."
        findings.append(Finding("amber", "Most documents have one sentence", advice))
    if words < 20_000:
        advice = "The model will memorise it: continue from a pre-trained model, or give more text."
        findings.append(Finding("amber", f"Only {words:,} words", advice))
    return findings
