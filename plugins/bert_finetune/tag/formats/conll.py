"""CoNLL files: one word per line with its tag in a column, a blank line between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.bert_finetune.tag.formats.conll_layout import (
    BRACKETS,
    IDS,
    MOSTLY,
    Layout,
    Line,
    are_tags,
    find_layout,
    is_header,
    width_of,
)
from plugins.bert_finetune.tag.schemes import OUTSIDE
from plugins.bert_finetune.tag.sentences import Annotations, Sentence
from training.data.encoding import find_encoding
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import at_lines, counted

if TYPE_CHECKING:
    from plugins.bert_finetune.tag.settings import TagSettings

SNIFFED_LINES = 400
TABLE_SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson", ".parquet")
SUFFIXES = (".conll", ".conllu", ".conllx", ".conllup", ".bio", ".iob", ".iob2", ".bioes")
DOCUMENT, END_OF_SENTENCE = "-DOCSTART-", "EOS"  # of CoNLL-2003, of MeCab


def is_conll(path: Path) -> bool:
    """Whether a file is CoNLL: by its suffix, else by a column of tags in its first lines."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if suffixes and suffixes[-1] in TABLE_SUFFIXES:
        return False
    if suffixes and suffixes[-1] in SUFFIXES:
        return True
    with path.open("rb") as raw:
        if raw.read(4) == b"PAR1":
            return False
    file, _ = find_encoding(path)
    with file.open() as text:
        lines = _lines([line for line, _ in zip(text, range(SNIFFED_LINES), strict=False)])
    full = [line for line in lines if line.cells and not line.text.startswith("#")]
    if not full or (is_header(full[0]) and all(line.cells for line in lines)):
        return False  # a table of one word per row, without blank lines
    width = width_of(full)
    alike = [line.cells for line in full if len(line.cells) == width]
    columns = list(zip(*alike, strict=True)) if width > 1 and len(alike) > MOSTLY * len(full) else []
    if len(full) < len(lines) and any(are_tags(column, beside=True) for column in columns[1:]):
        return True  # blank lines, and labels without prefixes
    return any(are_tags(column, beside=False) for column in columns)


def read_lines(path: Path) -> tuple[list[Line], list[Finding]]:
    """Read the lines of a file; words are separated by tabs if most lines have some, else by spaces and tabs."""
    file, notices = find_encoding(path)
    with file.open() as text:
        return _lines(text), notices


def _lines(texts: Iterable[str]) -> list[Line]:
    stripped = [text.rstrip("\r\n") for text in texts]
    full = [text for text in stripped if text.strip() and not text.startswith("#")]
    tabbed = sum("\t" in text for text in full) * 2 > len(full)
    return [Line(number, text, _cells(text, tabbed)) for number, text in enumerate(stripped, 1)]


def _cells(text: str, tabbed: bool) -> tuple[str, ...]:
    """Cells of a line; a no-break space separates nothing. A word that is a space itself stays a space."""
    if text.strip() in ("", END_OF_SENTENCE) or text.startswith(DOCUMENT):
        return ()
    if not tabbed:
        return tuple(cell for cell in re.split(r"[ \t]+", text) if cell)
    return tuple(cell if not cell.strip() else cell.strip(" ") for cell in text.rstrip(" \t").split("\t"))


def sentences_of(lines: Sequence[Line], layout: Layout) -> Iterator[list[Line]]:
    """The lines with words of each sentence: up to a blank line, a word numbered anew, or another sentence id."""
    sentence: list[Line] = []
    for line in lines:
        is_token = layout.is_token(line)
        if sentence and (not line.cells or (is_token and layout.begins_sentence(sentence[-1], line))):
            yield sentence
            sentence = []
        if is_token:
            sentence.append(line)
    if sentence:
        yield sentence


def read_conll(path: Path, settings: TagSettings, like: Mapping[str, str] | None = None) -> Annotations:
    """Read the words and tags of a file.

    Args:
        like: The columns that were read of the training file: an evaluation file as wide is read by them.

    Raises:
        UserError: If lines lack a column or have too many; names their numbers.
    """
    lines, findings = read_lines(path)
    word, tag = settings.tokens_column, settings.tags_column
    if like is not None:  # names are of columns of the training table
        word, tag = (name if name.isdecimal() else "" for name in (word, tag))
    layout, more = find_layout(lines, word, tag)
    if like and like.get("width") == str(layout.width) and not (word or tag):
        layout, more = find_layout(lines, like["tokens_column"], like["tags_column"])
    _check_widths(lines, layout, path.name)
    sentences = [_sentence(group, layout) for group in sentences_of(lines, layout)]
    sentences = [sentence for sentence in sentences if sentence.words]
    if not sentences:
        raise UserError(
            f"{path.name} has no sentence: expected a word and its tag per line, a blank line between sentences."
        )
    comments = [
        x.number for x in lines if len(x.cells) == layout.width and x.text.startswith("#") and not layout.is_token(x)
    ]
    if comments and not layout.is_numbered:
        title = f"{counted(len(comments), 'line')} beginning with # read as comments"
        more.append(Finding("green", title, f"{at_lines(comments).capitalize()}."))
    columns = {"tokens_column": str(layout.word + 1), "tags_column": str(layout.tag % layout.width + 1)}
    columns = {} if layout.misc_key else columns | {"width": str(layout.width)}
    return Annotations(sentences, findings=[*findings, *more], columns=columns)


def _check_widths(lines: Sequence[Line], layout: Layout, name: str) -> None:
    tokens = [line for line in lines if layout.is_token(line)]
    short = [x.number for x in tokens if len(x.cells) < 2 or not x.cells[0] or not layout.tag_of(x)]
    if short:
        verb = "has" if len(short) == 1 else "have"
        raise UserError(f"{name}: {at_lines(short)} {verb} one column. Expected a word and its tag.")
    is_usual = (layout.word, layout.tag % layout.width) == (0, layout.width - 1) and layout.width > 2
    odd = [x.number for x in tokens if len(x.cells) != layout.width]
    if layout.is_numbered:
        odd += [x.number for x in lines if x.cells and not x.text.startswith("#") and not _is_numbered(x, layout)]
    if odd and not is_usual:
        verb = "has" if len(odd) == 1 else "have"
        raise UserError(
            f"{name}: {at_lines(odd)} {verb} another number of columns than {layout.width}. A space in a word needs "
            "tabs between the columns."
        )


def _is_numbered(line: Line, layout: Layout) -> bool:
    return line.number == layout.header or bool(IDS.fullmatch("".join(line.cells[layout.word - 1 : layout.word])))


def _sentence(lines: Sequence[Line], layout: Layout) -> Sentence:
    """The words of some lines; a word that is a space, as in files of characters, is none."""
    tags = [layout.tag_of(line) for line in lines]
    tags = _from_brackets(tags) if layout.brackets else tags
    pairs = zip(lines, tags, strict=True)
    cells = [(x.cells[layout.word], tag, x.number) for x, tag in pairs if x.cells[layout.word].strip(" ")]
    return Sentence(*(tuple(column) for column in zip(*cells, strict=True))) if cells else Sentence((), (), ())


def _from_brackets(cells: Sequence[str]) -> list[str]:
    """BIO tags of the brackets of one sentence."""
    tags, label = [], ""
    for cell in cells:
        match = BRACKETS.fullmatch(cell)
        opened = (match and match["label"]) or ""
        label = opened or label
        tags.append(f"{'B' if opened else 'I'}-{label}" if label else OUTSIDE)
        label = "" if cell.endswith(")") else label
    return tags
