"""Describe the columns of a table for the preflight sheet, and guess which are the texts and the label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from training.data.arrow import as_text
from training.data.column_names import LABEL_NAMES, TEXT_NAMES, plain_name
from training.data.table import Table
from training.errors import UserError

MAX_CLASSES = 200  # distinct values of a column of unknown name that may be the label
EXAMPLE_CHARACTERS = 80
DESCRIBED_ROWS = 100_000  # that are copied at once
MAX_DISTINCT, MAX_DISTINCT_BYTES = 100_000, 32 * 2**20
YES_NO = ({"yes", "no"}, {"true", "false"}, {"t", "f"}, {"y", "n"}, {"0", "1"})
NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
DATE = r"\d{4}-\d\d-\d\d([T ].*)?|\d\d?[/.]\d\d?[/.]\d{4}"
MAX_CATEGORY_CHARACTERS = 60
MIN_SENTENCE_CHARACTERS = 20  # on average, of a column of recurring texts beside another one of the same name
NUMBERED = (("1", "2"), ("0", "1"), ("a", "b"), ("first", "second"), ("left", "right"), ("one", "two"))


def describe_columns(table: Table) -> tuple[dict[str, Any], ...]:
    """Describe each column for people, JSON-ready.

    Returns:
        Records of `name`, `type` (text, category, number, yes/no, date, list, empty, other), `filled` and `distinct`
        counts, `shortest` and `longest` in characters, and two `examples` cut at 80 characters. Distinct values are
        counted up to `MAX_DISTINCT`, or fewer where they are long: a set of all would grow with the table.
    """
    return tuple(_describe(name, values) for name, values in table.columns.items())


def _describe(name: str, values: pa.ChunkedArray) -> dict[str, Any]:
    """Describe a column, of which some rows at a time are copied."""
    described = _Described(name, values.type)
    for start in range(0, max(1, len(values)), DESCRIBED_ROWS):
        described.add(values.slice(start, DESCRIBED_ROWS).drop_null())
    return described.record()


class _Described:
    """What is said of a column whose filled cells are added in pieces."""

    def __init__(self, name: str, arrow_type: pa.DataType):
        self.name, self.arrow_type = name, arrow_type
        self.filled, self.shortest, self.longest = 0, 0, 0
        self.distinct: pa.Array | None = None
        self.are_dates = self.are_numbers = True

    def add(self, filled: pa.ChunkedArray) -> None:
        compute: Any = pc
        text = as_text(filled)
        if text is not None and (len(text) or self.distinct is None):
            found = compute.unique(text)
            lengths = compute.min_max(compute.utf8_length(found))
            shortest, longest = lengths["min"].as_py() or 0, lengths["max"].as_py() or 0
            self.shortest = min(self.shortest, shortest) if self.filled else shortest
            self.longest = max(self.longest, longest)
            self.are_dates = self.are_dates and _all_match(found, DATE)
            self.are_numbers = self.are_numbers and _all_match(found, NUMBER)
            self._count(found)
        self.filled += len(filled)

    def _count(self, found: pa.Array) -> None:
        compute: Any = pc
        known = self.distinct if self.distinct is not None else found.slice(0, 0)
        if len(known) < MAX_DISTINCT and known.nbytes < MAX_DISTINCT_BYTES:
            known = compute.unique(pa.concat_arrays([known, found])).slice(0, MAX_DISTINCT)
        self.distinct = known

    def record(self) -> dict[str, Any]:
        compute: Any = pc
        about = {"name": self.name, "type": "other", "filled": self.filled, "distinct": 0}
        about |= {"shortest": self.shortest, "longest": self.longest, "examples": []}
        if self.distinct is None:
            return about
        examples = compute.utf8_slice_codeunits(self.distinct.slice(0, 2), 0, EXAMPLE_CHARACTERS)
        return about | {"type": self._kind(), "distinct": len(self.distinct), "examples": examples.to_pylist()}

    def _kind(self) -> str:
        """Classify the column by its type, its filled cells as text and its distinct values."""
        assert self.distinct is not None
        if pa.types.is_list(self.arrow_type) or pa.types.is_large_list(self.arrow_type):
            return "list"
        if not self.filled:
            return "empty"
        if len(self.distinct) == 2 and {str(value).casefold() for value in self.distinct.to_pylist()} in YES_NO:
            return "yes/no"
        if self.are_dates:
            return "date"
        if self.are_numbers:
            return "number"
        is_category = _repeats(len(self.distinct), self.filled) and self.longest <= MAX_CATEGORY_CHARACTERS
        return "category" if is_category else "text"


def _all_match(texts: pa.Array, pattern: str) -> bool:
    compute: Any = pc
    return bool(compute.all(compute.match_substring_regex(texts, f"^({pattern})$")).as_py())


def _repeats(distinct: int, filled: int) -> bool:
    """Whether values recur like class names: each twice on average, and at most `MAX_CLASSES` of them."""
    return distinct <= min(MAX_CLASSES, filled // 2)


@dataclass(frozen=True)
class TextColumns:
    """Columns that a text model reads: one text or a pair of texts, and the label if there is one."""

    text: str
    text_pair: str | None = None
    label: str | None = None


def guess_text_columns(
    table: Table, *, text_column: str = "", text_pair_column: str = "", label_column: str = "", need_label: bool = True
) -> TextColumns:
    """Choose the columns: as given, else by well-known names, else the longest text and the one with few values.

    A second text is only ever taken by name (premise and hypothesis; text_a and text_b), and only if no text column is
    given.

    Raises:
        UserError: If a given column is missing, or the text or, if needed, the label cannot be guessed.
    """
    given = [name for name in (text_column, text_pair_column, label_column) if name]
    for name in given:
        table.column(name)
    free = [name for name in table.names if name not in given]
    texts = [text_column] if text_column else _known_texts(free, text_pair_column)
    label = label_column or _known_label([name for name in free if name not in texts])
    others = [name for name in free if name != label]
    texts = texts or ([] if text_pair_column else _numbered_texts(table, others))
    text, *pair = texts or [_longest_text(table, others)]
    if text_pair_column:
        pair = [text_pair_column]
    if need_label and not label:
        label = _column_of_few_values(table, [name for name in free if name not in (text, *pair)])
    return TextColumns(text, pair[0] if pair else None, label)


def _known_texts(free: Sequence[str], second: str) -> list[str]:
    """Return the likeliest well-known text column, or pair of them; `second` fixes the pair's other half."""
    known = {plain_name(name): name for name in reversed(free)}
    for names in TEXT_NAMES:
        if second and len(names) == 2 and names[1] == plain_name(second) and names[0] in known:
            return [known[names[0]]]
    wanted = [names for names in TEXT_NAMES if len(names) == 1 or not second]
    return next(([known[name] for name in names] for names in wanted if known.keys() >= set(names)), [])


