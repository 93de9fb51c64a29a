"""Sentences of tagged words, out of the columns of a table: lists of tokens and tags, or a text and its spans."""

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
STARTS, ENDS, LABELS = ("start", "start_offset", "begin"), ("end", "end_offset", "stop"), ("label", "type", "entity", "tag", "entity_group")  # fmt: skip


@dataclass(frozen=True)
class Sentence:
    """Words, the tag of each as written, and the line of the file on which each stands."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    lines: tuple[int, ...]


def from_table(table: Table, settings: TagSettings) -> tuple[list[Sentence], list[Finding]]:
    """The sentences of a table, a row each.

    Raises:
        UserError: If the columns cannot be told.
    """
    names = {plain_name(name): name for name in reversed(table.names)}
    tokens = settings.tokens_column or next((names[name] for name in TOKENS if name in names), "")
    tags = settings.tags_column or next((names[name] for name in TAGS if name in names and names[name] != tokens), "")
    if tokens and tags:
        return _from_lists(table, tokens, tags)
    text = settings.text_column or next((names[name] for name in TEXTS if name in names), "")
    spans = settings.spans_column or next((names[name] for name in SPANS if name in names and names[name] != text and _may_hold_spans(table, names[name])), "")  # fmt: skip
    if text and spans:
        return _from_spans(table, text, spans, settings.repair_tags)
    raise UserError(
        f"{table.source} has the columns {', '.join(table.names)}. Expected tokens and tags (lists of equal length), or "
        "text and spans (start, end, label); or a CoNLL file. Name the columns if they are called otherwise."
    )


def _may_hold_spans(table: Table, column: str) -> bool:
    """Whether its first full cell is a list, or the JSON of one: a column of plain labels is none."""
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
        said = "; ".join(f"row at line {line} has {left} tokens and {right} tags" for line, left, right in uneven[:5])
        more = f" and {len(uneven) - 5} more" if len(uneven) > 5 else ""
        raise UserError(f"{table.source}: {said}{more}. Give every token one tag.")
    found = [Finding("green", f"Words in column {tokens!r}, tags in {tags!r}")]
    return sentences, found + _empty(empty)


def _lists(table: Table, column: str) -> list[list[str]]:
    """Cells as lists of strings; a string is JSON or words with spaces between."""
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
        given = [_span(one, table.source, line) for one in _list(cell)]
        within = [span for span in given if 0 <= span.start < span.end <= len(words)]
        kept = _apart(within)
        outside += [line] * (len(within) < len(given))
        overlapping += [line] * (len(kept) < len(within))
        sentences.append(_sentence(words, kept, line))
    level = "amber" if repair else "red"
    found = [Finding("green", f"Texts in column {text!r}, spans in {spans!r}")]
    if outside:
        found.append(Finding(level, f"{counted(len(outside), 'row')} with a span outside its text", f"Left out: {at_lines(outside)}." if repair else f"See {at_lines(outside)}."))  # fmt: skip
    if overlapping:
        done = "The longest is kept" if repair else "A word has one tag: part them"
        found.append(Finding(level, f"{counted(len(overlapping), 'row')} with overlapping spans", f"{done}: {at_lines(overlapping)}."))  # fmt: skip
    return sentences, found + _empty(empty)


def _span(one: Any, source: str, line: int) -> Span:
    """A span in characters, out of {start, end, label} or [start, end, label]."""
    try:
        if isinstance(one, dict):
            start, end, label = (
                next(one[name] for name in names if one.get(name) is not None) for names in (STARTS, ENDS, LABELS)
            )
        else:
            start, end, label = one
        return Span(int(start), int(end), str(label).strip())
    except (StopIteration, RuntimeError, ValueError, TypeError):
        raise UserError(f"{source}: line {line} has a span that is not start, end, label: {str(one)[:80]}.") from None


def _apart(given: Sequence[Span]) -> list[Span]:
    """The spans without those that overlap a longer one."""
    kept: list[Span] = []
    for span in sorted(set(given), key=lambda span: (span.start - span.end, span.start)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept)


def _sentence(text: str, given: list[Span], line: int) -> Sentence:
    places = split_words(text, [edge for span in given for edge in (span.start, span.end)])
    in_words = []
    for span in given:
        inside = [number for number, (start, end) in enumerate(places) if start >= span.start and end <= span.end]
        if inside:
            in_words.append(Span(inside[0], inside[-1] + 1, span.label))
    words = tuple(text[start:end] for start, end in places)
    return Sentence(words, tuple(from_spans(len(words), in_words)), (line,) * len(words))


def _empty(lines: list[int]) -> list[Finding]:
    title = f"{counted(len(lines), 'row')} dropped: no words"
    return [Finding("amber", title, f"{at_lines(lines).capitalize()}.")] if lines else []
