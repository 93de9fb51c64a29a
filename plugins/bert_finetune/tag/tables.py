"""Annotations in a table: lists of tokens and tags, one word per row, or texts with entity spans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.bert_finetune.tag.json_exports import TEXTS, has_region, read_export
from plugins.bert_finetune.tag.list_cells import parse_list, read_lists, split_words
from plugins.bert_finetune.tag.offsets import read_offsets
from plugins.bert_finetune.tag.schemes import Span
from plugins.bert_finetune.tag.sentences import Annotations, Sentence, SpannedText
from training.data.column_names import plain_name
from training.data.table import Table, read_table
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import at_lines, counted

if TYPE_CHECKING:
    from plugins.bert_finetune.tag.settings import TagSettings

TOKENS = ("tokens", "words", "token", "word", "form")
TAGS = ("nertags", "tags", "labels", "bio", "tag", "label", "ner", "nertag", "iob", "entitytag", "postags", "pos")
SPANS = ("spans", "entities", "annotations", "annotation", "label", "labels", "ents", "ner")
STARTS = ("start", "start_offset", "startOffset", "begin", "start_char", "offset_start")
ENDS = ("end", "end_offset", "endOffset", "stop", "end_char", "offset_end")
LABELS = (
    *("label", "labels", "hypertextlabels", "type", "entity", "tag", "entity_group", "entity_type", "category"),
    *("ner", "name", "class"),
)
QUOTES = ("text", "value", "word", "mention", "surface", "quote", "entity_text")
SENTENCES = ("sentence", "sent", "sid", "snt")  # beginnings of the names of columns of sentence ids
DOCUMENTS = ("doc", "docid", "document", "documentid", "article", "articleid", "file", "filename")
MAX_SENTENCE_RETURNS = 2  # times as many runs of an id as ids: the rows are not in order
JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Rows:
    """Rows of a file with cells of any kind, and the line on which each begins."""

    source: str
    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int]

    def first(self, column: str) -> Any:
        """The first cell that is not empty; None if there is none."""
        return next((cell for cell in self.columns[column] if cell not in (None, "", [])), None)

    def named(self, names: Sequence[str], fits: Callable[[Any], bool], others: Sequence[str] = ()) -> str:
        """The first column of these names, `others` left out, whose first cell fits."""
        free = [name for name in self.columns if name not in others and "#" not in name]  # "Sentence #" is an id
        own = {plain_name(name): name for name in reversed(free)}
        return next((own[name] for name in names if name in own and fits(self.first(own[name]))), "")


def rows_of_table(table: Table) -> Rows:
    """The rows of a table that was read."""
    columns = {name: values.to_pylist() for name, values in table.columns.items()}
    return Rows(table.source, columns, table.lines.tolist())


def read_rows(path: Path) -> tuple[Rows, list[Finding]]:
    """Read a table or an export of an annotation tool.

    Raises:
        UserError: If it cannot be read.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if (suffixes[-1] if suffixes else "") not in JSON_SUFFIXES:
        table = read_table(path)
        return rows_of_table(table), list(table.notices)
    records, lines, findings = read_export(path)
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: [record.get(name) for record in records] for name in names}
    return Rows(path.name, columns, lines), findings


def annotations_of(rows: Rows, settings: TagSettings, like: Mapping[str, str] | None = None) -> Annotations:
    """Read sentences of words, or texts with spans.

    Args:
        like: The columns that were read of the training file, which an evaluation file is read by where it has them.

    Raises:
        UserError: If the columns cannot be identified, or a cell cannot be read.
    """
    known = {name: column for name, column in (like or {}).items() if column in rows.columns}
    tokens = _given(rows, settings.tokens_column) or known.get("tokens_column", "") or rows.named(TOKENS, are_words)
    others = [tokens] if tokens else []
    tags = _given(rows, settings.tags_column) or known.get("tags_column", "") or rows.named(TAGS, _are_tags, others)
    if tags and not tokens:
        tokens = _words_of_tags(rows, tags)
    if tokens and tags and not known.get("spans_column"):
        return _from_words(rows, tokens, tags, settings.sentence_column or known.get("sentence_column", ""))
    text = _given(rows, settings.text_column) or known.get("text_column", "") or rows.named(TEXTS, _is_text)
    spans = _given(rows, settings.spans_column) or known.get("spans_column", "") or _spans_column(rows, text)
    if text and spans:
        return _from_spans(rows, text, spans, settings.repair_tags)
    raise UserError(
        f"{rows.source} has the columns {', '.join(rows.columns)}. Expected tokens and tags (lists of equal length, or "
        "one word per row with a sentence id), or text and spans (start, end, label); or a CoNLL file. Set the column "
        "names if they differ."
    )