def _numbered_texts(table: Table, names: Sequence[str]) -> list[str]:
    """The one pair of text columns whose names differ only in a number or letter: text_a and text_b."""
    texts = [name for name in names if _is_of_sentences(name, table.columns[name])]
    words = {name: re.findall(r"[^\W\d_]+|\d+", name.casefold()) for name in texts}
    pairs = [
        [first, second]
        for first, second in permutations(texts, 2)
        if len(words[first]) == len(words[second])
        and [pair for pair in zip(words[first], words[second], strict=True) if pair[0] != pair[1]][1:] == []
        and any(pair in NUMBERED for pair in zip(words[first], words[second], strict=True))
    ]
    return pairs[0] if len(pairs) == 1 else []


def _is_of_sentences(name: str, values: pa.ChunkedArray) -> bool:
    """Whether a column holds texts, rather than labels of a few words."""
    compute: Any = pc
    kind, text = _describe(name, values)["type"], as_text(values)
    is_long = kind == "category" and compute.mean(compute.utf8_length(text)).as_py() > MIN_SENTENCE_CHARACTERS
    return kind == "text" or is_long


def _known_label(free: Sequence[str]) -> str | None:
    known = {plain_name(name): name for name in reversed(free)}
    return next((known[name] for name in LABEL_NAMES if name in known), None)


def _longest_text(table: Table, names: Sequence[str]) -> str:
    compute: Any = pc
    lengths: dict[str, float] = {}
    for name in names:
        text = as_text(table.columns[name])
        if text is not None and _describe(name, table.columns[name])["type"] in ("text", "category"):
            lengths[name] = compute.mean(compute.utf8_length(text)).as_py()
    if not lengths:
        raise UserError(f"No text column found in {table.source}; it has: {', '.join(table.names)}. Choose one.")
    return max(lengths, key=lambda name: lengths[name])


def _column_of_few_values(table: Table, names: Sequence[str]) -> str:
    """Return the one column whose values recur; more than one, or none, is the user's to decide."""
    described = [_describe(name, table.columns[name]) for name in names]
    fewest = sorted((column for column in described if column["distinct"]), key=lambda column: column["distinct"])
    likely = [column for column in fewest if column["distinct"] > 1 and _repeats(column["distinct"], column["filled"])]
    if len(likely) == 1:
        return likely[0]["name"]
    shown = (likely or fewest)[:3]
    counts = [f"{column['name']}: {column['distinct']} values in {column['filled']} rows" for column in shown]
    advice = f"Choose one ({'; '.join(counts)})." if counts else "Add a column with the label of each row."
    raise UserError(f"No label column found in {table.source}; its columns are {', '.join(table.names)}. {advice}")
