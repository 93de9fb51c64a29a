"""Sentences of tagged words from a table: lists of tokens and tags, or texts with entity spans."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plugins.bert_finetune.tag.schemes import Span, from_spans
from plugins.bert_finetune.tag.windows import split_words
from training.data.column_names import plain_name
from training.data.table import Table
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import at_lines, counted

if TYPE_CHECKING:
    from plugins.bert_finetune.tag.settings import TagSettings

TOKENS = ("tokens", "words", "token", "word")
TAGS = ("nertags", "tags", "labels", "bio", "tag", "label", "ner", "postags")
TEXTS = ("text", "sentence", "content")
SPANS = ("spans", "entities", "annotations", "label", "labels", "ents")
STARTS, ENDS = ("start", "start_offset", "begin"), ("end", "end_offset", "stop")
LABELS = ("label", "type", "entity", "tag", "entity_group")


@dataclass(frozen=True)
class Sentence:
    """Words with their tags as written and their line numbers in the file."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    lines: tuple[int, ...]


def sentences_from_table(table: Table, settings: TagSettings) -> tuple[list[Sentence], list[Finding]]:
    """Read one sentence per row of a table.

    Raises:
        UserError: If the columns cannot be identified.
    """
    names = {plain_name(name): name for name in reversed(table.names)}
    tokens = settings.tokens_column or next((names[name] for name in TOKENS if name in names), "")
    tags = settings.tags_column or next((names[name] for name in TAGS if name in names and names[name] != tokens), "")
    if tokens and tags:
        return _from_lists(table, tokens, tags)
    text = settings.text_column or next((names[name] for name in TEXTS if name in names), "")
    candidates = (names[name] for name in SPANS if name in names and names[name] != text)
    spans = settings.spans_column or next((name for name in candidates if _may_hold_spans(table, name)), "")
    if text and spans:
        return _from_spans(table, text, spans, settings.repair_tags)
    raise UserError(
        f"{table.source} has the columns {', '.join(table.names)}. Expected tokens and tags (lists of equal length), "
        "or text and spans (start, end, label); or a CoNLL file. Set the column names if they differ."
    )


def _may_hold_spans(table: Table, column: str) -> bool:
    """Whether the first non-empty cell is a list or a JSON list, unlike a column of plain labels."""
    first = next((cell for cell in table.column(column).to_pylist() if cell not in (None, "")), [])
    return isinstance(first, list) or str(first).lstrip().startswith("[")


def _from_lists(table: Table, tokens: str, tags: str) -> tuple[list[Sentence], list[Finding]]:
    sentences, uneven, empty = [], [], []
    pairs = zip(_lists(table, tokens), _lists(table, tags), table.lines.tolist(), strict=True)
    for words, given, line in pairs:
        if not words and not given:
            empty.append(line)
        elif len(words) != len(given):
            uneven.append((line, len(words), len(given)))
        else:
            sentences.append(Sentence(tuple(words), tuple(given), (line,) * len(words)))
    if uneven:
        rows = "; ".join(f"row at line {line} has {left} tokens and {right} tags" for line, left, right in uneven[:5])
        more = f" and {len(uneven) - 5} more" if len(uneven) > 5 else ""
        raise UserError(f"{table.source}: {rows}{more}. Every token needs one tag.")
    findings = [Finding("green", f"Words in column {tokens!r}, tags in {tags!r}")]
    return sentences, findings + _empty(empty)


def _lists(table: Table, column: str) -> list[list[str]]:
    """Cells as lists of strings; a string cell is a JSON list or words separated by spaces."""
    return [[str(item).strip() or "�" for item in _list(cell)] for cell in table.column(column).to_pylist()]


def _list(cell: Any) -> list[Any]:
    if isinstance(cell, str):
        try:
            loaded = json.loads(cell) if cell.lstrip().startswith("[") else None
        except ValueError:
            loaded = None
        return loaded if isinstance(loaded, list) else cell.split()
    return list(cell) if cell is not None else []


def _from_spans(table: Table, text: str, spans: str, repair: bool) -> tuple[list[Sentence], list[Finding]]:
    texts, cells, lines = table.strings(text), table.column(spans).to_pylist(), table.lines.tolist()
    sentences, empty = [], []
    outside: list[int] = []
    overlapping: list[int] = []
    for words, cell, line in zip(texts, cells, lines, strict=True):
        if not words or not words.strip():
            empty.append(line)
            continue
        entities = [_span(entity, table.source, line) for entity in _list(cell)]
        inside = [span for span in entities if 0 <= span.start < span.end <= len(words)]
        distinct = _without_overlaps(inside)
        outside += [line] * (len(inside) < len(entities))
        overlapping += [line] * (len(distinct) < len(inside))
        sentences.append(_sentence(words, distinct, line))
    level = "amber" if repair else "red"
    findings = [Finding("green", f"Texts in column {text!r}, spans in {spans!r}")]
    if outside:
        detail = f"{'Dropped' if repair else 'See'}: {at_lines(outside)}."
        findings.append(Finding(level, f"{counted(len(outside), 'row')} with a span outside its text", detail))
    if overlapping:
        effect = "The longest is kept" if repair else "A word has one tag: separate them"
        title = f"{counted(len(overlapping), 'row')} with overlapping spans"
        findings.append(Finding(level, title, f"{effect}: {at_lines(overlapping)}."))
    return sentences, findings + _empty(empty)


def _span(entity: Any, source: str, line: int) -> Span:
    """Read a span in characters from {start, end, label} or [start, end, label]."""
    try:
        if isinstance(entity, dict):
            start, end, label = (
                next(entity[name] for name in names if entity.get(name) is not None) for names in (STARTS, ENDS, LABELS)
            )
        else:
            start, end, label = entity
        return Span(int(start), int(end), str(label).strip())
    except (StopIteration, RuntimeError, ValueError, TypeError):
        raise UserError(
            f"{source}: line {line} has a span that is not start, end, label: {str(entity)[:80]}."
        ) from None


def _without_overlaps(spans: Sequence[Span]) -> list[Span]:
    """Remove spans that overlap a longer one."""
    kept: list[Span] = []
    for span in sorted(set(spans), key=lambda span: (span.start - span.end, span.start)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept)


def _sentence(text: str, spans: list[Span], line: int) -> Sentence:
    """Convert character spans to tags; words are split at the edges of the spans."""
    offsets = split_words(text, [edge for span in spans for edge in (span.start, span.end)])
    in_words = []
    for span in spans:
        inside = [number for number, (start, end) in enumerate(offsets) if start >= span.start and end <= span.end]
        if inside:
            in_words.append(Span(inside[0], inside[-1] + 1, span.label))
    words = tuple(text[start:end] for start, end in offsets)
    return Sentence(words, tuple(from_spans(len(words), in_words)), (line,) * len(words))


def _empty(lines: list[int]) -> list[Finding]:
    title = f"{counted(len(lines), 'row')} dropped: no words"
    return [Finding("amber", title, f"{at_lines(lines).capitalize()}.")] if lines else []
