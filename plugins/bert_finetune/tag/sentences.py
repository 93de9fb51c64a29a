"""Sentences of tagged words, and texts with entities as spans, cut into words by the rule of the model."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from plugins.bert_finetune.tag.schemes import OUTSIDE, PREFIXED, Span, from_spans
from plugins.bert_finetune.tag.words import WordRule
from training.preflight.sheet import Finding


@dataclass(frozen=True)
class Sentence:
    """Words with their tags and their line numbers in the file.

    Args:
        glued: Whether a word follows the one before it without a space; empty: none does.
        inexact: Entities, in words, that begin or end inside a word: the score counts them as missed.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    lines: tuple[int, ...]
    glued: tuple[bool, ...] = ()
    inexact: tuple[Span, ...] = ()

    def text(self, start: int = 0, end: int | None = None) -> str:
        """The words from `start` up to, but without, `end`, as they were written."""
        glued = self.glued or (False,) * len(self.words)
        pairs = zip(self.words[start:end], glued[start:end], strict=True)
        return "".join(word if is_glued else f" {word}" for word, is_glued in pairs).strip()


@dataclass(frozen=True)
class SpannedText:
    """A text with its entities: offsets in characters, and the text of each entity if the file has it, else ""."""

    text: str
    spans: tuple[Span, ...]
    quotes: tuple[str, ...]
    line: int


@dataclass
class Annotations:
    """What a file holds: sentences of words as the file cuts them, or texts with spans.

    Args:
        columns: Which columns were read, by the name of their setting; of CoNLL their numbers, and the width.
    """

    sentences: list[Sentence] = field(default_factory=list)
    texts: list[SpannedText] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)


def cut_words(sentence: Sentence, rule: WordRule) -> Sentence:
    """Cut the words of a file by the rule: B-LOC of "U.S." becomes B-LOC I-LOC I-LOC I-LOC."""
    words: list[str] = []
    tags: list[str] = []
    lines: list[int] = []
    glued: list[bool] = []
    for word, tag, line in zip(sentence.words, sentence.tags, sentence.lines, strict=True):
        pieces = rule.words(word)
        words += pieces
        tags += [tag, *[continued(tag)] * (len(pieces) - 1)][: len(pieces)]
        lines += [line] * len(pieces)
        glued += [False, *[True] * (len(pieces) - 1)][: len(pieces)]
    return Sentence(tuple(words), tuple(tags), tuple(lines), tuple(glued))


def continued(tag: str) -> str:
    """The BIO tag of a further word of the same entity."""
    return f"I-{tag[2:]}" if tag.startswith("B-") and PREFIXED.fullmatch(tag) else tag


def cut_text(text: SpannedText, rule: WordRule) -> Sentence:
    """Cut a text by the rule, without a look at its spans; an entity is the words that it touches."""
    offsets = rule.split(text.text)
    words = tuple(text.text[start:end] for start, end in offsets)
    starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
    entities: list[Span] = []
    inexact: list[Span] = []
    for span in sorted(text.spans):
        first = bisect_right(ends, span.start)
        first = max(first, entities[-1].end) if entities else first  # two entities may touch one word
        entity = Span(first, bisect_left(starts, span.end), span.label)
        own = tuple(rule.words(text.text[span.start : span.end]))
        if entity.start < entity.end:
            entities.append(entity)
        if own and own != words[entity.start : entity.end]:
            inexact.append(entity)
    glued = (False, *(first[1] == second[0] for first, second in pairwise(offsets)))[: len(words)]
    tags = tuple(from_spans(len(words), entities))
    return Sentence(words, tags, (text.line,) * len(words), glued, tuple(inexact))


def exact_tags(sentence: Sentence) -> list[str]:
    """The tags that the score compares with: an inexact entity stands on a word beyond the last, so it is missed."""
    tags = list(sentence.tags)
    for span in sentence.inexact:
        if span.start < span.end:
            tags[span.start : span.end] = [OUTSIDE] * (span.end - span.start)
    return tags + [f"B-{span.label}" for span in sentence.inexact]


def cut(annotations: Annotations, rule: WordRule) -> list[Sentence]:
    """All sentences of a file in the words of the rule, without those that hold none."""
    sentences: Sequence[Sentence] = [cut_words(sentence, rule) for sentence in annotations.sentences]
    sentences = [*sentences, *(cut_text(text, rule) for text in annotations.texts)]
    return [sentence for sentence in sentences if sentence.words]