def _words_of_tags(rows: Rows, tags: str) -> str:
    """The column of texts that have as many words as there are tags, in every row; empty if there is none."""
    text = rows.named(TEXTS, _is_text, [tags])
    if not text or not (isinstance(rows.first(tags), list | tuple) or len(split_words(str(rows.first(tags)))) > 1):
        return ""
    try:
        pairs = zip(read_lists(rows.columns[text]), read_lists(rows.columns[tags]), strict=True)
        return text if all(len(words) == len(own) for words, own in pairs) else ""
    except ValueError:
        return ""


def _given(rows: Rows, column: str) -> str:
    if column and column not in rows.columns:
        raise UserError(f"Column '{column}' is not in {rows.source}; it has: {', '.join(rows.columns)}.")
    return column


def _is_text(cell: Any) -> bool:
    return isinstance(cell, str)


def are_words(cell: Any) -> bool:
    return isinstance(cell, str) or (isinstance(cell, list | tuple) and all(isinstance(item, str) for item in cell))


def _are_tags(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.lstrip().startswith(("[{", "[[", "[(", "{"))
    return isinstance(cell, int | float) or (
        isinstance(cell, list | tuple) and all(isinstance(item, str | int | float) for item in cell)
    )


def _spans_column(rows: Rows, text: str) -> str:
    """A column of spans by its name, else by its content."""
    names = (*SPANS, *(plain_name(name) for name in rows.columns))
    return rows.named(names, lambda cell: _may_be_spans(cell) and cell is not None, [text]) or rows.named(
        SPANS, lambda cell: cell is None, [text]
    )


def _may_be_spans(cell: Any) -> bool:
    """Whether a cell is a list of spans, or its text; unlike a column of plain labels."""
    if isinstance(cell, str):
        try:
            cell = parse_list(cell) if cell.lstrip().startswith("[") else None
        except ValueError:
            return True  # a list that cannot be read is told, not passed over
    if not isinstance(cell, list | tuple) or not cell:
        return isinstance(cell, list | tuple)
    return isinstance(cell[0], dict | list | tuple) or len(cell) == 3


# -- words -------------------------------------------------------------------------------------------------------------


def _from_words(rows: Rows, tokens: str, tags: str, sentence: str) -> Annotations:
    columns = {"tokens_column": tokens, "tags_column": tags}
    titles = [Finding("green", f"Words in column {tokens!r}, tags in {tags!r}")]
    if is_word_per_row(rows, tokens, tags):
        return _from_word_rows(rows, columns, _given(rows, sentence) or sentence_column(rows, (tokens, tags)), titles)
    sentences, uneven, empty = [], [], []
    for words, given, line in zip(_strings(rows, tokens), _strings(rows, tags), rows.lines, strict=True):
        if not words and not given:
            empty.append(line)
        elif len(words) != len(given):
            uneven.append((line, len(words), len(given)))
        else:
            sentences.append(Sentence(tuple(words), tuple(given), (line,) * len(words)))
    if uneven:
        named = "; ".join(f"row at line {line} has {left} tokens and {right} tags" for line, left, right in uneven[:5])
        more = f" and {len(uneven) - 5} more" if len(uneven) > 5 else ""
        raise UserError(f"{rows.source}: {named}{more}. Every token needs one tag.")
    return Annotations(sentences, findings=titles + _empty(empty), columns=columns)


def _strings(rows: Rows, column: str) -> list[list[str]]:
    try:
        lists = read_lists(rows.columns[column])
    except ValueError as error:
        raise UserError(f"{rows.source}: column '{column}' cannot be read: {error}.") from None
    return [[_string(item) for item in items] for items in lists]


def _string(item: Any) -> str:
    if isinstance(item, float) and item.is_integer():
        item = int(item)
    return str(item).strip(" \t\r\n") or "�"


def word_lists(rows: Rows, tokens: str) -> list[list[str]]:
    """The words of each row's sentence, for a table without tags too.

    Raises:
        UserError: If a cell cannot be read.
    """
    return _strings(rows, tokens)


def is_word_per_row(rows: Rows, tokens: str, tags: str = "") -> bool:
    """Whether every row holds one word (and one tag) instead of a sentence."""
    words = [cell for cell in rows.columns[tokens] if cell not in (None, "")]
    given = [cell for cell in rows.columns[tags] if cell not in (None, "")] if tags else []
    if len(words) < 2 or not all(isinstance(word, str) for word in words):
        return False
    if any(not isinstance(tag, str | int | float) or len(split_words(str(tag))) > 1 for tag in given):
        return False
    single = sum(len(split_words(word)) == 1 and not word.startswith("[") for word in words)
    return single == len(words) or (bool(tags) and single > 0.9 * len(words))


def sentence_column(rows: Rows, others: Sequence[str]) -> str:
    """The column of sentence ids, by its name: "Sentence #", "sentence_id", "sent"; empty if there is none."""
    names = [name for name in rows.columns if name not in others]
    return next((n for n in names if plain_name(n).startswith(SENTENCES) and "sentiment" not in plain_name(n)), "")


def sentence_groups(rows: Rows, sentence: str, tokens: str) -> list[list[int]]:
    """Row numbers of the words of each sentence: by the ids (blank: as above), else by blank lines or empty rows.

    Raises:
        UserError: If nothing tells where a sentence ends, or the rows of a sentence are not together.
    """
    words = rows.columns[tokens]
    keys: list[Any] = []
    if sentence:
        documents = [name for name in rows.columns if plain_name(name) in DOCUMENTS and name not in (sentence, tokens)]
        for cells in zip(*(rows.columns[name] for name in (*documents, sentence)), strict=True):
            blank = all(cell in (None, "") or cell != cell for cell in cells)
            keys.append(keys[-1] if blank and keys else cells)
    else:
        number = 0
        for row, word in enumerate(words):
            gap = row > 0 and rows.lines[row] - rows.lines[row - 1] > 1
            number += gap or word in (None, "")
            keys.append(number)
        if not number:
            raise UserError(
                f"{rows.source} holds one word per row and nothing that tells where a sentence ends. Add a column "
                "sentence_id, a blank line after each sentence, or set sentence_column."
            )
    runs = [list(run) for _, run in groupby(range(len(keys)), key=keys.__getitem__)]
    if sentence and len(runs) > MAX_SENTENCE_RETURNS * len(set(keys)):
        raise UserError(f"{rows.source}: the rows of a sentence are not together. Sort them by column '{sentence}'.")
    return runs


def _from_word_rows(rows: Rows, columns: dict[str, str], sentence: str, findings: list[Finding]) -> Annotations:
    words, tags = rows.columns[columns["tokens_column"]], rows.columns[columns["tags_column"]]
    sentences, untagged, empty = [], [], []
    for group in sentence_groups(rows, sentence, columns["tokens_column"]):
        full = [row for row in group if words[row] not in (None, "")]
        empty += [rows.lines[row] for row in group if words[row] in (None, "") and tags[row] not in (None, "")]
        untagged += [rows.lines[row] for row in full if tags[row] in (None, "")]
        if full:
            cells = ((_string(words[row]), _string(tags[row]), rows.lines[row]) for row in full)
            sentences.append(Sentence(*(tuple(column) for column in zip(*cells, strict=True))))
    if untagged:
        raise UserError(f"{rows.source}: {at_lines(untagged)} without a tag. Every word needs one.")
    by = f"column {sentence!r}" if sentence else "blank lines"
    title = f"One word per row: {counted(len(sentences), 'sentence')} by {by}"
    columns = columns | ({"sentence_column": sentence} if sentence else {})
    return Annotations(sentences, findings=[*findings, Finding("green", title), *_empty(empty)], columns=columns)


# -- spans -------------------------------------------------------------------------------------------------------------


def _from_spans(rows: Rows, text: str, spans: str, repair: bool) -> Annotations:
    texts, empty = [], []
    for words, cell, line in zip(rows.columns[text], rows.columns[spans], rows.lines, strict=True):
        if not isinstance(words, str) or not words.strip():
            empty.append(line)
            continue
        found = [span for entity in _entities(cell, rows.source, line) for span in _spans(entity, rows.source, line)]
        texts.append(SpannedText(words, tuple(s for s, _ in found), tuple(quote for _, quote in found), line))
    texts, findings = read_offsets(texts, repair)
    distinct = [_without_overlaps(one) for one in texts]
    overlapping = [one.line for one, kept in zip(texts, distinct, strict=True) if len(kept.spans) < len(one.spans)]
    if overlapping:
        effect = "The longest is kept" if repair else "A word has one tag: separate them"
        title = f"{counted(len(overlapping), 'row')} with overlapping spans"
        findings.append(Finding("amber" if repair else "red", title, f"{effect}: {at_lines(overlapping)}."))
    title = Finding("green", f"Texts in column {text!r}, spans in {spans!r}")
    columns = {"text_column": text, "spans_column": spans}
    return Annotations(texts=distinct, findings=[title, *findings, *_empty(empty)], columns=columns)


def _entities(cell: Any, source: str, line: int) -> list[Any]:
    if isinstance(cell, str) and cell.strip():
        try:
            cell = parse_list(cell)
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
        places = entity.get("points") or [entity.get("value") if isinstance(entity.get("value"), dict) else entity]
        labels = _first(places[0], LABELS) or _first(entity, LABELS)
        names = [str(name).strip() for name in (labels if isinstance(labels, list | tuple) else [labels])]
        if labels is None:
            raise KeyError("label")
        return [
            (Span(_whole(_first(place, STARTS)), _whole(_first(place, ENDS)), name), _quote(place))
            for place in places
            for name in names
        ]
    except (LookupError, ValueError, TypeError):
        raise UserError(
            f"{source}: line {line} has a span that is not start, end, label: {str(entity)[:80]}."
        ) from None


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


def _empty(lines: list[int]) -> list[Finding]:
    title = f"{counted(len(lines), 'row')} dropped: no words"
    return [Finding("amber", title, f"{at_lines(lines).capitalize()}.")] if lines else []
