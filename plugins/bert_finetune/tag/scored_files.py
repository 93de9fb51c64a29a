"""Tag a user's file in its own form: a tag for each word of a file of words, entities for each text of a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from plugins.bert_finetune.tag.formats import tables, word_tables
from plugins.bert_finetune.tag.formats.conll import read_lines, sentences_of
from plugins.bert_finetune.tag.formats.conll_layout import MISC, UD_COLUMNS, Layout, Line, find_layout
from plugins.bert_finetune.tag.formats.json_exports import TEXTS
from plugins.bert_finetune.tag.formats.rows import JSON_SUFFIXES, Rows, read_rows, rows_of_table
from training.data.column_guess import guess_text_columns
from training.data.column_names import plain_name
from training.data.encoding import open_bytes
from training.data.predictions_csv import temporary_file, write_predictions
from training.data.table import Table, read_table, text_table
from training.errors import UserError

WordTagger = Callable[[list[list[str]]], list[list[str]]]  # words of sentences -> a tag for each
TextTagger = Callable[[list[str]], list[list[dict[str, Any]]]]  # texts -> their entities
UD_TAG = "NER"  # key of the tag in the column MISC of CoNLL-U


def tag_conll(file: Path, tag_words: WordTagger) -> Path:
    """Write a CoNLL file again with the tag of each word in a further last column; of CoNLL-U, as NER= in MISC."""
    lines, _ = read_lines(file)
    layout, _ = find_layout(lines)
    sentences = list(sentences_of(lines, layout))
    if not sentences:
        raise UserError(f"{file.name} has no sentence: expected a word per line, a blank line between sentences.")
    words = [[line.cells[layout.word] if layout.word < len(line.cells) else "" for line in own] for own in sentences]
    tags = {
        line.number: tag
        for own, given in zip(sentences, tag_words(words), strict=True)
        for line, tag in zip(own, given, strict=True)
    }
    is_tabbed = layout.width == 1 or any("\t" in line.text for own in sentences for line in own)
    written = [_with_tag(line, tags.get(line.number), layout, "\t" if is_tabbed else " ") for line in lines]
    suffix = next((s for s in reversed(file.suffixes) if s.lower() != ".gz"), ".conll")
    target = temporary_file(file.name, f"-scored{suffix}")
    with open_bytes(file) as raw:
        line_end = "\r\n" if raw.readline().endswith(b"\r\n") else "\n"
    target.write_text("\n".join(written) + "\n", encoding="utf-8", newline=line_end)
    return target


def _with_tag(line: Line, tag: str | None, layout: Layout, separator: str) -> str:
    if tag is None:
        return line.text
    if layout.is_numbered and layout.width == UD_COLUMNS == len(line.cells):
        kept = [
            part for part in line.cells[MISC].split("|") if part not in ("", "_") and not part.startswith(f"{UD_TAG}=")
        ]
        return separator.join([*line.cells[:MISC], "|".join([*kept, f"{UD_TAG}={tag}"])])
    return f"{line.text.rstrip(' ')}{separator}{tag}"


def tag_table(file: Path, tag_words: WordTagger, tag_texts: TextTagger) -> Path:
    """Write a table as CSV with the entities of each text, or with the tags of the words if it holds words."""
    table, column = _table(file)
    rows = rows_of_table(table)
    if tokens := _tokens_column(rows):
        return _tag_words(table, rows, tokens, tag_words)
    texts = table.strings(column or _text_column(table))
    full = [row for row, text in enumerate(texts) if text and text.strip()]
    entities = tag_texts([texts[row] or "" for row in full])
    cells = {row: [json.dumps(own, ensure_ascii=False)] for row, own in zip(full, entities, strict=True)}
    return write_predictions(table, ("entities",), cells)


def _table(file: Path) -> tuple[Table, str]:
    """A table and its column of texts, "" if it is to be guessed; of an export of a tool, its texts."""
    is_json = any(suffix.lower() in JSON_SUFFIXES for suffix in file.suffixes)
    try:
        table = read_table(file)
        if not is_json or _tokens_column(rows_of_table(table)):
            return table, ""
        return table, _text_column(table)
    except UserError:
        if not is_json:
            raise
        rows, _ = read_rows(file)
        text = rows.named(TEXTS, lambda cell: isinstance(cell, str))
        if not text:
            raise
        texts = [cell if isinstance(cell, str) else None for cell in rows.columns[text]]
        return text_table({"text": texts}, file.name), "text"


def _text_column(table: Table) -> str:
    named = rows_of_table(table).named(("text", "sentence"), lambda cell: isinstance(cell, str))
    return named or guess_text_columns(table, need_label=False).text


def _tokens_column(rows: Rows) -> str:
    """The column of words of a table without texts; empty if there is none."""
    tokens = rows.named(tables.TOKENS, tables.are_words)
    has_text = any(plain_name(name) in TEXTS and not _is_id(rows, name, tokens) for name in rows.columns)
    if not tokens or has_text:
        return ""
    if isinstance(rows.first(tokens), list) or str(rows.first(tokens)).lstrip().startswith("["):
        return tokens
    return tokens if word_tables.is_word_per_row(rows, tokens) and _groups(rows, tokens) else ""


def _is_id(rows: Rows, name: str, tokens: str) -> bool:
    return (
        bool(tokens)
        and name == word_tables.sentence_column(rows, [tokens])
        and word_tables.is_word_per_row(rows, tokens)
    )


def _groups(rows: Rows, tokens: str) -> list[list[int]]:
    try:
        return word_tables.sentence_groups(rows, word_tables.sentence_column(rows, [tokens]), tokens)
    except UserError:
        return []


def _tag_words(table: Table, rows: Rows, tokens: str, tag_words: WordTagger) -> Path:
    if word_tables.is_word_per_row(rows, tokens):
        full = [[row for row in own if rows.columns[tokens][row] not in (None, "")] for own in _groups(rows, tokens)]
        tags = tag_words([[str(rows.columns[tokens][row]) for row in own] for own in full])
        pairs = zip((row for own in full for row in own), (tag for own in tags for tag in own), strict=True)
        return write_predictions(table, ("predicted_tag",), {row: [tag] for row, tag in pairs})
    sentences = word_tables.word_lists(rows, tokens)
    lists = {row: [json.dumps(tags, ensure_ascii=False)] for row, tags in enumerate(tag_words(sentences))}
    return write_predictions(_with_json_lists(table), ("predicted_tags",), lists)


def _with_json_lists(table: Table) -> Table:
    """The table with columns of lists as JSON, so that the CSV can be read again."""
    columns = dict(table.columns)
    for name, values in table.columns.items():
        if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
            cells = [None if cell is None else json.dumps(cell, ensure_ascii=False) for cell in values.to_pylist()]
            columns[name] = pa.chunked_array([pa.array(cells, pa.string())])
    return replace(table, columns=columns)


def word_tags(pieces: Sequence[int], entities: Sequence[tuple[int, int, str]]) -> list[str]:
    """BIO tags of the words of a file from entities in pieces of words.

    Args:
        pieces: How many pieces each word was cut into.
        entities: First piece, the one after the last, and label of each entity, in order.
    """
    owner = {
        piece: (number, label) for number, (start, end, label) in enumerate(entities) for piece in range(start, end)
    }
    tags, start, before = [], 0, -1
    for count in pieces:
        number, label = next((owner[piece] for piece in range(start, start + count) if piece in owner), (-1, ""))
        tags.append("O" if number < 0 else f"{'I' if number == before else 'B'}-{label}")
        start, before = start + count, number
    return tags
