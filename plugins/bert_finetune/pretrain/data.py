"""Read and check the corpus: documents of sentences from a text file, a table or a Hub data set. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.bert_finetune.pretrain.probe_data import ProbeText, read_probe_texts
from plugins.bert_finetune.pretrain.sentence_splitting import split_sentences
from training.data.documents import END, Documents, hold_out
from training.data.streams.texts import StreamedTexts, find_texts, processes_of, stream_findings
from training.data.text_documents import read_documents
from training.preflight.sheet import Finding, Sheet
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.settings import PretrainSettings


@dataclass(frozen=True)
class PretrainData:
    """Training and evaluation documents of sentences, and the labelled texts of the linear probe.

    Args:
        train: Of a stream, a sample.
    """

    train: Documents
    evaluation: Documents
    probe: list[ProbeText]
    sheet: Sheet
    stream: StreamedTexts | None = None

    @property
    def words(self) -> int:
        """Words to train on; those of a stream are estimated from the sizes of its files."""
        return self.train.words if self.stream is None else self.stream.words(self.train)


def read(settings: PretrainSettings) -> PretrainData:
    """Read and check the corpus, and hold documents out.

    Raises:
        UserError: If a file cannot be read, or the probe has too few texts.
    """
    if settings.streaming:
        return _read_stream(settings)
    documents, notices = _documents(settings, settings.data)
    findings = (*notices, *_check(documents, settings))
    train, evaluation = hold_out(documents, 0 if settings.eval_data else settings.eval_share, settings.seed)
    if settings.eval_data:
        evaluation, _ = _documents(settings, settings.eval_data)
    return PretrainData(train, evaluation, read_probe_texts(settings), Sheet(findings))


def _read_stream(settings: PretrainSettings) -> PretrainData:
    """Find the shards of a stream, and read its held-out rows and a sample."""
    stream = find_texts(settings, _paragraphs, split_sentences)
    sample = stream.sample()
    findings = (*stream_findings(stream, sample, processes_of(settings)), *_check_pairs(sample, settings))
    evaluation = _documents(settings, settings.eval_data)[0] if settings.eval_data else stream.held_out()
    return PretrainData(sample, evaluation, read_probe_texts(settings), Sheet(findings), stream)


def _documents(settings: PretrainSettings, source: str) -> tuple[Documents, list[Finding]]:
    """Read the documents of a file, or of the Hub data set if `source` is empty.

    A text file has one paragraph per line and a blank line between documents; in a table each row is a document.

    Raises:
        UserError: If nothing can be read.
    """
    return read_documents(source, settings.dataset, settings.text_column, _paragraphs, split_sentences)


def _paragraphs(lines: Iterable[str]) -> Iterator[str | None]:
    for line in lines:
        yield line if line.strip() else END


def _check(documents: Documents, settings: PretrainSettings) -> list[Finding]:
    """Report the size of the corpus, and whether it suits the sentence objective."""
    sentences = int(documents.counts().sum())
    if not sentences:
        advice = "Pre-training needs text: one paragraph per line, a blank line between documents."
        return [Finding("red", "The corpus is empty", advice)]
    if sentences < 2 and settings.sentence_objective != "none":
        advice = "Sentence pairs need two: give more text, or choose sentence_objective none."
        return [Finding("red", "The corpus is one sentence", advice)]
    words = documents.words
    findings = [
        Finding("green", f"{counted(len(documents), 'document')}, {counted(sentences, 'sentence')}, {words:,} words"),
        *_check_pairs(documents, settings),
    ]
    if words < 20_000:
        advice = "The model will memorise it: continue from a pre-trained model, or give more text."
        findings.append(Finding("amber", f"Only {words:,} words", advice))
    return findings


def _check_pairs(documents: Documents, settings: PretrainSettings) -> list[Finding]:
    """Report documents that do not suit the sentence objective."""
    findings: list[Finding] = []
    if settings.sentence_objective == "nsp" and len(documents) < 2:
        advice = (
            "Random sentences come from another document: separate documents by blank lines, or choose sop or none."
        )
        findings.append(Finding("red", "There is one document; next sentence prediction needs two", advice))
    if settings.sentence_objective != "none" and (documents.counts() < 2).sum() > len(documents) / 2:
        advice = "They are split in the middle to make pairs: sentence_objective none may be better."
        findings.append(Finding("amber", "Most documents have one sentence", advice))
    return findings
