"""Find the columns of a table that hold words and tags, or texts and spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from plugins.bert_finetune.list_cells import parse_list
from plugins.bert_finetune.tag.formats.json_exports import TEXTS
from plugins.bert_finetune.tag.formats.rows import Rows, given_column
from plugins.bert_finetune.tag.formats.span_tables import from_spans
from plugins.bert_finetune.tag.formats.word_tables import from_words, tag_lists, word_lists
from plugins.bert_finetune.tag.sentences import Annotations
from training.data.column_names import plain_name
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.bert_finetune.tag.settings import TagSettings

TOKENS = ("tokens", "words", "token", "word", "form")
TAGS = (
    "nertags",
    "tags",
    "labels",
    "bio",
    "tag",
    "label",
    "ner",
    "nertag",
    "iob",
    "entitytag",
    "wordlabels",
    "nerlabels",
    "biotags",
    "iobtags",
    "postags",
    "pos",
)
SPANS = ("spans", "entities", "annotations", "annotation", "label", "labels", "ents", "ner")


def annotations_of(rows: Rows, settings: TagSettings, like: Mapping[str, str] | None = None) -> Annotations:
    """Read sentences of words, or texts with spans.

    Args:
        like: The columns that were read of the training file, which an evaluation file is read by where it has them.

    Raises:
        UserError: If the columns cannot be identified, or a cell cannot be read.
    """
    known = {name: column for name, column in (like or {}).items() if column in rows.columns}
    tokens = (
        given_column(rows, settings.tokens_column) or known.get("tokens_column", "") or rows.named(TOKENS, are_words)
    )
    others = [tokens] if tokens else []
    tags = (
        given_column(rows, settings.tags_column) or known.get("tags_column", "") or rows.named(TAGS, _are_tags, others)
    )
    if tags and not tokens:
        tokens = _words_of_tags(rows, tags)
    if tokens and tags and not known.get("spans_column"):
        return from_words(rows, tokens, tags, settings.sentence_column or known.get("sentence_column", ""))
    text = given_column(rows, settings.text_column) or known.get("text_column", "") or rows.named(TEXTS, _is_text)
    spans = given_column(rows, settings.spans_column) or known.get("spans_column", "") or _spans_column(rows, text)
    if spans and not text:
        text = _longest_text(rows, spans)
    if text and spans:
        return from_spans(rows, text, spans, settings.repair_tags)
    raise UserError(
        f"{rows.source} has the columns {', '.join(rows.columns)}. Expected tokens and tags (lists of equal length, or "
        "one word per row with a sentence id), or text and spans (start, end, label); or a CoNLL file. Set the column "
        "names if they differ."
    )


def _words_of_tags(rows: Rows, tags: str) -> str:
    """The column of texts that have as many words as there are tags, in every row; empty if there is none."""
    text = rows.named(TEXTS, _is_text, [tags])
    if not text:
        return ""
    try:
        widths = [
            (len(words), len(own))
            for words, own in zip(word_lists(rows, text), tag_lists(rows, text, tags), strict=True)
        ]
    except UserError:
        return ""
    return text if all(words == own for words, own in widths) and any(own > 1 for _, own in widths) else ""


def _is_text(cell: object) -> bool:
    return isinstance(cell, str)


def are_words(cell: object) -> bool:
    return isinstance(cell, str) or (isinstance(cell, list | tuple) and all(isinstance(item, str) for item in cell))


def _are_tags(cell: object) -> bool:
    if isinstance(cell, str):
        return not cell.lstrip().startswith(("[{", "[[", "[(", "{"))
    return isinstance(cell, int | float) or (
        isinstance(cell, list | tuple) and all(isinstance(item, str | int | float | None) for item in cell)
    )


def _longest_text(rows: Rows, spans: str) -> str:
    """The column with the longest texts beside the spans, as tools name it as they like; empty if there is none."""
    texts = [name for name in rows.columns if name != spans and _is_text(rows.first(name))]
    return max(texts, key=lambda name: sum(len(str(cell or "")) for cell in rows.columns[name]), default="")


def _spans_column(rows: Rows, text: str) -> str:
    """A column of spans by its name, else by its content."""
    names = (*SPANS, *(plain_name(name) for name in rows.columns))
    return rows.named(names, lambda cell: _may_be_spans(cell) and cell is not None, [text]) or rows.named(
        SPANS, lambda cell: cell is None, [text]
    )


def _may_be_spans(cell: object) -> bool:
    """Whether a cell is a list of spans, or its text; unlike a column of plain labels."""
    if isinstance(cell, str) and cell.lstrip().startswith("{"):
        return "entities" in cell
    if isinstance(cell, str):
        try:
            cell = parse_list(cell) if cell.lstrip().startswith("[") else None
        except ValueError:
            return True  # a list that cannot be read is told, not passed over
    if not isinstance(cell, list | tuple) or not cell:
        return isinstance(cell, list | tuple)
    return isinstance(cell[0], dict | list | tuple) or len(cell) == 3
