"""Tables of words: a list of tokens and one of tags per row, or one word and its tag per row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from plugins.bert_finetune.list_cells import read_lists, split_words
from plugins.bert_finetune.tag.formats.rows import Rows, empty_finding, given_column
from plugins.bert_finetune.tag.sentences import Annotations, Sentence
from training.data.column_names import plain_name
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import at_lines, counted

SENTENCES = ("sentence", "sent", "sid", "snt")  # beginnings of the names of columns of sentence ids
DOCUMENTS = ("doc", "docid", "document", "documentid", "article", "articleid", "file", "filename")
TAG_SEPARATORS = (",", "|", ";")
MIN_SINGLE, MIN_SINGLE_WITH_IDS = 0.9, 0.5  # share of one-word cells in a table of one word per row; with sentence ids


def from_words(rows: Rows, tokens: str, tags: str, sentence: str) -> Annotations:
    """Read the sentences of a table of words.

    Args:
        sentence: Column of the sentence ids if a row is one word; empty: found.

    Raises:
        UserError: If a row has more tokens than tags or the other way round, or sentences cannot be told apart.
    """
    columns = {"tokens_column": tokens, "tags_column": tags}
    titles = [Finding("green", f"Words in column {tokens!r}, tags in {tags!r}")]
    by = given_column(rows, sentence) or sentence_column(rows, (tokens, tags))
    if is_word_per_row(rows, tokens, tags, MIN_SINGLE_WITH_IDS if by else MIN_SINGLE):
        return _from_word_rows(rows, columns, by, titles)
    sentences, uneven, empty = [], [], []
    for words, given, line in zip(word_lists(rows, tokens), tag_lists(rows, tokens, tags), rows.lines, strict=True):
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
    return Annotations(sentences, findings=titles + empty_finding(empty), columns=columns)


def word_lists(rows: Rows, column: str) -> list[list[str]]:
    """The words (or tags) of each row's sentence.

    Raises:
        UserError: If a cell cannot be read.
    """
    try:
        lists = read_lists(rows.columns[column])
    except ValueError as error:
        raise UserError(f"{rows.source}: column '{column}' cannot be read: {error}.") from None
    return [[_string(item) for item in items] for items in lists]


def tag_lists(rows: Rows, tokens: str, tags: str) -> list[list[str]]:
    """The tags of each row; joined by commas and the like if so there is one for each word: `B-PER,O,O`."""
    plain, cells = word_lists(rows, tags), rows.columns[tags]
    widths = [len(words) for words in word_lists(rows, tokens)]
    if [len(own) for own in plain] == widths or not all(isinstance(cell, str) for cell in cells):
        return plain
    for separator in TAG_SEPARATORS:
        split = [[part.strip() for part in cell.split(separator)] for cell in cells]
        if [len(own) for own in split] == widths:
            return split
    return plain


def _string(item: object) -> str:
    if isinstance(item, float) and item.is_integer():
        item = int(item)
    return str(item).strip(" \t\r\n") or "�"


def is_word_per_row(rows: Rows, tokens: str, tags: str = "", min_single: float = MIN_SINGLE) -> bool:
    """Whether every row holds one word (and one tag) instead of a sentence.

    Args:
        min_single: Share of the cells that are one word, where each row has one tag.
    """
    words = [cell for cell in rows.columns[tokens] if cell not in (None, "")]
    given = [cell for cell in rows.columns[tags] if cell not in (None, "")] if tags else []
    if len(words) < 2 or not all(isinstance(word, str) for word in words):
        return False
    if any(not isinstance(tag, str | int | float) or len(split_words(str(tag))) > 1 for tag in given):
        return False
    single = sum(len(split_words(word)) == 1 and not word.startswith("[") for word in words)
    return single == len(words) or (bool(tags) and single > min_single * len(words))


def sentence_column(rows: Rows, others: Sequence[str]) -> str:
    """The column of sentence ids, by its name: "Sentence #", "sentence_id", "sent"; empty if there is none."""
    names = [name for name in rows.columns if name not in others]
    return next((n for n in names if plain_name(n).startswith(SENTENCES) and "sentiment" not in plain_name(n)), "")


def sentence_groups(rows: Rows, sentence: str, tokens: str) -> list[list[int]]:
    """Row numbers of the words of each sentence: by the ids (blank: as above), else by blank lines or empty rows.

    An id may come again for another sentence, as in documents that are each numbered from 1; but if most rows stand
    alone among rows of other ids, the rows are not in order.

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
    if sentence and len(runs) > len(set(keys)) and sum(len(run) == 1 for run in runs) > len(runs) / 2:
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
    return Annotations(sentences, findings=[*findings, Finding("green", title), *empty_finding(empty)], columns=columns)
