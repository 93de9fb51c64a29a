"""The columns of a CoNLL file: which one holds the words, which one the tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from plugins.bert_finetune.tag.formats.tables import TAGS, TOKENS
from plugins.bert_finetune.tag.schemes import OUTSIDE, PREFIXED
from training.data.column_names import plain_name
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import listed

MOSTLY = 0.9  # share of a column's cells that are tags, or of a file's lines that are alike
CHUNKS = {"NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP"} | {
    *("NC", "VC", "PC", "AC", "AVP", "NX", "VX", "PX")
}  # CoNLL-2000, of German and Dutch
MAX_LABELS = 60  # of a column of labels without prefixes beside O
BRACKETS = re.compile(r"\*|\((?P<label>[\w-]+)(?:\*\)?|\))|\*\)")  # of CoNLL-2005 and 2012: (PER* *), (LOC)
UD_COLUMNS, UPOS, MISC = 10, 3, 9  # of CoNLL-U; columns from 0
MISC_TAG = re.compile(r"(?:^|\|)(?P<key>\w+)=(?P<tag>O|[BIESLUM]-[^|]+)(?=\||$)")
IDS = re.compile(r"\d+([-.]\d+)?")  # of CoNLL-U: 3, 3-4 (a word of several), 3.1 (an empty node)


@dataclass(frozen=True)
class Line:
    """A line of the file, its number from 1 and its cells; none if it is blank or begins a document."""

    number: int
    text: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """Columns of a file, from 0.

    Args:
        word: Column of the words.
        tag: Column of the tags; -1: the last one.
        width: Columns of most lines.
        is_numbered: Whether the column before the words numbers them.
        has_ids: Whether the first column is the number of the sentence.
        brackets: Whether entities are written as brackets, as in OntoNotes.
        misc_key: Name of the tag in the column MISC of CoNLL-U, instead of a column of its own.
        header: Number of the line that names the columns, 0 if none does.
        tags: The tags of the column, by which a word "#" differs from a comment.
    """

    word: int
    tag: int
    width: int
    is_numbered: bool = False
    has_ids: bool = False
    brackets: bool = False
    misc_key: str = ""
    header: int = 0
    tags: frozenset[str] = frozenset()

    def is_token(self, line: Line) -> bool:
        """Whether a line holds a word: no blank line, comment or header, no range and no empty node of CoNLL-U."""
        if not line.cells or line.number == self.header:
            return False
        if self.is_numbered:
            return len(line.cells) > self.word and line.cells[self.word - 1].isdecimal()
        if not line.text.startswith("#"):
            return True
        is_known = self.width == 1 or self.tag_of(line) in self.tags or is_tag(self.tag_of(line))
        return len(line.cells) == self.width and is_known

    def begins_sentence(self, before: Line, line: Line) -> bool:
        """Whether a word belongs to another sentence than the one before it, where no blank line is between them."""
        if self.has_ids:
            return before.cells[0] != line.cells[0]
        column = self.word - 1
        return self.is_numbered and int(line.cells[column]) <= int(before.cells[column])

    def tag_of(self, line: Line) -> str:
        """The tag of a line; empty if its column is missing."""
        if self.misc_key:
            found = (match for match in MISC_TAG.finditer(line.cells[MISC]) if match["key"] == self.misc_key)
            return next((match["tag"] for match in found), OUTSIDE)
        return line.cells[self.tag] if -len(line.cells) <= self.tag < len(line.cells) else ""


def is_tag(cell: str) -> bool:
    """Whether a cell is O, or a label with a prefix."""
    return cell == OUTSIDE or bool(PREFIXED.fullmatch(cell))


def width_of(lines: Sequence[Line]) -> int:
    return Counter(len(line.cells) for line in lines).most_common(1)[0][0]


def is_header(line: Line) -> bool:
    names = [plain_name(cell) for cell in line.cells]
    return len(names) > 1 and any(name in TOKENS for name in names) and any(name in TAGS for name in names)


def find_layout(lines: Sequence[Line], word: str = "", tag: str = "") -> tuple[Layout, list[Finding]]:
    """Find the columns of words and tags.

    Args:
        word: Number of the column of words, from 1, or its name in a header; empty: found.
        tag: The same for the tags.

    Raises:
        UserError: If there is no such column.
    """
    full = [line for line in lines if line.cells and not line.text.startswith("#")]
    full = full or [line for line in lines if line.cells]
    if not full:
        return Layout(0, -1, 2), []
    header = full[0] if is_header(full[0]) else None
    full = full[1:] if header and len(full) > 1 else full
    width = width_of(full)
    columns = list(zip(*(line.cells for line in full if len(line.cells) == width), strict=True))
    number = _number_column(lines, width) if width > 2 else -1
    has_ids = number < 0 and width > 2 and all(map(str.isdecimal, columns[0]))
    layout = Layout(max(number + 1, int(has_ids)), -1, width, number >= 0, has_ids)
    layout = replace(layout, header=header.number if header else 0)
    names = [plain_name(cell) for cell in header.cells] if header else []
    layout, findings = _with_tags(layout, columns, names, _chosen(tag, names, width))
    layout = _with_words(layout, names, _chosen(word, names, width))
    place = layout.tag % width
    if has_ids:
        findings.insert(0, Finding("green", "Sentences by the numbers of column 1"))
    if width > 1 and (layout.word, place) != (0, width - 1) and not layout.misc_key:
        title = f"Words in column {layout.word + 1}, tags in column {place + 1} of {width}"
        findings.insert(0, Finding("green", title))
    return replace(layout, tags=frozenset(columns[place])), findings


def _with_words(layout: Layout, names: Sequence[str], chosen: int | None) -> Layout:
    """The layout with its column of words: as chosen, by the header, else beside the numbers or the tags."""
    if chosen is not None:
        return replace(layout, word=chosen, is_numbered=layout.is_numbered and chosen == layout.word)
    if layout.width > 1 and layout.tag % layout.width == layout.word:
        return replace(layout, word=(layout.word + 1) % layout.width)
    if names and not layout.is_numbered:
        return replace(layout, word=next(i for i, name in enumerate(names) if name in TOKENS))
    return layout


def _chosen(column: str, names: Sequence[str], width: int) -> int | None:
    if not column.strip():
        return None
    if plain_name(column) in names:
        return list(names).index(plain_name(column))
    if not re.fullmatch(r"\d+", column.strip()) or not 1 <= int(column) <= width:
        raise UserError(f"There is no column '{column}': the file has {width}. Give its number, from 1.")
    return int(column) - 1


def _number_column(lines: Sequence[Line], width: int) -> int:
    """The column that numbers the words of each sentence, -1 if none does."""
    sentences = [list(group) for is_full, group in groupby(lines, lambda line: bool(line.cells)) if is_full]
    for column in range(min(4, width - 1)):
        cells = [[x.cells[column] for x in own if len(x.cells) == width and x.text[0] != "#"] for own in sentences]
        if sum(bool(IDS.fullmatch(cell)) for own in cells for cell in own) <= MOSTLY * sum(map(len, cells)):
            continue
        pairs = [pair for own in cells for pair in pairwise(int(cell) for cell in own if cell.isdecimal())]
        steps = sum(after == before + 1 for before, after in pairs)
        restarts = sum(after < before and after in (0, 1) for before, after in pairs)
        if steps + restarts > MOSTLY * len(pairs) and steps > restarts / 3:
            return column
    return -1


def _with_tags(
    layout: Layout, columns: Sequence[Sequence[str]], names: Sequence[str], chosen: int | None
) -> tuple[Layout, list[Finding]]:
    """The layout with its column of tags."""
    if chosen is not None:
        return replace(layout, tag=chosen, brackets=_are_brackets(columns[chosen])), []
    if names:
        named = next((i for name in TAGS for i, other in enumerate(names) if other == name), -1)
        return replace(layout, tag=named), []
    width, likely = layout.width, _tag_columns(columns, layout.word if layout.is_numbered else -1)
    if len(likely) > 1:
        tag = _main_column(columns, likely)
        others = listed([str(column + 1) for column in likely if column != tag])
        title = f"Several columns of tags: column {tag + 1} is read, not {others}"
        return replace(layout, tag=tag), [Finding("amber", title, "Set tags_column to the number of another one.")]
    if likely:
        return replace(layout, tag=likely[0] if likely[0] != width - 1 else -1), []
    brackets = [n for n, column in enumerate(columns) if "*" in column and _are_brackets(column)]
    if brackets:
        title = f"Entities are written in brackets: column {brackets[0] + 1} is read"
        advice = "Set tags_column to the number of another column."
        return replace(layout, tag=brackets[0], brackets=True), [Finding("amber", title, advice)]
    if not layout.is_numbered or width < UD_COLUMNS or not all(map(IDS.fullmatch, columns[0])):
        return layout, []
    keys = Counter(match["key"] for cell in columns[MISC] for match in MISC_TAG.finditer(cell))
    if keys:
        key = keys.most_common(1)[0][0]
        return replace(layout, tag=MISC, misc_key=key), [Finding("green", f"Tags in {key}= of column {MISC + 1}")]
    title = f"No column of entity tags: the parts of speech are read (column {UPOS + 1})"
    return replace(layout, tag=UPOS), [Finding("amber", title, "Set tags_column to the number of another one.")]


def _are_brackets(column: Sequence[str]) -> bool:
    matches = [BRACKETS.fullmatch(cell) for cell in column]
    return all(matches) and any(match and match["label"] for match in matches)


def _tag_columns(columns: Sequence[Sequence[str]], word: int) -> list[int]:
    """Columns of entity tags; without those of chunks (CoNLL-2000) or of O only where there are others."""
    likely = [n for n, column in enumerate(columns) if n != word and are_tags(column, beside=n > 0)]
    full = [n for n in likely if set(columns[n]) != {OUTSIDE}] or likely[-1:]
    labels = {n: {tag[2:] for tag in columns[n] if PREFIXED.fullmatch(tag)} for n in full}
    return [n for n in full if not labels[n] or not labels[n] <= CHUNKS] or full[-1:]


def are_tags(column: Sequence[str], beside: bool) -> bool:
    """Whether a column holds entity tags; `beside` words, mostly O and few labels without prefixes will do."""
    if sum(map(is_tag, column)) > MOSTLY * len(column):
        return True
    return beside and column.count(OUTSIDE) * 2 > len(column) and len(set(column)) <= MAX_LABELS


def _main_column(columns: Sequence[Sequence[str]], likely: Sequence[int]) -> int:
    """Of gold and predicted tags, which share most labels, the first column; of others the one with most entities."""
    labels = [{tag.split("-", 1)[-1] for tag in columns[n]} for n in likely]
    if len(set.intersection(*labels)) * 2 > len(set.union(*labels)):
        return likely[0]
    return max(likely, key=lambda n: (sum(tag != OUTSIDE for tag in columns[n]), -n))
