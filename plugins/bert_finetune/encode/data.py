"""Read and check the sentences to train on, and the pairs to measure with. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.bert_finetune.encode.scored_pairs import ScoredPairs, read_scored_pairs
from plugins.bert_finetune.pretrain.sentence_splitting import split_sentences
from training.data.documents import END, Documents, hold_out
from training.data.text_documents import read_documents
from training.preflight.sheet import Finding, Sheet
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.encode.settings import EncodeSettings

FEW = 1000  # sentences


@dataclass(frozen=True)
class EncodeData:
    """Documents of sentences to train on, and pairs with scores or else held-out documents."""

    train: Documents
    held_out: Documents
    pairs: ScoredPairs | None
    sheet: Sheet


def read(settings: EncodeSettings) -> EncodeData:
    """Read and check texts and pairs.

    Raises:
        UserError: If a file cannot be read.
    """
    documents, notices = read_documents(
        settings.data, settings.dataset, settings.text_column, _paragraphs, split_sentences
    )
    pairs = read_scored_pairs(Path(settings.eval_data), settings.score_column) if settings.eval_data else None
    train, held_out = hold_out(documents, 0 if pairs else settings.eval_share, settings.seed)
    return EncodeData(train, held_out, pairs, Sheet((*notices, *_check(train, pairs))))


def _paragraphs(lines: Iterable[str]) -> Iterator[str | None]:
    for line in lines:
        yield line if line.strip() else END


def _check(documents: Documents, pairs: ScoredPairs | None) -> list[Finding]:
    sentences = int(documents.counts().sum())
    if sentences < 2:
        advice = "Each sentence is told from others: give a text with many, one paragraph per line."
        return [Finding("red", f"{counted(sentences, 'sentence')} to train on", advice)]
    findings = [Finding("green", f"{counted(sentences, 'sentence')}, {documents.words:,} words")]
    if sentences < FEW:
        advice = "Vectors change little for the better by so few: give thousands."
        findings.append(Finding("amber", f"Only {counted(sentences, 'sentence')}", advice))
    if pairs is None:
        advice = "Without pairs of texts with scores (eval_data), nothing tells whether the vectors became better."
        findings.append(Finding("amber", "The quality of the vectors is not measured", advice))
    else:
        count = counted(len(pairs.first), "pair")
        findings.append(
            Finding("green", f"{count} to measure with, scores {pairs.scores.min():g} to {pairs.scores.max():g}")
        )
    return findings
