"""Tables of texts with entities as spans, each as an annotation tool writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plugins.bert_finetune.list_cells import parse_list
from plugins.bert_finetune.tag.formats.json_exports import IS_ANNOTATED, has_region
from plugins.bert_finetune.tag.formats.offsets import read_offsets
from plugins.bert_finetune.tag.formats.rows import Rows, empty_finding
from plugins.bert_finetune.tag.schemes import Span
from plugins.bert_finetune.tag.sentences import Annotations, SpannedText
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import at_lines, counted, listed

STARTS = ("start", "start_offset", "startOffset", "begin", "start_char", "offset_start", "offset")
ENDS = ("end", "end_offset", "endOffset", "stop", "end_char", "offset_end")
LABELS = (
    *("label", "labels", "hypertextlabels", "type", "entity", "tag", "entity_group", "entity_type", "category"),
    *("ner", "name", "class"),
)
QUOTES = ("text", "value", "word", "mention", "surface", "quote", "entity_text")


def from_spans(rows: Rows, text: str, spans: str, repair: bool) -> Annotations:
    """Read texts with spans; without `repair`, spans that overlap or do not fit are red.

    Raises:
        UserError: If a span cannot be read.
    """
    texts, empty, open_tasks = [], [], []
    annotated = rows.columns.get(IS_ANNOTATED, [True] * len(rows.lines))
    for words, cell, line, done in zip(rows.columns[text], rows.columns[spans], rows.lines, annotated, strict=True):
        if done is False:
            open_tasks.append(line)
            continue
        if not isinstance(words, str) or not words.strip():
            empty.append(line)
            continue
        found = [span for entity in _entities(cell, rows.source, line) for span in _spans(entity, rows.source, line)]
        texts.append(SpannedText(words, tuple(s for s, _ in found), tuple(quote for _, quote in found), line))
    texts, findings = read_offsets(texts, repair)
    findings += _open_tasks(open_tasks) + _label_ids(texts)
    distinct = [_without_overlaps(one) for one in texts]
    overlapping = [one.line for one, kept in zip(texts, distinct, strict=True) if len(kept.spans) < len(one.spans)]
    if overlapping:
        effect = "The longest is kept" if repair else "A word has one tag: separate them"
        title = f"{counted(len(overlapping), 'row')} with overlapping spans"
        findings.append(Finding("amber" if repair else "red", title, f"{effect}: {at_lines(overlapping)}."))
    title = Finding("green", f"Texts in column {text!r}, spans in {spans!r}")
    columns = {"text_column": text, "spans_column": spans}
    return Annotations(texts=distinct, findings=[title, *findings, *empty_finding(empty)], columns=columns)


def _open_tasks(lines: list[int]) -> list[Finding]:
    title = f"{counted(len(lines), 'task')} without an annotation left out"
    return [Finding("amber", title, f"{at_lines(lines).capitalize()}.")] if lines else []


def _label_ids(texts: Sequence[SpannedText]) -> list[Finding]:
    """Report labels that are ids of a tool."""
    labels = {span.label for text in texts for span in text.spans}
    if not labels or not all(map(str.isdecimal, labels)):
        return []
    title = f"The labels of the spans are numbers: {listed(sorted(labels, key=int))}"
    return [
        Finding("amber", title, "Are they ids? Write the names of the kinds in the file: the tagger answers in them.")
    ]


def _entities(cell: object, source: str, line: int) -> list[Any]:
    if isinstance(cell, str) and cell.strip():
        try:
            cell = parse_list(cell) if cell.lstrip().startswith("[") else parse_list(f"[{cell}]")[0]
        except ValueError as error:
            raise UserError(f"{source}: line {line} has spans that cannot be read: {error}.") from None
    if isinstance(cell, dict) and isinstance(cell.get("entities"), list):  # spaCy's {"entities": [...]}
        cell = cell["entities"]
    return [entity for entity in cell if has_region(entity)] if isinstance(cell, list | tuple) else []


def _spans(entity: Any, source: str, line: int) -> list[tuple[Span, str]]:
    """The spans of an entity, one for each of its labels, and its own text, else ""."""
    try:
        if not isinstance(entity, dict):
            start, end, label = entity[:3]
            return [(Span(_whole(start), _whole(end), str(label).strip()), "")]
        value = entity.get("value")
        places: list[Mapping[str, Any]] = entity.get("points") or [value if isinstance(value, dict) else entity]
        labels = _first(places[0], LABELS) or _first(entity, LABELS)
        names = [str(name).strip() for name in (labels if isinstance(labels, list | tuple) else [labels])]
        if labels is None:
            raise KeyError("label")
        return [(Span(*_edges(place), name), _quote(place)) for place in places for name in names]
    except (LookupError, ValueError, TypeError):
        raise UserError(
            f"{source}: line {line} has a span that is not start, end, label: {str(entity)[:80]}."
        ) from None


def _edges(place: Mapping[str, Any]) -> tuple[int, int]:
    """Start and end of a span; of hypertext those in the whole text, and from a length where no end is given."""
    if isinstance(place.get("globalOffsets"), dict):
        place = place["globalOffsets"]
    start, end = _first(place, STARTS), _first(place, ENDS)
    if end is None and place.get("length") is not None:
        end = _whole(start) + _whole(place["length"])
    return _whole(start), _whole(end)


def _first(record: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((record[name] for name in names if record.get(name) is not None), None)


def _whole(number: Any) -> int:
    if float(number) != int(float(number)):
        raise ValueError(number)
    return int(float(number))


def _quote(place: Mapping[str, Any]) -> str:
    quote = _first(place, QUOTES)
    return quote if isinstance(quote, str) and not quote.startswith("##") else ""


def _without_overlaps(text: SpannedText) -> SpannedText:
    """Remove spans that overlap a longer one."""
    kept: list[tuple[Span, str]] = []
    pairs = dict(zip(text.spans, text.quotes, strict=True)).items()
    for span, quote in sorted(pairs, key=lambda pair: (pair[0].start - pair[0].end, pair[0].start)):
        if all(span.end <= other.start or other.end <= span.start for other, _ in kept):
            kept.append((span, quote))
    kept.sort()
    return SpannedText(text.text, tuple(span for span, _ in kept), tuple(quote for _, quote in kept), text.line)
